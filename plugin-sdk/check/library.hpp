// A plugin library as the checker sees it: loaded without the core's registry, so that its mistakes are the checker's
// to find.
#pragma once

#include <string>
#include <vector>

#include "motley/plugin.h"

namespace motley::check {

// The host that the plugin under test gets: logs nothing, runs parallel_for on four real threads.
const motley_host& check_host(const std::string& plugin_path);

// Loaded and entered. Throws std::runtime_error with a sentence.
const motley_plugin* load(const std::string& path);

// Fields past the plugin's struct_size zeroed.
motley_plugin copy_api(const motley_plugin* plugin);

struct ErrorBuffer {
  char text[256] = {};
  motley_error error{sizeof(motley_error), sizeof text, text};
};

std::vector<motley_device_info> enumerate(const motley_plugin& api);

}  // namespace motley::check
