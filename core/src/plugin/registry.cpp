// Discovery: each candidate becomes a report, and the good ones devices.
#include "plugin/registry.hpp"

#include <algorithm>

#include "base/environment.hpp"
#include "base/glob.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "motley/error.hpp"
#include "plugin/call.hpp"
#include "plugin/loader.hpp"
#include "plugin/places.hpp"

namespace motley::plugin {
namespace {

namespace fs = std::filesystem;

// Globs on plugin ids, from the app and from the environment.
class Filter {
 public:
  explicit Filter(const DiscoveryOptions& options) : app_select_(options.select), disable_(options.disable) {
    if (const char* select = base::environment("MOTLEY_PLUGINS_SELECT")) user_select_ = base::split(select, ',');
    if (const char* disable = base::environment("MOTLEY_PLUGINS_DISABLE")) {
      for (std::string& glob : base::split(disable, ',')) disable_.push_back(std::move(glob));
    }
  }

  std::string reason_against(const std::string& id) const {
    if (base::matches_any(disable_, id))
      return base::text("plugin \"%\" is disabled by the app or MOTLEY_PLUGINS_DISABLE", {id});
    for (const auto* select : {&app_select_, &user_select_}) {
      if (!select->empty() && !base::matches_any(*select, id)) {
        return base::text("plugin \"%\" is not among those that the app or MOTLEY_PLUGINS_SELECT selects", {id});
      }
    }
    return "";
  }

 private:
  std::vector<std::string> app_select_, user_select_, disable_;
};

std::string reason_of_shadow(const Registry& registry, const std::string& id) {
  for (const PluginReport& other : registry.reports) {
    if (!other.loaded || other.id != id) continue;
    return base::text("plugin \"%\" is shadowed by the one found before it at %",
                      {id, (other.manifest.empty() ? other.library : other.manifest).string()});
  }
  return "";
}

void add_devices(Registry& registry, PluginReport& report, const LoadedPlugin& loaded) {
  report.loaded = true;
  for (const std::shared_ptr<Device>& device : loaded.devices) {
    report.devices.push_back(device->name());
    registry.devices.push_back(device);
  }
}

// Both return why the plugin is not loaded, or a remark on one that is.
std::string load_with_manifest(Registry& registry, PluginReport& report, const Filter& filter) {
  const Manifest manifest = read_manifest(report.manifest);
  report.id = manifest.id;
  report.version = manifest.version;
  report.vendor = manifest.vendor;
  report.library = manifest.library;
  for (const std::string& reason :
       {filter.reason_against(manifest.id), reason_of_shadow(registry, manifest.id), reason_against(manifest)}) {
    if (!reason.empty()) return reason;
  }
  add_devices(registry, report, load(manifest.library, &manifest));
  return manifest.remark;
}

std::string load_without_manifest(Registry& registry, PluginReport& report, const Filter& filter) {
  const LoadedPlugin loaded = load(report.library, nullptr);
  report.id = loaded.plugin->id;
  report.version = loaded.plugin->version;
  report.vendor = loaded.plugin->vendor;
  for (const std::string& reason : {filter.reason_against(report.id), reason_of_shadow(registry, report.id)}) {
    if (!reason.empty()) return reason;
  }
  add_devices(registry, report, loaded);
  return "";
}

void look_at(Registry& registry, const Candidate& candidate, const Filter& filter) {
  PluginReport report;
  const bool is_manifest = candidate.path.extension() == ".json";
  report.id = candidate.path.stem().string();
  (is_manifest ? report.manifest : report.library) = candidate.path;
  try {
    report.reason = !candidate.problem.empty() ? candidate.problem
                    : is_manifest              ? load_with_manifest(registry, report, filter)
                                               : load_without_manifest(registry, report, filter);
  } catch (const std::exception& error) {
    report.reason = error.what();
  }
  if (report.loaded && report.devices.empty() && report.reason.empty()) report.reason = "no device of it is here";
  base::log(base::LogLevel::info, "plugins",
            (report.loaded ? "loaded " : "not loaded: ") + (report.loaded ? report.id : report.reason));
  registry.reports.push_back(std::move(report));
}

}  // namespace

std::string Device::name() const {
  return plugin_->id == info_.id ? plugin_->id : base::text("%:%", {plugin_->id, info_.id});
}

motley_device* Device::handle() {
  const std::lock_guard lock(mutex_);
  if (handle_) return handle_;
  ErrorRoom room;
  motley_status status;
  motley_device* opened = nullptr;
  {
    const std::lock_guard control(plugin_->control);
    status = guarded(room, [&] { return plugin_->api.device_open(info_.index, &opened, &room.error); });
  }
  if (status != MOTLEY_OK || !opened) {
    const std::string why = status == MOTLEY_OK ? "it returned no handle" : room.describe(status);
    base::fail(ErrorCode::plugin, "device \"%\" cannot be opened (%): see the documentation of its plugin",
               {name(), why});
  }
  return handle_ = opened;
}

bool Device::is_open() {
  const std::lock_guard lock(mutex_);
  return handle_ != nullptr;
}

void Device::forget(motley_device* lost) {
  const std::lock_guard lock(mutex_);
  if (handle_ != lost) return;  // somebody has noticed before
  lost_.push_back(handle_);
  handle_ = nullptr;
}

motley_edge_caps Device::edge_caps(motley_device* own, motley_device* other) const {
  motley_edge_caps caps{};
  caps.struct_size = sizeof caps;
  if (!api().edge_caps || api().edge_caps(own, other, &caps) != MOTLEY_OK) return motley_edge_caps{};
  return caps;
}

motley_device_identity Device::identity(motley_device* own) const {
  motley_device_identity identity{};
  identity.struct_size = sizeof identity;
  const motley_external_memory& external = plugin_->external;
  if (!external.identity || external.identity(own, &identity) != MOTLEY_OK) return motley_device_identity{};
  if (!external.buffer_alloc || !external.buffer_export) identity.exports = 0;
  if (!external.buffer_import) identity.imports = 0;
  return identity;
}

Registry discover(const DiscoveryOptions& options) {
  Registry registry;
  const Filter filter(options);
  for (const Candidate& candidate : candidates(options)) look_at(registry, candidate, filter);
  return registry;
}

}  // namespace motley::plugin
