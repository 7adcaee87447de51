// Taking a graph with tensors in other layouts.
#include "plan/layout.hpp"

namespace motley::plan {

bool take_layouts(Plan& plan, std::shared_ptr<Layouts> layouts) {
  if (plan.split && plan.assignment.decision.run_ns <= layouts->assignment.decision.run_ns) return false;
  plan.split = nullptr;
  plan.graph = std::move(layouts->graph);
  plan.assignment = std::move(layouts->assignment);
  return true;
}

bool is_conversion(const graph::Graph& graph, const graph::Node& node) {
  return node.op == graph::Op::StridedCopy && node.inputs.size() == 1 &&
         graph.tensor(node.inputs[0]).layout != graph.tensor(node.outputs[0]).layout;
}

}  // namespace motley::plan
