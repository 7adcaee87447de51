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

  struct Entry {
    Launch launch;
    cl_kernel kernel = nullptr;
    std::vector<cl_mem> bound;         // what the arguments are now
    std::vector<cl_ulong> offsets;
    bool slice_set = false;
  };
  std::vector<Entry>& entries() { return entries_; }
  // Held while arguments are set and kernels enqueued.
  std::mutex& mutex() { return mutex_; }

 private:
  ClDevice& device_;
  std::vector<Entry> entries_;
  std::mutex mutex_;
};

class ClQueue final : public gpu::Queue {
 public:
  explicit ClQueue(ClDevice& device);
  ~ClQueue() override;
  void wait_for(gpu::Queue& other, uint64_t value) override;
  void submit(const gpu::Submission& submission) override;
  bool wait(uint64_t value, uint64_t timeout_ns) override;
  std::vector<gpu::ProfileRow> profile(gpu::Work& work) override;

 private:
  struct Point {
    uint64_t value;
    cl_event event;
  };
  struct Timing {
    uint32_t launch;
    cl_event first, last;  // of its slices
  };
  void bind(ClWork::Entry& entry, std::span<const gpu::SlotMemory> slots);
  void enqueue(ClWork::Entry& entry, uint32_t index, const gpu::Submission& submission);
  void pace(double estimated_ns, bool flush);
  void check_cancel(const gpu::Submission& submission);
  // The event to wait for until the timeline is at `value`, retained; null where it is there already.
  cl_event event_for(uint64_t value);
  void forget_timings();

  ClDevice& device_;
  cl_command_queue queue_ = nullptr;
  std::mutex mutex_;  // timeline
  std::deque<Point> points_;
  uint64_t reached_ = 0;
  // slices in flight
  std::deque<cl_event> slices_;
  double slice_ns_ = 0;
  // of the last profiled submission
  gpu::Work* profiled_ = nullptr;
  std::vector<Timing> timings_;
  uint64_t submitted_ns_ = 0;  // host clock
};

}  // namespace motley::opencl
