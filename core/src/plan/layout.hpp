// Kernels that read and write tensors in another layout than row-major. The network is written down anew: a tensor in
// another layout is a tensor of its own, dense in memory, whose shape is the one it has there; nodes of their own bring
// tensors from one layout into another. So whatever follows sees dense tensors. All of this but the swap is in
// libmotley_planner.
#pragma once

#include "plan/cost.hpp"

namespace motley::plan {

// A network written down anew, and its plan.
struct Layouts {
  graph::Graph graph;
  Assignment assignment;
};

// Puts `layouts` in the place of the plan's graph and assignment, and says so, unless the plan splits operators and is
// as fast.
bool take_layouts(Plan& plan, std::shared_ptr<Layouts> layouts);

// Whether a node brings a tensor from one layout into another.
bool is_conversion(const graph::Graph& graph, const graph::Node& node);

// The rest is in libmotley_planner.

// Whether a tensor may lie in nhwc: it is computed, its shape is known, and it has a channel axis and one behind it.
bool has_channels(const graph::Tensor& tensor);

// What lies where in the graph that was written down.
struct LaidOut {
  graph::Graph graph;
  std::vector<uint32_t> node;         // per node of the original: its index
  std::vector<uint32_t> conversions;  // indices, ascending
};

// The graph with what the nodes that `in_nhwc` marks compute with in nhwc, as far as it has channels. Each tensor is
// brought once into each layout in which others read it; inputs and outputs of the graph stay as they are. A conversion
// is called NODE#nhwc or NODE#row_major by the node whose result it brings, or by a tensor that no node makes.
LaidOut lay_out(const graph::Graph& graph, const std::vector<bool>& in_nhwc);

// The plan with candidates in nhwc that is found to be best, if it is clearly better than the assignment, which answers
// the question; else null.
std::shared_ptr<Layouts> find_layouts(const graph::Graph& graph, const Request& request, const Question& question,
                                      const Assignment& assignment);

}  // namespace motley::plan
