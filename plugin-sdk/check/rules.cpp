// Header rules: what can be seen without running anything.
#include <dlfcn.h>

#include <cmath>
#include <cstring>
#include <set>
#include <stdexcept>

#include "checks.hpp"

namespace motley::check {

namespace {

void require(bool condition, const char* message) {
  if (!condition) throw std::runtime_error(message);
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
  for (const double rate : {info.peak_gflops, info.bandwidth_gbps, info.dispatch_ns})
    require(rate >= 0 && std::isfinite(rate), "a rate in motley_device_info is negative or not finite");
  require(info.precisions >> (static_cast<unsigned>(schema::DataType::MAX) + 1) == 0,
          "motley_device_info.precisions has a bit that is no DataType");
}

int foreign_major(Scene& scene) {
  const std::string& library = scene.options.library;
  load(library);
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  auto entry = reinterpret_cast<motley_plugin_entry_fn>(dlsym(handle, "motley_plugin_entry"));
  require(entry(((MOTLEY_ABI_MAJOR + 1) << 16), &check_host(library)) == nullptr,
          "motley_plugin_entry accepts a host of another ABI major; it must return NULL");
  return 0;
}

int struct_size(Scene& scene) {
  const motley_plugin* plugin = load(scene.options.library);
  require(plugin->struct_size >= offsetof(motley_plugin, profile_read),
          "motley_plugin.struct_size is smaller than ABI 0.1's struct");
  require((plugin->abi_version >> 16) == MOTLEY_ABI_MAJOR,
          "motley_plugin.abi_version has another major than the header");
  require((plugin->abi_version & 0xffff) <= MOTLEY_ABI_MINOR, "motley_plugin.abi_version is newer than this checker");
  return 0;
}

int required_functions(Scene& scene) {
  const motley_plugin p = copy_api(load(scene.options.library));
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
  require(!p.buffer_import || buffers == 4, "buffer_import is there, but not the functions that its buffers need");
  require(!p.buffer_map_for || buffers == 4, "buffer_map_for is there, but not the functions beside it");
  const int cache = (p.exec_export != nullptr) + (p.cache_verdict != nullptr) + (p.exec_import != nullptr);
  require(cache == 0 || cache == 3, "of exec_export, cache_verdict and exec_import some are NULL; give all or none");
  return 0;
}

int names(Scene& scene) {
  const motley_plugin p = copy_api(load(scene.options.library));
  require(p.id && *p.id, "the plugin's id is missing");
  require(p.version && *p.version, "the plugin's version is missing");
  require(p.build_id && *p.build_id, "the plugin's build_id is missing");
  scene.reporter.fact("id", p.id);
  scene.reporter.fact("version", p.version);
  scene.reporter.fact("build", p.build_id);
  return 0;
}

int devices(Scene& scene) {
  const std::vector<motley_device_info> found = enumerate(scene.api());
  std::set<std::string> ids;
  for (const motley_device_info& info : found) {
    check_info(info, ids);
    require((info.memory_flags & MOTLEY_MEMORY_HOST_POINTERS) || scene.api().buffer_alloc,
            "a device takes no host pointers, yet buffer_alloc is NULL");
    scene.reporter.fact("device", info.id);
  }
  const std::vector<motley_device_info> again = enumerate(scene.api());
  require(again.size() == found.size(), "enumerating twice gives different devices");
  for (size_t i = 0; i < found.size(); ++i)
    require(std::strcmp(found[i].id, again[i].id) == 0, "enumerating twice gives different ids");
  if (found.empty()) throw Unsupported("no device is usable on this machine; nothing else can be checked");
  return static_cast<int>(found.size());
}

int unknown_extension(Scene& scene) {
  const motley_plugin& api = scene.api();
  require(!api.get_extension || !api.get_extension("motley.no-such-extension/9"),
          "get_extension gives something for an unknown id");
  require(!api.get_extension || !api.get_extension(""), "get_extension gives something for an empty id");
  return 0;
}

int no_such_device(Scene& scene) {
  ErrorBuffer message;
  motley_device* device = nullptr;
  const motley_status status =
      call("device_open", [&] { return scene.api().device_open(0x7fffffff, &device, &message.error); });
  require(status != MOTLEY_OK, "device_open accepts an index that was never enumerated");
  require(message.text[0] != 0, "device_open refuses a device and writes no sentence why");
  return 0;
}

}  // namespace

void add_rule_checks(Plan& plan) {
  const auto add = [&](const char* name, const char* about, int (*body)(Scene&)) {
    plan.push_back({"rules", name, about, body});
  };
  add("load", "the library loads and its entry accepts this host", [](Scene& scene) {
    load(scene.options.library);
    return 0;
  });
  add("foreign_major", "a host of another ABI major is refused", foreign_major);
  add("struct_size", "motley_plugin is of this ABI", struct_size);
  add("required_functions", "what must be there is there, and groups are whole", required_functions);
  add("names", "id, version and build are given", names);
  add("init", "init succeeds", [](Scene& scene) {
    scene.api();
    return 0;
  });
  add("unknown_extension", "an unknown extension is NULL", unknown_extension);
  add("enumerate", "devices are described within the rules, and the same twice", devices);
  add("no_such_device", "an index that was not enumerated is refused with a sentence", no_such_device);
}

}  // namespace motley::check
