// Work as kernel objects, and the queue that runs it.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>

#include "device.hpp"
#include "pacing.hpp"

namespace motley::opencl {

// Kernel objects with their parameters set. Arguments that change from run to run are set again only when they do.
class ClWork final : public gpu::Work {
 public:
  ClWork(ClDevice& device, std::vector<Launch> launches, const gpu::Pacing& pacing);
  ~ClWork() override;
  std::vector<gpu::ProfileRow> profile() override;

  struct Entry {
    Launch launch;
    cl_kernel kernel = nullptr;
    std::vector<uint64_t> bound;  // what the arguments are now: memory by id, and offsets
    std::vector<cl_ulong> offsets;
    std::array<uint32_t, 3> first{};  // group, as the kernel has it now
  };
  std::vector<Entry>& entries() { return entries_; }
  // Held while arguments are set and kernels enqueued.
  std::mutex& mutex() { return mutex_; }
  // Shared with slices in flight, which may outlive the work.
  const std::shared_ptr<gpu::Pacer>& pacer() const { return pacer_; }
  // Forgets earlier times and makes room for those of so many pieces, whose events come by add_time. Under the mutex.
  void begin_profile(size_t pieces);
  void add_time(uint32_t launch, cl_event event);

 private:
  void forget_times();
  std::vector<gpu::ProfileRow> device_times() const;
  // For drivers that give no times: the time of the whole, shared out by the estimates.
  std::vector<gpu::ProfileRow> shared_out() const;

  ClDevice& device_;
  std::vector<Entry> entries_;
  std::shared_ptr<gpu::Pacer> pacer_;
  std::mutex mutex_;
  // of the last profiled submission
  struct Time {
    uint32_t launch;
    cl_event event;  // owned
  };
  std::vector<Time> times_;
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
  // A piece of a launch; null where no event is asked for.
  cl_event enqueue(ClWork& work, const gpu::Piece& piece, bool with_event);
  // A slice that is at work, from its first event to its last.
  struct InFlight {
    std::shared_ptr<gpu::Pacer> pacer;
    std::shared_ptr<const gpu::Cut> cut;
    size_t slice;
    cl_event first, last;  // owned; the same where it is one piece
  };
  void enqueue_slice(ClWork& work, const std::shared_ptr<const gpu::Cut>& cut, size_t slice, const gpu::Submission& submission);
  // Waits for the oldest slice, and tells its pacer what it took.
  void retire_slice();
  bool is_complete(cl_event event) const;
  void drop(const InFlight& slice);
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
  std::deque<InFlight> slices_;
};

}  // namespace motley::opencl
