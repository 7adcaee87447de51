// The threads that host and CPU plugins share.
#pragma once

#include <cstdint>
#include <memory>

namespace motley::base {

// Workers that sleep until a parallel_for wants them. Several callers at once are fine: each takes part in its own call
// and idle workers help whichever call is oldest. No allocation after construction. Never destroyed before the process
// ends.
class ThreadPool {
 public:
  // The process's pool, made on first use with one worker per available core (cgroup and affinity counted), or
  // MOTLEY_THREADS.
  static ThreadPool& shared();

  explicit ThreadPool(uint32_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  using Task = void (*)(void* context, uint64_t index, uint32_t worker);
  // Calls task(context, i, worker) for i in [0, count) and returns when all are done. The caller takes part. Within one
  // call no two running tasks share `worker` < thread_count(). A call from inside a task runs serially with that
  // worker's number 0.
  void parallel_for(uint64_t count, Task task, void* context);

  // Threads that take part, the caller included; at least 1.
  uint32_t thread_count() const;
  // Limits how many take part in calls from now on: 1 to the number made.
  void set_thread_limit(uint32_t threads);
  // The number made, whatever the limit: the bound of `worker` at any time, for scratch that outlives a change of
  // limit.
  uint32_t capacity() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace motley::base
