// The longest chain of work through a placed graph.
#pragma once

#include <cstddef>
#include <vector>

namespace motley::tuner {

struct WeightedEdge {
  size_t from = 0, to = 0;
  double ns = 0;
};

// The nodes of the path with the largest sum of node and edge costs, in order. Only edges to later nodes count, so the
// order of nodes has to be topological.
std::vector<size_t> critical_path(const std::vector<double>& node_ns, const std::vector<WeightedEdge>& edges);

}  // namespace motley::tuner
