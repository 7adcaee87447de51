// One operator computed by two devices at once: each computes a part of its output along one axis, and a Concat joins
// the parts. What is split is decided and written down in libmotley_planner; libmotley plans the rewritten graph and
// keeps the better plan.
#pragma once

#include "plan/plan.hpp"

namespace motley::plan {

// A node of the rewritten graph that computes a part of an operator's output, on one device only.
struct SplitPart {
  std::string name, whole;             // its own, and the operator's
  std::string unit;                    // what is counted along the axis: "output channels"
  int64_t first = 0, end = 0, of = 0;  // along the axis
  int axis = 0;                        // of the output
  int32_t device = 0;                  // index into Request::devices
  // From what the whole operator costs there; for where the part itself was not measured.
  int64_t cost_ns = 0;
  place::Provenance source = place::Provenance::estimated;
};

// A node that only joins parts, or cuts a part out of a tensor, where the parts are contiguous in the whole and begin
// at multiples of kViewAlignment bytes: in the host's memory nothing needs to be done for it.
struct SplitView {
  std::string node;
  uint64_t offset = 0;  // bytes, of what is cut out
};
inline constexpr uint64_t kViewAlignment = 64;

struct Split {
  graph::Graph graph;
  std::vector<SplitPart> parts;
  std::vector<SplitView> views;
  std::shared_ptr<const Split> other;  // another that may be faster; or null
  // Null where the node is no part.
  const SplitPart* find(const std::string& node) const {
    for (const SplitPart& part : parts)
      if (part.name == node) return &part;
    return nullptr;
  }
  const SplitView* find_view(const std::string& node) const {
    for (const SplitView& view : views)
      if (view.node == node) return &view;
    return nullptr;
  }
};

// Plans the graph of `plan.assignment.split` and puts it in the place of plan.graph where it is clearly faster: by a
// fifth as far as costs are estimates, a tenth as far as they are looked up nearby, by anything as far as they are
// measured. Where it is that of a measured plan, that one is followed.
void take_split(Plan& plan, const Request& request);

// A view's node that lies on a device which works in the host's memory.
bool is_in_place(const Plan& plan, uint32_t node);
// Fills in the aliases that such nodes make of the tensors they join or cut.
void find_aliases(Plan& plan);

// The rest is in libmotley_planner.

// An axis of an operator's output along which it may be cut.
struct CutAxis {
  int axis = 0;
  int64_t extent = 0, grain = 1;  // cuts are at multiples of the grain
  const char* unit = "";
};
// Output channels, rows and batch entries of convolutions, pooling and products; the outermost axis of what computes
// each element or slice by itself. None where the operator can't be cut or its output is empty.
std::vector<CutAxis> axes_to_cut(const graph::Graph& graph, const graph::Node& node);

// What a part reads of one input: elements [first, end) along an axis, or all of it where that is -1.
struct Piece {
  int axis = -1;
  int64_t first = 0, end = 0;
};
// For elements [first, end) of a node's output along one of its axes_to_cut.
Piece piece_of(const graph::Graph& graph, const graph::Node& node, int axis, size_t input, int64_t first, int64_t end);
// Makes attributes of the whole those of the part: groups, padding.
void cut_attributes(const graph::Graph& graph, const graph::Node& whole, int axis, int64_t first, int64_t end,
                    graph::Node& part);

// Elements with one index along the axis lie side by side.
bool is_contiguous(const graph::Graph& graph, graph::TensorId id, int axis);
uint64_t bytes_per_step(const graph::Graph& graph, graph::TensorId id, int axis);

// Elements [0, first) of a node's output along an axis on one worker and the others on another.
struct Cut {
  uint32_t node = 0;
  size_t worker = 0, helper = 0;
  int axis = 0;
  int64_t first = 0, of = 0;
  int64_t worker_ns = 0, helper_ns = 0;  // of the parts alone
  const char* unit = "";
};

// The graph with the cuts' nodes, ascending, replaced by two parts and a Concat; in the order of the cuts two parts
// each. Weights share the graph's bytes where they can. A part that reads just what a part of another operator makes
// reads that.
Split split_graph(const graph::Graph& graph, const std::vector<Cut>& cuts);

}  // namespace motley::plan
