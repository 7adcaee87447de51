// Calls around nodes, and times.
#include "run/watch.hpp"

#include <algorithm>

namespace motley::run {

std::vector<Hook> hooks_of(const plan::Plan& plan, std::list<NodeCall>& calls) {
  std::vector<Hook> hooks;
  for (NodeCall& call : calls) {
    std::vector<size_t> where;
    for (size_t s = 0; s < plan.segments.size(); ++s)
      for (uint32_t n : plan.segments[s].spec.nodes) {
        if (!plan.segments[s].executable) continue;
        const auto& origins = plan.graph.nodes[n].origins;
        if (std::find(origins.begin(), origins.end(), call.node) == origins.end()) continue;
        where.push_back(s);
        break;
      }
    if (!where.empty()) hooks.push_back({call.before ? where.front() : where.back(), call.before, &call.call});
  }
  return hooks;
}

void read_times(const plan::Plan& plan, const plan::Segment& segment, std::vector<NodeTime>& times) {
  if (!segment.executable || !segment.device->api().profile_read) return;
  struct Reading {
    const plan::Plan& plan;
    const plan::Segment& segment;
    std::vector<NodeTime>& times;
  };
  Reading reading{plan, segment, times};
  motley_profile_sink sink{sizeof sink, &reading, [](void* context, const motley_profile_row* row) {
                             auto& r = *static_cast<Reading*>(context);
                             if (row->node >= r.segment.spec.nodes.size()) return;
                             const graph::Node& node = r.plan.graph.nodes[r.segment.spec.nodes[row->node]];
                             r.times.push_back({node.name, graph::describe_op(node), r.segment.device->name(),
                                                row->kernel ? row->kernel : "", row->begin_ns, row->end_ns});
                           }};
  segment.device->api().profile_read(segment.executable, &sink);
}

void read_times(const plan::Plan& plan, std::vector<NodeTime>& times) {
  constexpr size_t kMostTimes = 200'000;
  for (const plan::Segment& segment : plan.segments)
    if (times.size() < kMostTimes) read_times(plan, segment, times);
}

}  // namespace motley::run
