// What the parts of a plan were measured to take.
#include "campaign/prices.hpp"

#include <algorithm>

#include "table/node_key.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

// The nodes that one kernel runs, in the plan's order.
std::vector<const json*> kernel_of(const json& plan, const json& node) {
  const json& others = node["fused_with"];
  std::vector<const json*> all;
  for (const json& other : plan["nodes"])
    if (other["node"] == node["node"] || std::find(others.begin(), others.end(), other["node"]) != others.end())
      all.push_back(&other);
  return all;
}

// Whether a kernel runs the node whose time stands at another one.
bool is_inside(const json& plan, const json& node) {
  return !node["fused_with"].empty() && (*kernel_of(plan, node)[0])["node"] != node["node"];
}

double move_ns(const json& move, const std::vector<json>& rows, const std::string& from, const std::string& to) {
  double ns = 0;
  for (const json& row : rows)
    if (row["from"] == from && row["to"] == to && row["kind"] == move["way"])
      ns += row["alpha_ns"].get<double>() + row["beta_ps_per_byte"].get<double>() * move["bytes"].get<double>() / 1000;
  return ns;
}

}  // namespace

uint64_t measured_ns(const json& plan, const json& node, const Ledger& ledger, const std::string& device) {
  if (node["fused_with"].empty()) return ledger.median_ns(node["problem"], device, node["config"]);
  if (is_inside(plan, node)) return 0;
  std::vector<std::string> keys;
  for (const json* part : kernel_of(plan, node)) keys.push_back((*part)["problem"]);
  return ledger.median_ns(table::joined_key(keys), device, node["config"]);
}

Parts parts_of(const json& plan, const Ledger& ledger, const std::function<std::string(const std::string&)>& id) {
  Parts parts;
  for (const json& node : plan["nodes"]) {
    const std::string device = id(node["device"]);
    const uint64_t ns = measured_ns(plan, node, ledger, device);
    parts.kernels_ns[device] +=
        ns || is_inside(plan, node) ? static_cast<double>(ns) : node["estimate_ns"].get<double>();
  }
  const std::vector<json> rows = ledger.transfers();
  for (const json& move : plan["transfers"]) {
    ++parts.moves;
    parts.moves_ns += move_ns(move, rows, id(move["from"]), id(move["to"]));
  }
  return parts;
}

}  // namespace motley::tuner
