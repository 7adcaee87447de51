// The key of a node's problem where its device's plugin names none.
#pragma once

#include <string>

#include "graph/graph.hpp"

namespace motley::table {

// All that a kernel's time depends on, in canonical form: the op, a hash of its attributes in letters, the types and
// shapes of its inputs and outputs, c behind those that are constants: "Pool(max) bkdacfoe float32 1x64x56x56 ->
// float32 1x64x28x28". Shapes that are not known are "?". Names play no part. A key that would be longer than tables
// take ends in a hash of what is left out.
std::string node_key(const graph::Graph& graph, const graph::Node& node);

// The key of several nodes as one kernel: theirs, in their order.
std::string joined_key(const std::vector<std::string>& keys);

// Names a graph: a hash of its nodes, names, attributes and shapes, but not of the constants' bytes. 32 hexadecimal
// digits.
std::string graph_hash(const graph::Graph& graph);

}  // namespace motley::table
