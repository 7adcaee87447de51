// What there is to measure for some models on some devices: the distinct problems of their nodes.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "device/problem.hpp"
#include "motley/motley.hpp"
#include "plan/plan.hpp"
#include "table/document.hpp"
#include "table/rows.hpp"

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

// Nodes that share a measurement; or several nodes that a device offers to run as one kernel, or a node that it offers
// to run in another way than the plain one: a candidate.
struct Problem {
  std::string key;                         // as rows of tables have it
  std::string candidate;                   // the config by which the device offers it; "": the plain kernel
  schema::DataType precision{};            // of a candidate that computes in less than its node's own; else undefined
  size_t device = 0;                       // index into the devices
  graph::Graph graph;                      // the nodes and their tensors
  std::unique_ptr<DeviceProblem> tunable;  // null: there is nothing to choose
  uint32_t count = 0;                      // nodes
  double work = 0;                         // operations and bytes of one, a rough measure that is the same everywhere
  double estimate_ns = 0;                  // of one, as the plugin says; 0 for a candidate: it is not asked
  // What journals call it: "conv f32 … as precision=f16" for a candidate.
  std::string name() const { return observed_name(key, candidate); }
};

// What the runtime plans at once: prepared and lowered for all devices.
struct PlannedStage {
  graph::Graph graph;
  std::string hash;            // table::graph_hash
  std::filesystem::path file;  // where a process planned it for another: the graph as a model
  // Whether a session that compiles the file has to optimize it to plan this very graph; nothing: it does in no way.
  std::optional<bool> optimize = {};
};

// A model as the runtime plans it.
struct PlannedModel {
  bool is_whole = true;  // one stage; false: shapes depend on data, and it is planned while it runs
  std::vector<PlannedStage> stages;
};
// Plans what needs only the shapes of the inputs. Folding constants runs kernels. Throws as Runtime::compile does.
PlannedModel plan_model(const graph::Module& module, const plan::Request& request);
// What a run of a network whose shapes depend on data plans after that, on made-up inputs: floats from 0 to 1, whole
// numbers 0 or 1. Where these make no sense to it, `ended_by` gets what the run ended with, and the stages are those
// that it reached. Stages of `known` are left out.
std::vector<PlannedStage> plan_later(const graph::Module& module, const plan::Request& request,
                                     const PlannedModel& known, std::string& ended_by);

// Which candidates are measured beside plain kernels.
enum class Precisions : uint8_t { own, lower_too };

// The problems of the models' nodes on each device that supports them, each once, the order the same for the same
// arguments; then the candidates that devices offer. Nodes without a known shape are left out.
std::vector<Problem> collect(const std::vector<PlannedModel>& models, const std::vector<TunedDevice>& devices,
                             Precisions precisions = Precisions::own);

// The part i of n (1 to n) of the problems, about the same work in each. Which problem is in which part depends on the
// problems alone.
std::vector<Problem> shard(std::vector<Problem> problems, size_t part, size_t parts);

}  // namespace motley::tuner
