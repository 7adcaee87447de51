// What there is to measure for some models on some devices: the distinct problems of their nodes.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "device/problem.hpp"
#include "motley/motley.hpp"
#include "plan/support.hpp"
#include "table/document.hpp"

namespace motley::tuner {

// A model with the shapes it is tuned for.
struct TunedModel {
  std::filesystem::path path;  // as the worker opens it
  Model model;
  InputShapes shapes;
};

// A device that is tuned.
struct TunedDevice {
  std::shared_ptr<plugin::Device> device;
  table::Fingerprint fingerprint;
  std::string journal_name;  // what a journal calls it
  nlohmann::json row;        // of the table; its id is the one of canonical tables
  std::string id() const { return row["id"]; }
};
// Opens the device. Throws Error(plugin); also where the plugin says no fingerprint, as nothing measured could be used.
TunedDevice describe_device(std::shared_ptr<plugin::Device> device);

// Nodes that share a measurement.
struct Problem {
  std::string key;
  size_t device = 0;                       // index into the devices
  graph::Graph graph;                      // the node and its tensors
  std::unique_ptr<DeviceProblem> tunable;  // null: there is nothing to choose
  uint32_t count = 0;                      // nodes
  double work = 0;                         // operations and bytes of one, a rough measure that is the same everywhere
  double estimate_ns = 0;                  // of one, as the plugin says
};

// A model as the runtime plans it: prepared and lowered for all devices.
struct PlannedModel {
  graph::Graph graph;
  std::string hash;      // table::graph_hash
  bool is_whole = true;  // false: its shapes depend on data, and this is the part that is planned before a run
  std::vector<graph::Graph> later;  // then what a run on made-up inputs planned on the way, as far as it got
};
// `all`: every device of the runtime. Throws as Runtime::compile does.
PlannedModel plan_model(const TunedModel& model, const plan::DeviceList& all);

// The problems of the models' nodes on each device that supports them, each once, the order the same for the same
// arguments. Nodes without a known shape are left out.
std::vector<Problem> collect(const std::vector<PlannedModel>& models, const std::vector<TunedDevice>& devices);

// The part i of n (1 to n) of the problems, about the same work in each. Which problem is in which part depends on the
// problems alone.
std::vector<Problem> shard(std::vector<Problem> problems, size_t part, size_t parts);

}  // namespace motley::tuner
