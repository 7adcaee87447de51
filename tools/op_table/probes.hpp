// Nodes to ask devices about, for primitives that the plugin checker has no cases for.
#pragma once

#include <vector>

#include "graph/graph.hpp"

namespace motley::op_table {

std::vector<graph::Graph> probes();

}  // namespace motley::op_table
