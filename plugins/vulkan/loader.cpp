// Finding the loader, making the instance, and what Vulkan's results mean.
#include "loader.hpp"

#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "plugin.hpp"

namespace motley::vulkan {

namespace {

constexpr std::array kLibraries{"libvulkan.so.1", "libvulkan.so"};
constexpr const char* kValidationLayer = "VK_LAYER_KHRONOS_validation";

struct Made {
  Instance instance;
  bool usable = false;
  std::string explanation;
};

VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT, VkDebugUtilsMessageTypeFlagsEXT,
                                          const VkDebugUtilsMessengerCallbackDataEXT* data, void* fatal) {
  const char* text = data->pMessage ? data->pMessage : "";
  const motley_host* host = gpu::host();
  if (host && host->log) host->log(host->context, MOTLEY_LOG_ERROR, (std::string("Vulkan validation: ") + text).c_str());
  if (fatal) {
    std::fprintf(stderr, "Vulkan validation: %s\n", text);
    std::abort();
  }
  return VK_FALSE;
}

PFN_vkGetInstanceProcAddr open_loader(std::string& explanation) {
  const char* chosen = std::getenv("MOTLEY_VULKAN_LIBRARY");
  const auto find = [&](const char* name) -> PFN_vkGetInstanceProcAddr {
    void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    return library ? reinterpret_cast<PFN_vkGetInstanceProcAddr>(dlsym(library, "vkGetInstanceProcAddr")) : nullptr;
  };
  if (chosen && *chosen) {
    if (auto found = find(chosen)) return found;
    explanation = std::string("MOTLEY_VULKAN_LIBRARY names no Vulkan loader (") + chosen + ")";
    return nullptr;
  }
  for (const char* name : kLibraries)
    if (auto found = find(name)) return found;
  explanation = "no Vulkan loader was found (on Debian: apt-get install libvulkan1 and a driver)";
  return nullptr;
}

bool has_layer(PFN_vkGetInstanceProcAddr get) {
  const auto enumerate =
      reinterpret_cast<PFN_vkEnumerateInstanceLayerProperties>(get(nullptr, "vkEnumerateInstanceLayerProperties"));
  uint32_t count = 0;
  if (!enumerate || enumerate(&count, nullptr) != VK_SUCCESS) return false;
  std::vector<VkLayerProperties> layers(count);
  if (count && enumerate(&count, layers.data()) < VK_SUCCESS) return false;
  for (const VkLayerProperties& l : layers)
    if (std::strcmp(l.layerName, kValidationLayer) == 0) return true;
  return false;
}

Made make() {
  Made made;
  const PFN_vkGetInstanceProcAddr get = open_loader(made.explanation);
  if (!get) return made;
  const auto version =
      reinterpret_cast<PFN_vkEnumerateInstanceVersion>(get(nullptr, "vkEnumerateInstanceVersion"));
  if (!version || version(&made.instance.version) != VK_SUCCESS || made.instance.version < VK_API_VERSION_1_1) {
    made.explanation = "the Vulkan loader is older than 1.1; update it";
    return made;
  }
  VkApplicationInfo application{};
  application.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO;
  application.pApplicationName = application.pEngineName = "motley";
  application.apiVersion = made.instance.version < VK_API_VERSION_1_2 ? VK_API_VERSION_1_1 : VK_API_VERSION_1_2;
  VkInstanceCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO;
  info.pApplicationInfo = &application;

  const char* wanted = std::getenv("MOTLEY_VULKAN_VALIDATION");
  const bool validate = wanted && *wanted && std::strcmp(wanted, "0") != 0;
  static bool fatal;  // its address tells the callback
  fatal = validate && std::strcmp(wanted, "abort") == 0;
  const VkValidationFeatureEnableEXT synchronization = VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT;
  VkValidationFeaturesEXT features{};
  features.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT;
  features.enabledValidationFeatureCount = 1;
  features.pEnabledValidationFeatures = &synchronization;
  VkDebugUtilsMessengerCreateInfoEXT messenger{};
  messenger.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT;
  messenger.messageSeverity =
      VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
  messenger.messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT;
  messenger.pfnUserCallback = on_message;
  messenger.pUserData = fatal ? &fatal : nullptr;
  const std::array extensions{VK_EXT_DEBUG_UTILS_EXTENSION_NAME};
  if (validate) {
    if (!has_layer(get)) {
      made.explanation = std::string("MOTLEY_VULKAN_VALIDATION is set and the layer ") + kValidationLayer +
                         " is not there (on Debian: apt-get install vulkan-validationlayers)";
      return made;
    }
    features.pNext = &messenger;
    info.pNext = &features;
    info.enabledLayerCount = 1;
    info.ppEnabledLayerNames = &kValidationLayer;
    info.enabledExtensionCount = 1;
    info.ppEnabledExtensionNames = extensions.data();
  }
  const auto create = reinterpret_cast<PFN_vkCreateInstance>(get(nullptr, "vkCreateInstance"));
  const VkResult result = create ? create(&info, nullptr, &made.instance.handle) : VK_ERROR_INITIALIZATION_FAILED;
  if (result == VK_ERROR_INCOMPATIBLE_DRIVER) {
    made.explanation =
        "the Vulkan loader is there and no driver is (on Debian: apt-get install mesa-vulkan-drivers, or your GPU's)";
    return made;
  }
  if (result != VK_SUCCESS) {
    made.explanation = "Vulkan can't make an instance (" + std::to_string(result) + ")";
    return made;
  }
  const VkInstance handle = made.instance.handle;
#define MOTLEY_FIND(name)                                                                     \
  made.instance.name = reinterpret_cast<PFN_##name>(get(handle, #name));                     \
  if (!made.instance.name) {                                                                  \
    made.explanation = "the Vulkan loader has no " #name;                                     \
    return made;                                                                              \
  }
  MOTLEY_VULKAN_INSTANCE_FUNCTIONS(MOTLEY_FIND)
#undef MOTLEY_FIND
  if (validate) {
    const auto listen =
        reinterpret_cast<PFN_vkCreateDebugUtilsMessengerEXT>(get(handle, "vkCreateDebugUtilsMessengerEXT"));
    VkDebugUtilsMessengerEXT kept;
    if (listen) listen(handle, &messenger, nullptr, &kept);
  }
  made.usable = true;
  return made;
}

struct Name {
  VkResult result;
  motley_status status;
  const char* text;
};
constexpr std::array kNames{
    Name{VK_ERROR_DEVICE_LOST, MOTLEY_DEVICE_LOST, "the device is lost"},
    Name{VK_ERROR_OUT_OF_DEVICE_MEMORY, MOTLEY_OUT_OF_MEMORY, "the device has not enough memory"},
    Name{VK_ERROR_OUT_OF_HOST_MEMORY, MOTLEY_OUT_OF_MEMORY, "the driver is out of host memory"},
    Name{VK_ERROR_OUT_OF_POOL_MEMORY, MOTLEY_OUT_OF_MEMORY, "a pool is out of memory"},
    Name{VK_ERROR_TOO_MANY_OBJECTS, MOTLEY_OUT_OF_MEMORY, "there are too many objects"},
    Name{VK_ERROR_MEMORY_MAP_FAILED, MOTLEY_OUT_OF_MEMORY, "memory cannot be mapped"},
    Name{VK_ERROR_FRAGMENTATION, MOTLEY_OUT_OF_MEMORY, "memory is fragmented"},
    Name{VK_ERROR_INVALID_EXTERNAL_HANDLE, MOTLEY_UNSUPPORTED, "the driver does not take this memory"},
    Name{VK_ERROR_FEATURE_NOT_PRESENT, MOTLEY_UNSUPPORTED, "the device lacks a feature"},
    Name{VK_ERROR_EXTENSION_NOT_PRESENT, MOTLEY_UNSUPPORTED, "the device lacks an extension"},
    Name{VK_ERROR_INITIALIZATION_FAILED, MOTLEY_INTERNAL, "the driver can't start"},
};

}  // namespace

const Instance* instance(std::string& explanation) {
  static const Made* made = new Made(make());
  if (made->usable) return &made->instance;
  explanation = made->explanation;
  return nullptr;
}

DeviceFunctions device_functions(const Instance& vk, VkDevice device) {
  DeviceFunctions f;
  const char* missing = nullptr;
#define MOTLEY_FIND(name)                                                        \
  f.name = reinterpret_cast<PFN_##name>(vk.vkGetDeviceProcAddr(device, #name)); \
  if (!f.name) missing = #name;
#define MOTLEY_FIND_KHR(name)                                                    \
  f.name = reinterpret_cast<PFN_##name>(vk.vkGetDeviceProcAddr(device, #name)); \
  if (!f.name) f.name = reinterpret_cast<PFN_##name>(vk.vkGetDeviceProcAddr(device, #name "KHR")); \
  if (!f.name) missing = #name;
#define MOTLEY_FIND_OPTIONAL(name) f.name = reinterpret_cast<PFN_##name>(vk.vkGetDeviceProcAddr(device, #name));
  MOTLEY_VULKAN_DEVICE_FUNCTIONS(MOTLEY_FIND)
  MOTLEY_VULKAN_TIMELINE_FUNCTIONS(MOTLEY_FIND_KHR)
  MOTLEY_VULKAN_OPTIONAL_FUNCTIONS(MOTLEY_FIND_OPTIONAL)
#undef MOTLEY_FIND
#undef MOTLEY_FIND_KHR
#undef MOTLEY_FIND_OPTIONAL
  if (missing) throw sdk::StatusError(MOTLEY_UNSUPPORTED, std::string("the Vulkan driver has no ") + missing);
  return f;
}

void check(VkResult result, const char* what, const std::string& name) {
  if (result != VK_SUCCESS) check(result, (what + (" (" + name + ")")).c_str());
}

void check(VkResult result, const char* what) {
  if (result == VK_SUCCESS) return;
  const Name* known = nullptr;
  for (const Name& n : kNames)
    if (n.result == result) known = &n;
  throw sdk::StatusError(known ? known->status : MOTLEY_INTERNAL, std::string(what) + ": " +
                                                                      (known ? known->text : "Vulkan error") + " (" +
                                                                      std::to_string(result) + ")");
}

}  // namespace motley::vulkan
