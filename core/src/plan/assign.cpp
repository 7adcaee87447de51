// Choosing a device for each node.
#include <algorithm>
#include <chrono>

#include "base/glob.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "plan/cost.hpp"
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

bool has_choice(const SupportTable& support, size_t nodes) {
  for (size_t i = 0; i < nodes; ++i) {
    size_t able = 0;
    for (size_t d = 0; d < support.verdicts.size(); ++d) able += support.allows(d, i);
    if (able > 1) return true;
  }
  return false;
}

// The devices that were assigned, as the planner calls them.
void keep_order(const Assignment& assignment, Question& question) {
  for (int32_t d : assignment.device) question.sketch.incumbent.push_back(question.worker[static_cast<size_t>(d)]);
}

// What nodes cost where they are assigned.
void fill_costs(const Question& question, Assignment& assignment) {
  const size_t workers = question.device.size();
  assignment.costs.resize(assignment.device.size());
  for (size_t n = 0; n < assignment.device.size(); ++n) {
    const auto worker = static_cast<size_t>(question.worker[static_cast<size_t>(assignment.device[n])]);
    const place::Ns ns = question.sketch.cost_ns[n * workers + worker];
    assignment.costs[n].ns = ns < place::kForbidden ? static_cast<double>(ns) : 0;
    assignment.costs[n].source = question.sketch.cost_source[n * workers + worker];
  }
}

// False where the planner gave no answer; the decision's note says why.
bool ask(const Question& question, Assignment& assignment) {
  Decision& decision = assignment.decision;
  place::Answer answer;
  const auto begin = std::chrono::steady_clock::now();
  if (!ask_planner(question.sketch, answer, decision.note)) return false;
  decision.planner_ns = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
  using Kind = place::Choice::Kind;
  decision.by = answer.kind == Kind::mixed    ? Decision::By::planner
                : answer.kind == Kind::single ? Decision::By::single
                                              : Decision::By::order;
  decision.run_ns = static_cast<double>(answer.run_ns);
  decision.cost = static_cast<double>(answer.cost);
  decision.bound = static_cast<double>(answer.bound);
  decision.rival = answer.rival < place::kForbidden ? static_cast<double>(answer.rival) : 0;
  decision.side_by_side = answer.side_by_side;
  const auto device_of = [&](int32_t worker) { return worker < 0 ? -1 : question.device[static_cast<size_t>(worker)]; };
  for (size_t n = 0; n < answer.worker.size(); ++n) assignment.device[n] = device_of(answer.worker[n]);
  fill_costs(question, assignment);
  for (size_t n = 0; n < answer.worker.size(); ++n) {
    assignment.costs[n].runner_up = device_of(answer.runner_up[n]);
    assignment.costs[n].more = static_cast<double>(answer.more[n]);
  }
  return true;
}

// Lets the planner decide where costs count.
void assign_by_cost(const Graph& graph, const Request& request, Assignment& assignment) {
  const bool order_decides = request.ordered && request.policy == Policy::latency;
  if (order_decides && !request.advisor) return;
  Question question = make_question(graph, request, assignment);
  if (order_decides && !question.measured) return;
  question.sketch.aim = static_cast<place::Aim>(request.policy);
  if (request.ordered) keep_order(assignment, question);
  if (ask(question, assignment)) return;
  base::log(base::LogLevel::info, "plan",
            base::text("devices are used in order of preference, because the planner gave no plan: %",
                       {assignment.decision.note}));
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
      if (denied.count({d, graph.nodes[i].name}))
        assignment.support.verdicts[d][i] = {false, "its compiler refused a segment with this node"};
  assignment.pin.assign(graph.nodes.size(), -1);
  if (!request.pins.empty()) apply_pins(graph, request, denied, assignment);
  if (request.ordered) apply_names(graph, request, assignment.support);
  assign_in_order(graph, devices, assignment);
  if (denied.empty() && follow_raced(graph, request, assignment)) return assignment;
  if (!has_choice(assignment.support, graph.nodes.size())) return assignment;
  assign_by_cost(graph, request, assignment);
  return assignment;
}

void price(const Graph& graph, const Request& request, Assignment& assignment) {
  Question question = make_question(graph, request, assignment);
  question.sketch.aim = static_cast<place::Aim>(request.policy);
  keep_order(assignment, question);
  question.sketch.keep_incumbent = true;
  const Decision decision = assignment.decision;
  if (!ask(question, assignment)) return fill_costs(question, assignment);
  assignment.decision.note = decision.note;
  if (decision.by != Decision::By::raced) return;
  assignment.decision.by = decision.by;
  assignment.decision.run_ns = decision.run_ns;  // measured
}

}  // namespace motley::plan
