// A note of the tuner read as if a session had explained itself.
#include "report/planned.hpp"

#include "report/session.hpp"
#include "report/timeline.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

std::vector<TensorInfo> tensors(const json& node, const char* name) {
  std::vector<TensorInfo> list;
  for (const json& tensor : node.value(name, json::array())) {
    TensorInfo info;
    info.name = tensor.get<std::string>();
    info.rank_known = false;
    list.push_back(std::move(info));
  }
  return list;
}

Placement placement(const json& node) {
  Placement p;
  p.node = node.at("node").get<std::string>();
  p.op = node.value("op", "");
  p.origins = node.value("origins", std::vector<std::string>());
  p.device = node.at("device").get<std::string>();
  p.segment = node.value("segment", 0U);
  p.reason = node.value("reason", "");
  p.estimate_ns = node.value("estimate_ns", 0.0);
  p.problem_key = node.value("problem", "");
  p.config = node.value("config", "");
  p.config_source = node.value("source", "");
  p.inputs = tensors(node, "inputs");
  p.outputs = tensors(node, "outputs");
  return p;
}

Transfer transfer(const json& row) {
  Transfer t;
  t.tensor = row.value("tensor", "");
  t.from = row.value("from", "");
  t.to = row.value("to", "");
  t.way = row.value("way", "");
  t.bytes = row.value("bytes", uint64_t{0});
  t.segment = row.value("segment", 0U);
  return t;
}

// Members of the wrong type throw json::exception.
json facts_of(const json& note) {
  TracedSession session;
  Timeline line;
  session.model = note.value("model", "");
  for (const json& node : note.at("nodes")) {
    session.explanation.nodes.push_back(placement(node));
    if (const double ns = node.value("measured_ns", 0.0); ns > 0) line.node_ns[node.at("node")] = ns;
  }
  for (const json& row : note.value("transfers", json::array())) session.explanation.transfers.push_back(transfer(row));
  session.explanation.cost.predicted_ns = note.value("predicted_ns", 0.0);
  json facts = session_facts(session, line);
  if (const double ns = note.value("measured_ns", 0.0); ns > 0) facts["run_ns"] = ns;
  facts["planned"] = true;
  return facts;
}

}  // namespace

std::optional<json> planned_facts(const std::vector<json>& notes) {
  for (auto note = notes.rbegin(); note != notes.rend(); ++note) {
    try {
      if (note->at("kind") == "plan" && !note->at("nodes").empty()) return facts_of(*note);
    } catch (const json::exception&) {
    }
  }
  return std::nullopt;
}

}  // namespace motley::tuner
