// Composite ops as primitives.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.hpp"

namespace motley::graph {

// A primitive in its plain form: no lowering exists or is needed (a fused Conv is not plain).
bool is_plain_primitive(const Node& node);

// Nodes that compute the same as `node` with ops one level simpler (repeat until plain). New tensors, of known type and
// shape, are appended to `graph`; the node's own output tensors are written by the result. All shapes of the node must be
// known, and inputs that steer shapes (a Slice's starts) constant. Names of new nodes begin with the node's name;
// `origins` is carried over.
// Throws Error(unsupported) with the reason where this form of the op has no lowering.
std::vector<Node> lower(Graph& graph, const Node& node);

// Merges neighbouring data movement: copies of copies become one StridedCopy where regions compose exactly.
size_t merge_strided_copies(Graph& graph, const std::vector<std::string>& keep);

}  // namespace motley::graph
