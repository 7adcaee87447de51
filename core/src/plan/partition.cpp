// Cutting a placed graph into segments whose graph has no cycle.
#include <algorithm>

#include "base/sort.hpp"
#include "base/text.hpp"
#include "plan/plan.hpp"

namespace motley::plan {

using graph::Graph;
using graph::kNone;
using graph::Node;
using graph::TensorId;

namespace {

// Nodes that must not share a segment with others carry a group number; -1: no such wish.
std::vector<int32_t> groups_of(const Graph& graph, const std::set<std::string>& alone) {
  std::vector<int32_t> group(graph.nodes.size(), -1);
  std::map<std::string, int32_t> numbers;
  if (alone.empty()) return group;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto is_alone = [&](const std::string& name) {
      if (group[i] < 0 && alone.count(name))
        group[i] = numbers.emplace(name, static_cast<int32_t>(numbers.size())).first->second;
    };
    for (const std::string& origin : graph.nodes[i].origins) is_alone(origin);
    is_alone(graph.nodes[i].name);
  }
  return group;
}

void find_borders(const Graph& graph, std::vector<SegmentSpec>& segments) {
  std::vector<int32_t> segment_of_node(graph.nodes.size(), -1);
  for (size_t s = 0; s < segments.size(); ++s)
    for (uint32_t n : segments[s].nodes) segment_of_node[n] = static_cast<int32_t>(s);
  const std::vector<int32_t> producers = graph.producers();
  std::vector<bool> leaves(graph.tensors.size());  // read outside the segment that makes it
  for (TensorId id : graph.outputs) leaves[static_cast<size_t>(id)] = true;
  for (size_t s = 0; s < segments.size(); ++s) {
    std::set<TensorId> seen;
    for (uint32_t n : segments[s].nodes) {
      for (TensorId id : graph.nodes[n].inputs) {
        if (id == kNone || graph.tensor(id).is_constant()) continue;
        const int32_t producer = producers[static_cast<size_t>(id)];
        if (producer >= 0 && segment_of_node[static_cast<size_t>(producer)] == static_cast<int32_t>(s)) continue;
        leaves[static_cast<size_t>(id)] = true;
        if (seen.insert(id).second) segments[s].inputs.push_back(id);
      }
    }
  }
  for (SegmentSpec& segment : segments)
    for (uint32_t n : segment.nodes)
      for (TensorId id : graph.nodes[n].outputs)
        if (id != kNone && leaves[static_cast<size_t>(id)]) segment.outputs.push_back(id);
}

}  // namespace

namespace {

// What a node or segment needs from segments of other devices, as far as one of the two works in the background: per
// device the latest such segment, counted from 1. Devices work in order, so the latest stands for those before it.
class Foreign {
 public:
  Foreign(const std::vector<int32_t>& device, const std::vector<bool>& queued) : device_(device), queued_(queued) {
    if (std::find(queued.begin(), queued.end(), true) == queued.end()) queued_.clear();
    latest_.resize(queued_.empty() ? 0 : device.size(), std::vector<uint32_t>(queued_.size(), 0));
  }
  // Node m reads what node n makes, which is in segment `number`.
  void add(uint32_t n, uint32_t m, uint32_t number) {
    if (latest_.empty() || device_[n] == device_[m]) return;
    const auto maker = static_cast<size_t>(device_[n]), reader = static_cast<size_t>(device_[m]);
    if (queued_[maker] || queued_[reader]) latest_[m][maker] = std::max(latest_[m][maker], number);
  }
  bool any(uint32_t n) const {
    return !latest_.empty() && std::any_of(latest_[n].begin(), latest_[n].end(), [](uint32_t s) { return s != 0; });
  }
  // Node n needs nothing foreign that node `first` does not need.
  bool within(uint32_t n, uint32_t first) const {
    for (size_t d = 0; !latest_.empty() && d < queued_.size(); ++d)
      if (latest_[n][d] > latest_[first][d]) return false;
    return true;
  }

 private:
  const std::vector<int32_t>& device_;
  std::vector<bool> queued_;
  std::vector<std::vector<uint32_t>> latest_;  // per node; empty where nothing works in the background
};

}  // namespace

namespace {

// Which nodes go together, by the first one of each kernel. Empty where every node goes by itself.
class Kernels {
 public:
  Kernels(const std::vector<int32_t>& kernel, const std::vector<int32_t>& group) {
    if (std::find_if(kernel.begin(), kernel.end(), [](int32_t k) { return k >= 0; }) == kernel.end()) return;
    std::vector<int32_t> first;
    for (size_t i = 0; i < kernel.size(); ++i) {
      uint32_t leader = static_cast<uint32_t>(i);
      if (kernel[i] >= 0) {
        const auto k = static_cast<size_t>(kernel[i]);
        if (k >= first.size()) first.resize(k + 1, -1);
        if (first[k] < 0) first[k] = static_cast<int32_t>(i);
        if (group[static_cast<size_t>(first[k])] == group[i]) leader = static_cast<uint32_t>(first[k]);
      }
      leader_.push_back(leader);
      members_.emplace_back();
      members_[leader].push_back(static_cast<uint32_t>(i));
    }
  }
  uint32_t leader(size_t node) const { return leader_.empty() ? static_cast<uint32_t>(node) : leader_[node]; }
  void add_nodes(uint32_t leader, std::vector<uint32_t>& nodes) const {
    if (leader_.empty()) return nodes.push_back(leader);
    nodes.insert(nodes.end(), members_[leader].begin(), members_[leader].end());
  }

 private:
  std::vector<uint32_t> leader_;
  std::vector<std::vector<uint32_t>> members_;
};

}  // namespace

// Nodes are taken in waves: as many ready nodes of the current device as there are, then the device of the first node
// still waiting. Every segment therefore depends on earlier ones only.
std::vector<SegmentSpec> partition(const Graph& graph, const std::vector<int32_t>& device,
                                   const std::set<std::string>& alone, const std::vector<bool>& queued,
                                   const std::vector<int32_t>& kernel) {
  const std::vector<int32_t> producers = graph.producers();
  const std::vector<int32_t> group = groups_of(graph, alone);
  const size_t count = graph.nodes.size();
  const Kernels kernels(kernel, group);
  std::vector<uint32_t> missing(count, 0);
  std::vector<std::vector<uint32_t>> next(count);
  for (size_t i = 0; i < count; ++i) {
    for (TensorId id : graph.nodes[i].inputs) {
      const int32_t p = id == kNone ? -1 : producers[static_cast<size_t>(id)];
      if (p < 0 || kernels.leader(static_cast<size_t>(p)) == kernels.leader(i)) continue;
      ++missing[kernels.leader(i)];
      next[kernels.leader(static_cast<size_t>(p))].push_back(kernels.leader(i));
    }
  }
  std::set<uint32_t> ready;  // ordered: the model's order decides among equals
  for (size_t i = 0; i < count; ++i)
    if (missing[i] == 0 && kernels.leader(i) == i) ready.insert(static_cast<uint32_t>(i));

  Foreign foreign(device, queued);
  std::vector<SegmentSpec> segments;
  size_t placed = 0;
  while (!ready.empty()) {
    SegmentSpec segment;
    auto start = std::find_if(ready.begin(), ready.end(), [&](uint32_t n) { return !foreign.any(n); });
    const uint32_t first = start == ready.end() ? *ready.begin() : *start;
    segment.device = static_cast<size_t>(device[first]);
    const int32_t wanted = group[first];
    const auto number = static_cast<uint32_t>(segments.size() + 1);
    for (auto it = ready.begin(); it != ready.end();) {
      const uint32_t n = *it;
      if (static_cast<size_t>(device[n]) != segment.device || group[n] != wanted || !foreign.within(n, first)) {
        ++it;
        continue;
      }
      ready.erase(it);
      kernels.add_nodes(n, segment.nodes);
      bool before = false;  // a kernel became ready that begins before n; else what did stands behind n
      for (uint32_t m : next[n]) {
        foreign.add(n, m, number);
        if (--missing[m] == 0) ready.insert(m), before = before || m < n;
      }
      it = before ? ready.begin() : ready.upper_bound(n);
    }
    const std::vector<uint32_t> order = base::sorted_order(
        segment.nodes.size(), [&](uint32_t a, uint32_t b) { return segment.nodes[a] < segment.nodes[b]; });
    std::vector<uint32_t> nodes;
    for (uint32_t i : order) nodes.push_back(segment.nodes[i]);
    segment.nodes = std::move(nodes);
    placed += segment.nodes.size();
    segments.push_back(std::move(segment));
  }
  if (placed != count) base::fail(ErrorCode::internal, "kernels of several nodes wait for each other", {});
  find_borders(graph, segments);
  return segments;
}

}  // namespace motley::plan
