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
#include "place/problem.hpp"
#include "plan/schedule.hpp"
#include "plan/support.hpp"
#include "table/advisor.hpp"

namespace motley::plan {

// "This node runs on that device": a node's name, or a glob on names, and a device's name. The first that fits counts.
using Pins = std::vector<std::pair<std::string, std::string>>;

// What the caller said of one device.
struct Wish {
  const plugin::Device* device = nullptr;
  bool named = true;     // one of CompileOptions::devices, or these are empty
  bool avoided = false;  // another is preferred
  uint32_t milliwatts = 1000;
};

struct Split;
struct Layouts;

// What the caller asked for, resolved against the devices that exist.
struct Request {
  DeviceList devices;  // in order of preference, fallbacks included
  std::vector<Wish> wishes;
  Policy policy = Policy::latency;
  int64_t error_budget_ppb = 0;
  int64_t deadline_ns = 0;  // 0: none
  bool ordered = false;  // the caller named devices in an order
  const Wish& wish_of(const plugin::Device& device) const;
  Pins pins;
  bool fallback = true;  // a pinned node that its device does not run goes to another

  InputShapes shapes;
  std::vector<std::string> inputs, outputs, keep;
  bool keep_all = false;
  bool optimize = true;
  bool split = true;  // operators over two devices
  bool split_alike = false;  // also over two of one kind, from different plugins
  bool layouts = true;  // kernels for tensors that are not row-major
  std::shared_ptr<const Split>
      parts;  // of a graph in which some are split: what is known of their parts; see split.hpp
  uint64_t slice_ns = 0;                          // as motley_compile_options has it
  std::shared_ptr<const table::Advisor> advisor;  // null: no dispatch table
  std::shared_ptr<const table::Advisor::Plan> raced;  // of a graph in which some are split: the plan to follow
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
// fastest claims it, or the one that it is pinned to; else it is lowered and asked for again.
void lower_for(graph::Graph& graph, const Request& request, const std::vector<std::string>& keep);

// Index of the device that a node is pinned to: by its own name or that of a node of the model it comes from. -1: none.
int32_t pinned_device(const graph::Node& node, const Request& request);

// What a node costs where it runs, and where else it could.
struct NodeCost {
  double ns = 0;
  place::Provenance source = place::Provenance::estimated;
  int32_t runner_up = -1;  // a device, or -1
  double more = 0;         // what the plan would cost on top, in the unit of its policy
  int32_t runner_up_offer = -1;  // of SupportTable::offers, that the runner-up would be; -1: the plain kernel
  int32_t left_out = -1;         // of SupportTable::offers: what only the error budget keeps from being better
  double left_out_more = 0;
};

// How a plan was decided, and what it is thought to cost. Numbers are 0 where they are not known.
struct Decision {
  enum class By : uint8_t {
    order,    // the first device in order that supports a node
    planner,  // the cheapest placement
    single,   // the best device alone, which nothing beats clearly
    raced     // the dispatch table has a plan that was measured to be the fastest
  } by = By::order;
  std::string note;            // why the planner was not asked, or had no answer
  double run_ns = 0;           // predicted
  double cost = 0, bound = 0;  // in the unit of the policy
  double rival = 0;            // cost of the best device alone, or of the order
  bool side_by_side = false;
  double planner_ns = 0;  // time that it took
  double error = 0;       // relative, of kernels of lower precision together
  double unbudgeted = 0;  // what a plan without an error budget would cost, where that is less
  bool late = false;      // no plan within the deadline was found
  uint32_t doubt = 0;     // per 1000: by how much a plan has to be better, as far as its costs are no measurements
};

// Which device runs each node.
struct Assignment {
  std::vector<int32_t> device;  // per node: index into Request::devices
  std::vector<int32_t> pin;     // per node: the device it is pinned to, or -1
  SupportTable support;         // without what pins and compilers rule out
  std::vector<int32_t> offer;   // per node: which of support.offers runs it, or -1; empty: none
  std::vector<NodeCost> costs;  // per node; empty where the planner was not asked
  std::vector<std::string> configs;  // per node, where a plan that was run says them; else empty
  Decision decision;
  std::shared_ptr<const Split> split;  // a graph with operators split over two devices, that may be faster; or null
  std::shared_ptr<Layouts> layouts;    // a plan with tensors in other layouts, which is clearly better; or null
  std::shared_ptr<const table::Advisor::Plan> raced;  // the plan of `split` that was measured; or null
};
// What compilers refused: a device (index) and a node, and why.
using Denied = std::map<std::pair<size_t, std::string>, std::string>;

// A node runs on the device that it is pinned to, or the only one that supports it. Where there is a choice, the
// planner decides by cost: if no devices were named, a policy other than latency was, or a dispatch table measured
// nodes on the named devices. Else, and without the planner, the first in order that supports it. Devices that were not
// named run what none of those named does. `denied` holds (device, node name) pairs that failed to compile. Throws
// Error(unsupported) listing every node that nobody can run, or that its device does not run where there is no
// fallback.
Assignment assign(const graph::Graph& graph, const Request& request,
                  const Denied& denied);

// Takes the assignment and its configs from the plan that the dispatch table has for this graph, or from
// `request.raced`. False where it has none, or one that the request does not allow. Where the table has a faster one
// that splits operators, `assignment.split` gets the graph that it is for.
bool follow_raced(const graph::Graph& graph, const Request& request, Assignment& assignment);

// Costs and runners-up of an assignment that was not decided by cost, for those who want to know.
void price(const graph::Graph& graph, const Request& request, Assignment& assignment);

// Nodes submitted together on one device.
struct SegmentSpec {
  size_t device = 0;
  std::vector<uint32_t> nodes;  // in a topological order
  std::vector<graph::TensorId> inputs, outputs;
};
// Segments in an order in which each needs only earlier ones, so the graph of segments has no cycle. Nodes of one
// device merge as long as that holds; a node that `alone` names, by its own name or an origin, gets segments of its
// own. Where one of two devices works in the background (`queued`, per device; empty: none), what needs the other's
// results is kept apart from what does not, so that both can work at once. Nodes of one `kernel` (a number per node, -1
// for none; empty: none) stay together.
std::vector<SegmentSpec> partition(const graph::Graph& graph, const std::vector<int32_t>& device,
                                   const std::set<std::string>& alone, const std::vector<bool>& queued = {},
                                   const std::vector<int32_t>& kernel = {});

// A compiled segment.
struct Segment {
  SegmentSpec spec;
  std::shared_ptr<plugin::Device> device;
  motley_device* handle = nullptr;  // that it was compiled on
  uint32_t lane = 0;                // index into Schedule::lanes
  motley_executable* executable = nullptr;  // null: nothing to do, because the tensors of its node are aliases
  motley_exec_requirements requirements{};
  std::vector<std::shared_ptr<const void>> constants;  // kept alive for the executable
  std::vector<table::NodeChoice> choices;              // from the dispatch table

  Segment() = default;
  Segment(Segment&&) noexcept;
  Segment& operator=(Segment&&) = delete;
  ~Segment();
};

// Where a tensor that crosses segments lives on the host. A border is shared with a device for the whole run, so its
// bytes serve no other tensor; it stands in the input/output block.
struct Slot {
  enum class Kind : uint8_t { arena, input, output, constant, border } kind = Kind::arena;
  uint64_t offset = 0;  // in the arena or the input/output block
  uint64_t bytes = 0;
};

// A tensor whose bytes on the host are some of another's.
struct Alias {
  graph::TensorId tensor = graph::kNone, whole = graph::kNone;
  uint64_t offset = 0;
};

// Immutable once built; shared by a session's plan cache.
struct Plan {
  const Alias* alias_of(graph::TensorId id) const;
  // Whose bytes on the host a tensor has: the whole's, or its own.
  graph::TensorId root_of(graph::TensorId id) const;

  graph::Graph graph;
  size_t output_count = 0;
  std::vector<std::string> output_names;
  DeviceList devices;
  Assignment assignment;
  std::vector<Segment> segments;  // in the order they are submitted
  Schedule schedule;
  std::map<graph::TensorId, Slot> slots;  // none for aliases
  std::vector<Alias> aliases;
  uint64_t arena_bytes = 0, io_bytes = 0, constant_bytes = 0;
  std::vector<uint64_t> scratch_offset;  // per segment, in the arena
  std::vector<graph::PassReport> passes;
  std::set<std::string> kept_nodes;
  std::shared_ptr<const Split> split;  // the parts that `graph` has of operators; or null
};

// From a prepared graph that is not staged.
std::shared_ptr<const Plan> build_plan(Prepared prepared, const Request& request);

// Lanes and places of the devices that an assignment uses.
Schedule lanes_for(const DeviceList& devices, const std::vector<int32_t>& device);
// Puts segments into the order in which they are submitted: work for the background first, then what needs no waiting.
void order_segments(std::vector<SegmentSpec>& specs, const DeviceList& devices, const Schedule& schedule);
// The steps of a run over the plan's compiled segments.
void make_steps(Plan& plan);

// Slots, arena and scratch of a plan that has its steps.
void plan_memory(Plan& plan, const Limits& limits);

}  // namespace motley::plan
