// Which operators two devices could compute together, and what that would cost. In libmotley_planner.
#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "plan/cost.hpp"

namespace motley::plan {

using graph::Graph;
using graph::Node;
using place::Provenance;

namespace {

constexpr double kGain = 0.9;  // of the node's best cost; above, a split is not looked at
constexpr size_t kMostPerNode = 2;
constexpr double kUsualBandwidth = 10;  // GB/s, of a device that does not say

// A part of what was measured is as good as a neighbour's figure.
Provenance scaled(Provenance source) { return std::max(source, Provenance::near); }

class SplitFinder {
 public:
  SplitFinder(const Graph& graph, const Request& request, const Question& question)
      : graph_(graph), request_(request), question_(question), sketch_(question.sketch) {
    uint32_t places = 1;
    for (const place::Sketch::Worker& worker : sketch_.workers) place_.push_back(worker.own_place ? places++ : 0);
    places_ = places;
  }

  // Cuts and their costs, in step with each other.
  std::vector<Cut> run(std::vector<place::Sketch::Pair>& pairs) {
    for (const place::Sketch::Worker& worker : sketch_.workers)
      if (worker.own_place && !worker.background) return {};
    for (uint32_t n = 0; n < graph_.nodes.size(); ++n)
      if (const int64_t channels = may_split(n) ? channels_to_cut(graph_, graph_.nodes[n]) : 0; channels > 0)
        add_node(n, channels);
    pairs = std::move(pairs_);
    return std::move(cuts_);
  }

 private:
  bool may_split(uint32_t n) const {
    const Node& node = graph_.nodes[n];
    if (pinned_device(node, request_) >= 0) return false;
    const auto is_kept = [&](const std::string& name) {
      return std::find(request_.keep.begin(), request_.keep.end(), name) != request_.keep.end();
    };
    return !is_kept(node.name) && std::none_of(node.origins.begin(), node.origins.end(), is_kept);
  }

  // Two that may be one and the same processor, found by two plugins, don't help each other.
  bool may_work_together(size_t a, size_t b) const {
    if (place_[a] == place_[b]) return false;
    const plugin::Device &x = device(a), &y = device(b);
    return &x.plugin() == &y.plugin() || x.info().kind != y.info().kind;
  }

  // Estimates are often wrong by more than a split can gain.
  bool is_known(uint32_t n, size_t worker) const {
    return cost(n, worker) < place::kForbidden &&
           sketch_.cost_source[n * place_.size() + worker] != Provenance::estimated;
  }

  void add_node(uint32_t n, int64_t channels) {
    place::Ns best = place::kForbidden;
    for (size_t w = 0; w < place_.size(); ++w) best = std::min(best, cost(n, w));
    std::vector<std::pair<double, Cut>> found;
    for (size_t a = 0; a < place_.size(); ++a)
      for (size_t b = 0; b < place_.size(); ++b) {
        if (!is_known(n, a) || !is_known(n, b) || !may_work_together(a, b)) continue;
        Cut cut{n, a, b, 0, channels};
        const double ns = balance(cut);
        if (ns < kGain * static_cast<double>(best)) found.emplace_back(ns, cut);
      }
    std::stable_sort(found.begin(), found.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
    found.resize(std::min(found.size(), kMostPerNode));
    for (const auto& [ns, cut] : found) {
      pairs_.push_back({n, static_cast<uint32_t>(cut.worker), static_cast<uint32_t>(cut.helper), std::llround(ns),
                        std::max(source(n, cut.worker), source(n, cut.helper))});
      cuts_.push_back(cut);
    }
  }

  // Cuts so that both are done at the same time, or nearly, as channels go by eights. Returns when; what joins them
  // included.
  double balance(Cut& cut) const {
    const Node& node = graph_.nodes[cut.node];
    const double out = bytes_of(node.outputs[0]), start_a = start(cut.worker), start_b = start(cut.helper);
    const double rest_a = std::max(0.0, static_cast<double>(cost(cut.node, cut.worker)) - start_a),
                 rest_b = std::max(0.0, static_cast<double>(cost(cut.node, cut.helper)) - start_b);
    const double residual = bytes_of(node.op == graph::Op::Conv ? node.input(3) : graph::kNone);
    const place::Move there = move(cut.worker, cut.helper), back = move(cut.helper, cut.worker);
    if (there.alpha_ns >= place::kForbidden || back.alpha_ns >= place::kForbidden) return HUGE_VAL;
    // Both are a start and so much for all channels.
    const double in = move_ns(there, bytes_of(node.inputs[0])) + (residual > 0 ? move_ns(there, residual) : 0);
    const double slice_a = residual > 0 ? copy_ns(cut.worker, 0) : 0,
                 slice_b = residual > 0 ? copy_ns(cut.helper, 0) : 0;
    const double first_a = start_a + slice_a,
                 slope_a = rest_a + (residual > 0 ? copy_ns(cut.worker, residual) - slice_a : 0);
    const double first_b = in + start_b + slice_b + static_cast<double>(back.alpha_ns),
                 slope_b = rest_b + static_cast<double>(back.beta_ps_per_byte) * out / 1000 +
                           (residual > 0 ? copy_ns(cut.helper, residual) - slice_b : 0);
    const double share = (first_b + slope_b - first_a) / std::max(1.0, slope_a + slope_b);
    const int64_t grain = cut.of >= 32 ? 8 : 4;
    const int64_t most = (cut.of - 1) / grain * grain;
    cut.first = std::clamp(std::llround(share * static_cast<double>(cut.of) / static_cast<double>(grain)) * grain,
                           static_cast<long long>(grain), static_cast<long long>(most));
    const double part = static_cast<double>(cut.first) / static_cast<double>(cut.of);
    cut.worker_ns = std::llround(start_a + rest_a * part);
    cut.helper_ns = std::llround(start_b + rest_b * (1 - part));
    return std::max(first_a + slope_a * part, first_b + slope_b * (1 - part)) + copy_ns(cut.worker, out);
  }

  double bytes_of(graph::TensorId id) const {
    return id == graph::kNone ? 0 : static_cast<double>(graph_.tensor(id).bytes());
  }
  plugin::Device& device(size_t worker) const {
    return *request_.devices[static_cast<size_t>(question_.device[worker])];
  }
  place::Ns cost(uint32_t n, size_t worker) const { return sketch_.cost_ns[n * place_.size() + worker]; }
  Provenance source(uint32_t n, size_t worker) const { return scaled(sketch_.cost_source[n * place_.size() + worker]); }
  double start(size_t worker) const { return std::max(0.0, device(worker).info().dispatch_ns); }
  // Read and written once.
  double copy_ns(size_t worker, double bytes) const {
    const double bandwidth = device(worker).info().bandwidth_gbps;
    return start(worker) + 2 * bytes / (bandwidth > 0 ? bandwidth : kUsualBandwidth);
  }
  place::Move move(size_t from, size_t to) const {
    const size_t at = 2 * (place_[from] * places_ + place_[to]);
    return {sketch_.moves[at], sketch_.moves[at + 1]};
  }
  static double move_ns(const place::Move& move, double bytes) {
    return static_cast<double>(move.alpha_ns) + static_cast<double>(move.beta_ps_per_byte) * bytes / 1000;
  }

  const Graph& graph_;
  const Request& request_;
  const Question& question_;
  const place::Sketch& sketch_;
  std::vector<uint32_t> place_;  // per worker
  size_t places_ = 1;
  std::vector<Cut> cuts_;
  std::vector<place::Sketch::Pair> pairs_;
};

}  // namespace

std::shared_ptr<const Split> find_split(const Graph& graph, const Request& request, const Question& question) {
  if (!request.split || question.sketch.aim != place::Aim::latency || request.keep_all) return nullptr;
  place::Sketch sketch = question.sketch;
  const std::vector<Cut> offered = SplitFinder(graph, request, question).run(sketch.pairs);
  if (offered.empty()) return nullptr;
  const place::Answer answer = place::answer(sketch);
  std::vector<Cut> cuts;
  for (int32_t pair : answer.pair)
    if (pair >= 0) cuts.push_back(offered[static_cast<size_t>(pair)]);
  if (cuts.empty()) return nullptr;
  auto split = std::make_shared<Split>(split_graph(graph, cuts));
  for (size_t i = 0; i < split->parts.size(); ++i) {
    SplitPart& part = split->parts[i];
    const Cut& cut = cuts[i / 2];
    const size_t worker = i % 2 ? cut.helper : cut.worker;
    part.device = question.device[worker];
    part.cost_ns = i % 2 ? cut.helper_ns : cut.worker_ns;
    part.source = scaled(question.sketch.cost_source[cut.node * question.device.size() + worker]);
  }
  return split;
}

namespace {

Cut cut_as(const Graph& graph, const table::PlanRow::Cut& row) {
  for (uint32_t n = 0; n < graph.nodes.size(); ++n) {
    if (graph.nodes[n].name != row.node) continue;
    const int64_t channels = channels_to_cut(graph, graph.nodes[n]);
    const auto first = static_cast<int64_t>(row.first);
    if (row.axis != static_cast<uint64_t>(channel_axis(graph, graph.nodes[n])) || first <= 0 || first >= channels) break;
    return {n, 0, 0, first, channels};
  }
  base::fail(ErrorCode::invalid_argument, "the plan of the dispatch table cuts node \"%\", which can't be cut like that",
             {row.node});
}

// Where the plan has a part, and what it costs there as far as costs of the whole tell.
void place_part(const Request& request, const table::Advisor::Plan& plan, const Question& question, uint32_t node,
                SplitPart& part) {
  const auto at = std::find_if(plan.nodes.begin(), plan.nodes.end(),
                               [&](const table::Advisor::Plan::Node& known) { return known.name == part.name; });
  if (at == plan.nodes.end())
    base::fail(ErrorCode::invalid_argument, "the plan of the dispatch table says no device for \"%\"", {part.name});
  for (size_t d = 0; d < request.devices.size(); ++d)
    if (request.devices[d].get() == at->device) part.device = static_cast<int32_t>(d);
  const int32_t worker = question.worker[static_cast<size_t>(part.device)];
  if (worker < 0) return;
  const size_t cell = node * question.device.size() + static_cast<size_t>(worker);
  if (question.sketch.cost_ns[cell] >= place::kForbidden) return;
  part.cost_ns = std::llround(static_cast<double>(question.sketch.cost_ns[cell]) *
                              static_cast<double>(part.end - part.first) / static_cast<double>(part.of));
  part.source = scaled(question.sketch.cost_source[cell]);
}

}  // namespace

std::shared_ptr<const Split> split_as_raced(const Graph& graph, const Request& request, const Assignment& assignment) {
  const table::Advisor::Plan& plan = *assignment.raced;
  std::vector<Cut> cuts;
  for (const table::PlanRow::Cut& row : plan.row->cuts) cuts.push_back(cut_as(graph, row));
  std::sort(cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) { return a.node < b.node; });
  for (size_t i = 1; i < cuts.size(); ++i)
    if (cuts[i].node == cuts[i - 1].node)
      base::fail(ErrorCode::invalid_argument, "the plan of the dispatch table cuts node \"%\" twice",
                 {graph.nodes[cuts[i].node].name});
  auto split = std::make_shared<Split>(split_graph(graph, cuts));
  const Question question = make_question(graph, request, assignment);
  for (size_t i = 0; i < split->parts.size(); ++i)
    place_part(request, plan, question, cuts[i / 2].node, split->parts[i]);
  return split;
}

}  // namespace motley::plan
