// Inputs whose values, not only shapes, decide the shape of a result or how a node is lowered.
#pragma once

#include "graph/graph.hpp"

namespace motley::graph {

// Whether input `index` of an op steers: a Reshape's target, a Slice's starts, a Resize's scales, an If's condition.
// Such an input must be a constant before the node can be planned.
bool steers(Op op, size_t index);

// Ops whose result is as large as the data say, so that they run between plans: NonZero, NonMaxSuppression, Loop, Scan.
bool size_depends_on_data(Op op);

// Cannot be planned as the graph stands: an output's shape is unknown, a steering input is computed, or the size
// depends on data.
bool blocked(const Graph& graph, const Node& node);

}  // namespace motley::graph
