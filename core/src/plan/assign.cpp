// Choosing a device for each node: pins, order, and asking the planner where costs count.
#include <algorithm>

#include "base/glob.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "plan/offers.hpp"
#include "plan/planner.hpp"

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

namespace {

// Devices that were not named are spare for what a named one runs.
void apply_names(const Graph& graph, const Request& request, SupportTable& support) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto runs = [&](size_t d) { return support.at(d, i).supported; };
    bool any_named = false;
    for (size_t d = 0; d < request.devices.size(); ++d)
      any_named = any_named || (runs(d) && request.wish_of(*request.devices[d]).named);
    for (size_t d = 0; any_named && d < request.devices.size(); ++d)
      support.verdicts[d][i].spare = !request.wish_of(*request.devices[d]).named;
  }
}

// The first in order; nodes that nobody runs are an error.
void assign_in_order(const Graph& graph, const DeviceList& devices, Assignment& assignment) {
  std::vector<size_t> unsupported;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (size_t d = 0; d < devices.size() && assignment.device[i] < 0; ++d)
      if (assignment.support.at(d, i).supported) assignment.device[i] = static_cast<int32_t>(d);
    if (assignment.device[i] < 0) unsupported.push_back(i);
  }
  if (unsupported.empty()) return;
  std::string text = base::text("%% supported by no device: ",
                                {unsupported.size(), (unsupported.size() == 1 ? " node is" : " nodes are")});
  for (size_t k = 0; k < unsupported.size() && k < 20; ++k)
    text += (k ? " | " : "") + refusals(graph, unsupported[k], assignment.support, devices);
  if (unsupported.size() > 20) text += base::text(" | and % more", {unsupported.size() - 20});
  base::fail(ErrorCode::unsupported, "%", {text});
}

// Whether there is anything that costs could decide. Order alone decides where nothing was measured.
bool is_open(const Graph& graph, const Request& request, const SupportTable& support) {
  if (has_offers(request, support)) return true;
  const bool order_decides = request.ordered && request.policy == Policy::latency && !request.deadline_ns;
  return has_choice(support, graph.nodes.size()) && !(order_decides && !request.advisor);
}

// Lets the planner decide where costs count: on devices, or only on what runs each node where it is.
void assign_by_cost(const Graph& graph, const Request& request, Assignment& assignment) {
  if (!is_open(graph, request, assignment.support)) return;
  if (ask_planner(graph, request, Ask::plan, assignment, assignment.decision.note)) return;
  base::log(base::LogLevel::info, "plan",
            base::text("devices are used in order of preference, because the planner gave no plan: %",
                       {assignment.decision.note}));
}

void check_deadline(const Graph& graph, const Request& request, Assignment& assignment) {
  if (!request.deadline_ns) return;
  if (assignment.costs.empty()) price(graph, request, assignment);
  if (!assignment.decision.late) return;
  base::log(base::LogLevel::warning, "plan",
            base::text("no plan was found that ends within the deadline (% ns): this one is thought to take % ns",
                       {request.deadline_ns, static_cast<int64_t>(assignment.decision.run_ns)}));
}

}  // namespace

const Wish& Request::wish_of(const plugin::Device& device) const {
  static const Wish nothing;
  for (const Wish& wish : wishes)
    if (wish.device == &device) return wish;
  return nothing;
}

Assignment assign(const Graph& graph, const Request& request, const Denied& denied) {
  const DeviceList& devices = request.devices;
  Assignment assignment;
  assignment.support = query_support(graph, devices);
  assignment.device.assign(graph.nodes.size(), -1);
  for (size_t i = 0; !denied.empty() && i < graph.nodes.size(); ++i)
    for (size_t d = 0; d < devices.size(); ++d)
      if (const auto refusal = denied.find({d, graph.nodes[i].name}); refusal != denied.end())
        assignment.support.verdicts[d][i] = {
            false, base::text("its compiler refused a segment with this node (%)", {refusal->second})};
  assignment.pin.assign(graph.nodes.size(), -1);
  if (!request.pins.empty()) apply_pins(graph, request, denied, assignment);
  if (request.ordered) apply_names(graph, request, assignment.support);
  assign_in_order(graph, devices, assignment);
  const bool raced = denied.empty() && follow_raced(graph, request, assignment);
  if (!raced) assign_by_cost(graph, request, assignment);
  check_deadline(graph, request, assignment);
  return assignment;
}

void price(const Graph& graph, const Request& request, Assignment& assignment) {
  const Decision decision = assignment.decision;
  if (!ask_planner(graph, request, Ask::price, assignment, assignment.decision.note)) return;
  assignment.decision.note = decision.note;
  if (decision.by != Decision::By::raced) return;
  assignment.decision.by = decision.by;
  assignment.decision.run_ns = decision.run_ns;  // measured
  assignment.decision.late = request.deadline_ns && decision.run_ns > static_cast<double>(request.deadline_ns);
}

}  // namespace motley::plan
