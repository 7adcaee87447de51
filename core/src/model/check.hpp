// The rules that a module keeps from reading to execution, checked.
#pragma once

#include <string>

#include "graph/graph.hpp"
#include "motley/limits.hpp"

namespace motley::model {

// Every index in range, types and ranks sane, constants of the size that their shape says, quantization parameters that
// fit, attributes of the op's kind with known enum values, arity, topological order, each tensor written once, names of
// inputs and outputs, nested graphs that form a tree. Linear in the module's size.
// Throws Error(invalid_model), Error(limit); messages begin with `what`.
void check_module(const graph::Module& module, const Limits& limits, const std::string& what);

// What check_module does for one node's attributes: enum values, list lengths, regions inside their tensors. Empty if
// fine, else what is wrong, as "has …".
std::string attributes_reason(const graph::Graph& graph, const graph::Node& node, const Limits& limits);

}  // namespace motley::model
