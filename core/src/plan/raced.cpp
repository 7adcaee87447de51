// A plan that the tuner ran against others and found the fastest.
#include "plan/plan.hpp"

namespace motley::plan {

// Only what the caller allows counts: no pin, a latency policy, and every device of the plan named by the caller.
bool follow_raced(const graph::Graph& graph, const Request& request, Assignment& assignment) {
  if (!request.advisor || !request.pins.empty() || request.policy != Policy::latency) return false;
  const auto plan = request.advisor->plan_for(graph, "latency");
  if (!plan || plan->nodes.size() != graph.nodes.size()) return false;
  std::vector<int32_t> chosen(graph.nodes.size(), -1);
  std::vector<std::string> configs(graph.nodes.size());
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const plugin::Device* device = nullptr;
    for (size_t i = 0; i < plan->nodes.size() && !device; ++i) {
      const size_t at = (n + i) % plan->nodes.size();  // as a rule in the same order
      if (plan->nodes[at].name != graph.nodes[n].name) continue;
      device = plan->nodes[at].device;
      configs[n] = plan->nodes[at].config;
    }
    for (size_t d = 0; d < request.devices.size(); ++d)
      if (request.devices[d].get() == device && assignment.support.at(d, n).supported &&
          request.wish_of(*device).named && !request.wish_of(*device).avoided)
        chosen[n] = static_cast<int32_t>(d);
    if (chosen[n] < 0) return false;
  }
  assignment.device = std::move(chosen);
  if (plan->has_configs) assignment.configs = std::move(configs);
  assignment.decision.by = Decision::By::raced;
  assignment.decision.run_ns = static_cast<double>(plan->expected_ns);
  return true;
}

}  // namespace motley::plan
