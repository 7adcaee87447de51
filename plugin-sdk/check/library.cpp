// Loading the plugin under test.
#include "library.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include "base/thread_pool.hpp"
#include "caller.hpp"

namespace motley::check {

namespace {

base::ThreadPool& pool() {
  static auto* instance = new base::ThreadPool(4);  // four, on any machine: races want threads
  return *instance;
}

}  // namespace

const motley_host& check_host(const std::string& plugin_path) {
  // One per plugin, for the life of the process, as the contract says.
  auto* path = new std::string(plugin_path);
  auto* host = new motley_host{};
  host->struct_size = sizeof *host;
  host->abi_version = MOTLEY_ABI_VERSION;
  host->log = [](void*, motley_log_level, const char*) {};
  host->clock_ns = [](void*) -> uint64_t {
    return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
  };
  host->parallel_for = [](void*, uint64_t count, void (*task)(void*, uint64_t, uint32_t), void* context) {
    pool().parallel_for(count, task, context);
  };
  host->worker_count = [](void*) { return pool().thread_count(); };
  host->plugin_path = path->c_str();
  return *host;
}

const motley_plugin* load(const std::string& path, Role role) {
  void* handle = nullptr;
  const auto open = [&] { handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL); };
  if (role == Role::checked) watch_plugin(path.c_str(), open);
  else open();
  if (!handle) throw std::runtime_error(std::string("it does not load: ") + dlerror());
  auto entry = reinterpret_cast<motley_plugin_entry_fn>(dlsym(handle, "motley_plugin_entry"));
  if (!entry) throw std::runtime_error("it does not export motley_plugin_entry");
  const motley_plugin* plugin = entry(MOTLEY_ABI_VERSION, &check_host(path));
  if (!plugin)
    throw std::runtime_error("motley_plugin_entry returned NULL for this host's ABI " +
                             std::to_string(MOTLEY_ABI_MAJOR) + "." + std::to_string(MOTLEY_ABI_MINOR));
  return plugin;
}

motley_plugin copy_api(const motley_plugin* plugin) {
  motley_plugin copy{};
  std::memcpy(&copy, plugin, std::min<size_t>(plugin->struct_size, sizeof copy));
  return copy;
}

const char* status_name(motley_status status) {
  constexpr const char* kNames[] = {"OK",      "INVALID_ARGUMENT",   "UNSUPPORTED", "OUT_OF_MEMORY", "DEVICE_LOST",
                                    "TIMEOUT", "INCOMPATIBLE_CACHE", "CANCELLED",   "BUSY",          "INTERNAL"};
  return static_cast<unsigned>(status) <= MOTLEY_INTERNAL ? kNames[status] : "unknown";
}

motley_plugin start(const std::string& path, Role role) {
  const motley_plugin api = copy_api(load(path, role));
  ErrorBuffer message;
  if (api.init) succeed("init", message, [&] { return api.init(&message.error); });
  return api;
}

std::vector<motley_device_info> enumerate(const motley_plugin& api) {
  std::vector<motley_device_info> devices;
  ErrorBuffer message;
  succeed("enumerate_devices", message, [&] {
    return api.enumerate_devices(
        &devices,
        [](void* context, const motley_device_info* info) {
          motley_device_info copy{};
          std::memcpy(&copy, info, std::min<size_t>(info->struct_size, sizeof copy));
          static_cast<std::vector<motley_device_info>*>(context)->push_back(copy);
        },
        &message.error);
  });
  return devices;
}

}  // namespace motley::check
