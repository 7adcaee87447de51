// Work with its recordings, and the queue that submits them.
#pragma once

#include "recording.hpp"

namespace motley::vulkan {

// Launches with their pipelines, recorded once for each set of memory they meet.
class VulkanWork final : public gpu::Work {
 public:
  VulkanWork(VulkanDevice& device, std::vector<Launch> launches, const gpu::Pacing& pacing);
  ~VulkanWork() override;
  std::vector<gpu::ProfileRow> profile() override;

  // One for these slots with the present cut, held for the caller while the mutex is; old ones make room when they are idle.
  // A timed one is idle: its queries hold one run.
  Recording& recording_for(std::span<const gpu::SlotMemory> slots, bool timed);
  // `recording` is the one whose times are asked for from now on.
  void begin_profile(Recording& recording);
  // After a submission that failed: there are no times.
  void end_profile() { profiled_ = nullptr; }
  std::mutex& mutex() { return mutex_; }
  gpu::Pacer& pacer() { return pacer_; }

 private:
  static constexpr size_t kMostRecordings = 8;
  // Tells the pacer what timed recordings took that have run.
  void learn();
  VulkanDevice& device_;
  std::vector<Launch> launches_;
  gpu::Pacer pacer_;
  std::vector<const VulkanPipeline*> pipelines_;
  std::mutex mutex_;
  VkCommandPool pool_ = VK_NULL_HANDLE;
  std::list<Recording> recordings_;  // the last used first
  // of the last profiled submission
  Recording* profiled_ = nullptr;
  uint64_t submitted_ns_ = 0;  // host clock
};

class VulkanQueue final : public gpu::Queue {
 public:
  explicit VulkanQueue(VulkanDevice& device);
  ~VulkanQueue() override;
  void wait_for(gpu::Queue& other, uint64_t value) override;
  void submit(const gpu::Submission& submission) override;
  bool wait(uint64_t value, uint64_t timeout_ns) override;

 private:
  void submit_slices(const gpu::Submission& submission, const Recording& recording, uint32_t window);
  void forget_waits();

  VulkanDevice& device_;
  VulkanDevice::SharedQueue& shared_;
  std::shared_ptr<Timeline> timeline_;
  Timeline slices_;  // counts slices
  uint64_t slice_ = 0;
  std::atomic<uint64_t> submitted_{0};
  std::vector<Point> waits_;  // of the next submission
  // Keeps semaphores while waits for them are pending: until our own timeline has passed the value beside them.
  struct Kept {
    std::shared_ptr<Timeline> timeline;
    uint64_t until;
  };
  std::vector<Kept> kept_;
};

}  // namespace motley::vulkan
