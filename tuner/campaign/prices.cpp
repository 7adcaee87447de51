// What the parts of a plan were measured to take.
#include "campaign/prices.hpp"

#include <algorithm>
#include <map>

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

// As the way was measured; where it was not, as another between the same memories. 0 where none was.
double move_ns(const json& move, const std::vector<json>& rows, const std::string& from, const std::string& to) {
  const json* best = nullptr;
  for (const json& row : rows)
    if (row["from"] == from && row["to"] == to && (!best || row["kind"] == move["way"])) best = &row;
  if (!best) return 0;
  return (*best)["alpha_ns"].get<double>() +
         (*best)["beta_ps_per_byte"].get<double>() * move["bytes"].get<double>() / 1000;
}

}  // namespace

uint64_t measured_ns(const json& plan, const json& node, const Ledger& ledger, const std::string& device) {
  if (node["fused_with"].empty()) return ledger.median_ns(node["problem"], device, node["config"]);
  if (is_inside(plan, node)) return 0;
  std::vector<std::string> keys;
  for (const json* part : kernel_of(plan, node)) keys.push_back((*part)["problem"]);
  return ledger.median_ns(table::joined_key(keys), device, node["config"]);
}

namespace {

constexpr const char* kHost = "host";

// Writes a plan down as steps: segments in their order, each after the moves that are made for it.
class Steps {
 public:
  Steps(const json& plan, const Ledger& ledger, const std::function<PlanDevice(const std::string&)>& device)
      : plan_(plan), ledger_(ledger), device_(device), rows_(ledger.transfers()) {
    for (const json& node : plan["nodes"]) {
      if (segments_.empty() || segments_.back()[0]->at("segment") != node["segment"]) segments_.emplace_back();
      segments_.back().push_back(&node);
    }
  }

  Parts run() {
    for (size_t s = 0; s < segments_.size(); ++s)
      for (const json* node : segments_[s])
        if (node->contains("outputs"))
          for (const json& output : (*node)["outputs"]) maker_.emplace(output.get<std::string>(), s);
    for (size_t s = 0; s < segments_.size(); ++s) {
      add_moves(s, true);
      add_segment(s);
      add_moves(s, false);
    }
    return std::move(parts_);
  }

 private:
  std::string place(const std::string& device) const {
    return device == kHost || device_(device).in_host_memory ? kHost : device;
  }
  // By what rows of transfers call the memory.
  std::string id(const std::string& device) const { return place(device) == kHost ? kHost : device_(device).id; }

  // Those for a segment, or, where they bring what it made to the caller, those after it.
  void add_moves(size_t s, bool before) {
    for (const json& move : plan_["transfers"]) {
      if (move["segment"] != segments_[s][0]->at("segment")) continue;
      const std::string tensor = move["tensor"], to = place(move["to"]);
      const auto maker = maker_.find(tensor);
      if ((maker == maker_.end() || maker->second < s) != before) continue;
      Parts::Step step{"", kHost, move_ns(move, rows_, id(move["from"]), id(move["to"])), {}};
      if (const auto at = made_.find(tensor); at != made_.end()) step.after.push_back(at->second);
      arrived_[{tensor, to}] = add(std::move(step));
    }
  }

  void add_segment(size_t s) {
    const PlanDevice device = device_((*segments_[s][0])["device"]);
    Parts::Step step{device.id, device.in_background ? device.id : kHost, 0, {}};
    const std::string here = place((*segments_[s][0])["device"]);
    for (const json* node : segments_[s]) {
      const uint64_t ns = measured_ns(plan_, *node, ledger_, device.id);
      step.ns += ns || is_inside(plan_, *node) ? static_cast<double>(ns) : (*node)["estimate_ns"].get<double>();
      if (node->contains("inputs"))
        for (const json& input : (*node)["inputs"]) add_need(input, here, step.after);
      else if (!parts_.steps.empty()) step.after.push_back(parts_.steps.size() - 1);
    }
    const size_t number = add(std::move(step));
    for (const json* node : segments_[s])
      if (node->contains("outputs"))
        for (const json& output : (*node)["outputs"]) made_[output] = number;
  }
  void add_need(const std::string& tensor, const std::string& here, std::vector<size_t>& after) const {
    const auto moved = arrived_.find({tensor, here});
    const auto made = made_.find(tensor);
    if (moved != arrived_.end()) after.push_back(moved->second);
    else if (made != made_.end()) after.push_back(made->second);
  }
  size_t add(Parts::Step step) {
    parts_.steps.push_back(std::move(step));
    return parts_.steps.size() - 1;
  }

  const json& plan_;
  const Ledger& ledger_;
  const std::function<PlanDevice(const std::string&)>& device_;
  const std::vector<json> rows_;
  std::vector<std::vector<const json*>> segments_;                 // their nodes
  std::map<std::string, size_t> maker_, made_;                     // tensor → segment, step
  std::map<std::pair<std::string, std::string>, size_t> arrived_;  // tensor and memory → step
  Parts parts_;
};

}  // namespace

Parts parts_of(const json& plan, const Ledger& ledger, const std::function<PlanDevice(const std::string&)>& device) {
  return Steps(plan, ledger, device).run();
}

}  // namespace motley::tuner
