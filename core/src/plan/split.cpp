// Taking a graph with operators split over two devices, where that is faster.
#include "plan/split.hpp"

#include "base/log.hpp"
#include "base/text.hpp"

namespace motley::plan {

namespace {

// Parts run where the split says, and nothing is split again.
Request for_parts(const Plan& plan, const Request& request, const std::shared_ptr<const Split>& split) {
  Request result = request;
  result.split = false;
  result.raced = plan.assignment.raced;
  result.parts = split;
  for (const SplitPart& part : split->parts)
    result.pins.emplace_back(part.name, plan.devices[static_cast<size_t>(part.device)]->name());
  return result;
}

bool is_clearly_faster(const Decision& one, const Decision& other) {
  return one.run_ns > 0 && one.run_ns * 1000 <= other.run_ns * (1000 - std::max(one.doubt, other.doubt)) &&
         one.run_ns < other.run_ns;
}

}  // namespace

void take_split(Plan& plan, const Request& request) {
  const std::shared_ptr<const Split> split = std::move(plan.assignment.split);
  if (!split) return;
  const Request wanted = for_parts(plan, request, split);
  try {
    graph::Graph graph = split->graph;
    lower_for(graph, wanted, {plan.kept_nodes.begin(), plan.kept_nodes.end()});
    Assignment assignment = assign(graph, wanted, {});
    if (assignment.costs.empty()) price(graph, wanted, assignment);
    for (size_t n = 0; n < graph.nodes.size(); ++n)
      if (const SplitPart* part = split->find(graph.nodes[n].name); part && assignment.device[n] != part->device)
        return;
    Decision &decision = assignment.decision, &whole = plan.assignment.decision;
    decision.planner_ns = whole.planner_ns += decision.planner_ns;
    const bool is_raced = decision.by == Decision::By::raced;
    if (wanted.raced ? !is_raced : !is_clearly_faster(decision, whole)) return;
    if (!is_raced) decision.by = Decision::By::planner;
    decision.rival = whole.rival > 0 ? whole.rival : whole.cost;
    plan.graph = std::move(graph);
    plan.assignment = std::move(assignment);
    plan.split = std::make_shared<Split>(Split{{}, split->parts});
  } catch (const Error& error) {
    base::log(base::LogLevel::info, "plan", base::text("no operator is split over two devices: %", {error.what()}));
  }
}

}  // namespace motley::plan
