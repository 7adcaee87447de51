// From a model and concrete shapes to segments compiled on their devices, and memory laid out before the first run.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "graph/graph.hpp"
#include "graph/infer.hpp"
#include "graph/passes.hpp"
#include "motley/motley.hpp"
#include "plan/support.hpp"
#include "table/advisor.hpp"

namespace motley::plan {

// What the caller asked for, resolved against the devices that exist.
struct Request {
  DeviceList devices;  // in order of preference, fallbacks included

  InputShapes shapes;
  std::vector<std::string> inputs, outputs, keep;
  bool keep_all = false;
  bool optimize = true;
  std::shared_ptr<const table::Advisor> advisor;  // null: no dispatch table
  Limits limits;
};

// What stays observable, by the names in the model; in its nested graphs too where it runs in stages.
struct Kept {
  std::set<std::string> nodes, tensors;
};

// A graph with concrete shapes that is ready to be placed, and what became of names.
struct Prepared {
  graph::Graph graph;                     // outputs: the asked ones, then kept tensors
  size_t output_count = 0;                // how many of graph.outputs were asked for
  std::vector<std::string> output_names;  // of graph.outputs, as the model calls them
  std::vector<graph::PassReport> passes;
  std::set<std::string> kept_nodes;  // names in the model
  // Set where shapes depend on data: then `graph` is empty, and this module, whose inputs have concrete shapes, is
  // planned in stages while it runs (run/dynamic.hpp).
  std::optional<graph::Module> staged;
  std::set<std::string> kept_tensors;  // of a staged one
};

// Cuts out the asked part, fixes shapes, infers, folds, optimizes. Throws as Runtime::compile says.
Prepared prepare(const graph::Module& module, const Request& request, graph::Evaluator* evaluator);

// The passes over a prepared graph whose shapes are known; `prepared.kept_nodes` stay.
void optimize(Prepared& prepared, graph::Evaluator* evaluator);

// Lowers what the devices do not take as it is: a node stays whole where a device at most ten times slower than the
// fastest claims it; else it is lowered and asked for again.
void lower_for(graph::Graph& graph, const DeviceList& devices, const std::vector<std::string>& keep);

// Which device runs each node.
struct Assignment {
  std::vector<int32_t> device;  // per node: index into Request::devices
  SupportTable support;
};
// The first device in order that supports a node runs it. `denied` holds (device, node name) pairs that failed to
// compile. Throws Error(unsupported) listing every node that nobody can run.
Assignment assign(const graph::Graph& graph, const DeviceList& devices,
                  const std::set<std::pair<size_t, std::string>>& denied);

// Nodes submitted together on one device.
struct SegmentSpec {
  size_t device = 0;
  std::vector<uint32_t> nodes;  // in a topological order
  std::vector<graph::TensorId> inputs, outputs;
};
// Segments in an order in which each needs only earlier ones, so the graph of segments has no cycle. Nodes of one
// device merge as long as that holds; a node that `alone` names gets segments of its own.
std::vector<SegmentSpec> partition(const graph::Graph& graph, const std::vector<int32_t>& device,
                                   const std::set<std::string>& alone);

// A compiled segment.
struct Segment {
  SegmentSpec spec;
  std::shared_ptr<plugin::Device> device;
  motley_executable* executable = nullptr;
  motley_exec_requirements requirements{};
  std::vector<std::shared_ptr<const void>> constants;  // kept alive for the executable
  std::vector<table::NodeChoice> choices;              // from the dispatch table

  Segment() = default;
  Segment(Segment&&) noexcept;
  Segment& operator=(Segment&&) = delete;
  ~Segment();
};

// Where a tensor that crosses segments lives on the host.
struct Slot {
  enum class Kind : uint8_t { arena, input, output, constant } kind = Kind::arena;
  uint64_t offset = 0;  // in the arena or the input/output block
  uint64_t bytes = 0;
};

// Immutable once built; shared by a session's plan cache.
struct Plan {
  graph::Graph graph;
  size_t output_count = 0;
  std::vector<std::string> output_names;
  DeviceList devices;
  Assignment assignment;
  std::vector<Segment> segments;
  std::map<graph::TensorId, Slot> slots;
  uint64_t arena_bytes = 0, io_bytes = 0, constant_bytes = 0;
  std::vector<uint64_t> scratch_offset;  // per segment, in the arena
  std::vector<graph::PassReport> passes;
  std::set<std::string> kept_nodes;
};

// From a prepared graph that is not staged.
std::shared_ptr<const Plan> build_plan(Prepared prepared, const Request& request);

// Slots, arena and scratch of a plan whose segments are compiled.
void plan_memory(Plan& plan, const Limits& limits);

}  // namespace motley::plan
