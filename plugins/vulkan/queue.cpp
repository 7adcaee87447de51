// Submitting recordings, slices, the timeline, profiles.
#include "queue.hpp"

#include <algorithm>

#include "plugin.hpp"

namespace motley::vulkan {

namespace {

uint64_t host_clock() { return gpu::host()->clock_ns ? gpu::host()->clock_ns(gpu::host()->context) : 0; }

}  // namespace

// ---- work ----

VulkanWork::VulkanWork(VulkanDevice& device, std::vector<Launch> launches, const gpu::Pacing& pacing)
    : device_(device),
      launches_(std::move(launches)),
      pacer_(launches_, pacing),
      pipelines_(device.pipelines().get(launches_)) {
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

void VulkanWork::learn() {
  for (Recording& r : recordings_) {
    if (!r.times_pending || !r.idle()) continue;
    r.times_pending = false;
    const auto times = r.times();
    if (times.empty()) continue;
    for (size_t i = 0; i < r.cut->slices.size(); ++i) {
      const uint64_t begin = times[r.cut->slices[i].begin].first, end = times[r.cut->slices[i].end - 1].second;
      pacer_.took(*r.cut, i, end > begin ? end - begin : 0);
    }
  }
}

Recording& VulkanWork::recording_for(std::span<const gpu::SlotMemory> slots, bool timed) {
  learn();
  const std::shared_ptr<const gpu::Cut> cut = pacer_.cut();
  const Recording::Key key = Recording::key_of(slots);
  for (auto at = recordings_.begin(); at != recordings_.end(); ++at) {
    if (at->cut != cut || at->timed != timed || at->key != key) continue;
    recordings_.splice(recordings_.begin(), recordings_, at);
    if (timed) at->wait();
    return recordings_.front();
  }
  for (auto at = recordings_.end(); at != recordings_.begin();) {
    --at;
    if ((recordings_.size() < kMostRecordings && at->cut == cut) || !at->idle()) continue;
    if (profiled_ == &*at) profiled_ = nullptr;
    at = recordings_.erase(at);
  }
  return recordings_.emplace_front(device_, pool_, launches_, pipelines_, slots, cut, timed);
}

void VulkanWork::begin_profile(Recording& recording) {
  profiled_ = &recording;
  submitted_ns_ = host_clock();
}

// The device's clock is moved to the host's so that the first kernel begins when it was submitted. Devices without a
// clock give no rows.
std::vector<gpu::ProfileRow> VulkanWork::profile() {
  const std::lock_guard lock(mutex_);
  std::vector<gpu::ProfileRow> rows;
  if (!profiled_) return rows;
  profiled_->wait();
  const auto times = profiled_->times();
  for (size_t i = 0; i < times.size(); ++i)
    rows.push_back({profiled_->cut->pieces[i].launch, submitted_ns_ + times[i].first - times[0].first,
                    submitted_ns_ + times[i].second - times[0].first});
  return rows;
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
    throw StatusError(MOTLEY_INVALID_ARGUMENT, "nothing that was submitted brings the queue's timeline to " +
                                                   std::to_string(value) + "; submit that work first");
  kept_.push_back({queue.timeline_, UINT64_MAX});
  try {
    waits_.push_back(queue.timeline_->at(value));
  } catch (...) {
    kept_.pop_back();
    throw;
  }
}

void VulkanQueue::forget_waits() {
  waits_.clear();
  std::erase_if(kept_, [](const Kept& k) { return k.until == UINT64_MAX; });
}

void VulkanQueue::submit_slices(const gpu::Submission& submission, const Recording& recording, uint32_t window) {
  const std::vector<VkCommandBuffer>& slices = recording.slices();
  std::vector<Point> signals;
  for (size_t i = 0; i < slices.size(); ++i) {
    if (submission.cancel && __atomic_load_n(submission.cancel, __ATOMIC_RELAXED))
      throw StatusError(MOTLEY_CANCELLED, "cancelled by the host");
    if (window && slice_ >= window) slices_.wait(slice_ + 1 - window, UINT64_MAX);
    signals.clear();
    const bool counted = slices.size() > 1 || window;
    if (i + 1 == slices.size()) signals = timeline_->signals(submitted_, submission.signal_value);
    if (counted) signals.push_back(slices_.at(slice_ + 1));
    submit_to(device_, shared_, std::span(&slices[i], 1), waits_, signals);
    if (counted) ++slice_;
    waits_.clear();
  }
}

void VulkanQueue::submit(const gpu::Submission& submission) {
  auto& work = static_cast<VulkanWork&>(*submission.work);
  const std::lock_guard lock(work.mutex());
  const uint64_t reached = kept_.empty() ? 0 : timeline_->value();
  std::erase_if(kept_, [&](const Kept& k) { return k.until <= reached; });
  try {
    const bool timed = work.pacer().wants_times() || submission.profile;
    Recording& recording = work.recording_for(submission.slots, timed);
    if (submission.profile) work.begin_profile(recording);
    recording.expect(timeline_);
    submit_slices(submission, recording, work.pacer().pacing().window);
    recording.submitted(timeline_, submission.signal_value);
    recording.times_pending = timed;
  } catch (...) {
    forget_waits();
    if (submission.profile) work.end_profile();
    slices_.wait(slice_, UINT64_MAX);  // the caller takes its memory back
    throw;
  }
  submitted_ = submission.signal_value;
  for (Kept& k : kept_) k.until = std::min(k.until, submission.signal_value);
}

// Also for what is not submitted yet: the semaphore is waited for by its value.
bool VulkanQueue::wait(uint64_t value, uint64_t timeout_ns) { return timeline_->wait(value, timeout_ns); }

}  // namespace motley::vulkan
