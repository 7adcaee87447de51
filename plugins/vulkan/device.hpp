// A Vulkan device: its capabilities by query, its queues, what belongs to it.
#pragma once

#include <array>
#include <functional>

#include "compile.hpp"
#include "memory.hpp"
#include "timeline.hpp"
#include "workarounds.hpp"

namespace motley::vulkan {

using gpu::Capabilities;

// A physical device as enumerated, with what was asked of it.
struct Found {
  VkPhysicalDevice handle = VK_NULL_HANDLE;
  uint32_t index = 0;
  VkPhysicalDeviceProperties properties{};
  VkPhysicalDeviceMemoryProperties memory{};
  VkPhysicalDeviceLimits limits() const { return properties.limits; }
  std::string driver;
  uint32_t queue_family = 0, queue_count = 0, timestamp_bits = 0;
  uint32_t subgroup_size = 0, min_subgroup = 0, max_subgroup = 0, max_subgroups = 0;  // min, max: 0 where no control
  uint32_t compute_units = 0;  // where the vendor has an extension that says so
  uint64_t import_alignment = 0;                                                     // 0: host memory can't be imported
  std::array<uint8_t, VK_UUID_SIZE> device_uuid{}, driver_uuid{};
  VkExternalMemoryFeatureFlags fd_features = 0;  // of buffers as opaque file descriptors; 0: none
  bool dedicated_fds() const { return (fd_features & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT) != 0; }
  bool int64 = false, int16 = false, int8 = false, float16 = false, float64 = false;
  bool storage_8bit = false, storage_16bit = false, robust_access = false;
  bool integer_dot = false;  // OpSDot of packed bytes
  std::vector<const char*> extensions;  // to enable
};
// `explanation` says what is wrong with devices that are left out.
std::vector<Found> find_devices(const Instance& vk, std::string& explanation);
Capabilities capabilities_of(const Found& found);

class VulkanDevice final : public gpu::Device {
 public:
  VulkanDevice(const Instance& instance, const Found& found);
  ~VulkanDevice() override;

  const Capabilities& capabilities() const override { return capabilities_; }
  uint32_t binding_alignment() const override { return binding_alignment_; }
  std::unique_ptr<gpu::Memory> allocate(uint64_t bytes) override;
  std::unique_ptr<gpu::Memory> import_host(void* host, uint64_t bytes) override;
  motley_device_identity identity() const override;
  std::unique_ptr<gpu::Memory> allocate_shared(uint64_t bytes) override;
  std::unique_ptr<gpu::Memory> import_handle(const motley_memory_handle& handle) override;
  std::unique_ptr<gpu::Work> prepare(std::vector<Launch> launches, const gpu::Pacing& pacing) override;
  std::unique_ptr<gpu::Queue> create_queue() override;
  std::vector<std::byte> save_binaries(std::span<const PipelineKey>) override { return pipelines_->save(); }
  void load_binaries(std::span<const std::byte> bytes) override { pipelines_->load(bytes); }

  VkDevice handle() const { return handle_; }
  const Found& found() const { return found_; }
  bool has(Workaround w) const { return workarounds_.count(w) != 0; }
  Allocator& allocator() { return *allocator_; }
  Semaphores& semaphores() { return *semaphores_; }
  Pipelines& pipelines() { return *pipelines_; }
  // Index of a memory type with these properties, or -1.
  int32_t memory_type(uint32_t allowed, VkMemoryPropertyFlags wanted) const;

  // The driver's queues, shared by ours in turn; submitted to under their mutex.
  struct SharedQueue {
    VkQueue handle = VK_NULL_HANDLE;
    std::mutex mutex;
  };
  SharedQueue& next_queue();
  // Records with `record`, submits and waits.
  void run_now(const std::function<void(VkCommandBuffer)>& record);

  DeviceFunctions vk;

 private:
  void make_device(const Instance& instance);

  Found found_;
  Capabilities capabilities_;
  std::set<Workaround> workarounds_;
  uint32_t binding_alignment_;
  VkDevice handle_ = VK_NULL_HANDLE;
  std::array<SharedQueue, 4> queues_;
  std::atomic<uint32_t> next_queue_{0};
  std::unique_ptr<Semaphores> semaphores_;
  std::unique_ptr<Allocator> allocator_;
  std::unique_ptr<Pipelines> pipelines_;
};

}  // namespace motley::vulkan
