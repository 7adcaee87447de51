// Pipelines from SPIR-V modules.
#pragma once

#include <map>
#include <mutex>
#include <span>

#include "backend.hpp"
#include "cache.hpp"
#include "loader.hpp"
#include "modules.hpp"

namespace motley::vulkan {

using gpu::Launch;
using gpu::PipelineKey;
using sdk::StatusError;

class VulkanDevice;

// What a binding of a kernel is bound as.
enum class Kind : uint8_t { storage, texels };
// Of each of a module's bindings, by its decorations; bindings that the module doesn't have are storage.
std::vector<Kind> binding_kinds(std::span<const uint32_t> words, size_t count);

class VulkanPipeline final : public gpu::Pipeline {
 public:
  VkPipeline handle = VK_NULL_HANDLE;
  VkPipelineLayout layout = VK_NULL_HANDLE;
  VkDescriptorSetLayout set_layout = VK_NULL_HANDLE;
  std::vector<Kind> kinds;
};

// Pipelines by key, shared by all of a device's work, and the driver's cache of them.
class Pipelines {
 public:
  // `identity`: what the driver's cache on disk depends on.
  Pipelines(VulkanDevice& device, const std::string& identity);
  ~Pipelines();
  Pipelines(const Pipelines&) = delete;
  Pipelines& operator=(const Pipelines&) = delete;

  // Those of the launches, made where they are missing. Drivers that compile at the first dispatch are made to do so now.
  std::vector<const VulkanPipeline*> get(std::span<const Launch> launches);
  // The driver's cache, or nothing where it holds no more than its header.
  std::vector<std::byte> save();
  // Takes a cache whose header is this device's; ignores others.
  void load(std::span<const std::byte> bytes);

  // Whether a driver's cache begins with the header of a device with these properties.
  static bool header_fits(std::span<const std::byte> bytes, const VkPhysicalDeviceProperties& properties);

 private:
  struct Layout {
    VkDescriptorSetLayout set = VK_NULL_HANDLE;
    VkPipelineLayout pipeline = VK_NULL_HANDLE;
  };
  const Layout& layout_for(const std::vector<Kind>& kinds);
  void make(const Launch& launch, Modules& modules, VulkanPipeline& p);
  // Runs one group of each with parameters of zero, which makes them do nothing: a driver that compiles at the first dispatch does
  // so now. No groups at all are not enough for lavapipe.
  void warm(std::span<const VulkanPipeline* const> fresh);

  VulkanDevice& device_;
  std::string identity_;
  gpu::DiskCache disk_;
  std::string file_;
  std::mutex mutex_;
  VkPipelineCache cache_ = VK_NULL_HANDLE;
  size_t saved_bytes_ = 0;
  std::map<std::vector<Kind>, Layout> layouts_;
  std::map<std::string, VulkanPipeline> pipelines_;  // by key; without a handle where it could not be made
};

}  // namespace motley::vulkan
