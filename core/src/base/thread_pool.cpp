// The threads that host and CPU plugins share: one list of open calls, helped oldest first.
#include "base/thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "base/environment.hpp"

namespace motley::base {
namespace {

// How often a thread looks before it sleeps. Kernels follow each other within microseconds, a wake-up through the
// kernel costs some 5 to 50 us; about 20 us of looking bridges the gap without burning a core on an idle process.
constexpr int kSpins = 400;
constexpr uint32_t kMostThreads = 1024;
// What is done under the mutex takes some tens of nanoseconds, but all threads come for it at once when a call begins:
// where each sleeps until its turn, that adds a wake-up per thread to every call.
constexpr int kLockSpins = 200;

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");  // `yield` is a no-op on most Arm cores; isb waits for some tens of cycles
#endif
}

std::unique_lock<std::mutex> lock_soon(std::mutex& mutex) {
  for (int i = 0; i < kLockSpins; ++i) {
    if (mutex.try_lock()) return {mutex, std::adopt_lock};
    relax();
  }
  return std::unique_lock(mutex);
}

// Set while a task runs on this thread: a parallel_for from inside runs serially.
thread_local bool inside_task = false;

uint32_t default_threads() {
  if (const char* text = environment("MOTLEY_THREADS")) {
    char* end = nullptr;
    const long value = std::strtol(text, &end, 10);
    if (end != text && *end == '\0' && value >= 1) return static_cast<uint32_t>(std::min<long>(value, kMostThreads));
  }
  return available_cores();
}

}  // namespace

struct ThreadPool::State {
  // One parallel_for, on its caller's stack and in the list of open calls.
  struct Call {
    Task task;
    void* context;
    uint64_t count, chunk;
    uint32_t limit;                    // only workers below it may join
    std::atomic<uint64_t> next{0};     // first index that nobody has taken
    std::atomic<uint32_t> helpers{0};  // workers that are in it; changed under `mutex`
    Call* following = nullptr;

    bool exhausted() const { return next.load(std::memory_order_relaxed) >= count; }
    // A task must not throw: there is nobody to catch it.
    void take_part(uint32_t worker) noexcept {
      inside_task = true;
      for (;;) {
        const uint64_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
        if (begin >= count) break;
        const uint64_t end = std::min(count, begin + chunk);
        for (uint64_t i = begin; i < end; ++i) task(context, i, worker);
      }
      inside_task = false;
    }
  };

  std::mutex mutex;
  std::condition_variable work, parked, done;
  std::atomic<uint64_t> epoch{0};  // changes with every new call, new limit and at the end
  Call* oldest = nullptr;
  uint32_t sleepers = 0;         // workers that wait on `work`
  uint32_t to_wake = 0;          // of those, how many are still to be woken, by those that were
  uint32_t waiting_callers = 0;  // callers that wait on `done`
  std::atomic<uint32_t> limit{1};
  bool stop = false;
  std::vector<std::thread> threads;

  Call* joinable(uint32_t worker) const {
    for (Call* call = oldest; call; call = call->following) {
      if (worker < call->limit && !call->exhausted()) return call;
    }
    return nullptr;
  }
  void append(Call* call) {
    Call** end = &oldest;
    while (*end) end = &(*end)->following;
    *end = call;
  }
  void unlink(Call* call) {
    Call** link = &oldest;
    while (*link != call) link = &(*link)->following;
    *link = call->following;
  }
  // Under the mutex. Waking takes a system call, so nobody wakes all.
  void wake_some() {
    for (int i = 0; i < 2 && to_wake > 0; ++i, --to_wake) work.notify_one();
  }
  void work_as(uint32_t worker);
  void finish(Call& call);
};

void ThreadPool::State::work_as(uint32_t worker) {
  std::unique_lock lock = lock_soon(mutex);
  while (!stop) {
    if (Call* call = joinable(worker)) {
      call->helpers.fetch_add(1, std::memory_order_relaxed);
      lock.unlock();
      call->take_part(worker);
      lock = lock_soon(mutex);
      // The last look at the call: its caller may return as soon as this is 0.
      if (call->helpers.fetch_sub(1, std::memory_order_release) == 1 && waiting_callers > 0) done.notify_all();
      continue;
    }
    if (worker >= limit.load(std::memory_order_relaxed)) {
      parked.wait(lock);
      continue;
    }
    const uint64_t seen = epoch.load(std::memory_order_relaxed);
    lock.unlock();
    for (int i = 0; i < kSpins && epoch.load(std::memory_order_relaxed) == seen; ++i) relax();
    lock = lock_soon(mutex);
    if (epoch.load(std::memory_order_relaxed) != seen) continue;
    ++sleepers;
    work.wait(lock);
    --sleepers;
    wake_some();
  }
}

// Takes a call out of the list and waits for those who help with it.
void ThreadPool::State::finish(Call& call) {
  {
    const std::unique_lock lock = lock_soon(mutex);
    unlink(&call);
  }
  for (int i = 0; i < kSpins; ++i) {
    if (call.helpers.load(std::memory_order_acquire) == 0) return;
    relax();
  }
  std::unique_lock lock(mutex);
  ++waiting_callers;
  done.wait(lock, [&] { return call.helpers.load(std::memory_order_acquire) == 0; });
  --waiting_callers;
}

ThreadPool& ThreadPool::shared() {
  static ThreadPool* const pool = new ThreadPool(default_threads());
  return *pool;
}

ThreadPool::ThreadPool(uint32_t threads) : state_(std::make_unique<State>()) {
  const uint32_t count = std::clamp(threads, 1u, kMostThreads);
  state_->threads.reserve(count - 1);
  for (uint32_t worker = 1; worker < count; ++worker) {
    try {
      state_->threads.emplace_back([state = state_.get(), worker] { state->work_as(worker); });
    } catch (const std::system_error&) {
      break;  // the system gives no more threads; fewer do the same work
    }
  }
  set_thread_limit(capacity());
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop = true;
    state_->epoch.fetch_add(1, std::memory_order_relaxed);
  }
  state_->work.notify_all();
  state_->parked.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
}

void ThreadPool::parallel_for(uint64_t count, Task task, void* context) {
  if (count == 0) return;
  if (inside_task) {
    for (uint64_t i = 0; i < count; ++i) task(context, i, 0);
    return;
  }
  State& state = *state_;
  const uint32_t limit = thread_count();
  // Several chunks per thread even out unequal tasks; one index at a time would make `next` the bottleneck of small
  // ones.
  State::Call call{task, context, count, std::max<uint64_t>(1, count / (8ull * limit)), limit};
  if (limit == 1 || count == 1) return call.take_part(0);

  {
    const std::unique_lock lock = lock_soon(state.mutex);
    state.append(&call);
    state.epoch.fetch_add(1, std::memory_order_relaxed);
    state.to_wake = static_cast<uint32_t>(std::min<uint64_t>(state.to_wake + count - 1, state.sleepers));
    state.wake_some();
  }
  call.take_part(0);
  state.finish(call);
}

uint32_t ThreadPool::thread_count() const { return state_->limit.load(std::memory_order_relaxed); }

uint32_t ThreadPool::capacity() const { return static_cast<uint32_t>(state_->threads.size()) + 1; }

void ThreadPool::set_thread_limit(uint32_t threads) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->limit.store(std::clamp(threads, 1u, capacity()), std::memory_order_relaxed);
    state_->epoch.fetch_add(1, std::memory_order_relaxed);
  }
  // Workers move between sleeping and parked.
  state_->work.notify_all();
  state_->parked.notify_all();
}

}  // namespace motley::base
