// Enqueuing launches, slices, the timeline, profiles.
#include "queue.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "plugin.hpp"

namespace motley::opencl {

namespace {

uint64_t host_clock() { return gpu::host()->clock_ns ? gpu::host()->clock_ns(gpu::host()->context) : 0; }

}  // namespace

ClWork::ClWork(ClDevice& device, std::vector<Launch> launches) : device_(device) {
  entries_.resize(launches.size());
  try {
    for (size_t i = 0; i < launches.size(); ++i) {
      Entry& e = entries_[i];
      e.launch = std::move(launches[i]);
      e.bound.resize(e.launch.bindings.size(), 0);
      e.offsets.resize(e.launch.bindings.size(), UINT64_MAX);
      e.kernel = device_.make_kernel(e.launch.pipeline);
      const auto at = static_cast<cl_uint>(2 * e.launch.bindings.size());
      const std::array<cl_int, 4> first_group{};
      check(device_.cl.clSetKernelArg(e.kernel, at, sizeof first_group, first_group.data()), "an argument can't be set");
      check(device_.cl.clSetKernelArg(e.kernel, at + 1, e.launch.params.size(), e.launch.params.data()),
            "a kernel's parameters can't be set", e.launch.pipeline.variant);
    }
  } catch (...) {
    for (Entry& e : entries_)
      if (e.kernel) device_.cl.clReleaseKernel(e.kernel);
    throw;
  }
}

ClWork::~ClWork() {
  forget_times();
  for (Entry& e : entries_) device_.cl.clReleaseKernel(e.kernel);
}

// ---- times ----

void ClWork::forget_times() {
  for (Times& t : times_) {
    if (t.first) device_.cl.clReleaseEvent(t.first);
    if (t.last) device_.cl.clReleaseEvent(t.last);
  }
  times_.clear();
}

void ClWork::begin_profile() {
  forget_times();
  times_.resize(entries_.size());
  submitted_ns_ = host_clock();
}

// The device's clock is moved to the host's so that the first kernel begins when it was submitted.
std::vector<gpu::ProfileRow> ClWork::device_times() const {
  const auto time_of = [&](cl_event event, cl_profiling_info what) {
    cl_ulong t = 0;
    device_.cl.clGetEventProfilingInfo(event, what, sizeof t, &t, nullptr);
    return static_cast<uint64_t>(t);
  };
  std::vector<gpu::ProfileRow> rows;
  uint64_t first = UINT64_MAX;
  for (uint32_t i = 0; i < times_.size(); ++i) {
    const Times& t = times_[i];
    if (!t.first) continue;  // its submission failed before
    const uint64_t begin = time_of(t.first, CL_PROFILING_COMMAND_START);
    rows.push_back({i, begin, time_of(t.last ? t.last : t.first, CL_PROFILING_COMMAND_END)});
    first = std::min(first, begin);
  }
  const auto has_time = [](const gpu::ProfileRow& r) { return r.end_ns > r.begin_ns; };
  if (std::none_of(rows.begin(), rows.end(), has_time)) return {};
  for (gpu::ProfileRow& r : rows) r = {r.launch, r.begin_ns - first + submitted_ns_, r.end_ns - first + submitted_ns_};
  return rows;
}

std::vector<gpu::ProfileRow> ClWork::shared_out() const {
  const auto weight = [&](uint32_t i) { return times_[i].first ? entries_[i].launch.estimated_ns + 1000 : 0; };
  double total = 0, done = 0;
  for (uint32_t i = 0; i < times_.size(); ++i) total += weight(i);
  const auto span = static_cast<double>(host_clock() - submitted_ns_);
  const auto at = [&](double part) { return submitted_ns_ + static_cast<uint64_t>(span * part / total); };
  std::vector<gpu::ProfileRow> rows;
  for (uint32_t i = 0; i < times_.size(); ++i) {
    if (!times_[i].first) continue;
    rows.push_back({i, at(done), at(done + weight(i))});
    done += weight(i);
  }
  return rows;
}

std::vector<gpu::ProfileRow> ClWork::profile() {
  const std::lock_guard lock(mutex_);
  for (const Times& t : times_)
    if (t.first) check(device_.cl.clWaitForEvents(1, t.last ? &t.last : &t.first), "profiled work failed");
  std::vector<gpu::ProfileRow> rows = device_times();
  return rows.empty() ? shared_out() : rows;
}

// ---- the queue ----

ClQueue::ClQueue(ClDevice& device) : device_(device) {
  cl_int status = CL_SUCCESS;
  queue_ = device_.cl.clCreateCommandQueue(device_.context(), device_.id(), CL_QUEUE_PROFILING_ENABLE, &status);
  check(status, "a queue can't be made");
}

ClQueue::~ClQueue() {
  device_.cl.clFinish(queue_);
  for (Point& p : points_) device_.cl.clReleaseEvent(p.event);
  for (cl_event e : slices_) device_.cl.clReleaseEvent(e);
  device_.cl.clReleaseCommandQueue(queue_);
}

void ClQueue::wait_for(gpu::Queue& other, uint64_t value) {
  auto& queue = static_cast<ClQueue&>(other);
  cl_event event = nullptr;
  {
    const std::lock_guard lock(queue.mutex_);
    if (value > queue.submitted_)
      throw StatusError(MOTLEY_INVALID_ARGUMENT, "nothing that was submitted brings the queue's timeline to " +
                                                     std::to_string(value) + "; submit that work first");
    event = queue.event_for(value);
  }
  if (!event) return;
  const cl_int status = device_.cl.clEnqueueMarkerWithWaitList(queue_, 1, &event, nullptr);
  device_.cl.clReleaseEvent(event);
  check(status, "a wait can't be enqueued");
}

void ClQueue::bind(ClWork::Entry& entry, std::span<const gpu::SlotMemory> slots) {
  for (size_t i = 0; i < entry.launch.bindings.size(); ++i) {
    const gpu::SlotBinding& b = entry.launch.bindings[i];
    const gpu::SlotMemory& slot = slots[b.slot];
    // A slot without bytes (an empty tensor) is bound to any memory: nothing is read from it.
    const auto& memory = static_cast<const ClMemory&>(slot.memory ? *slot.memory : *slots[0].memory);
    const cl_ulong offset = slot.memory ? slot.offset + b.offset : 0;
    const auto at = static_cast<cl_uint>(2 * i);
    if (entry.bound[i] != memory.id()) {
      const cl_mem mem = memory.mem();
      check(device_.cl.clSetKernelArg(entry.kernel, at, sizeof mem, &mem), "a buffer can't be bound");
      entry.bound[i] = memory.id();
    }
    if (entry.offsets[i] != offset) {
      check(device_.cl.clSetKernelArg(entry.kernel, at + 1, sizeof offset, &offset), "an offset can't be set");
      entry.offsets[i] = offset;
    }
  }
}

void ClQueue::check_cancel(const gpu::Submission& submission) {
  if (submission.cancel && __atomic_load_n(submission.cancel, __ATOMIC_RELAXED))
    throw StatusError(MOTLEY_CANCELLED, "cancelled by the host");
}

// After so much work a slice ends: it is flushed, and where too many are in flight the oldest is waited for.
void ClQueue::pace(double estimated_ns, bool flush) {
  const gpu::Pacing& pacing = device_.pacing();
  if (pacing.slice_ns == 0) return;
  slice_ns_ += estimated_ns;
  if (!flush && slice_ns_ < static_cast<double>(pacing.slice_ns)) return;
  slice_ns_ = 0;
  cl_event& event = slices_.emplace_back(nullptr);
  const cl_int marked = device_.cl.clEnqueueMarkerWithWaitList(queue_, 0, nullptr, &event);
  if (marked != CL_SUCCESS) slices_.pop_back();
  check(marked, "a slice can't be ended");
  check(device_.cl.clFlush(queue_), "work can't be flushed");
  while (pacing.window && slices_.size() > pacing.window) {
    const cl_event oldest = slices_.front();
    slices_.pop_front();
    const cl_int status = device_.cl.clWaitForEvents(1, &oldest);
    device_.cl.clReleaseEvent(oldest);
    check(status, "a slice failed");
  }
}

// One launch, in several pieces of its groups where it is longer than a slice.
void ClQueue::enqueue(ClWork& work, uint32_t index, const gpu::Submission& submission) {
  ClWork::Entry& entry = work.entries()[index];
  const Launch& launch = entry.launch;
  // Groups are cut along the dimension with most of them.
  const size_t axis =
      static_cast<size_t>(std::max_element(launch.groups.begin(), launch.groups.end()) - launch.groups.begin());
  const auto slice_ns = static_cast<double>(device_.pacing().slice_ns);
  uint32_t pieces = 1;
  if (slice_ns > 0 && launch.estimated_ns > slice_ns)
    pieces = static_cast<uint32_t>(std::min<double>(launch.groups[axis], std::ceil(launch.estimated_ns / slice_ns)));
  const uint32_t step = (launch.groups[axis] + pieces - 1) / pieces;
  const uint32_t last = (launch.groups[axis] - 1) / step * step;
  for (uint32_t first = 0; first < launch.groups[axis]; first += step) {
    std::array<size_t, 3> global, local;
    for (size_t d = 0; d < 3; ++d) {
      local[d] = launch.pipeline.group[d];
      global[d] = local[d] * (d == axis ? std::min(step, launch.groups[d] - first) : launch.groups[d]);
    }
    if (pieces > 1 || entry.slice_set) {
      std::array<cl_int, 4> first_group{};
      first_group[axis] = static_cast<cl_int>(first);
      check(device_.cl.clSetKernelArg(entry.kernel, static_cast<cl_uint>(2 * launch.bindings.size()),
                                      sizeof first_group, first_group.data()),
            "a slice can't be set");
      entry.slice_set = pieces > 1;
    }
    cl_event* event = nullptr;
    if (submission.profile && first == 0) event = &work.times(index).first;
    else if (submission.profile && first == last) event = &work.times(index).last;
    check(device_.cl.clEnqueueNDRangeKernel(queue_, entry.kernel, 3, nullptr, global.data(), local.data(), 0, nullptr,
                                            event),
          "a kernel can't be enqueued", launch.pipeline.variant);
    pace(launch.estimated_ns / pieces, pieces > 1);
    if (pieces > 1) check_cancel(submission);
  }
}

void ClQueue::enqueue_all(const gpu::Submission& submission) {
  auto& work = static_cast<ClWork&>(*submission.work);
  const std::lock_guard lock(work.mutex());
  if (submission.profile) work.begin_profile();
  for (uint32_t i = 0; i < work.entries().size(); ++i) {
    check_cancel(submission);
    bind(work.entries()[i], submission.slots);
    enqueue(work, i, submission);
  }
}

// The timeline reaches `value` when all that is enqueued by now is done.
void ClQueue::mark(uint64_t value) {
  const std::lock_guard lock(mutex_);
  Point& point = points_.emplace_back(Point{value, nullptr});
  cl_int status = device_.cl.clEnqueueMarkerWithWaitList(queue_, 0, nullptr, &point.event);
  if (status == CL_SUCCESS && (status = device_.cl.clFlush(queue_)) != CL_SUCCESS)
    device_.cl.clReleaseEvent(point.event);
  if (status != CL_SUCCESS) points_.pop_back();
  check(status, "the end of the work can't be marked");
  submitted_ = std::max(submitted_, value);
  submitted_more_.notify_all();
}

void ClQueue::submit(const gpu::Submission& submission) {
  try {
    enqueue_all(submission);
    mark(submission.signal_value);
  } catch (...) {
    device_.cl.clFinish(queue_);  // the caller takes its memory back
    throw;
  }
}

cl_event ClQueue::event_for(uint64_t value) {
  if (value <= reached_) return nullptr;
  for (const Point& p : points_) {
    if (p.value < value) continue;
    device_.cl.clRetainEvent(p.event);
    return p.event;
  }
  return nullptr;
}

cl_int ClQueue::wait_for_event(cl_event event, uint64_t timeout_ns) {
  const auto status_of = [&] {
    cl_int status = CL_QUEUED;
    device_.cl.clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, nullptr);
    return status;
  };
  if (timeout_ns == UINT64_MAX)
    return device_.cl.clWaitForEvents(1, &event) == CL_SUCCESS ? CL_COMPLETE : std::min(status_of(), -1);
  // OpenCL waits without end only, so this polls, at first often.
  const auto end = std::chrono::steady_clock::now() + std::chrono::nanoseconds(timeout_ns);
  auto pause = std::chrono::microseconds(5);
  cl_int status;
  while ((status = status_of()) > CL_COMPLETE && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(500));
  }
  return status;
}

void ClQueue::reach(uint64_t value) {
  const std::lock_guard lock(mutex_);
  reached_ = std::max(reached_, value);
  while (!points_.empty() && points_.front().value <= reached_) {
    device_.cl.clReleaseEvent(points_.front().event);
    points_.pop_front();
  }
}

bool ClQueue::wait(uint64_t value, uint64_t timeout_ns) {
  constexpr uint64_t kLongest = uint64_t{1} << 60;  // ns, some 36 years: what a clock can still add
  const auto begin = std::chrono::steady_clock::now();
  const bool forever = timeout_ns > kLongest;
  cl_event event = nullptr;
  {
    std::unique_lock lock(mutex_);
    const auto end = begin + std::chrono::nanoseconds(std::min(timeout_ns, kLongest));
    if (!submitted_more_.wait_until(lock, end, [&] { return value <= std::max(submitted_, reached_); })) return false;
    event = event_for(value);
  }
  if (!event) return true;
  const auto waited = static_cast<uint64_t>((std::chrono::steady_clock::now() - begin) / std::chrono::nanoseconds(1));
  const cl_int status = wait_for_event(event, forever ? UINT64_MAX : timeout_ns - std::min(timeout_ns, waited));
  device_.cl.clReleaseEvent(event);
  if (status < 0)
    throw StatusError(MOTLEY_DEVICE_LOST, "a kernel failed on the device (" + std::to_string(status) + ")");
  if (status != CL_COMPLETE) return false;
  reach(value);
  return true;
}

}  // namespace motley::opencl
