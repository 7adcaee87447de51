// Header rules: what can be seen without running anything.
#include <dlfcn.h>

#include <cstring>
#include <set>
#include <stdexcept>

#include "checks.hpp"
#include "library.hpp"

namespace motley::check {

namespace {

void require(bool condition, const char* message) {
  if (!condition) throw std::runtime_error(message);
}

// Runs one rule; an exception is its failure.
template <class Fn>
void rule(Reporter& reporter, const char* name, Fn&& fn) {
  reporter.stage(std::string("rules/") + name);
  try {
    fn();
    reporter.result({"rules", name, Verdict::pass, "", 0});
  } catch (const std::exception& e) {
    reporter.result({"rules", name, Verdict::fail, e.what(), 0});
  }
}

bool terminated(const char* text, size_t room) { return std::memchr(text, 0, room) != nullptr; }

void check_info(const motley_device_info& info, std::set<std::string>& ids) {
  require(info.struct_size >= offsetof(motley_device_info, peak_gflops),
          "motley_device_info.struct_size is too small to hold the names");
  require(terminated(info.id, sizeof info.id) && terminated(info.name, sizeof info.name) &&
              terminated(info.vendor, sizeof info.vendor),
          "a name in motley_device_info is not zero-terminated");
  require(info.id[0] != 0, "a device has an empty id");
  require(ids.insert(info.id).second, "two devices have the same id");
  require(info.kind <= MOTLEY_DEVICE_OTHER, "motley_device_info.kind is no known value");
  require(info.peak_gflops >= 0 && info.bandwidth_gbps >= 0 && info.dispatch_ns >= 0,
          "a rate in motley_device_info is negative");
}

void check_required(const motley_plugin& p) {
  require(p.enumerate_devices, "enumerate_devices is NULL (required)");
  require(p.device_open, "device_open is NULL (required)");
  require(p.device_close, "device_close is NULL (required)");
  require(p.query_support, "query_support is NULL (required)");
  require(p.compile, "compile is NULL (required)");
  require(p.exec_release, "exec_release is NULL (required)");
  require(p.submit, "submit is NULL (required)");
  const int queues = (p.queue_create != nullptr) + (p.queue_destroy != nullptr) + (p.fence_wait != nullptr);
  require(queues == 0 || queues == 3, "of queue_create, queue_destroy and fence_wait some are NULL; give all or none");
  const int buffers = (p.buffer_alloc != nullptr) + (p.buffer_map != nullptr) + (p.buffer_unmap != nullptr) +
                      (p.buffer_release != nullptr);
  require(buffers == 0 || buffers == 4,
          "of buffer_alloc, buffer_map, buffer_unmap and buffer_release some are NULL; give all or none");
}

}  // namespace

void check_rules(const Options& options, Reporter& reporter) {
  const motley_plugin* plugin = nullptr;
  rule(reporter, "load", [&] { plugin = load(options.library); });
  if (!plugin) return;
  rule(reporter, "foreign_major", [&] {
    void* handle = dlopen(options.library.c_str(), RTLD_NOW | RTLD_LOCAL);
    auto entry = reinterpret_cast<motley_plugin_entry_fn>(dlsym(handle, "motley_plugin_entry"));
    require(entry(((MOTLEY_ABI_MAJOR + 1) << 16), &check_host(options.library)) == nullptr,
            "motley_plugin_entry accepts a host of another ABI major; it must return NULL");
  });
  rule(reporter, "struct_size", [&] {
    require(plugin->struct_size >= offsetof(motley_plugin, profile_read),
            "motley_plugin.struct_size is smaller than ABI 0.1's struct");
    require((plugin->abi_version >> 16) == MOTLEY_ABI_MAJOR,
            "motley_plugin.abi_version has another major than the header");
    require((plugin->abi_version & 0xffff) <= MOTLEY_ABI_MINOR, "motley_plugin.abi_version is newer than this checker");
  });
  const motley_plugin api = copy_api(plugin);
  rule(reporter, "names",
       [&] { require(api.id && *api.id && api.version && *api.version, "id or version is missing"); });
  rule(reporter, "required_functions", [&] { check_required(api); });
  if (!api.enumerate_devices || !api.device_open || !api.device_close) return;
  rule(reporter, "init", [&] {
    ErrorBuffer message;
    if (api.init && api.init(&message.error) != MOTLEY_OK)
      throw std::runtime_error(std::string("init failed: ") + message.text);
  });
  rule(reporter, "unknown_extension", [&] {
    require(!api.get_extension || !api.get_extension("motley.no-such-extension/9"),
            "get_extension gives something for an unknown id");
  });
  std::vector<motley_device_info> devices;
  rule(reporter, "enumerate", [&] {
    devices = enumerate(api);
    std::set<std::string> ids;
    for (const motley_device_info& info : devices) check_info(info, ids);
    const bool needs_buffers = !devices.empty() && !(devices[0].memory_flags & MOTLEY_MEMORY_HOST_POINTERS);
    require(!needs_buffers || api.buffer_alloc, "a device takes no host pointers, yet buffer_alloc is NULL");
  });
  rule(reporter, "no_such_device", [&] {
    ErrorBuffer message;
    motley_device* device = nullptr;
    require(api.device_open(0x7fffffff, &device, &message.error) != MOTLEY_OK,
            "device_open accepts an index that was never enumerated");
  });
  if (devices.empty())
    reporter.result(
        {"rules", "devices", Verdict::unsupported, "no device is usable on this machine; ops cannot be checked", 0});
}

}  // namespace motley::check
