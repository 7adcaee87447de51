// Taking a graph with operators split over two devices, where that is faster.
#include "plan/split.hpp"

#include "base/log.hpp"
#include "base/text.hpp"

namespace motley::plan {

using graph::TensorId;

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

bool is_clearly_faster(const Decision& one, const Decision& other, bool both_split) {
  const uint32_t doubt = both_split ? 0 : std::max(one.doubt, other.doubt);
  return one.run_ns > 0 && one.run_ns * 1000 <= other.run_ns * (1000 - doubt) && one.run_ns < other.run_ns;
}

void take(Plan& plan, const Request& request, const std::shared_ptr<const Split>& split) {
  const Request wanted = for_parts(plan, request, split);
  try {
    graph::Graph graph = split->graph;
    std::vector<std::string> keep(plan.kept_nodes.begin(), plan.kept_nodes.end());
    for (const SplitView& view : split->views) keep.push_back(view.node);
    lower_for(graph, wanted, keep);
    Assignment assignment = assign(graph, wanted, {});
    if (assignment.costs.empty()) price(graph, wanted, assignment);
    for (size_t n = 0; n < graph.nodes.size(); ++n)
      if (const SplitPart* part = split->find(graph.nodes[n].name); part && assignment.device[n] != part->device)
        return;
    Decision &decision = assignment.decision, &whole = plan.assignment.decision;
    decision.planner_ns = whole.planner_ns += decision.planner_ns;
    const bool is_raced = decision.by == Decision::By::raced;
    if (wanted.raced ? !is_raced : !is_clearly_faster(decision, whole, plan.split != nullptr)) return;
    if (!is_raced) decision.by = Decision::By::planner;
    decision.rival = whole.rival > 0 ? whole.rival : whole.cost;
    plan.graph = std::move(graph);
    plan.assignment = std::move(assignment);
    plan.split = std::make_shared<Split>(Split{{}, split->parts, split->views, {}});
  } catch (const Error& error) {
    base::log(base::LogLevel::info, "plan", base::text("no operator is split over two devices: %", {error.what()}));
  }
}

}  // namespace

void take_split(Plan& plan, const Request& request) {
  std::shared_ptr<const Split> split = std::move(plan.assignment.split);
  for (; split; split = split->other) take(plan, request, split);
}

const Alias* Plan::alias_of(TensorId id) const {
  for (const Alias& alias : aliases)
    if (alias.tensor == id) return &alias;
  return nullptr;
}

TensorId Plan::root_of(TensorId id) const {
  const Alias* alias = alias_of(id);
  return alias ? alias->whole : id;
}

bool is_in_place(const Plan& plan, uint32_t node) {
  return plan.split && plan.devices[static_cast<size_t>(plan.assignment.device[node])]->takes_host_pointers() &&
         plan.split->find_view(plan.graph.nodes[node].name);
}

void find_aliases(Plan& plan) {
  plan.aliases.clear();
  for (uint32_t n = 0; n < plan.graph.nodes.size(); ++n) {
    if (!is_in_place(plan, n)) continue;
    const graph::Node& node = plan.graph.nodes[n];
    const TensorId out = node.outputs[0], second = node.input(1);
    if (second == graph::kNone || plan.graph.tensor(second).is_constant()) {
      plan.aliases.push_back({out, node.inputs[0], plan.split->find_view(node.name)->offset});
    } else {
      plan.aliases.push_back({node.inputs[0], out, 0});
      plan.aliases.push_back({second, out, plan.graph.tensor(node.inputs[0]).bytes()});
    }
  }
}

}  // namespace motley::plan
