// Enumeration, capabilities, the device and its queues.
#include "device.hpp"

#include <algorithm>
#include <cstring>
#include <thread>

#include "plugin.hpp"
#include "queue.hpp"

namespace motley::vulkan {

namespace {

// A chain of pNext, built from those structs that the device knows.
class Chain {
 public:
  explicit Chain(void** first) : next_(first) {}
  template <class T>
  T* add(T& s, VkStructureType type, bool known = true) {
    if (!known) return nullptr;
    s.sType = type;
    *next_ = &s;
    next_ = &s.pNext;
    return &s;
  }

 private:
  void** next_;
};

std::set<std::string> extensions_of(const Instance& vk, VkPhysicalDevice device) {
  uint32_t count = 0;
  std::set<std::string> names;
  if (vk.vkEnumerateDeviceExtensionProperties(device, nullptr, &count, nullptr) != VK_SUCCESS) return names;
  std::vector<VkExtensionProperties> list(count);
  if (count && vk.vkEnumerateDeviceExtensionProperties(device, nullptr, &count, list.data()) < VK_SUCCESS) return names;
  for (const VkExtensionProperties& e : list) names.insert(e.extensionName);
  return names;
}

// What the driver does with buffers of ours as opaque file descriptors.
VkExternalMemoryFeatureFlags fd_features(const Instance& vk, VkPhysicalDevice device) {
  VkPhysicalDeviceExternalBufferInfo info{};
  info.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO;
  info.usage = kBufferUsage;
  info.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT;
  VkExternalBufferProperties properties{};
  properties.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES;
  vk.vkGetPhysicalDeviceExternalBufferProperties(device, &info, &properties);
  return properties.externalMemoryProperties.externalMemoryFeatures;
}

// A family that computes, without graphics where there is one: work there does not wait for the screen's.
bool choose_family(const Instance& vk, Found& f) {
  uint32_t count = 0;
  vk.vkGetPhysicalDeviceQueueFamilyProperties(f.handle, &count, nullptr);
  std::vector<VkQueueFamilyProperties> families(count);
  vk.vkGetPhysicalDeviceQueueFamilyProperties(f.handle, &count, families.data());
  bool found = false;
  for (uint32_t i = 0; i < count; ++i) {
    const VkQueueFamilyProperties& q = families[i];
    if (!(q.queueFlags & VK_QUEUE_COMPUTE_BIT) || q.queueCount == 0) continue;
    if (found && (q.queueFlags & VK_QUEUE_GRAPHICS_BIT)) continue;
    found = true;
    f.queue_family = i;
    f.queue_count = q.queueCount;
    f.timestamp_bits = q.timestampValidBits;
  }
  return found;
}

// Empty, or why the device can't be used.
std::string query(const Instance& vk, Found& f) {
  VkPhysicalDeviceProperties2 properties{};
  properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
  vk.vkGetPhysicalDeviceProperties2(f.handle, &properties);
  f.properties = properties.properties;
  const uint32_t version = std::min(f.properties.apiVersion, vk.version);
  if (version < VK_API_VERSION_1_1) return "is older than Vulkan 1.1";
  const bool core12 = version >= VK_API_VERSION_1_2;
  const std::set<std::string> names = extensions_of(vk, f.handle);
  // Has it, and whether it must be enabled by name.
  const auto use = [&](const char* name, bool core) {
    if (core) return true;
    if (!names.count(name)) return false;
    f.extensions.push_back(name);
    return true;
  };
  const bool timeline = use(VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME, core12);
  const bool bytes = use(VK_KHR_8BIT_STORAGE_EXTENSION_NAME, core12);
  const bool small = use(VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME, core12);
  const bool driver_known = use(VK_KHR_DRIVER_PROPERTIES_EXTENSION_NAME, core12);
  const bool subgroup_control = use(VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME, false);
  const bool import = use(VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME, false);
  const bool dot = use(VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME, false);
  const auto has = [&](const char* name) { return names.count(name) != 0; };
  const bool nv_units = has(VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME),
             arm_units = has(VK_ARM_SHADER_CORE_BUILTINS_EXTENSION_NAME);
  const bool amd_units = has(VK_AMD_SHADER_CORE_PROPERTIES_2_EXTENSION_NAME);
  if (use(VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME, false)) f.fd_features = fd_features(vk, f.handle);

  VkPhysicalDeviceIDProperties id{};
  VkPhysicalDeviceDriverProperties driver{};
  VkPhysicalDeviceSubgroupProperties subgroup{};
  VkPhysicalDeviceSubgroupSizeControlPropertiesEXT sizes{};
  VkPhysicalDeviceExternalMemoryHostPropertiesEXT host{};
  VkPhysicalDeviceShaderSMBuiltinsPropertiesNV nv{};
  VkPhysicalDeviceShaderCoreBuiltinsPropertiesARM arm{};
  VkPhysicalDeviceShaderCoreProperties2AMD amd{};
  Chain chain(&properties.pNext);
  chain.add(id, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES);
  chain.add(subgroup, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES);
  chain.add(driver, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES, driver_known);
  chain.add(sizes, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES_EXT, subgroup_control);
  chain.add(host, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT, import);
  chain.add(nv, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV, nv_units);
  chain.add(arm, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_BUILTINS_PROPERTIES_ARM, arm_units);
  chain.add(amd, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_PROPERTIES_2_AMD, amd_units);
  vk.vkGetPhysicalDeviceProperties2(f.handle, &properties);
  std::copy(std::begin(id.deviceUUID), std::end(id.deviceUUID), f.device_uuid.begin());
  std::copy(std::begin(id.driverUUID), std::end(id.driverUUID), f.driver_uuid.begin());
  f.subgroup_size = subgroup.subgroupSize;
  f.compute_units = std::max({nv.shaderSMCount, arm.shaderCoreCount, amd.activeComputeUnitCount});
  f.import_alignment = import ? host.minImportedHostPointerAlignment : 0;
  f.driver = driver_known ? std::string(driver.driverName) + " " + driver.driverInfo : "Vulkan";
  f.driver += " " + std::to_string(f.properties.driverVersion) + " API " + std::to_string(VK_API_VERSION_MAJOR(version)) + "." +
              std::to_string(VK_API_VERSION_MINOR(version));

  VkPhysicalDeviceFeatures2 features{};
  features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
  VkPhysicalDeviceTimelineSemaphoreFeatures timelines{};
  VkPhysicalDevice8BitStorageFeatures storage8{};
  VkPhysicalDevice16BitStorageFeatures storage16{};
  VkPhysicalDeviceShaderFloat16Int8Features types{};
  VkPhysicalDeviceSubgroupSizeControlFeaturesEXT control{};
  VkPhysicalDeviceShaderIntegerDotProductFeaturesKHR dots{};
  Chain wanted(&features.pNext);
  wanted.add(dots, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES_KHR, dot);
  wanted.add(storage16, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES);
  wanted.add(timelines, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES, timeline);
  wanted.add(storage8, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES, bytes);
  wanted.add(types, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES, small);
  wanted.add(control, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT, subgroup_control);
  vk.vkGetPhysicalDeviceFeatures2(f.handle, &features);
  if (!timelines.timelineSemaphore) return "has no timeline semaphores";
  f.int64 = features.features.shaderInt64;
  f.int16 = features.features.shaderInt16;
  f.float64 = features.features.shaderFloat64;
  f.robust_access = features.features.robustBufferAccess;
  f.int8 = types.shaderInt8;
  f.float16 = types.shaderFloat16;
  f.integer_dot = dots.shaderIntegerDotProduct;
  f.storage_8bit = storage8.storageBuffer8BitAccess;
  f.storage_16bit = storage16.storageBuffer16BitAccess;
  if (control.subgroupSizeControl && (sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT)) {
    f.min_subgroup = sizes.minSubgroupSize;
    f.max_subgroup = sizes.maxSubgroupSize;
    f.max_subgroups = sizes.maxComputeWorkgroupSubgroups;
  }
  vk.vkGetPhysicalDeviceMemoryProperties(f.handle, &f.memory);
  return choose_family(vk, f) ? "" : "has no queue for computing";
}

}  // namespace

std::vector<Found> find_devices(const Instance& vk, std::string& explanation) {
  std::vector<Found> found;
  uint32_t count = 0;
  if (vk.vkEnumeratePhysicalDevices(vk.handle, &count, nullptr) != VK_SUCCESS || count == 0) {
    explanation = "the Vulkan loader is there and no driver is (on Debian: apt-get install mesa-vulkan-drivers, or your GPU's)";
    return found;
  }
  std::vector<VkPhysicalDevice> handles(count);
  if (vk.vkEnumeratePhysicalDevices(vk.handle, &count, handles.data()) < VK_SUCCESS) count = 0;
  for (uint32_t i = 0; i < count; ++i) {
    Found f;
    f.handle = handles[i];
    const std::string reason = query(vk, f);
    if (reason.empty()) found.push_back(std::move(f));
    else explanation += std::string(f.properties.deviceName) + " " + reason + "; ";
  }
  // "vulkan" is the device that most users want: a discrete GPU, another, then CPUs; drivers are listed in any order.
  const auto rank = [](const Found& f) {
    return f.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU
               ? 2
               : f.properties.deviceType != VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
  };
  std::stable_sort(found.begin(), found.end(), [&](const Found& a, const Found& b) { return rank(a) < rank(b); });
  for (uint32_t i = 0; i < found.size(); ++i) found[i].index = i;
  return found;
}

Capabilities capabilities_of(const Found& f) {
  const VkPhysicalDeviceLimits& limits = f.properties.limits;
  Capabilities c;
  c.id = f.index == 0 ? "vulkan" : std::to_string(f.index);
  c.name = f.properties.deviceName;
  switch (f.properties.vendorID) {
    case 0x1002: c.vendor = "AMD"; break;
    case 0x10de: c.vendor = "NVIDIA"; break;
    case 0x8086: c.vendor = "Intel"; break;
    case 0x13b5: c.vendor = "Arm"; break;
    case 0x5143: c.vendor = "Qualcomm"; break;
    case 0x1010: c.vendor = "Imagination"; break;
    case 0x10005: c.vendor = "Mesa"; break;
    default: c.vendor = "vendor " + std::to_string(f.properties.vendorID);
  }
  c.driver = f.driver;
  const bool cpu = f.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
  c.device_class = cpu                                                                    ? gpu::DeviceClass::cpu
                   : f.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU ? gpu::DeviceClass::discrete
                                                                                         : gpu::DeviceClass::integrated;
  // Vulkan does not tell the clock, and vendors' extensions the units; else these are a middling device of its class.
  c.compute_units = cpu               ? std::max(1u, std::thread::hardware_concurrency())
                    : f.compute_units ? f.compute_units
                                      : (c.device_class == gpu::DeviceClass::discrete ? 32u : 8u);
  c.clock_mhz = cpu ? 2000 : 1000;
  c.max_group_size = limits.maxComputeWorkGroupInvocations;
  for (size_t i = 0; i < 3; ++i) {
    c.max_group[i] = limits.maxComputeWorkGroupSize[i];
    c.max_groups[i] = limits.maxComputeWorkGroupCount[i];
  }
  c.local_bytes = limits.maxComputeSharedMemorySize;
  c.local_is_fast = !cpu;
  c.max_vector = 4;
  // Out of bounds texels must be harmless.
  c.texel_loads = cpu && f.robust_access && !workarounds_for(f.driver).count(Workaround::no_texel_loads);
  c.native_vector = cpu ? std::max(1u, f.subgroup_size) : 1;
  c.subgroup_size = f.subgroup_size;
  for (uint32_t i = 0; i < f.memory.memoryHeapCount; ++i)
    if (f.memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) c.memory_bytes += f.memory.memoryHeaps[i].size;
  c.max_buffer_bytes = limits.maxStorageBufferRange;
  c.unified_memory = c.device_class != gpu::DeviceClass::discrete;
  c.storage_8bit = f.storage_8bit && f.int8;
  c.storage_16bit = f.storage_16bit && f.int16 && f.float16;
  c.int64 = f.int64;
  c.float64 = f.float64;
  c.float16_arithmetic = f.float16;
  c.int8_dot = f.integer_dot;
  c.max_params_bytes = limits.maxPushConstantsSize;
  gpu::follow_class_from_environment(c);
  return c;
}

VulkanDevice::VulkanDevice(const Instance& instance, const Found& found)
    : found_(found),
      capabilities_(capabilities_of(found)),
      workarounds_(workarounds_for(found.driver)),
      binding_alignment_(static_cast<uint32_t>(
          std::max({found.limits().minStorageBufferOffsetAlignment, found.limits().minTexelBufferOffsetAlignment,
                    VkDeviceSize{16}}))) {
  make_device(instance);
  try {
    vk = device_functions(instance, handle_);
    for (uint32_t i = 0; i < queues_.size(); ++i)
      if (i < found_.queue_count) vk.vkGetDeviceQueue(handle_, found_.queue_family, i, &queues_[i].handle);
    semaphores_ = std::make_unique<Semaphores>(*this);
    allocator_ = std::make_unique<Allocator>(*this);
    pipelines_ = std::make_unique<Pipelines>(*this, gpu::device_identity("vulkan", capabilities_));
  } catch (...) {
    allocator_.reset();
    semaphores_.reset();
    const auto destroy = reinterpret_cast<PFN_vkDestroyDevice>(instance.vkGetDeviceProcAddr(handle_, "vkDestroyDevice"));
    if (destroy) destroy(handle_, nullptr);
    throw;
  }
}

void VulkanDevice::make_device(const Instance& instance) {
  const std::array<float, 4> priorities{1, 1, 1, 1};
  VkDeviceQueueCreateInfo queue{};
  queue.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO;
  queue.queueFamilyIndex = found_.queue_family;
  queue.queueCount = std::min<uint32_t>(found_.queue_count, queues_.size());
  queue.pQueuePriorities = priorities.data();
  VkPhysicalDeviceFeatures2 features{};
  features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
  features.features.shaderInt64 = found_.int64;
  features.features.shaderInt16 = found_.int16;
  features.features.shaderFloat64 = found_.float64;
  // Reading past a buffer's end gives something instead of ending the process.
  features.features.robustBufferAccess = found_.robust_access;
  VkPhysicalDeviceTimelineSemaphoreFeatures timelines{};
  timelines.timelineSemaphore = VK_TRUE;
  VkPhysicalDevice8BitStorageFeatures storage8{};
  storage8.storageBuffer8BitAccess = VK_TRUE;
  VkPhysicalDevice16BitStorageFeatures storage16{};
  storage16.storageBuffer16BitAccess = VK_TRUE;
  VkPhysicalDeviceShaderFloat16Int8Features types{};
  types.shaderInt8 = found_.int8;
  types.shaderFloat16 = found_.float16;
  VkPhysicalDeviceSubgroupSizeControlFeaturesEXT control{};
  control.subgroupSizeControl = VK_TRUE;
  VkPhysicalDeviceShaderIntegerDotProductFeaturesKHR dots{};
  dots.shaderIntegerDotProduct = VK_TRUE;
  Chain chain(&features.pNext);
  chain.add(dots, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES_KHR, found_.integer_dot);
  chain.add(timelines, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES);
  chain.add(storage8, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES, found_.storage_8bit);
  chain.add(storage16, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES, found_.storage_16bit);
  chain.add(types, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES, found_.int8 || found_.float16);
  chain.add(control, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT, found_.max_subgroup != 0);
  VkDeviceCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO;
  info.pNext = &features;
  info.queueCreateInfoCount = 1;
  info.pQueueCreateInfos = &queue;
  info.enabledExtensionCount = static_cast<uint32_t>(found_.extensions.size());
  info.ppEnabledExtensionNames = found_.extensions.data();
  check(instance.vkCreateDevice(found_.handle, &info, nullptr, &handle_), "a device can't be made");
}

VulkanDevice::~VulkanDevice() {
  vk.vkDeviceWaitIdle(handle_);
  pipelines_.reset();
  allocator_.reset();
  semaphores_.reset();
  vk.vkDestroyDevice(handle_, nullptr);
}

int32_t VulkanDevice::memory_type(uint32_t allowed, VkMemoryPropertyFlags wanted) const {
  for (uint32_t i = 0; i < found_.memory.memoryTypeCount; ++i)
    if ((allowed >> i & 1) && (found_.memory.memoryTypes[i].propertyFlags & wanted) == wanted) return static_cast<int32_t>(i);
  return -1;
}

std::unique_ptr<gpu::Memory> VulkanDevice::allocate(uint64_t bytes) { return std::make_unique<VulkanMemory>(*this, bytes); }
std::unique_ptr<gpu::Memory> VulkanDevice::import_host(void* host, uint64_t bytes) {
  return std::make_unique<VulkanMemory>(*this, host, bytes);
}
motley_device_identity VulkanDevice::identity() const {
  motley_device_identity identity{};
  constexpr uint32_t kFd = 1u << MOTLEY_HANDLE_OPAQUE_FD;
  const bool usable = vk.vkGetMemoryFdKHR && !has(Workaround::no_shared_memory);
  if (usable && (found_.fd_features & VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT)) identity.exports = kFd;
  if (usable && (found_.fd_features & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT)) identity.imports = kFd;
  std::copy(found_.device_uuid.begin(), found_.device_uuid.end(), identity.device_uuid);
  std::copy(found_.driver_uuid.begin(), found_.driver_uuid.end(), identity.driver_uuid);
  return identity;
}
std::unique_ptr<gpu::Memory> VulkanDevice::allocate_shared(uint64_t bytes) {
  if (!identity().exports) return gpu::Device::allocate_shared(bytes);  // refuses
  return std::make_unique<VulkanMemory>(*this, bytes, VulkanMemory::Where::shared);
}
std::unique_ptr<gpu::Memory> VulkanDevice::import_handle(const motley_memory_handle& handle) {
  return std::make_unique<VulkanMemory>(*this, handle);
}
std::unique_ptr<gpu::Queue> VulkanDevice::create_queue() { return std::make_unique<VulkanQueue>(*this); }
std::unique_ptr<gpu::Work> VulkanDevice::prepare(std::vector<Launch> launches, const gpu::Pacing& pacing) {
  return std::make_unique<VulkanWork>(*this, std::move(launches), pacing);
}

VulkanDevice::SharedQueue& VulkanDevice::next_queue() {
  return queues_[next_queue_++ % std::min<uint32_t>(found_.queue_count, queues_.size())];
}

void VulkanDevice::run_now(const std::function<void(VkCommandBuffer)>& record) {
  VkCommandPoolCreateInfo pool_info{};
  pool_info.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO;
  pool_info.flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT;
  pool_info.queueFamilyIndex = found_.queue_family;
  Timeline done(*this);
  VkCommandPool pool;
  check(vk.vkCreateCommandPool(handle_, &pool_info, nullptr, &pool), "a command pool can't be made");
  try {
    VkCommandBufferAllocateInfo buffer_info{};
    buffer_info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO;
    buffer_info.commandPool = pool;
    buffer_info.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
    buffer_info.commandBufferCount = 1;
    VkCommandBuffer commands;
    check(vk.vkAllocateCommandBuffers(handle_, &buffer_info, &commands), "a command buffer can't be made");
    VkCommandBufferBeginInfo begin{};
    begin.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
    begin.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
    check(vk.vkBeginCommandBuffer(commands, &begin), "commands can't be recorded");
    order_memory(vk, commands);
    record(commands);
    order_memory(vk, commands);
    check(vk.vkEndCommandBuffer(commands), "commands can't be recorded");
    const Point end = done.at(1);
    submit_to(*this, next_queue(), std::span(&commands, 1), {}, std::span(&end, 1));
    done.wait(1, UINT64_MAX);
  } catch (...) {
    vk.vkDestroyCommandPool(handle_, pool, nullptr);
    throw;
  }
  vk.vkDestroyCommandPool(handle_, pool, nullptr);
}

}  // namespace motley::vulkan
