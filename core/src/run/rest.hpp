// What remains of a network, and the values it goes on with.
#pragma once

#include "run/dynamic.hpp"

namespace motley::run {

// Per tensor: a node reads its value to know a shape.
std::vector<bool> steering_tensors(const graph::Graph& graph);

// Everything about the values of a graph's inputs that its plan depends on: shapes, and the bytes of those in `fixed`.
std::string key_of(const graph::Graph& rest, const Values& values, const std::vector<bool>& fixed);

// Inputs get the types and shapes of their values; those in `fixed` become constants.
void fix_inputs(graph::Graph& rest, const Values& values, const std::vector<bool>& fixed);

// The module in which the body of a loop is the main graph, with what it captures as further inputs; what it captures
// of the constants of `around` stays constant.
graph::Module body_module(const graph::Module& module, const graph::Graph& around, int32_t number);

// "a", "b", and 7 more
std::string list_nodes(const std::vector<graph::Node>& nodes);

}  // namespace motley::run
