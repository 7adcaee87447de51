// Choosing a device for each node.
#include <algorithm>

#include "base/glob.hpp"
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

int32_t pinned_device(const Node& node, const Request& request) {
  const auto fits = [&](const std::string& pattern) {
    const auto is_it = [&](const std::string& name) { return name == pattern || base::matches(pattern, name); };
    return is_it(node.name) || std::any_of(node.origins.begin(), node.origins.end(), is_it);
  };
  for (const auto& [pattern, device] : request.pins) {
    if (!fits(pattern)) continue;
    for (size_t d = 0; d < request.devices.size(); ++d)
      if (request.devices[d]->name() == device) return static_cast<int32_t>(d);
    return -1;  // it was lost
  }
  return -1;
}

namespace {

using Denied = std::set<std::pair<size_t, std::string>>;

// Takes the other devices' yes away from pinned nodes, unless their own device says no and another may take them: with
// fallback, and where the device failed rather than refused.
void apply_pins(const Graph& graph, const Request& request, const Denied& denied, Assignment& assignment) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const int32_t pin = assignment.pin[i] = pinned_device(graph.nodes[i], request);
    if (pin < 0) continue;
    const auto chosen = static_cast<size_t>(pin);
    const bool failed = assignment.support.failed[chosen] || denied.count({chosen, graph.nodes[i].name});
    if (!assignment.support.at(chosen, i).supported && (request.fallback || failed)) continue;
    for (size_t d = 0; d < request.devices.size(); ++d)
      if (d != chosen)
        assignment.support.verdicts[d][i] = {false,
                                             base::text("the node is pinned to %", {request.devices[chosen]->name()})};
  }
}

}  // namespace

Assignment assign(const Graph& graph, const Request& request, const Denied& denied) {
  const DeviceList& devices = request.devices;
  Assignment assignment;
  assignment.support = query_support(graph, devices);
  assignment.device.assign(graph.nodes.size(), -1);
  for (size_t i = 0; !denied.empty() && i < graph.nodes.size(); ++i)
    for (size_t d = 0; d < devices.size(); ++d)
      if (denied.count({d, graph.nodes[i].name}))
        assignment.support.verdicts[d][i] = {false, "its compiler refused a segment with this node"};
  assignment.pin.assign(graph.nodes.size(), -1);
  if (!request.pins.empty()) apply_pins(graph, request, denied, assignment);
  std::vector<size_t> unsupported;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (size_t d = 0; d < devices.size() && assignment.device[i] < 0; ++d)
      if (assignment.support.at(d, i).supported) assignment.device[i] = static_cast<int32_t>(d);
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
