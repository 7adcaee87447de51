// Choosing a device for each node.
#include "base/text.hpp"
#include "plan/plan.hpp"

namespace motley::plan {

using graph::Graph;
using graph::Node;

namespace {

std::string refusals(const Graph& graph, size_t index, const SupportTable& support, const DeviceList& devices) {
  const Node& node = graph.nodes[index];
  // The user knows the model's names, not those that fusing and lowering made.
  std::string text = "node ";
  for (size_t i = 0; i < node.origins.size() && i < 4; ++i)
    text += base::text("%%\"", {(i ? " + \"" : "\""), node.origins[i]});
  text += base::text(" (%): ", {graph::describe_op(node)});
  for (size_t d = 0; d < devices.size(); ++d)
    text += base::text("%%: %", {(d ? "; " : ""), devices[d]->name(), support.at(d, index).reason});
  return text;
}

}  // namespace

Assignment assign(const Graph& graph, const DeviceList& devices,
                  const std::set<std::pair<size_t, std::string>>& denied) {
  Assignment assignment;
  assignment.support = query_support(graph, devices);
  assignment.device.assign(graph.nodes.size(), -1);
  std::vector<size_t> unsupported;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (size_t d = 0; d < devices.size(); ++d) {
      Verdict& verdict = assignment.support.verdicts[d][i];
      if (denied.count({d, graph.nodes[i].name})) verdict = {false, "its compiler refused a segment with this node"};
      if (verdict.supported && assignment.device[i] < 0) assignment.device[i] = static_cast<int32_t>(d);
    }
    if (assignment.device[i] < 0) unsupported.push_back(i);
  }
  if (!unsupported.empty()) {
    std::string text = base::text("%% supported by no device: ",
                                  {unsupported.size(), (unsupported.size() == 1 ? " node is" : " nodes are")});
    for (size_t k = 0; k < unsupported.size() && k < 20; ++k)
      text += (k ? " | " : "") + refusals(graph, unsupported[k], assignment.support, devices);
    if (unsupported.size() > 20) text += base::text(" | and % more", {unsupported.size() - 20});
    base::fail(ErrorCode::unsupported, "%", {text});
  }
  return assignment;
}

}  // namespace motley::plan
