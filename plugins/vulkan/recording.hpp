// Launches as command buffers, with the descriptors that they are bound by.
#pragma once

#include "device.hpp"
#include "pacing.hpp"
#include "timeline.hpp"

namespace motley::vulkan {

void submit_to(VulkanDevice& device, VulkanDevice::SharedQueue& queue, std::span<const VkCommandBuffer> commands,
               std::span<const Point> waits, std::span<const Point> signals);

// All that was written before is seen by all that comes after, the host included.
void order_memory(const DeviceFunctions& vk, VkCommandBuffer commands);
// The same among kernels alone.
void order_kernels(const DeviceFunctions& vk, VkCommandBuffer commands);
// Around work on memory that is shared with others (VulkanMemory::is_shared); nothing for other memory. What they wrote
// is seen between the two, and what is written there is seen by them, once either side has waited for the other's work.
void take_over(const VulkanDevice& device, VkCommandBuffer commands, const VulkanMemory& memory);
void hand_on(const VulkanDevice& device, VkCommandBuffer commands, const VulkanMemory& memory);

// Descriptor sets out of one pool that is made for them: count each pipeline, make the pool, then ask for the sets.
class Bindings {
 public:
  struct Range {
    const VulkanMemory* memory;
    uint64_t offset, bytes;  // in the buffer
    bool half = false;       // texels are four f16
    bool constant = false;   // nothing writes to this memory, nor to what comes behind
  };
  explicit Bindings(VulkanDevice& device) : device_(device) {}
  ~Bindings();
  Bindings(const Bindings&) = delete;
  Bindings& operator=(const Bindings&) = delete;
  void count(const VulkanPipeline& pipeline);
  void make_pool();
  VkDescriptorSet set_for(const VulkanPipeline& pipeline, std::span<const Range> ranges);

 private:
  VkBufferView view_of(const Range& range);
  VulkanDevice& device_;
  uint32_t sets_ = 0, storage_ = 0, texels_ = 0;
  VkDescriptorPool pool_ = VK_NULL_HANDLE;
  std::map<std::array<uint64_t, 4>, VkBufferView> views_;
};

// A work recorded for the memory that stands in its slots. Submitted again and again.
class Recording {
 public:
  // Memory by id and offset; a recording serves submissions with the same key, cut and choice of `timed`.
  using Key = std::vector<std::pair<uint64_t, uint64_t>>;
  static Key key_of(std::span<const gpu::SlotMemory> slots);

  Recording(VulkanDevice& device, VkCommandPool pool, std::span<const Launch> launches,
            std::span<const VulkanPipeline* const> pipelines, std::span<const gpu::SlotMemory> slots,
            std::shared_ptr<const gpu::Cut> cut, bool timed);
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  const Key key;
  const std::shared_ptr<const gpu::Cut> cut;
  const bool timed;
  // In order, those of the cut.
  const std::vector<VkCommandBuffer>& slices() const { return slices_; }
  // Begin and end of each piece, in nanoseconds of the device's clock. Empty where it has none, or is not timed.
  std::vector<std::pair<uint64_t, uint64_t>> times() const;
  bool times_pending = false;  // of the last run: nobody has read them yet

  // It is in use until the timelines are where it was submitted last. `expect` before a submission, so that `submitted`
  // after it needs no memory.
  void expect(const std::shared_ptr<Timeline>& timeline);
  void submitted(const std::shared_ptr<Timeline>& timeline, uint64_t value);
  bool idle();
  void wait();

 private:
  // Nothing recorded yet. What throws after this constructor leaves the rest to the destructor.
  Recording(VulkanDevice& device, VkCommandPool pool, Key key, std::shared_ptr<const gpu::Cut> cut, bool timed);
  void begin_slice();
  void end_slice();
  void record_slice(size_t slice, std::span<const Launch> launches, std::span<const VulkanPipeline* const> pipelines,
                    std::span<const VkDescriptorSet> sets);
  void bind(const Launch& launch, const VulkanPipeline& pipeline, VkDescriptorSet set);
  void dispatch(const gpu::Piece& piece);
  void stamp(size_t index);

  VulkanDevice& device_;
  VkCommandPool pool_;
  Bindings bindings_;
  std::vector<VkCommandBuffer> slices_;
  std::vector<const VulkanMemory*> shared_;  // among the memory of its slots, each once; used while recording
  std::vector<std::pair<std::shared_ptr<Timeline>, uint64_t>> pending_;
  uint32_t stamps_ = 0;
  VkQueryPool queries_ = VK_NULL_HANDLE;
};

}  // namespace motley::vulkan
