// Where plugins are looked for, in order.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "plugin/registry.hpp"

namespace motley::plugin {

// A manifest or library to look at, or a place that could not be looked into.
struct Candidate {
  std::filesystem::path path;
  std::string problem;  // why not, where there is nothing to load
};

// Files that the app names, its folders, then the standard places; each file once. Folders give their *.json, sorted.
std::vector<Candidate> candidates(const DiscoveryOptions& options);

// The first that exists of: motley/plugins beside the module that holds this code, lib/motley/plugins beside that
// module's folder, and the folder that the build was configured with. Empty where none does.
std::filesystem::path system_folder();

}  // namespace motley::plugin
