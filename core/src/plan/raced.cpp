// A plan that the tuner ran against others and found the fastest.
#include <algorithm>

#include "plan/offers.hpp"
#include "plan/planner.hpp"

namespace motley::plan {

namespace {

// Nodes whose config is that of a candidate get it as one: the row of a plan says no more than configs. The error that
// this costs is what kernels' rows say, and else what is usual.
void take_raced_offers(const graph::Graph& graph, const Request& request, const std::vector<std::string>& configs,
                       Assignment& assignment) {
  std::vector<Offer>& offers = assignment.support.offers;
  for (size_t o = 0; o < offers.size(); ++o) {
    Offer& offer = offers[o];
    plugin::Device& device = *request.devices[offer.device];
    const std::string& config = configs[offer.nodes[0]];
    bool fits = !offer.config.empty() && offer.layout == schema::Layout::row_major &&
                is_possible(offer, request, assignment.support);
    for (const uint32_t n : offer.nodes) fits = fits && assignment.device[n] == static_cast<int32_t>(offer.device);
    if (!fits || !table::takes(graph, offer.nodes, device, config, offer.config)) continue;
    const table::Answer known = request.advisor->find_with(graph, offer.nodes, device, offer.config);
    if (offer.error_ppb && known.source != table::Source::none)
      offer.error_ppb = std::max<int64_t>(1, static_cast<int64_t>(known.error * 1e9));
    offer.config = config;
    assignment.offer.resize(configs.size(), -1);
    for (const uint32_t n : offer.nodes) assignment.offer[n] = static_cast<int32_t>(o);
    assignment.decision.error += static_cast<double>(offer.error_ppb) * 1e-9;
  }
}

// Only what the caller allows counts: no pin, a latency policy, and every device of the plan named by the caller.
bool follow(const graph::Graph& graph, const Request& request, const table::Advisor::Plan& plan, double error_budget,
            Assignment& assignment) {
  if (plan.nodes.size() != graph.nodes.size()) return false;
  Assignment raced = assignment;
  std::vector<std::string> configs(graph.nodes.size());
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const plugin::Device* device = nullptr;
    for (size_t i = 0; i < plan.nodes.size() && !device; ++i) {
      const size_t at = (n + i) % plan.nodes.size();  // as a rule in the same order
      if (plan.nodes[at].name != graph.nodes[n].name) continue;
      device = plan.nodes[at].device;
      configs[n] = plan.nodes[at].config;
    }
    raced.device[n] = -1;
    for (size_t d = 0; d < request.devices.size(); ++d)
      if (request.devices[d].get() == device && assignment.support.at(d, n).supported &&
          request.wish_of(*device).named && !request.wish_of(*device).avoided)
        raced.device[n] = static_cast<int32_t>(d);
    if (raced.device[n] < 0) return false;
  }
  if (plan.has_configs) {
    take_raced_offers(graph, request, configs, raced);
    raced.configs = std::move(configs);
  }
  if (raced.decision.error > error_budget) return false;
  raced.decision.by = Decision::By::raced;
  raced.decision.run_ns = static_cast<double>(plan.expected_ns);
  assignment = std::move(raced);
  return true;
}

}  // namespace

bool follow_raced(const graph::Graph& graph, const Request& request, Assignment& assignment) {
  const double error_budget = static_cast<double>(request.error_budget_ppb) * 1e-9;
  if (request.raced) return follow(graph, request, *request.raced, error_budget, assignment);
  if (!request.advisor || !request.pins.empty() || request.policy != Policy::latency) return false;
  const auto follow_row = [&](double budget) {
    const auto plan = request.advisor->plan_for(graph, "latency", budget, false);
    return plan && follow(graph, request, *plan, budget, assignment);
  };
  const bool followed = follow_row(error_budget) || (error_budget > 0 && follow_row(0));
  std::string unused;  // without the planner nothing is split
  for (const table::PlanRow& row : request.advisor->table().plans)
    if (request.split && !row.cuts.empty()) {
      ask_planner(graph, request, Ask::cut, assignment, unused);
      break;
    }
  return followed;
}

}  // namespace motley::plan
