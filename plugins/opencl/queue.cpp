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
      e.kernel = device_.make_kernel(e.launch.pipeline);
      e.bound.resize(e.launch.bindings.size(), nullptr);
      e.offsets.resize(e.launch.bindings.size(), UINT64_MAX);
      const auto at = static_cast<cl_uint>(2 * e.launch.bindings.size());
      const std::array<cl_int, 4> first_group{};
      check(device_.cl.clSetKernelArg(e.kernel, at, sizeof first_group, first_group.data()), "an argument can't be set");
      check(device_.cl.clSetKernelArg(e.kernel, at + 1, e.launch.params.size(), e.launch.params.data()),
            ("the parameters of " + e.launch.pipeline.variant + " can't be set").c_str());
    }
  } catch (...) {
    for (Entry& e : entries_)
      if (e.kernel) device_.cl.clReleaseKernel(e.kernel);
    throw;
  }
}

ClWork::~ClWork() {
  for (Entry& e : entries_) device_.cl.clReleaseKernel(e.kernel);
}

ClQueue::ClQueue(ClDevice& device) : device_(device) {
  cl_int status = CL_SUCCESS;
  queue_ = device_.cl.clCreateCommandQueue(device_.context(), device_.id(), CL_QUEUE_PROFILING_ENABLE, &status);
  check(status, "a queue can't be made");
}

ClQueue::~ClQueue() {
  device_.cl.clFinish(queue_);
  for (Point& p : points_) device_.cl.clReleaseEvent(p.event);
  for (cl_event e : slices_) device_.cl.clReleaseEvent(e);
  forget_timings();
  device_.cl.clReleaseCommandQueue(queue_);
}

void ClQueue::forget_timings() {
  for (Timing& t : timings_) {
    device_.cl.clReleaseEvent(t.first);
    if (t.last) device_.cl.clReleaseEvent(t.last);
  }
  timings_.clear();
  profiled_ = nullptr;
}

void ClQueue::wait_for(gpu::Queue& other, uint64_t value) {
  cl_event event = static_cast<ClQueue&>(other).event_for(value);
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
    const gpu::Memory* memory = slot.memory ? slot.memory : slots[0].memory;
    const cl_mem mem = static_cast<const ClMemory*>(memory)->mem();
    const cl_ulong offset = slot.memory ? slot.offset + b.offset : 0;
    const auto at = static_cast<cl_uint>(2 * i);
    if (entry.bound[i] != mem) {
      check(device_.cl.clSetKernelArg(entry.kernel, at, sizeof mem, &mem), "a buffer can't be bound");
      entry.bound[i] = mem;
    }
    if (entry.offsets[i] != offset) {
      check(device_.cl.clSetKernelArg(entry.kernel, at + 1, sizeof offset, &offset), "an offset can't be set");
      entry.offsets[i] = offset;
    }
  }
}

void ClQueue::check_cancel(const gpu::Submission& submission) {
  if (submission.cancel && __atomic_load_n(submission.cancel, __ATOMIC_RELAXED)) {
    device_.cl.clFinish(queue_);
    throw StatusError(MOTLEY_CANCELLED, "cancelled by the host");
  }
}

// After so much work a slice ends: it is flushed, and where too many are in flight the oldest is waited for.
void ClQueue::pace(double estimated_ns, bool flush) {
  const gpu::Pacing& pacing = device_.pacing();
  if (pacing.slice_ns == 0) return;
  slice_ns_ += estimated_ns;
  if (!flush && slice_ns_ < static_cast<double>(pacing.slice_ns)) return;
  slice_ns_ = 0;
  cl_event event = nullptr;
  check(device_.cl.clEnqueueMarkerWithWaitList(queue_, 0, nullptr, &event), "a slice can't be ended");
  slices_.push_back(event);
  check(device_.cl.clFlush(queue_), "work can't be flushed");
  while (pacing.window && slices_.size() > pacing.window) {
    event = slices_.front();
    slices_.pop_front();
    const cl_int status = device_.cl.clWaitForEvents(1, &event);
    device_.cl.clReleaseEvent(event);
    check(status, "a slice failed");
  }
}

// One launch, in several pieces of its groups where it is longer than a slice.
void ClQueue::enqueue(ClWork::Entry& entry, uint32_t index, const gpu::Submission& submission) {
  const Launch& launch = entry.launch;
  // Groups are cut along the dimension with most of them.
  const size_t axis = static_cast<size_t>(std::max_element(launch.groups.begin(), launch.groups.end()) - launch.groups.begin());
  const auto slice_ns = static_cast<double>(device_.pacing().slice_ns);
  uint32_t pieces = 1;
  if (slice_ns > 0 && launch.estimated_ns > slice_ns)
    pieces = static_cast<uint32_t>(std::min<double>(launch.groups[axis], std::ceil(launch.estimated_ns / slice_ns)));
  const uint32_t step = (launch.groups[axis] + pieces - 1) / pieces;
  Timing timing{index, nullptr, nullptr};
  for (uint32_t first = 0; first < launch.groups[axis]; first += step) {
    std::array<size_t, 3> global, local;
    for (size_t d = 0; d < 3; ++d) {
      local[d] = launch.pipeline.group[d];
      global[d] = local[d] * (d == axis ? std::min(step, launch.groups[d] - first) : launch.groups[d]);
    }
    if (pieces > 1 || entry.slice_set) {
      std::array<cl_int, 4> first_group{};
      first_group[axis] = static_cast<cl_int>(first);
      check(device_.cl.clSetKernelArg(entry.kernel, static_cast<cl_uint>(2 * launch.bindings.size()), sizeof first_group,
                                      first_group.data()),
            "a slice can't be set");
      entry.slice_set = pieces > 1;
    }
    cl_event event = nullptr;
    check(device_.cl.clEnqueueNDRangeKernel(queue_, entry.kernel, 3, nullptr, global.data(), local.data(), 0, nullptr,
                                            submission.profile ? &event : nullptr),
          ("kernel " + launch.pipeline.variant + " can't be enqueued").c_str());
    if (event) {
      cl_event& place = timing.first ? timing.last : timing.first;
      if (place) device_.cl.clReleaseEvent(place);
      place = event;
    }
    pace(launch.estimated_ns / pieces, pieces > 1);
    if (pieces > 1) check_cancel(submission);
  }
  if (timing.first) timings_.push_back(timing);
}

void ClQueue::submit(const gpu::Submission& submission) {
  auto& work = static_cast<ClWork&>(*submission.work);
  if (submission.profile) {
    forget_timings();
    profiled_ = &work;
    submitted_ns_ = host_clock();
  }
  {
    const std::lock_guard lock(work.mutex());
    uint32_t index = 0;
    for (ClWork::Entry& entry : work.entries()) {
      check_cancel(submission);
      bind(entry, submission.slots);
      enqueue(entry, index++, submission);
    }
  }
  cl_event event = nullptr;
  check(device_.cl.clEnqueueMarkerWithWaitList(queue_, 0, nullptr, &event), "the end of the work can't be marked");
  {
    const std::lock_guard lock(mutex_);
    points_.push_back({submission.signal_value, event});
  }
  check(device_.cl.clFlush(queue_), "work can't be flushed");
}

cl_event ClQueue::event_for(uint64_t value) {
  const std::lock_guard lock(mutex_);
  if (value <= reached_) return nullptr;
  for (const Point& p : points_) {
    if (p.value < value) continue;
    device_.cl.clRetainEvent(p.event);
    return p.event;
  }
  throw StatusError(MOTLEY_INVALID_ARGUMENT, "the queue's timeline will not reach " + std::to_string(value) +
                                                 "; submit the work that signals it first");
}

bool ClQueue::wait(uint64_t value, uint64_t timeout_ns) {
  cl_event event = event_for(value);
  if (!event) return true;
  const auto status_of = [&] {
    cl_int status = CL_QUEUED;
    device_.cl.clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, nullptr);
    return status;
  };
  cl_int status;
  if (timeout_ns == UINT64_MAX) {
    const cl_int waited = device_.cl.clWaitForEvents(1, &event);
    status = waited == CL_SUCCESS ? CL_COMPLETE : std::min(status_of(), -1);
  } else {
    // OpenCL waits without end only, so this polls, at first often.
    const auto end = std::chrono::steady_clock::now() + std::chrono::nanoseconds(std::min<uint64_t>(timeout_ns, 1ull << 60));
    auto pause = std::chrono::microseconds(5);
    while ((status = status_of()) > CL_COMPLETE && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 2, std::chrono::microseconds(500));
    }
  }
  device_.cl.clReleaseEvent(event);
  if (status < 0) throw StatusError(MOTLEY_DEVICE_LOST, "a kernel failed on the device (" + std::to_string(status) + ")");
  if (status != CL_COMPLETE) return false;
  const std::lock_guard lock(mutex_);
  reached_ = std::max(reached_, value);
  while (!points_.empty() && points_.front().value <= reached_) {
    device_.cl.clReleaseEvent(points_.front().event);
    points_.pop_front();
  }
  return true;
}

// The device's clock is moved to the host's so that the last kernel ends now at the latest. Drivers that give no times (all 0)
// get the time of the whole, shared out by the estimates.
std::vector<gpu::ProfileRow> ClQueue::profile(gpu::Work& work) {
  std::vector<gpu::ProfileRow> rows;
  if (profiled_ != &work) return rows;
  device_.cl.clFinish(queue_);
  const uint64_t now = host_clock();
  const auto time_of = [&](cl_event event, cl_profiling_info what) {
    cl_ulong t = 0;
    device_.cl.clGetEventProfilingInfo(event, what, sizeof t, &t, nullptr);
    return static_cast<uint64_t>(t);
  };
  uint64_t first = UINT64_MAX;
  for (const Timing& t : timings_) {
    const uint64_t begin = time_of(t.first, CL_PROFILING_COMMAND_START);
    const uint64_t end = time_of(t.last ? t.last : t.first, CL_PROFILING_COMMAND_END);
    rows.push_back({t.launch, begin, end});
    first = std::min(first, begin);
  }
  const bool timed = std::any_of(rows.begin(), rows.end(), [](const auto& r) { return r.end_ns > r.begin_ns; });
  if (timed) {
    for (gpu::ProfileRow& r : rows) r = {r.launch, r.begin_ns - first + submitted_ns_, r.end_ns - first + submitted_ns_};
    return rows;
  }
  auto& entries = static_cast<ClWork&>(work).entries();
  double total = 0, done = 0;
  for (const gpu::ProfileRow& r : rows) total += entries[r.launch].launch.estimated_ns + 1000;
  const auto span = static_cast<double>(now - submitted_ns_);
  for (gpu::ProfileRow& r : rows) {
    r.begin_ns = submitted_ns_ + static_cast<uint64_t>(span * done / total);
    done += entries[r.launch].launch.estimated_ns + 1000;
    r.end_ns = submitted_ns_ + static_cast<uint64_t>(span * done / total);
  }
  return rows;
}

}  // namespace motley::opencl
