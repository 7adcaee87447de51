// Work with its recordings, and the queue that submits them.
#pragma once

#include "recording.hpp"

namespace motley::vulkan {

// Launches with their pipelines, recorded once for each set of memory they meet.
class VulkanWork final : public gpu::Work {
 public:
  VulkanWork(VulkanDevice& device, std::vector<Launch> launches);
  ~VulkanWork() override;

  // One for these slots, held for the caller while the mutex is; old ones make room when they are idle.
  Recording& recording_for(std::span<const gpu::SlotMemory> slots, bool profile);
  std::mutex& mutex() { return mutex_; }
  const std::vector<Launch>& launches() const { return launches_; }

 private:
  static constexpr size_t kMostRecordings = 8;
  VulkanDevice& device_;
  std::vector<Launch> launches_;
  std::vector<const VulkanPipeline*> pipelines_;
  std::mutex mutex_;
  VkCommandPool pool_ = VK_NULL_HANDLE;
  std::list<Recording> recordings_;  // the last used first
};

class VulkanQueue final : public gpu::Queue {
 public:
  explicit VulkanQueue(VulkanDevice& device);
  ~VulkanQueue() override;
  void wait_for(gpu::Queue& other, uint64_t value) override;
  void submit(const gpu::Submission& submission) override;
  bool wait(uint64_t value, uint64_t timeout_ns) override;
  std::vector<gpu::ProfileRow> profile(gpu::Work& work) override;

 private:
  void check_cancel(const gpu::Submission& submission, uint64_t slice);

  VulkanDevice& device_;
  VulkanDevice::SharedQueue& shared_;
  std::shared_ptr<Timeline> timeline_;
  Timeline slices_;  // counts slices
  uint64_t slice_ = 0;
  std::atomic<uint64_t> submitted_{0};
  std::vector<Point> waits_;                           // of the next submission
  std::vector<std::shared_ptr<Timeline>> waited_for_;  // keeps their semaphores while waits are pending
  // of the last profiled submission
  gpu::Work* profiled_ = nullptr;
  Recording* profiled_recording_ = nullptr;
  uint64_t submitted_ns_ = 0;  // host clock
};

}  // namespace motley::vulkan
