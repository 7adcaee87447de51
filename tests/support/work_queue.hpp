// A device queue for plugins that stand in for hardware: a thread that takes jobs in order and moves a timeline on.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "motley/plugin.hpp"

namespace motley::test {

// A submission, or with copies' two bindings a copy, that outlives the call. Bindings are on the host.
struct Job {
  const void* executable = nullptr;  // the plugin's own; null: a copy of inputs[0] to outputs[0]
  std::vector<motley_binding> inputs, outputs;
  std::vector<motley_fence> waits;
  motley_binding scratch{};
  const uint32_t* cancel = nullptr;
  uint64_t value = 0;

  // As a submission that waits for nothing.
  motley_submission submission() const {
    motley_submission s{};
    s.struct_size = sizeof s;
    s.inputs = inputs.data();
    s.input_count = static_cast<uint32_t>(inputs.size());
    s.outputs = outputs.data();
    s.output_count = static_cast<uint32_t>(outputs.size());
    s.scratch = scratch;
    s.cancel = cancel;
    s.signal_value = 1;
    return s;
  }
  void copy() const {
    std::memcpy(static_cast<std::byte*>(outputs[0].host) + outputs[0].offset,
                static_cast<const std::byte*>(inputs[0].host) + inputs[0].offset, inputs[0].size);
  }
};

// `on_host` makes a binding to device memory one to host memory.
template <class OnHost>
void fill(Job& job, const void* executable, const motley_submission& s, const OnHost& on_host) {
  job.executable = executable;
  job.inputs.clear();
  job.outputs.clear();
  for (uint32_t i = 0; i < s.input_count; ++i) job.inputs.push_back(on_host(s.inputs[i]));
  for (uint32_t i = 0; i < s.output_count; ++i) job.outputs.push_back(on_host(s.outputs[i]));
  job.waits.assign(s.waits, s.waits + s.wait_count);
  job.scratch = on_host(s.scratch);
  job.cancel = s.cancel;
  job.value = s.signal_value;
}
template <class OnHost>
void fill(Job& job, const motley_copy& c, const OnHost& on_host) {
  job.executable = nullptr;
  job.inputs.assign(1, on_host(c.from));
  job.outputs.assign(1, on_host(c.to));
  job.waits.assign(c.waits, c.waits + c.wait_count);
  job.value = c.signal_value;
}

// Runs each job with `run(const Job&)`, once all that it waits for is done. Waits are for queues of the same type. At
// most 32 jobs are pending; a steady run allocates nothing, for jobs keep their memory.
template <class Run>
class WorkQueue {
 public:
  explicit WorkQueue(Run run) : run_(std::move(run)), worker_([this] { work(); }) {}
  ~WorkQueue() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    worker_.join();
  }
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // `fill(Job&)` writes the whole job. Waits where too many are pending.
  template <class Fill>
  void add(const Fill& fill) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return added_ - taken_ < jobs_.size(); });
    fill(jobs_[added_++ % jobs_.size()]);
    changed_.notify_all();
  }
  // MOTLEY_TIMEOUT, or the status of the first failure up to `value` that no earlier wait has told.
  motley_status wait(uint64_t value, uint64_t timeout_ns) {
    std::unique_lock lock(mutex_);
    const auto there = [&] { return reached_ >= value; };
    if (timeout_ns > 1'000'000'000'000) changed_.wait(lock, there);
    else if (!changed_.wait_for(lock, std::chrono::nanoseconds(timeout_ns), there)) return MOTLEY_TIMEOUT;
    if (failure_ == MOTLEY_OK || failed_value_ > value) return MOTLEY_OK;
    return std::exchange(failure_, MOTLEY_OK);
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return stop_ || taken_ < added_; });
      if (taken_ == added_) return;
      const Job& job = jobs_[taken_ % jobs_.size()];
      lock.unlock();
      for (const motley_fence& fence : job.waits) reinterpret_cast<WorkQueue*>(fence.queue)->finish(fence.value);
      const motley_status status = sdk::guarded(nullptr, [&] { run_(job); });
      lock.lock();
      ++taken_;
      reached_ = job.value;
      if (status != MOTLEY_OK && failure_ == MOTLEY_OK) {
        failure_ = status;
        failed_value_ = job.value;
      }
      changed_.notify_all();
    }
  }
  // Waits for a value without hearing of failures.
  void finish(uint64_t value) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return reached_ >= value; });
  }

  Run run_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<Job, 32> jobs_;
  uint64_t added_ = 0, taken_ = 0, reached_ = 0;
  motley_status failure_ = MOTLEY_OK;  // told to nobody yet
  uint64_t failed_value_ = 0;
  bool stop_ = false;
  std::thread worker_;
};

}  // namespace motley::test
