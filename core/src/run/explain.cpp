// Saying which op runs where, and why.
#include <algorithm>
#include <cstdio>

#include "base/text.hpp"
#include "plan/layout.hpp"
#include "plan/split.hpp"
#include "run/session_state.hpp"
#include "run/tables.hpp"

namespace motley {

namespace detail {

namespace {

const char* name_of(place::Provenance source) {
  static constexpr const char* kNames[] = {"measured", "near", "estimated"};
  return kNames[static_cast<size_t>(source)];
}

std::string reason_for(const plan::Plan& plan, const plan::Assignment& assignment, size_t node) {
  const size_t chosen = static_cast<size_t>(assignment.device[node]);
  for (size_t d = 0; d < plan.devices.size(); ++d)
    if (assignment.pin[node] == static_cast<int32_t>(d))
      return d == chosen ? "pinned to it"
                         : base::text("pinned to %, which does not run it: %",
                                      {plan.devices[d]->name(), assignment.support.at(d, node).reason});
  size_t able = 0;
  for (size_t d = 0; d < plan.devices.size(); ++d) able += assignment.support.allows(d, node);
  using By = plan::Decision::By;
  if (able > 1 && assignment.decision.by == By::planner) return "cheapest placement";
  if (able > 1 && assignment.decision.by == By::raced) return "part of the fastest plan that was measured";
  if (able > 1 && assignment.decision.by == By::single)
    return base::text("the best of % devices for the whole network", {able});
  size_t first = 0;  // that does not run it
  while (first < chosen && assignment.support.at(first, node).supported) ++first;
  if (first < chosen)
    return base::text("% does not run it: %", {plan.devices[first]->name(), assignment.support.at(first, node).reason});
  if (able == 1) return "the only device that runs it";
  return base::text("first in order of % devices that run it", {able});
}

std::vector<TensorInfo> tensors_of(const graph::Graph& graph, const std::vector<graph::TensorId>& ids) {
  std::vector<TensorInfo> tensors;
  for (const graph::TensorId id : ids) {
    if (id == graph::kNone) continue;
    const graph::Tensor& tensor = graph.tensor(id);
    tensors.push_back({tensor.name, static_cast<DataType>(tensor.type), tensor.extents(), {}});
  }
  return tensors;
}

// "float16 on acme:npu0", "nhwc, fused with add_3 on acme:npu0"
std::string describe(const plan::Plan& plan, const plan::Offer& offer, size_t node) {
  std::string text;
  if (offer.layout != schema::Layout::row_major) text = schema::EnumNameLayout(offer.layout);
  if (offer.precision != schema::DataType::undefined)
    text += base::text(text.empty() ? "%" : ", %", {schema::EnumNameDataType(offer.precision)});
  for (uint32_t n : offer.nodes)
    if (n != node) {
      text += text.find("fused with") == std::string::npos ? (text.empty() ? "fused with " : ", fused with ") : ", ";
      text += plan.graph.nodes[n].name;
    }
  if (text.empty()) text = offer.config;
  return base::text("% on %", {text, plan.devices[offer.device]->name()});
}

// What the planner says of a node.
void explain_cost(const plan::Plan& plan, const plan::Assignment& assignment, size_t node, double scale,
                  Placement& row) {
  if (node >= assignment.costs.size()) return;
  const plan::NodeCost& cost = assignment.costs[node];
  row.estimate_ns = cost.ns;
  row.cost_source = name_of(cost.source);
  if (cost.left_out >= 0) {
    row.left_out = describe(plan, assignment.support.offers[static_cast<size_t>(cost.left_out)], node);
    row.left_out_more = cost.left_out_more * scale;
    row.reason += base::text("; the error budget leaves out %", {row.left_out});
  }
  if (cost.runner_up < 0) return;
  row.runner_up = plan.devices[static_cast<size_t>(cost.runner_up)]->name();
  row.runner_up_more = cost.more * scale;
}

void explain_part(const plan::Plan& plan, Placement& row) {
  const plan::SplitPart* part = plan.split ? plan.split->find(row.node) : nullptr;
  if (!part) return;
  row.part_of = part->whole;
  row.part_axis = static_cast<uint32_t>(part->axis);
  row.share = static_cast<double>(part->end - part->first) / static_cast<double>(part->of);
  std::string rest;
  for (const plan::SplitPart& other : plan.split->parts)
    if (other.whole == part->whole && other.name != part->name)
      rest = plan.devices[static_cast<size_t>(other.device)]->name();
  row.reason = base::text("% % to % of % of %, while % computes the rest",
                          {part->unit, part->first, part->end - 1, part->of, part->whole, rest});
}

void explain_layout(const plan::Plan& plan, const graph::Node& node, Placement& row) {
  const bool converts = plan::is_conversion(plan.graph, node);
  for (const auto* ids : {&node.outputs, &node.inputs})
    for (const graph::TensorId id : *ids)
      if (id != graph::kNone && row.layout.empty() &&
          (converts || plan.graph.tensor(id).layout != schema::Layout::row_major))
        row.layout = schema::EnumNameLayout(plan.graph.tensor(id).layout);
  if (converts)
    row.reason = base::text("brings % into %; %", {plan.graph.tensor(node.inputs[0]).name, row.layout, row.reason});
}

// The candidate that runs a node, where its device took the config.
void explain_kernel(const plan::Plan& plan, const plan::Segment& segment, size_t node, Placement& row) {
  const auto is_it = [node](const table::NodeChoice& choice) {
    return choice.node == node && choice.answer.source == table::Source::candidate;
  };
  const plan::Assignment& assignment = plan.assignment;
  if (assignment.offer.empty() || assignment.offer[node] < 0 ||
      std::none_of(segment.choices.begin(), segment.choices.end(), is_it))
    return;
  const plan::Offer& offer = assignment.support.offers[static_cast<size_t>(assignment.offer[node])];
  for (uint32_t n : offer.nodes)
    if (n != node) row.fused_with.push_back(plan.graph.nodes[n].name);
  if (offer.precision != schema::DataType::undefined) row.precision = schema::EnumNameDataType(offer.precision);
  row.error = node == offer.nodes[0] ? static_cast<double>(offer.error_ppb) * 1e-9 : 0;
  row.reason += base::text("; kernel: %", {describe(plan, offer, node)});
}

// From the planner's units to those that are shown.
double scale_of(Policy policy) { return policy == Policy::memory ? 1e-3 : 1; }

void explain_decision(const plan::Decision& decision, Policy policy, PlanCost& cost) {
  static constexpr const char* kNames[] = {"order", "planner", "single device", "race"};
  static constexpr const char* kUnits[] = {"ns", "ns", "nJ", "bytes"};
  const double scale = scale_of(policy);
  cost.policy = policy;
  cost.unit = kUnits[static_cast<size_t>(policy)];
  cost.decided_by = kNames[static_cast<size_t>(decision.by)];
  if (!decision.note.empty()) cost.note = decision.note;
  cost.predicted_ns += decision.run_ns;
  cost.cost += decision.cost * scale;
  cost.bound += decision.bound * scale;
  cost.rival += decision.rival * scale;
  cost.side_by_side = cost.side_by_side || decision.side_by_side;
  cost.planner_ns += decision.planner_ns;
  cost.error += decision.error;
  cost.without_budget += decision.unbudgeted * scale;
  cost.late = cost.late || decision.late;
}

// The device that makes a tensor; "host" for an input.
std::string maker_of(const plan::Plan& plan, graph::TensorId id) {
  for (const plan::Segment& segment : plan.segments)
    if (std::find(segment.spec.outputs.begin(), segment.spec.outputs.end(), id) != segment.spec.outputs.end())
      return segment.device->name();
  return "host";
}

// What devices read of each other in memory that they share.
void explain_shared(const plan::Plan& plan, uint32_t s, uint32_t first, std::vector<Transfer>& result) {
  const plan::Segment& reader = plan.segments[s];
  const auto place_of = [&](const plan::Segment& segment) { return plan.schedule.lanes[segment.lane].place; };
  for (graph::TensorId id : reader.spec.inputs)
    for (const plan::Segment& maker : plan.segments) {
      const auto& made = maker.spec.outputs;
      if (maker.lane == reader.lane || place_of(maker) != place_of(reader) ||
          std::find(made.begin(), made.end(), id) == made.end())
        continue;
      const graph::Tensor& tensor = plan.graph.tensor(id);
      const std::string to = reader.device->name();
      if (std::none_of(result.begin(), result.end(),
                       [&](const Transfer& t) { return t.tensor == tensor.name && t.to == to; }))
        result.push_back({tensor.name, maker.device->name(), to, "share", tensor.bytes(), first + s});
    }
}

void explain_transfers(const plan::Plan& plan, const run::Instance* instance, uint32_t first,
                       std::vector<Transfer>& result) {
  const auto name = [&](uint32_t place, graph::TensorId id) {
    if (place != plan::kHost) return plan.schedule.lanes[plan.schedule.places[place].lane].device->name();
    return maker_of(plan, id);
  };
  for (const plan::Step& step : plan.schedule.steps) {
    if (step.kind == plan::Step::Kind::submit) explain_shared(plan, step.segment, first, result);
    if (step.kind != plan::Step::Kind::move) continue;
    const graph::Tensor& tensor = plan.graph.tensor(step.tensor);
    const uint32_t last = static_cast<uint32_t>(plan.segments.size()) - 1;
    result.push_back({tensor.name, name(step.from, step.tensor),
                      step.to == plan::kHost ? "host" : name(step.to, step.tensor),
                      to_string(instance ? instance->way_of(step) : step.way), tensor.bytes(),
                      first + std::min(step.segment, last)});
  }
}

}  // namespace

void explain(const plan::Plan& plan, const plan::Request& request, Explanation& result, const run::Instance* instance) {
  plan::Assignment priced = plan.assignment;
  if (priced.costs.empty()) {
    plan::Request same = request;
    same.devices = plan.devices;
    plan::price(plan.graph, same, priced);
  }
  explain_decision(priced.decision, request.policy, result.cost);
  result.cost.error_budget = static_cast<double>(request.error_budget_ppb) * 1e-9;
  result.cost.deadline_ns = static_cast<double>(request.deadline_ns);
  const uint32_t first = result.nodes.empty() ? 0 : result.nodes.back().segment + 1;
  explain_transfers(plan, instance, first, result.transfers);
  for (size_t s = 0; s < plan.segments.size(); ++s) {
    const plan::Segment& segment = plan.segments[s];
    for (uint32_t n : segment.spec.nodes) {
      const graph::Node& node = plan.graph.nodes[n];
      Placement row;
      row.node = node.name;
      row.op = graph::describe_op(node);
      row.origins = node.origins;
      row.inputs = tensors_of(plan.graph, node.inputs);
      row.outputs = tensors_of(plan.graph, node.outputs);
      row.device = segment.device->name();
      row.segment = first + static_cast<uint32_t>(s);
      row.reason = reason_for(plan, priced, n);
      if (!segment.executable) row.reason = "in place: what it joins or cuts stays where it is";
      explain_part(plan, row);
      explain_layout(plan, node, row);
      explain_cost(plan, priced, n, scale_of(request.policy), row);
      explain_kernel(plan, segment, n, row);
      for (size_t d = 0; d < plan.devices.size(); ++d)
        if (!plan.assignment.support.at(d, n).supported)
          row.refused.emplace_back(plan.devices[d]->name(), plan.assignment.support.at(d, n).reason);
      explain_choice(segment, n, row, result.table);
      result.nodes.push_back(std::move(row));
    }
    result.resident_bytes += segment.requirements.resident_bytes;
  }
  for (const graph::PassReport& report : plan.passes) {
    const auto known = std::find_if(result.passes.begin(), result.passes.end(),
                                    [&](const auto& pass) { return pass.first == report.pass; });
    if (known == result.passes.end()) result.passes.emplace_back(report.pass, report.rewrites);
    else known->second += report.rewrites;  // a network in stages
  }
  result.activation_bytes += plan.arena_bytes + plan.io_bytes;
  result.constant_bytes += plan.constant_bytes;
}

}  // namespace detail

namespace {

// Names come from models: one with a new line would look like several lines.
std::string shown(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ') c = '?';
  return text;
}
std::string one_line(std::string text) { return shown(std::move(text)) + '\n'; }

std::string describe(const PlanCost& cost) {
  char line[256];
  std::snprintf(line, sizeof line, "plan by %s for %s: %.1f us predicted", cost.decided_by.c_str(),
                to_string(cost.policy), cost.predicted_ns / 1e3);
  std::string text = line;
  if (cost.decided_by == "race") text += " (measured end to end when it was tuned)";
  const bool time = cost.policy == Policy::latency || cost.policy == Policy::throughput;
  const double scale = time ? 1e-3 : 1;
  const char* unit = time ? "us" : cost.unit.c_str();
  if (cost.policy != Policy::latency) {
    std::snprintf(line, sizeof line, ", cost %.1f %s", cost.cost * scale, unit);
    text += line;
  }
  if (cost.bound > 0) {
    std::snprintf(line, sizeof line, ", none below %.1f %s", cost.bound * scale, unit);
    text += line;
  }
  if (cost.rival > 0) {
    std::snprintf(line, sizeof line, ", %.1f %s without", cost.rival * scale, unit);
    text += line;
  }
  if (cost.side_by_side) text += ", devices side by side";
  if (cost.error_budget > 0) {
    std::snprintf(line, sizeof line, ", error %.3g of %.3g", cost.error, cost.error_budget);
    text += line;
  }
  if (cost.without_budget > 0) {
    std::snprintf(line, sizeof line, " (%.1f %s with any error)", cost.without_budget * scale, unit);
    text += line;
  }
  if (cost.deadline_ns > 0) {
    std::snprintf(line, sizeof line, ", %s the deadline of %.1f us", cost.late ? "LATE: no plan found within" : "within",
                  cost.deadline_ns / 1e3);
    text += line;
  }
  std::snprintf(line, sizeof line, ", planned in %.2f ms", cost.planner_ns / 1e6);
  text += line;
  if (!cost.note.empty()) text += base::text(" (%)", {cost.note});
  return text + "\n";
}

std::string describe(const TableUse& use) {
  if (use.path.empty()) return {};
  const std::string path = use.path.string();
  if (!use.problem.empty()) return one_line(base::text("table not used: %", {use.problem}));
  std::string text = base::text("table %: % rows; nodes by source:", {path, use.rows});
  for (const auto& [source, nodes] : use.lookups) text += base::text(" % %", {source, nodes});
  if (use.refused) text += base::text("; refused by their device: %", {use.refused});
  text += '\n';
  for (const auto& u : use.unused) text += base::text("table: % rows of % were %\n", {u.rows, u.device, u.reason});
  return text;
}

}  // namespace

const char* to_string(Policy policy) noexcept {
  static constexpr const char* kNames[] = {"latency", "throughput", "power", "memory"};
  return kNames[static_cast<size_t>(policy)];
}

std::string Explanation::to_string() const {
  size_t node_width = 4, op_width = 2, device_width = 6;
  for (const Placement& row : nodes) {
    node_width = std::max(node_width, std::min<size_t>(row.node.size(), 40));
    op_width = std::max(op_width, row.op.size());
    device_width = std::max(device_width, row.device.size());
  }
  std::string text;
  char line[512];
  const auto cell = [](const std::string& s, size_t width) {
    return s.size() <= width ? s : base::text("…%", {s.substr(s.size() - width + 1)});
  };
  std::snprintf(line, sizeof line, "%7s  %-*s  %-*s  %-*s  %10s  %-9s  %-*s  %10s  %s\n", "segment", int(node_width),
                "node", int(op_width), "op", int(device_width), "device", "cost", "source", int(device_width), "else",
                "more", "why");
  text += line;
  for (const Placement& row : nodes) {
    char more[32] = "";
    if (!row.runner_up.empty())
      std::snprintf(more, sizeof more, "%+.1f", row.runner_up_more * (cost.unit == "ns" ? 1e-3 : 1));
    std::snprintf(line, sizeof line, "%7u  %-*s  %-*s  %-*s  %7.1f us  %-9s  %-*s  %10s  ", row.segment,
                  int(node_width), cell(shown(row.node), node_width).c_str(), int(op_width), row.op.c_str(),
                  int(device_width), row.device.c_str(), row.estimate_ns / 1e3, row.cost_source.c_str(),
                  int(device_width), row.runner_up.c_str(), more);
    text += one_line(line + row.reason);
  }
  text += describe(cost);
  for (const Transfer& t : transfers) {
    const std::string size = base::text("% bytes", {t.bytes});
    text += one_line(
        base::text("before segment %: % from % to % by % (%)", {t.segment, t.tensor, t.from, t.to, t.way, size}));
  }
  for (const auto& [device, why] : lost) text += one_line(base::text("no longer used: %, because %", {device, why}));
  text += describe(table);
  for (const auto& [pass, rewrites] : passes)
    if (rewrites) text += base::text("pass %: %%", {pass, rewrites, (rewrites == 1 ? " rewrite\n" : " rewrites\n")});
  std::snprintf(line, sizeof line, "memory: %.1f kB activations, %.1f kB constants, %.1f kB packed by devices\n",
                double(activation_bytes) / 1e3, double(constant_bytes) / 1e3, double(resident_bytes) / 1e3);
  return text + line;
}

}  // namespace motley
