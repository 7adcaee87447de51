// Loading one plugin library: verify, open, check the ABI, start it, ask for its devices.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "plugin/manifest.hpp"
#include "plugin/registry.hpp"

namespace motley::plugin {

struct LoadedPlugin {
  std::shared_ptr<Plugin> plugin;
  std::vector<std::shared_ptr<Device>> devices;  // usable now, by index
};

// What was verified is what is loaded: file header and hash are read through the descriptor that is then loaded. A
// library is loaded and started once per process, and never unloaded. `manifest` is null for a library that the app
// named itself. Throws Error(plugin), Error(io), Error(not_found).
LoadedPlugin load(const std::filesystem::path& library, const Manifest* manifest);

}  // namespace motley::plugin
