// Longest path in a graph whose nodes stand in topological order.
#include "report/critical_path.hpp"

#include <algorithm>
#include <cstdint>

namespace motley::tuner {

std::vector<size_t> critical_path(const std::vector<double>& node_ns, const std::vector<WeightedEdge>& edges) {
  constexpr size_t kNone = SIZE_MAX;
  if (node_ns.empty()) return {};
  std::vector<std::vector<WeightedEdge>> arriving(node_ns.size());
  for (const WeightedEdge& edge : edges)
    if (edge.from < edge.to && edge.to < node_ns.size()) arriving[edge.to].push_back(edge);
  std::vector<double> ends(node_ns.size());
  std::vector<size_t> before(node_ns.size(), kNone);
  for (size_t node = 0; node < node_ns.size(); ++node) {
    double begin = 0;
    for (const WeightedEdge& edge : arriving[node])
      if (before[node] == kNone || ends[edge.from] + edge.ns > begin) {
        begin = ends[edge.from] + edge.ns;
        before[node] = edge.from;
      }
    ends[node] = begin + node_ns[node];
  }
  std::vector<size_t> path;
  for (auto node = static_cast<size_t>(std::max_element(ends.begin(), ends.end()) - ends.begin()); node != kNone;
       node = before[node])
    path.push_back(node);
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace motley::tuner
