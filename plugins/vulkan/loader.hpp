// Vulkan's functions, found at run time through the Khronos loader. Nothing is linked, so a machine without Vulkan loads the
// plugin and gets an explanation.
#pragma once

#include <vulkan/vulkan.h>

#include <string>

namespace motley::vulkan {

// X(name): functions of the instance, then those of a device.
#define MOTLEY_VULKAN_INSTANCE_FUNCTIONS(X)                                                                \
  X(vkDestroyInstance)                                                                                     \
  X(vkEnumeratePhysicalDevices)                                                                            \
  X(vkGetPhysicalDeviceProperties2) X(vkGetPhysicalDeviceFeatures2) X(vkGetPhysicalDeviceMemoryProperties) \
      X(vkGetPhysicalDeviceQueueFamilyProperties) X(vkEnumerateDeviceExtensionProperties)                  \
          X(vkGetPhysicalDeviceExternalBufferProperties) X(vkCreateDevice) X(vkGetDeviceProcAddr)
#define MOTLEY_VULKAN_DEVICE_FUNCTIONS(X)                                                                                \
  X(vkDestroyDevice) X(vkGetDeviceQueue) X(vkDeviceWaitIdle) X(vkQueueSubmit) X(vkAllocateMemory) X(vkFreeMemory)        \
  X(vkMapMemory) X(vkUnmapMemory) X(vkCreateBuffer) X(vkDestroyBuffer) X(vkGetBufferMemoryRequirements)                  \
  X(vkBindBufferMemory) X(vkCreateBufferView) X(vkDestroyBufferView) X(vkCreateShaderModule) X(vkDestroyShaderModule)    \
  X(vkCreatePipelineCache) X(vkDestroyPipelineCache) X(vkGetPipelineCacheData) X(vkMergePipelineCaches)                  \
  X(vkCreateComputePipelines) X(vkDestroyPipeline) X(vkCreatePipelineLayout) X(vkDestroyPipelineLayout)                  \
  X(vkCreateDescriptorSetLayout) X(vkDestroyDescriptorSetLayout) X(vkCreateDescriptorPool) X(vkDestroyDescriptorPool)    \
  X(vkAllocateDescriptorSets) X(vkUpdateDescriptorSets) X(vkCreateCommandPool) X(vkDestroyCommandPool)                   \
  X(vkAllocateCommandBuffers) X(vkFreeCommandBuffers) X(vkBeginCommandBuffer) X(vkEndCommandBuffer)                      \
  X(vkCmdBindPipeline) X(vkCmdBindDescriptorSets) X(vkCmdPushConstants) X(vkCmdDispatch) X(vkCmdDispatchBase)            \
  X(vkCmdPipelineBarrier) X(vkCmdCopyBuffer) X(vkCmdResetQueryPool) X(vkCmdWriteTimestamp) X(vkCreateQueryPool)          \
  X(vkDestroyQueryPool) X(vkGetQueryPoolResults) X(vkCreateSemaphore) X(vkDestroySemaphore)

// Timeline semaphores are core in Vulkan 1.2 and an extension in 1.1; the names differ.
#define MOTLEY_VULKAN_TIMELINE_FUNCTIONS(X) X(vkWaitSemaphores) X(vkGetSemaphoreCounterValue)
// Null where the device lacks the extension.
#define MOTLEY_VULKAN_OPTIONAL_FUNCTIONS(X) X(vkGetMemoryHostPointerPropertiesEXT) X(vkGetMemoryFdKHR)

#define MOTLEY_DECLARE(name) PFN_##name name = nullptr;
// One instance per process, never destroyed: drivers dislike being unloaded.
struct Instance {
  VkInstance handle = VK_NULL_HANDLE;
  uint32_t version = 0;  // of the loader
  MOTLEY_VULKAN_INSTANCE_FUNCTIONS(MOTLEY_DECLARE)
};
struct DeviceFunctions {
  MOTLEY_VULKAN_DEVICE_FUNCTIONS(MOTLEY_DECLARE)
  MOTLEY_VULKAN_TIMELINE_FUNCTIONS(MOTLEY_DECLARE)
  MOTLEY_VULKAN_OPTIONAL_FUNCTIONS(MOTLEY_DECLARE)
};
#undef MOTLEY_DECLARE

// Null where there is no loader or no driver; `explanation` then says what was tried. Made once per process. The environment
// variable MOTLEY_VULKAN_LIBRARY names another loader; MOTLEY_VULKAN_VALIDATION=1 turns on the validation layer, core and
// synchronization, whose messages go to the host's log as errors; with =abort the first one ends the process.
const Instance* instance(std::string& explanation);
// Throws where a function is missing.
DeviceFunctions device_functions(const Instance& vk, VkDevice device);

// Throws sdk::StatusError with the result's name unless it is VK_SUCCESS: a lost device as MOTLEY_DEVICE_LOST.
void check(VkResult result, const char* what);
// The same with the name of what it is about. Text is put together only on failure.
void check(VkResult result, const char* what, const std::string& name);

}  // namespace motley::vulkan
