// One operator computed by two devices at once: each computes some of its output channels, and a Concat joins them.
// What is split is decided and written down in libmotley_planner; libmotley plans the rewritten graph and keeps the
// better plan.
#pragma once

#include "plan/plan.hpp"

namespace motley::plan {

// A node of the rewritten graph that computes some of an operator's output channels, on one device only.
struct SplitPart {
  std::string name, whole;             // its own, and the operator's
  int64_t first = 0, end = 0, of = 0;  // output channels
  int32_t device = 0;                  // index into Request::devices
  // From what the whole operator costs there; for where the part itself was not measured.
  int64_t cost_ns = 0;
  place::Provenance source = place::Provenance::estimated;
};

struct Split {
  graph::Graph graph;
  std::vector<SplitPart> parts;
  // Null where the node is no part.
  const SplitPart* find(const std::string& node) const {
    for (const SplitPart& part : parts)
      if (part.name == node) return &part;
    return nullptr;
  }
};

// Plans the graph of `plan.assignment.split` and puts it in the place of plan.graph where it is clearly faster: by a
// fifth as far as costs are estimates, a tenth as far as they are looked up nearby, by anything as far as they are
// measured. Where it is that of a measured plan, that one is followed.
void take_split(Plan& plan, const Request& request);

// The rest is in libmotley_planner.

// Channels [0, first) of a node's output on one worker and the others on another.
struct Cut {
  uint32_t node = 0;
  size_t worker = 0, helper = 0;
  int64_t first = 0, of = 0;
  int64_t worker_ns = 0, helper_ns = 0;  // of the parts alone
};

// Output channels of an operator that could be cut: constant weights, enough channels; 0 where it can't be.
int64_t channels_to_cut(const graph::Graph& graph, const graph::Node& node);
int channel_axis(const graph::Graph& graph, const graph::Node& node);

// The graph with the cuts' nodes, ascending, replaced by two parts and a Concat; in the order of the cuts two parts
// each. Weights share the graph's bytes where they can.
Split split_graph(const graph::Graph& graph, const std::vector<Cut>& cuts);

}  // namespace motley::plan
