// Work as kernel objects, and the queue that runs it.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>

#include "device.hpp"

namespace motley::opencl {

// Kernel objects with their parameters set. Arguments that change from run to run are set again only when they do.
class ClWork final : public gpu::Work {
 public:
  ClWork(ClDevice& device, std::vector<Launch> launches);
  ~ClWork() override;
  std::vector<gpu::ProfileRow> profile() override;

  struct Entry {
    Launch launch;
    cl_kernel kernel = nullptr;
    std::vector<uint64_t> bound;  // what the arguments are now: memory by id, and offsets
    std::vector<cl_ulong> offsets;
    bool slice_set = false;
  };
  std::vector<Entry>& entries() { return entries_; }
  // Held while arguments are set and kernels enqueued.
  std::mutex& mutex() { return mutex_; }
  // Events of a launch's first slice and, where it has several, of its last.
  struct Times {
    cl_event first = nullptr, last = nullptr;
  };
  // Forgets earlier times and makes room for those to come, one per launch. Under the mutex, as the next one.
  void begin_profile();
  Times& times(uint32_t launch) { return times_[launch]; }

 private:
  void forget_times();
  std::vector<gpu::ProfileRow> device_times() const;
  // For drivers that give no times: the time of the whole, shared out by the estimates.
  std::vector<gpu::ProfileRow> shared_out() const;

  ClDevice& device_;
  std::vector<Entry> entries_;
  std::mutex mutex_;
  // of the last profiled submission
  std::vector<Times> times_;
  uint64_t submitted_ns_ = 0;  // host clock
};

class ClQueue final : public gpu::Queue {
 public:
  explicit ClQueue(ClDevice& device);
  ~ClQueue() override;
  void wait_for(gpu::Queue& other, uint64_t value) override;
  void submit(const gpu::Submission& submission) override;
  bool wait(uint64_t value, uint64_t timeout_ns) override;

 private:
  struct Point {
    uint64_t value;
    cl_event event;
  };
  void bind(ClWork::Entry& entry, std::span<const gpu::SlotMemory> slots);
  void enqueue_all(const gpu::Submission& submission);
  void enqueue(ClWork& work, uint32_t index, const gpu::Submission& submission);
  void pace(double estimated_ns, bool flush);
  void check_cancel(const gpu::Submission& submission);
  void mark(uint64_t value);
  // The event to wait for until the timeline is at `value`, retained; null where it is there already. Under the mutex,
  // and only for what was submitted.
  cl_event event_for(uint64_t value);
  // CL_COMPLETE, an error, or what is greater where the time ran out.
  cl_int wait_for_event(cl_event event, uint64_t timeout_ns);
  void reach(uint64_t value);

  ClDevice& device_;
  cl_command_queue queue_ = nullptr;
  std::mutex mutex_;  // timeline
  std::condition_variable submitted_more_;
  std::deque<Point> points_;
  uint64_t submitted_ = 0, reached_ = 0;
  // slices in flight
  std::deque<cl_event> slices_;
  double slice_ns_ = 0;
};

}  // namespace motley::opencl
