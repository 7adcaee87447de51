// Chooses configs for nodes from a dispatch table.
#include "table/advisor.hpp"

#include <algorithm>

#include "base/environment.hpp"
#include "base/text.hpp"
#include "model/serialize.hpp"
#include "table/fingerprint.hpp"
#include "table/node_key.hpp"
#include "table/tuning.hpp"

namespace motley::table {

namespace {

class DeviceJudge final : public Judge {
 public:
  DeviceJudge(plugin::Device& device, const motley_graph& segment, uint32_t node, const Reserved& reserved)
      : device_(device), segment_(segment), node_(node), reserved_(reserved) {}
  bool accepts(const std::string& config) override { return offers(device_, segment_, config); }
  bool concerns(const std::string& config) const override {
    for (const auto& [node, pairs] : reserved_)
      if (node == node_ && has_pairs(config, pairs)) return false;
    return true;
  }

 private:
  plugin::Device& device_;
  const motley_graph& segment_;
  const uint32_t node_;
  const Reserved& reserved_;
};

// The best of what the devices here make of one device of the table.
template <class Lookups>
Lookup::Standing best_standing(const Lookups& lookups, size_t device) {
  Lookup::Standing best{Source::none, "of a plugin that is not used here"};
  for (const auto& [here, lookup] : lookups) {
    const Lookup::Standing& standing = lookup->standings()[device];
    if (standing.source < best.source || (best.source == Source::none && standing.same_plugin)) best = standing;
  }
  return best;
}

// A kernel for tensors in another layout is another problem, whatever its plugin calls it. What brings a tensor into a
// layout is a copy like others.
bool is_laid_out(const graph::Graph& graph, const graph::Node& node) {
  const auto has_layout = [&](graph::TensorId id) {
    return id != graph::kNone && graph.tensor(id).layout != schema::Layout::row_major;
  };
  return node.op != schema::Op::StridedCopy && (std::any_of(node.inputs.begin(), node.inputs.end(), has_layout) ||
                                                std::any_of(node.outputs.begin(), node.outputs.end(), has_layout));
}

std::string problem_of(const graph::Graph& graph, uint32_t node, plugin::Device& device, const motley_graph& view) {
  std::string problem = problem_key(device, view);
  if (problem.empty()) problem = node_key(graph, graph.nodes[node]);
  return is_laid_out(graph, graph.nodes[node]) ? problem + " in nhwc" : problem;
}

}  // namespace

std::string problem_of(const graph::Graph& graph, const std::vector<uint32_t>& nodes, plugin::Device& device) {
  std::vector<std::string> keys;
  for (const uint32_t n : nodes) keys.push_back(problem_of(graph, n, device, model::serialize_node(graph, n).view()));
  return keys.size() == 1 ? keys[0] : joined_key(keys);
}

const char* to_string(Source source) {
  static constexpr const char* kNames[kSources] = {"race",    "candidate", "exact",  "driver",
                                                   "nearest", "sibling",   "family", "none"};
  return kNames[static_cast<size_t>(source)];
}

bool takes(const graph::Graph& graph, const std::vector<uint32_t>& nodes, plugin::Device& device,
           const std::string& config, const std::string& pairs) {
  if (!has_pairs(config, pairs)) return false;
  std::string rest;
  for (const std::string& pair : base::split(config, ','))
    if (!has_pairs(pairs, pair)) rest += (rest.empty() ? "" : ",") + pair;
  return rest.empty() || (nodes.size() == 1 && offers(device, model::serialize_node(graph, nodes[0]).view(), rest));
}

Advisor::Advisor(const TableReader& reader, std::shared_ptr<const Table> table,
                 const std::vector<std::shared_ptr<plugin::Device>>& devices)
    : table_(std::move(table)) {
  for (const auto& device : devices) {
    Fingerprint here;
    try {
      here = fingerprint_of(*device);
    } catch (const Error&) {
      continue;  // whoever needs the device says what is wrong with it
    }
    lookups_.emplace_back(device.get(), reader.look_up(*table_, device->plugin().id, here));
  }
  for (size_t d = 0; d < table_->devices.size(); ++d) {
    const Lookup::Standing standing = best_standing(lookups_, d);
    if (!standing.reason) continue;
    size_t rows = 0;
    for (const KernelRow& row : table_->kernels) rows += row.device == d;
    const bool stale = standing.source == Source::driver || standing.same_plugin;
    unused_.push_back({table_->devices[d].id, standing.reason, rows, stale});
  }
}

const Lookup* Advisor::lookup_for(const plugin::Device& device) const {
  for (const auto& [here, lookup] : lookups_)
    if (here == &device) return lookup.get();
  return nullptr;
}

std::vector<NodeChoice> Advisor::choose(const graph::Graph& graph, const std::vector<uint32_t>& nodes,
                                        plugin::Device& device, const std::vector<std::string>& raced,
                                        const Reserved& reserved) const {
  std::vector<NodeChoice> choices;
  const Lookup* lookup = lookup_for(device);
  if (!lookup) return choices;
  for (const uint32_t n : nodes) {
    const model::SerializedGraph one = model::serialize_node(graph, n);
    const motley_graph view = one.view();
    const std::string problem = problem_of(graph, n, device, view);
    DeviceJudge judge(device, view, n, reserved);
    if (raced.empty()) choices.push_back({n, problem, lookup->find(problem, judge)});
    else if (judge.concerns(raced[n]) && judge.accepts(raced[n]))
      choices.push_back({n, problem, {Source::race, raced[n], lookup->median_with(problem, raced[n]), "", 0}});
    else choices.push_back({n, problem, {Source::none, "", lookup->median_with(problem, ""), "", 1}});
  }
  return choices;
}

Answer Advisor::find_with(const graph::Graph& graph, const std::vector<uint32_t>& nodes, plugin::Device& device,
                          const std::string& config) const {
  const Lookup* lookup = lookup_for(device);
  if (!lookup) return {};
  Answer answer = lookup->find_with(problem_of(graph, nodes, device), config);
  return answer.source == Source::none || takes(graph, nodes, device, answer.config, config) ? answer : Answer{};
}

const plugin::Device* Advisor::same_device(uint32_t of_table) const {
  for (const auto& [here, lookup] : lookups_)
    if (lookup->standings()[of_table].source == Source::exact) return here;
  return nullptr;
}

std::optional<Advisor::Plan> Advisor::plan_for(const graph::Graph& graph, const std::string& objective, double error,
                                               bool cut) const {
  std::string hash;
  std::optional<Plan> best;
  for (const PlanRow& row : table_->plans) {
    if (row.objective != objective || row.error > error || row.cuts.empty() == cut ||
        (best && best->expected_ns <= row.expected_ns))
      continue;
    if (hash.empty()) hash = graph_hash(graph);
    if (row.graph_hash != hash) continue;
    Plan plan;
    plan.expected_ns = row.expected_ns;
    plan.row = &row;
    bool all_here = true;
    for (const PlanRow::Segment& segment : row.segments) {
      const plugin::Device* device = same_device(segment.device);
      all_here = all_here && device;
      plan.has_configs = plan.has_configs && !segment.configs.empty();
      for (size_t i = 0; i < segment.nodes.size(); ++i)
        plan.nodes.push_back(
            {segment.nodes[i], device, i < segment.configs.size() ? segment.configs[i] : std::string()});
    }
    if (all_here) best = std::move(plan);
  }
  return best;
}

// Of several kinds the one that is cheapest for a tensor of usual size; fences come on top.
bool Advisor::find_transfer(const plugin::Device* from, const plugin::Device* to, TransferRow& cost) const {
  constexpr uint64_t kUsualBytes = 1 << 16;
  const auto is_it = [this](uint32_t of_table, const plugin::Device* device) {
    if (of_table == kHostMemory || !device) return of_table == kHostMemory && !device;
    return same_device(of_table) == device;
  };
  const auto time = [](const TransferRow& row) { return row.alpha_ns + row.beta_ps_per_byte * kUsualBytes / 1000; };
  const TransferRow* best = nullptr;
  uint64_t fence_ns = 0;
  for (const TransferRow& row : table_->transfers) {
    if (!is_it(row.from, from) || !is_it(row.to, to)) continue;
    if (row.kind == "fence") fence_ns = row.alpha_ns;
    else if (!best || time(row) < time(*best)) best = &row;
  }
  if (!best) return false;
  cost = *best;
  cost.alpha_ns += fence_ns;
  return true;
}

}  // namespace motley::table
