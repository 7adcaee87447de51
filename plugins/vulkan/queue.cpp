// Submitting recordings, slices, the timeline, profiles.
#include "queue.hpp"

#include <algorithm>

#include "plugin.hpp"

namespace motley::vulkan {

namespace {

uint64_t host_clock() { return gpu::host()->clock_ns ? gpu::host()->clock_ns(gpu::host()->context) : 0; }

}  // namespace

// ---- work ----

VulkanWork::VulkanWork(VulkanDevice& device, std::vector<Launch> launches)
    : device_(device), launches_(std::move(launches)), pipelines_(device.pipelines().get(launches_)) {
  for (const Launch& launch : launches_)
    if (launch.params.size() > 128)
      throw StatusError(MOTLEY_INTERNAL, "kernel " + launch.pipeline.variant + " has more than 128 bytes of parameters");
  VkCommandPoolCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO;
  info.queueFamilyIndex = device_.found().queue_family;
  check(device_.vk.vkCreateCommandPool(device_.handle(), &info, nullptr, &pool_), "a command pool can't be made");
}

VulkanWork::~VulkanWork() {
  recordings_.clear();
  device_.vk.vkDestroyCommandPool(device_.handle(), pool_, nullptr);
}

Recording& VulkanWork::recording_for(std::span<const gpu::SlotMemory> slots, bool profile) {
  const Recording::Key key = Recording::key_of(slots);
  for (auto at = recordings_.begin(); at != recordings_.end(); ++at) {
    if (at->key != key || at->profile != profile) continue;
    recordings_.splice(recordings_.begin(), recordings_, at);
    return recordings_.front();
  }
  for (auto at = recordings_.end(); recordings_.size() >= kMostRecordings && at != recordings_.begin();)
    if ((--at)->idle()) at = recordings_.erase(at);
  return recordings_.emplace_front(device_, pool_, launches_, pipelines_, slots, profile);
}

// ---- queue ----

VulkanQueue::VulkanQueue(VulkanDevice& device)
    : device_(device), shared_(device.next_queue()), timeline_(std::make_shared<Timeline>(device)), slices_(device) {}

VulkanQueue::~VulkanQueue() {
  try {
    slices_.wait(slice_, UINT64_MAX);
    timeline_->wait(submitted_, UINT64_MAX);
  } catch (const std::exception&) {
    // A lost device does nothing any more.
  }
}

void VulkanQueue::wait_for(gpu::Queue& other, uint64_t value) {
  auto& queue = static_cast<VulkanQueue&>(other);
  if (value > queue.submitted_)
    throw StatusError(MOTLEY_INVALID_ARGUMENT, "the queue's timeline will not reach " + std::to_string(value) +
                                                   "; submit the work that signals it first");
  waits_.push_back({queue.timeline_->handle(), value});
  waited_for_.push_back(queue.timeline_);
}

void VulkanQueue::check_cancel(const gpu::Submission& submission, uint64_t slice) {
  if (!submission.cancel || !__atomic_load_n(submission.cancel, __ATOMIC_RELAXED)) return;
  slices_.wait(slice, UINT64_MAX);
  waits_.clear();
  throw StatusError(MOTLEY_CANCELLED, "cancelled by the host");
}

void VulkanQueue::submit(const gpu::Submission& submission) {
  auto& work = static_cast<VulkanWork&>(*submission.work);
  const std::lock_guard lock(work.mutex());
  Recording& recording = work.recording_for(submission.slots, submission.profile);
  if (submission.profile) {
    // Its queries hold one run at a time.
    for (const auto& [timeline, value] : recording.pending) timeline->wait(value, UINT64_MAX);
    recording.pending.clear();
    profiled_ = &work;
    profiled_recording_ = &recording;
    submitted_ns_ = host_clock();
  }
  const gpu::Pacing& pacing = device_.pacing();
  const std::vector<VkCommandBuffer>& slices = recording.slices();
  for (size_t i = 0; i < slices.size(); ++i) {
    check_cancel(submission, slice_);
    if (pacing.window && slice_ >= pacing.window) slices_.wait(slice_ + 1 - pacing.window, UINT64_MAX);
    std::vector<Point> signals;
    if (slices.size() > 1 || pacing.window) signals.push_back({slices_.handle(), ++slice_});
    if (i + 1 == slices.size()) signals.push_back({timeline_->handle(), submission.signal_value});
    submit_to(device_, shared_, std::span(&slices[i], 1), waits_, signals);
    waits_.clear();
  }
  submitted_ = submission.signal_value;
  recording.idle();
  recording.pending.emplace_back(timeline_, submission.signal_value);
}

bool VulkanQueue::wait(uint64_t value, uint64_t timeout_ns) {
  if (value > submitted_)
    throw StatusError(MOTLEY_INVALID_ARGUMENT, "the queue's timeline will not reach " + std::to_string(value) +
                                                   "; submit the work that signals it first");
  return timeline_->wait(value, timeout_ns);
}

// The device's clock is moved to the host's so that the first kernel begins when it was submitted. Devices without a clock give
// no rows.
std::vector<gpu::ProfileRow> VulkanQueue::profile(gpu::Work& work) {
  std::vector<gpu::ProfileRow> rows;
  if (profiled_ != &work) return rows;
  timeline_->wait(submitted_, UINT64_MAX);
  const std::lock_guard lock(static_cast<VulkanWork&>(work).mutex());
  const auto ticks = profiled_recording_->ticks();
  const auto period = static_cast<double>(device_.found().properties.limits.timestampPeriod);
  const auto host_ns = [&](uint64_t t) {
    return submitted_ns_ + static_cast<uint64_t>(static_cast<double>(t - ticks.front().first) * period);
  };
  for (uint32_t i = 0; i < ticks.size(); ++i) rows.push_back({i, host_ns(ticks[i].first), host_ns(ticks[i].second)});
  return rows;
}

}  // namespace motley::vulkan
