// The shared threads: every index once, worker numbers never shared, many callers, nesting, changing limits.
#include "base/thread_pool.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace motley::base {
namespace {

template <class Fn> void run(ThreadPool& pool, uint64_t count, Fn fn) {
  pool.parallel_for(count, [](void* context, uint64_t i, uint32_t worker) { (*static_cast<Fn*>(context))(i, worker); }, &fn);
}

// Runs a call and checks what parallel_for promises of it.
void check_call(ThreadPool& pool, uint64_t count) {
  std::vector<std::atomic<int>> seen(count);
  std::array<std::atomic<int>, 64> busy{};
  std::atomic<bool> shared{false};
  std::vector<uint64_t> plain(count);  // not atomic: results must be visible to the caller
  const uint32_t bound = pool.capacity();
  run(pool, count, [&](uint64_t i, uint32_t worker) {
    if (worker >= bound || busy[worker].fetch_add(1) != 0) shared = true;
    seen[i].fetch_add(1);
    plain[i] = i * 3;
    busy[worker].fetch_sub(1);
  });
  EXPECT_FALSE(shared) << "two tasks had one worker number";
  for (uint64_t i = 0; i < count; ++i) {
    ASSERT_EQ(seen[i].load(), 1) << "index " << i << " of " << count;
    ASSERT_EQ(plain[i], i * 3);
  }
}

TEST(ThreadPool, RunsEveryIndexOnce) {
  for (uint32_t threads : {1u, 2u, 4u, 7u}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.thread_count(), threads);
    for (uint64_t count : {0, 1, 2, 3, 7, 8, 100, 10000}) check_call(pool, count);
  }
}

TEST(ThreadPool, ServesSeveralCallersAtOnce) {
  ThreadPool pool(4);
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&pool, c] {
      for (int i = 0; i < 200; ++i) check_call(pool, static_cast<uint64_t>(1 + (i * 7 + c) % 50));
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST(ThreadPool, NestedCallsRunSeriallyAsWorkerZero) {
  ThreadPool pool(4);
  std::atomic<uint64_t> sum{0};
  std::atomic<bool> wrong{false};
  run(pool, 16, [&](uint64_t, uint32_t) {
    const auto self = std::this_thread::get_id();
    uint64_t expected = 0;
    run(pool, 10, [&](uint64_t i, uint32_t worker) {
      if (worker != 0 || i != expected++ || std::this_thread::get_id() != self) wrong = true;
      sum += i;
    });
  });
  EXPECT_FALSE(wrong);
  EXPECT_EQ(sum, 16u * 45u);
  check_call(pool, 100);  // and the pool is as before
}

TEST(ThreadPool, LimitBoundsWhoTakesPart) {
  ThreadPool pool(6);
  for (uint32_t limit : {1u, 3u, 6u, 2u, 100u, 0u}) {
    pool.set_thread_limit(limit);
    const uint32_t now = pool.thread_count();
    EXPECT_EQ(now, std::min(std::max(limit, 1u), 6u));
    std::atomic<uint32_t> highest{0};
    run(pool, 1000, [&](uint64_t, uint32_t worker) {
      uint32_t before = highest;
      while (worker > before && !highest.compare_exchange_weak(before, worker)) {}
    });
    EXPECT_LT(highest, now);
  }
}

TEST(ThreadPool, LimitMayChangeWhileCallsRun) {
  ThreadPool pool(4);
  std::atomic<bool> stop{false};
  std::thread changer([&] {
    for (uint32_t i = 0; !stop; ++i) {
      pool.set_thread_limit(1 + i % 4);
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 500; ++i) check_call(pool, 20);
  stop = true;
  changer.join();
}

// Sleeping workers are woken by each other. A task that waits for all the others is done only if all came.
TEST(ThreadPool, AllSleepersAreWoken) {
  ThreadPool pool(9);
  const uint32_t threads = pool.capacity();
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // all go to sleep
    std::atomic<uint32_t> here{0};
    std::atomic<bool> late{false};
    run(pool, threads, [&](uint64_t, uint32_t) {
      here.fetch_add(1);
      const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (here.load() < threads && !late) {
        if (std::chrono::steady_clock::now() > end) late = true;
        std::this_thread::yield();
      }
    });
    EXPECT_FALSE(late) << "only " << here.load() << " of " << threads << " came";
  }
}

TEST(ThreadPool, PoolsComeAndGo) {
  for (int i = 0; i < 50; ++i) {
    ThreadPool pool(3);
    if (i % 2 == 0) check_call(pool, 10);
  }
}

TEST(ThreadPool, OneIsShared) {
  EXPECT_EQ(&ThreadPool::shared(), &ThreadPool::shared());
  EXPECT_GE(ThreadPool::shared().thread_count(), 1u);
  check_call(ThreadPool::shared(), 100);
}

}  // namespace
}  // namespace motley::base
