// A Vulkan loader for tests: the real one, but once the environment says TEST_VULKAN_LOST=1 every submission finds the device lost.
#include <dlfcn.h>
#include <vulkan/vulkan.h>

#include <cstdlib>
#include <cstring>

namespace {

PFN_vkGetInstanceProcAddr real_loader() {
  static const auto loader = [] {
    void* library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    return library ? reinterpret_cast<PFN_vkGetInstanceProcAddr>(dlsym(library, "vkGetInstanceProcAddr")) : nullptr;
  }();
  return loader;
}

PFN_vkGetDeviceProcAddr real_device_functions = nullptr;
PFN_vkQueueSubmit real_submit = nullptr;

VKAPI_ATTR VkResult VKAPI_CALL submit(VkQueue queue, uint32_t count, const VkSubmitInfo* infos, VkFence fence) {
  const char* lost = std::getenv("TEST_VULKAN_LOST");
  if (lost && std::strcmp(lost, "1") == 0) return VK_ERROR_DEVICE_LOST;
  return real_submit(queue, count, infos, fence);
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_function(VkDevice device, const char* name) {
  const PFN_vkVoidFunction found = real_device_functions(device, name);
  if (std::strcmp(name, "vkQueueSubmit") != 0) return found;
  real_submit = reinterpret_cast<PFN_vkQueueSubmit>(found);
  return reinterpret_cast<PFN_vkVoidFunction>(submit);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) PFN_vkVoidFunction vkGetInstanceProcAddr(VkInstance instance,
                                                                                           const char* name) {
  if (!real_loader()) return nullptr;
  const PFN_vkVoidFunction found = real_loader()(instance, name);
  if (std::strcmp(name, "vkGetDeviceProcAddr") != 0 || !found) return found;
  real_device_functions = reinterpret_cast<PFN_vkGetDeviceProcAddr>(found);
  return reinterpret_cast<PFN_vkVoidFunction>(device_function);
}
