// One kernel problem: a graph of one node, or of several that a device runs as one kernel; its shapes known, kept in a
// file so that a worker process can read it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "graph/graph.hpp"
#include "plugin/registry.hpp"
#include "space/space.hpp"

namespace motley::tuner {

// The nodes of `graph`, ascending indices, with their tensors, as a graph of its own. Constants stay constants; what
// only these nodes read of each other is no output. Throws Error(invalid_argument) where a shape is not known.
graph::Graph problem_of(const graph::Graph& graph, const std::vector<uint32_t>& nodes);

void save_problem(const graph::Graph& problem, const std::filesystem::path& path);
// Throws as model::read_model does, and Error(invalid_argument) where there is no node.
graph::Graph load_problem(const std::filesystem::path& path);

// What a device's plugin says of it by motley.tuning/1.
struct DeviceProblem {
  std::string key;  // canonical text of all that the speed depends on
  Space space;      // its check asks the plugin
  uint32_t space_rev = 0;
  uint64_t workspace_bound = 0;  // bytes of scratch for any config; 0: not known
};

// `graph` and `device` outlive the result, which asks the plugin. Nothing where the plugin has no tuning space for it.
// Throws Error(plugin) with the plugin's text.
std::unique_ptr<DeviceProblem> describe_problem(plugin::Device& device, const graph::Graph& graph);

// "class key=value" lines of the device and the plugin's build, which a journal keeps results apart by.
std::string fingerprint_of(plugin::Device& device);

}  // namespace motley::tuner
