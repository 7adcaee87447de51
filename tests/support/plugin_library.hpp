// Plugins from their libraries, without the core. A library stays open until the process ends.
#pragma once

#include <dlfcn.h>

#include <filesystem>
#include <string>

#include "motley/plugin.h"

namespace motley::test {

// What the library's entry gives; null where the library does not open or does not work with this host.
inline const motley_plugin* plugin_of(const std::string& library, uint32_t abi, const motley_host& host) {
  void* const opened = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  const auto entry = opened ? reinterpret_cast<motley_plugin_entry_fn>(dlsym(opened, "motley_plugin_entry")) : nullptr;
  return entry ? entry(abi, &host) : nullptr;
}

// The library of a plugin of this build; the program lies in the build's bin.
inline std::string built_library(const std::string& id) {
  const auto build = std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path();
  return build / "lib/motley/plugins" / ("libmotley_" + id + ".so");
}

// A plugin of this build, its init done; null where it is not built or does not start.
inline const motley_plugin* built_plugin(const std::string& id, const motley_host& host) {
  const motley_plugin* const plugin = plugin_of(built_library(id), MOTLEY_ABI_VERSION, host);
  return plugin && (!plugin->init || plugin->init(nullptr) == MOTLEY_OK) ? plugin : nullptr;
}

}  // namespace motley::test
