// Graphs within nodes: which ones a node has, and what they read from around them.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "graph/graph.hpp"

namespace motley::graph {

// An If's branches, the body of a Loop or Scan; empty for other ops. Indices into Module::graphs, not checked.
std::vector<int32_t> nested_graphs(const Node& node);

// Per tensor: an input, a constant, or written by a node of the graph. What is not comes from around it, by name.
std::vector<bool> sourced_tensors(const Graph& graph);

// Names that the graph, and those within it, take from around it. Throws Error(invalid_model) where the graphs are no
// tree, or one deeper than Limits::max_nesting; models that were read are checked for both.
std::set<std::string> captured_names(const Module& module, int32_t graph);
// Of all graphs of a node.
std::set<std::string> captured_names(const Module& module, const Node& node);

}  // namespace motley::graph
