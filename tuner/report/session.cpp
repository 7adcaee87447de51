// A session's explanation and trace as facts.
#include "report/session.hpp"

#include "report/critical_path.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

json tensors_json(const std::vector<TensorInfo>& tensors) {
  json list = json::array();
  for (const TensorInfo& t : tensors) {
    list.push_back({{"name", t.name}});
    if (t.rank_known) list.back().update({{"type", to_string(t.type)}, {"shape", t.shape}});
  }
  return list;
}

json pairs_json(const std::vector<std::pair<std::string, std::string>>& pairs) {
  json list = json::array();
  for (const auto& [device, why] : pairs) list.push_back({{"device", device}, {"reason", why}});
  return list;
}

json node_json(const Placement& p, const Timeline& line) {
  json node = {{"name", p.node},
               {"op", p.op},
               {"origins", p.origins},
               {"device", p.device},
               {"segment", p.segment},
               {"reason", p.reason},
               {"inputs", tensors_json(p.inputs)},
               {"outputs", tensors_json(p.outputs)},
               {"refused", pairs_json(p.refused)}};
  if (p.estimate_ns > 0) node["predicted_ns"] = p.estimate_ns;
  if (!p.problem_key.empty()) node["problem"] = p.problem_key;
  if (!p.cost_source.empty()) node["provenance"] = p.cost_source;
  if (!p.config_source.empty()) {
    node["config"] = p.config;
    node["config_source"] = p.config_source;
  }
  if (!p.runner_up.empty()) node["runner_up"] = {{"device", p.runner_up}, {"more", p.runner_up_more}};
  if (const auto at = line.node_ns.find(p.node); at != line.node_ns.end()) node["measured_ns"] = at->second;
  if (const auto at = line.kernel.find(p.node); at != line.kernel.end()) node["kernel"] = at->second;
  return node;
}

std::vector<WeightedEdge> edges_of(const Explanation& explanation, const Timeline& line, json& edges) {
  std::map<std::string, size_t> maker;
  for (size_t n = 0; n < explanation.nodes.size(); ++n)
    for (const TensorInfo& t : explanation.nodes[n].outputs) maker[t.name] = n;
  std::vector<WeightedEdge> result;
  for (size_t n = 0; n < explanation.nodes.size(); ++n)
    for (const TensorInfo& t : explanation.nodes[n].inputs) {
      const auto from = maker.find(t.name);
      if (from == maker.end() || from->second == n) continue;
      const bool crosses = explanation.nodes[from->second].device != explanation.nodes[n].device;
      const auto moved = line.transfer_ns.find(t.name);
      const double ns = crosses && moved != line.transfer_ns.end() ? moved->second : 0;
      result.push_back({from->second, n, ns});
      json edge = {{"from", from->second}, {"to", n}, {"tensor", t.name}};
      if (ns > 0) edge["transfer_ns"] = ns;
      edges.push_back(std::move(edge));
    }
  return result;
}

json segments_json(const Explanation& explanation, const Timeline& line) {
  struct Part {
    std::string device;
    size_t nodes = 0, unknown = 0;
    double predicted = 0;
  };
  std::map<uint32_t, Part> parts;
  for (const Placement& p : explanation.nodes) {
    Part& part = parts[p.segment];
    part.device = p.device;
    ++part.nodes;
    part.unknown += p.estimate_ns <= 0;
    part.predicted += p.estimate_ns;
  }
  json list = json::array();
  for (const auto& [segment, part] : parts) {
    json row = {{"segment", segment}, {"device", part.device}, {"nodes", part.nodes}};
    if (part.unknown < part.nodes) row["predicted_ns"] = part.predicted;
    if (part.unknown) row["without_prediction"] = part.unknown;
    if (const auto at = line.segment_ns.find(segment); at != line.segment_ns.end()) row["measured_ns"] = at->second;
    list.push_back(std::move(row));
  }
  return list;
}

json transfers_json(const std::vector<Transfer>& transfers, const Timeline& line) {
  json list = json::array();
  for (const Transfer& t : transfers) {
    json row = {{"tensor", t.tensor}, {"from", t.from},   {"to", t.to},
                {"way", t.way},       {"bytes", t.bytes}, {"segment", t.segment}};
    if (const auto at = line.transfer_ns.find(t.tensor); at != line.transfer_ns.end()) row["measured_ns"] = at->second;
    list.push_back(std::move(row));
  }
  return list;
}

json devices_json(const std::vector<DeviceInfo>& devices) {
  json list = json::array();
  for (const DeviceInfo& d : devices)
    list.push_back({{"name", d.name},
                    {"plugin", d.plugin},
                    {"description", d.description},
                    {"vendor", d.vendor},
                    {"kind", to_string(d.kind)},
                    {"peak_gflops", d.peak_gflops},
                    {"bandwidth_gbps", d.bandwidth_gbps},
                    {"memory_bytes", d.memory_bytes}});
  return list;
}

json cost_json(const PlanCost& cost) {
  json facts = {{"policy", to_string(cost.policy)},
                {"decided_by", cost.decided_by},
                {"unit", cost.unit},
                {"side_by_side", cost.side_by_side}};
  if (!cost.note.empty()) facts["note"] = cost.note;
  const std::pair<const char*, double> figures[] = {{"predicted_ns", cost.predicted_ns},
                                                    {"cost", cost.cost},
                                                    {"bound", cost.bound},
                                                    {"rival", cost.rival},
                                                    {"planner_ns", cost.planner_ns}};
  for (const auto& [name, value] : figures)
    if (value != 0) facts[name] = value;
  return facts;
}

json table_json(const TableUse& use) {
  if (use.path.empty()) return nullptr;
  json unused = json::array();
  for (const TableUse::Unused& u : use.unused)
    unused.push_back({{"device", u.device}, {"reason", u.reason}, {"rows", u.rows}});
  return {{"path", use.path.string()}, {"problem", use.problem}, {"rows", use.rows},
          {"lookups", use.lookups},    {"refused", use.refused}, {"unused", unused}};
}

}  // namespace

json session_facts(const TracedSession& session) { return session_facts(session, timeline_of(session.events)); }

json session_facts(const TracedSession& session, const Timeline& line) {
  const Explanation& explanation = session.explanation;
  json facts = {{"model", session.model},
                {"devices", devices_json(session.devices)},
                {"inputs", session.inputs},
                {"outputs", session.outputs},
                {"nodes", json::array()},
                {"edges", json::array()},
                {"runs", line.runs},
                {"events", events_json(line.events)},
                {"lost", pairs_json(explanation.lost)}};
  if (line.runs) facts["run_ns"] = line.run_ns;
  std::vector<double> costs;
  for (const Placement& p : explanation.nodes) {
    facts["nodes"].push_back(node_json(p, line));
    const auto measured = line.node_ns.find(p.node);
    costs.push_back(measured == line.node_ns.end() ? p.estimate_ns : measured->second);
  }
  const auto edges = edges_of(explanation, line, facts["edges"]);
  facts["critical_path"] = critical_path(costs, edges);
  facts["segments"] = segments_json(explanation, line);
  facts["transfers"] = transfers_json(explanation.transfers, line);
  facts["passes"] = json::array();
  for (const auto& [pass, rewrites] : explanation.passes)
    if (rewrites) facts["passes"].push_back({{"pass", pass}, {"rewrites", rewrites}});
  facts["activation_bytes"] = explanation.activation_bytes;
  facts["constant_bytes"] = explanation.constant_bytes;
  facts["resident_bytes"] = explanation.resident_bytes;
  facts["cost"] = cost_json(explanation.cost);
  facts["table"] = table_json(explanation.table);
  return facts;
}

}  // namespace motley::tuner
