// The host side of the ABI: log, clock and threads for plugins.
#include <algorithm>
#include <chrono>
#include <map>
#include <string>

#include "base/log.hpp"
#include "base/thread_pool.hpp"
#include "plugin/registry.hpp"

namespace motley::plugin {
namespace {

static_assert(static_cast<int>(base::LogLevel::debug) == MOTLEY_LOG_DEBUG &&
              static_cast<int>(base::LogLevel::error) == MOTLEY_LOG_ERROR);

// What a plugin's `context` points to.
struct Host {
  motley_host abi{};
  std::string path, name;
};

void log_of(void* context, motley_log_level level, const char* text) noexcept {
  const int known =
      std::clamp(static_cast<int>(level), static_cast<int>(MOTLEY_LOG_DEBUG), static_cast<int>(MOTLEY_LOG_ERROR));
  base::log(static_cast<base::LogLevel>(known), static_cast<const Host*>(context)->name, text ? text : "");
}

uint64_t clock_of(void*) noexcept {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

void parallel_for_of(void*, uint64_t count, void (*task)(void*, uint64_t, uint32_t), void* task_context) noexcept {
  base::ThreadPool::shared().parallel_for(count, task, task_context);
}

// The number made, not the limit of the moment: plugins size scratch by it, and the limit may be raised afterwards.
uint32_t worker_count_of(void*) noexcept { return base::ThreadPool::shared().capacity(); }

}  // namespace

const motley_host& host_for(const std::filesystem::path& plugin_path) {
  // Neither is ever destroyed: plugins may call until the process ends.
  static auto& mutex = *new std::mutex;
  static auto& hosts = *new std::map<std::filesystem::path, Host>;
  const std::lock_guard lock(mutex);
  const auto [it, is_new] = hosts.try_emplace(plugin_path);
  Host& host = it->second;
  if (is_new) {
    host.path = plugin_path.string();
    host.name = plugin_path.filename().string();
    host.abi = {sizeof(motley_host), MOTLEY_ABI_VERSION, &host, log_of, clock_of, parallel_for_of,
                worker_count_of,     host.path.c_str()};
  }
  return host.abi;
}

}  // namespace motley::plugin
