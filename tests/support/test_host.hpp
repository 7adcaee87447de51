// A motley_host for tests: real threads per parallel_for, log lines to stderr.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "motley/plugin.h"

namespace motley::test {

inline constexpr uint32_t kTestWorkers = 3;

// One host per process: plugins keep the pointer.
inline const motley_host& test_host() {
  static const motley_host host = [] {
    motley_host h{};
    h.struct_size = sizeof h;
    h.abi_version = MOTLEY_ABI_VERSION;
    h.log = [](void*, motley_log_level level, const char* text) {
      if (level >= MOTLEY_LOG_WARNING) std::fprintf(stderr, "%s\n", text);
    };
    h.clock_ns = [](void*) {
      const auto now = std::chrono::steady_clock::now().time_since_epoch();
      return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
    };
    h.parallel_for = [](void*, uint64_t count, void (*task)(void*, uint64_t, uint32_t), void* context) {
      static thread_local bool nested = false;
      if (nested || count < 2) {
        for (uint64_t i = 0; i < count; ++i) task(context, i, 0);
        return;
      }
      std::atomic<uint64_t> next{0};
      const auto work = [&](uint32_t worker) {
        nested = true;
        for (uint64_t i = next++; i < count; i = next++) task(context, i, worker);
        nested = false;
      };
      std::vector<std::thread> threads;
      for (uint32_t w = 1; w < kTestWorkers; ++w) threads.emplace_back(work, w);
      work(0);
      for (std::thread& t : threads) t.join();
    };
    h.worker_count = [](void*) { return kTestWorkers; };
    h.plugin_path = "";
    return h;
  }();
  return host;
}

}  // namespace motley::test
