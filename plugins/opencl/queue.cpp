// Enqueuing launches, slices, the timeline, profiles.
#include "queue.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "plugin.hpp"

namespace motley::opencl {

namespace {

uint64_t time_of(const Functions& cl, cl_event event, cl_profiling_info what) {
  cl_ulong t = 0;
  cl.clGetEventProfilingInfo(event, what, sizeof t, &t, nullptr);
  return t;
}

uint64_t host_clock() { return gpu::host()->clock_ns ? gpu::host()->clock_ns(gpu::host()->context) : 0; }

}  // namespace

ClWork::ClWork(ClDevice& device, std::vector<Launch> launches, const gpu::Pacing& pacing)
    : device_(device), pacer_(std::make_shared<gpu::Pacer>(launches, pacing)) {
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
  for (Time& t : times_) device_.cl.clReleaseEvent(t.event);
  times_.clear();
}

void ClWork::begin_profile(size_t pieces) {
  forget_times();
  times_.reserve(pieces);
  submitted_ns_ = host_clock();
}

void ClWork::add_time(uint32_t launch, cl_event event) {
  times_.push_back({launch, event});
  device_.cl.clRetainEvent(event);
}

// The device's clock is moved to the host's so that the first kernel begins when it was submitted.
std::vector<gpu::ProfileRow> ClWork::device_times() const {
  std::vector<gpu::ProfileRow> rows;
  uint64_t first = UINT64_MAX;
  for (const Time& t : times_) {
    const uint64_t begin = time_of(device_.cl, t.event, CL_PROFILING_COMMAND_START);
    rows.push_back({t.launch, begin, time_of(device_.cl, t.event, CL_PROFILING_COMMAND_END)});
    first = std::min(first, begin);
  }
  const auto has_time = [](const gpu::ProfileRow& r) { return r.end_ns > r.begin_ns; };
  if (std::none_of(rows.begin(), rows.end(), has_time)) return {};
  for (gpu::ProfileRow& r : rows) r = {r.launch, r.begin_ns - first + submitted_ns_, r.end_ns - first + submitted_ns_};
  return rows;
}

// Pieces of one launch count as equally long.
std::vector<gpu::ProfileRow> ClWork::shared_out() const {
  std::vector<uint32_t> pieces(entries_.size());
  for (const Time& t : times_) ++pieces[t.launch];
  const auto weight = [&](uint32_t launch) { return (entries_[launch].launch.estimated_ns + 1000) / pieces[launch]; };
  double total = 0, done = 0;
  for (const Time& t : times_) total += weight(t.launch);
  const auto span = static_cast<double>(host_clock() - submitted_ns_);
  const auto at = [&](double part) { return submitted_ns_ + static_cast<uint64_t>(span * part / total); };
  std::vector<gpu::ProfileRow> rows;
  for (const Time& t : times_) {
    rows.push_back({t.launch, at(done), at(done + weight(t.launch))});
    done += weight(t.launch);
  }
  return rows;
}

std::vector<gpu::ProfileRow> ClWork::profile() {
  const std::lock_guard lock(mutex_);
  for (const Time& t : times_) check(device_.cl.clWaitForEvents(1, &t.event), "profiled work failed");
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
  while (!slices_.empty()) {
    try {
      retire_slice();
    } catch (const std::exception&) {
      // Who waited for the work was told.
    }
  }
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

void ClQueue::drop(const InFlight& slice) {
  device_.cl.clReleaseEvent(slice.first);
  device_.cl.clReleaseEvent(slice.last);
}

void ClQueue::retire_slice() {
  const InFlight slice = std::move(slices_.front());
  slices_.pop_front();
  const cl_int status = device_.cl.clWaitForEvents(1, &slice.last);
  if (status == CL_SUCCESS) {
    const uint64_t begin = time_of(device_.cl, slice.first, CL_PROFILING_COMMAND_START);
    const uint64_t end = time_of(device_.cl, slice.last, CL_PROFILING_COMMAND_END);
    slice.pacer->took(*slice.cut, slice.slice, end > begin ? end - begin : 0);
  }
  drop(slice);
  check(status, "a slice failed");
}

bool ClQueue::is_complete(cl_event event) const {
  cl_int status = CL_QUEUED;
  device_.cl.clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, nullptr);
  return status <= CL_COMPLETE;
}

cl_event ClQueue::enqueue(ClWork& work, const gpu::Piece& piece, bool with_event) {
  ClWork::Entry& entry = work.entries()[piece.launch];
  const Launch& launch = entry.launch;
  if (entry.first != piece.first) {
    std::array<cl_int, 4> first_group{};
    for (size_t d = 0; d < 3; ++d) first_group[d] = static_cast<cl_int>(piece.first[d]);
    check(device_.cl.clSetKernelArg(entry.kernel, static_cast<cl_uint>(2 * launch.bindings.size()), sizeof first_group,
                                    first_group.data()),
          "a slice can't be set");
    entry.first = piece.first;
  }
  std::array<size_t, 3> global, local;
  for (size_t d = 0; d < 3; ++d) {
    local[d] = launch.pipeline.group[d];
    global[d] = local[d] * piece.groups[d];
  }
  cl_event event = nullptr;
  check(device_.cl.clEnqueueNDRangeKernel(queue_, entry.kernel, 3, nullptr, global.data(), local.data(), 0, nullptr,
                                          with_event ? &event : nullptr),
        "a kernel can't be enqueued", launch.pipeline.variant);
  return event;
}

// Where slices are limited, each is flushed, and where too many are in flight the oldest is waited for.
void ClQueue::enqueue_slice(ClWork& work, const std::shared_ptr<const gpu::Cut>& cut, size_t slice,
                            const gpu::Submission& submission) {
  const gpu::Cut::Slice& s = cut->slices[slice];
  const bool limited = work.pacer()->limited();
  InFlight flight{work.pacer(), cut, slice, nullptr, nullptr};
  const auto keep = [&](cl_event& to, cl_event event) {
    if (to) device_.cl.clReleaseEvent(to);
    to = event;
    device_.cl.clRetainEvent(event);
  };
  try {
    for (uint32_t at = s.begin; at < s.end; ++at) {
      const gpu::Piece& piece = cut->pieces[at];
      check_cancel(submission);
      if (at == s.begin || cut->pieces[at - 1].launch != piece.launch) bind(work.entries()[piece.launch], submission.slots);
      const bool ends = limited && (at == s.begin || at + 1 == s.end);
      const cl_event event = enqueue(work, piece, ends || submission.profile);
      if (!event) continue;
      if (ends && at == s.begin) keep(flight.first, event);
      if (ends) keep(flight.last, event);
      if (submission.profile) work.add_time(piece.launch, event);
      device_.cl.clReleaseEvent(event);
    }
    if (limited) slices_.push_back(flight);
  } catch (...) {
    if (flight.first) drop(flight);
    throw;
  }
  if (!limited) return;
  check(device_.cl.clFlush(queue_), "work can't be flushed");
  const uint32_t window = flight.pacer->pacing().window;
  while (!slices_.empty() && ((window && slices_.size() > window) || is_complete(slices_.front().last))) retire_slice();
}

void ClQueue::enqueue_all(const gpu::Submission& submission) {
  auto& work = static_cast<ClWork&>(*submission.work);
  const std::lock_guard lock(work.mutex());
  const std::shared_ptr<const gpu::Cut> cut = work.pacer()->cut();
  std::vector<cl_mem> shared;
  for (const gpu::SlotMemory& slot : submission.slots)
    if (const auto* memory = static_cast<const ClMemory*>(slot.memory); memory && memory->is_shared())
      shared.push_back(memory->mem());
  std::sort(shared.begin(), shared.end());
  shared.erase(std::unique(shared.begin(), shared.end()), shared.end());
  if (submission.profile) work.begin_profile(cut->pieces.size());
  device_.acquire(queue_, shared);
  try {
    for (size_t i = 0; i < cut->slices.size(); ++i) enqueue_slice(work, cut, i, submission);
  } catch (...) {
    device_.release(queue_, shared);
    throw;
  }
  device_.release(queue_, shared);
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
  // OpenCL waits without end only, so this polls, at first often: it is late by a few per cent of the time.
  const auto begin = std::chrono::steady_clock::now(), end = begin + std::chrono::nanoseconds(timeout_ns);
  cl_int status;
  while ((status = status_of()) > CL_COMPLETE) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= end) break;
    constexpr std::chrono::nanoseconds kLeast = std::chrono::microseconds(5), kMost = std::chrono::microseconds(500);
    std::this_thread::sleep_for(std::clamp<std::chrono::nanoseconds>((now - begin) / 32, kLeast, kMost));
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
