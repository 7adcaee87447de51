// Finding, checking and loading plugins, and the devices they offer.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "motley/plugin.h"

namespace motley::base {
class ThreadPool;
}

namespace motley::plugin {

// A loaded plugin. Never unloaded before the process ends.
struct Plugin {
  std::string id, version, vendor;
  std::filesystem::path manifest_path, library_path;
  motley_plugin api{};  // a copy: fields past the plugin's struct_size are zero
  motley_external_memory external{};  // likewise; zeros where it has none
  std::mutex control;   // held around [control] calls
};

// A device of a plugin, opened on first use, closed never (plugins stay loaded).
class Device {
 public:
  Device(std::shared_ptr<Plugin> plugin, const motley_device_info& info) : plugin_(std::move(plugin)), info_(info) {}

  // "cpu", or "acme:gpu0" where the device's id differs from its plugin's.
  std::string name() const;
  const motley_device_info& info() const { return info_; }
  Plugin& plugin() const { return *plugin_; }
  const motley_plugin& api() const { return plugin_->api; }
  // Opens it on the first call. Throws Error(plugin) with the plugin's text. [any]
  motley_device* handle();
  // It was opened, and not lost since. [any]
  bool is_open();
  // After MOTLEY_DEVICE_LOST: the next handle() opens the device anew. What was made on the lost handle can still be
  // released; the handle itself is never closed. [any]
  void forget(motley_device* lost);

  bool takes_host_pointers() const { return (info_.memory_flags & MOTLEY_MEMORY_HOST_POINTERS) != 0; }
  bool has_queues() const { return api().queue_create != nullptr; }
  // How it works with the host (null), or with another opened device; zeros where it does not say. [any]
  motley_edge_caps edge_caps(motley_device* own, motley_device* other) const;
  // Which hardware it is, and what handles to memory it gives and takes; zeros where it does not say. [any]
  motley_device_identity identity(motley_device* own) const;

 private:
  std::shared_ptr<Plugin> plugin_;
  motley_device_info info_;
  std::mutex mutex_;
  motley_device* handle_ = nullptr;
  std::vector<motley_device*> lost_;
};

// What became of one manifest (or library named by the app).
struct PluginReport {
  std::string id;  // from the manifest, or the file name
  std::filesystem::path manifest, library;
  std::string version, vendor;
  bool loaded = false;
  std::string reason;                // why not; or a remark where loaded
  std::vector<std::string> devices;  // names
};

struct DiscoveryOptions {
  std::vector<std::filesystem::path> files = {};       // manifests or libraries that the app names: first
  std::vector<std::filesystem::path> folders = {};     // searched besides the standard places
  bool standard_places = true;                         // MOTLEY_PLUGIN_FILES, user folder, system folder, see docs
  std::vector<std::string> select = {}, disable = {};  // globs on plugin ids; empty select: all
};

// Everything that was found, loaded or not. Plugins are shared by all registries of the process.
struct Registry {
  std::vector<PluginReport> reports;
  std::vector<std::shared_ptr<Device>> devices;  // sorted: by plugin in discovery order, then by index
};

// Never throws for a bad plugin: each failure is a report.
Registry discover(const DiscoveryOptions& options);

// The host side of the ABI: one per process, lives until the process ends. parallel_for runs on
// base::ThreadPool::shared().
const motley_host& host_for(const std::filesystem::path& plugin_path);

}  // namespace motley::plugin
