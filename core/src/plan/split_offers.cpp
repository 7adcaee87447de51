// Which operators two devices could compute together, and what that would cost. In libmotley_planner.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/text.hpp"
#include "plan/cost.hpp"
#include "table/node_key.hpp"

namespace motley::plan {

using graph::Graph;
using graph::Node;
using place::Provenance;

namespace {

constexpr double kGain = 0.9;  // of the node's best cost; above, a split is not looked at
constexpr size_t kMostPerNode = 3;
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
      if (may_split(n)) add_node(n);
    pairs = std::move(pairs_);
    return std::move(cuts_);
  }

  // The same cuts, ascending, and more: an operator that could go on with the parts of another, as cuts at the same
  // place on the same devices let it, does. With `all`, also where it was not to be cut or to be cut otherwise.
  std::vector<Cut> align(const std::vector<Cut>& cuts, bool all) const {
    const std::vector<int32_t> producers = graph_.producers();
    std::vector<Cut> result;
    std::vector<int32_t> at(graph_.nodes.size(), -1);  // in the result
    size_t next = 0;
    for (uint32_t n = 0; n < graph_.nodes.size(); ++n) {
      const bool is_cut = next < cuts.size() && cuts[next].node == n;
      Cut cut;
      if (is_cut) cut = cuts[next++];
      const graph::TensorId input = graph_.nodes[n].input(0);
      const int32_t maker = input == graph::kNone ? -1 : producers[static_cast<size_t>(input)];
      const int32_t before = maker < 0 ? -1 : at[static_cast<size_t>(maker)];
      const bool goes_on =
          before >= 0 && (is_cut || all) && go_on(n, result[static_cast<size_t>(before)], all ? nullptr : &cut, cut);
      if (!is_cut && !goes_on) continue;
      set_costs(cut);
      at[n] = static_cast<int32_t>(result.size());
      result.push_back(cut);
    }
    return result;
  }

  // Of the parts alone. All but the start goes by the share.
  void set_costs(Cut& cut) const {
    cut.worker_ns = std::llround(part_ns(cut, cut.worker, share_of(cut)));
    cut.helper_ns = std::llround(part_ns(cut, cut.helper, 1 - share_of(cut)));
  }

 private:
  // A cut with which both parts read a part of the other operator each. With `as`, only one along its axis and devices.
  bool go_on(uint32_t n, const Cut& before, const Cut* as, Cut& cut) const {
    const Node& node = graph_.nodes[n];
    if (as && (as->worker != before.worker || as->helper != before.helper)) return false;
    if (!may_split(n) || !is_known(n, before.worker) || !is_known(n, before.helper)) return false;
    const int group =
        node.op == graph::Op::Conv ? static_cast<int>(graph::attributes<schema::ConvAttributesT>(node).group) : 0;
    for (const CutAxis& axis : axes_to_cut(graph_, node)) {
      if (axis.extent != before.of || (as && as->axis != axis.axis)) continue;
      if (node.op == graph::Op::Conv && axis.axis == 1 && group != axis.extent) continue;
      const Piece low = piece_of(graph_, node, axis.axis, 0, 0, before.first),
                  high = piece_of(graph_, node, axis.axis, 0, before.first, before.of);
      if (low.axis != before.axis || low.first != 0 || low.end != before.first || high.first != before.first ||
          high.end != before.of)
        continue;
      cut = {n, before.worker, before.helper, axis.axis, before.first, before.of, 0, 0, axis.unit};
      return true;
    }
    return false;
  }

  bool may_split(uint32_t n) const {
    const Node& node = graph_.nodes[n];
    if (pinned_device(node, request_) >= 0) return false;
    const auto is_kept = [&](const std::string& name) {
      return std::find(request_.keep.begin(), request_.keep.end(), name) != request_.keep.end();
    };
    return !is_kept(node.name) && std::none_of(node.origins.begin(), node.origins.end(), is_kept);
  }

  // Two that may be one and the same processor, found by two plugins, may not help each other.
  bool may_work_together(size_t a, size_t b) const {
    if (place_[a] == place_[b]) return false;
    const plugin::Device &x = device(a), &y = device(b);
    return request_.split_alike || &x.plugin() == &y.plugin() || x.info().kind != y.info().kind;
  }

  // Estimates are often wrong by more than a split can gain.
  bool is_known(uint32_t n, size_t worker) const {
    return cost(n, worker) < place::kForbidden &&
           sketch_.cost_source[n * place_.size() + worker] != Provenance::estimated;
  }

  void add_node(uint32_t n) {
    place::Ns best = place::kForbidden;
    std::vector<size_t> known;
    for (size_t w = 0; w < place_.size(); ++w) {
      best = std::min(best, cost(n, w));
      if (is_known(n, w)) known.push_back(w);
    }
    if (known.size() < 2) return;
    std::vector<std::pair<double, Cut>> found;
    for (const CutAxis& axis : axes_to_cut(graph_, graph_.nodes[n]))
      for (size_t a : known)
        for (size_t b : known) {
          if (!may_work_together(a, b)) continue;
          Cut cut{n, a, b, axis.axis, 0, axis.extent, 0, 0, axis.unit};
          const double ns = balance(axis, cut);
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

  // When both parts of a cut are done, and joined.
  struct Times {
    double worker = 0, helper = 0, join = 0;
    double end() const { return std::max(worker, helper) + join; }
  };

  // Cuts so that both are done at the same time, or nearly, as cuts go by grains. Returns when; what joins them
  // included.
  double balance(const CutAxis& axis, Cut& cut) const {
    if (move(cut.worker, cut.helper).alpha_ns >= place::kForbidden ||
        move(cut.helper, cut.worker).alpha_ns >= place::kForbidden)
      return HUGE_VAL;
    const int64_t grain = grain_of(cut, axis);
    // The worker has more to do from cut to cut, the helper less.
    int64_t low = 1, high = (axis.extent - 1) / grain;
    while (low < high) {
      cut.first = (low + high) / 2 * grain;
      const Times times = times_of(cut);
      if (times.worker < times.helper) low = cut.first / grain + 1;
      else high = cut.first / grain;
    }
    cut.first = low * grain;
    double end = times_of(cut).end();
    if (low > 1) {
      Cut before = cut;
      before.first -= grain;
      if (const double sooner = times_of(before).end(); sooner < end) cut = before, end = sooner;
    }
    set_costs(cut);
    return end;
  }

  // So that the second part begins where views may, if that leaves enough cuts.
  int64_t grain_of(const Cut& cut, const CutAxis& axis) const {
    const graph::TensorId out = graph_.nodes[cut.node].outputs[0];
    if (!is_contiguous(graph_, out, cut.axis)) return axis.grain;
    const auto step = static_cast<int64_t>(bytes_per_step(graph_, out, cut.axis)),
               alignment = static_cast<int64_t>(kViewAlignment);
    const int64_t grain = std::lcm(axis.grain, alignment / std::gcd(alignment, step));
    return grain * 4 <= axis.extent ? grain : axis.grain;
  }

  double share_of(const Cut& cut) const { return static_cast<double>(cut.first) / static_cast<double>(cut.of); }
  double part_ns(const Cut& cut, size_t worker, double share) const {
    const double ns = start(worker), all = static_cast<double>(cost(cut.node, worker));
    return ns + std::max(0.0, all - ns) * share;
  }
  Times times_of(const Cut& cut) const {
    const Node& node = graph_.nodes[cut.node];
    const graph::TensorId out = node.outputs[0];
    const place::Move there = move(cut.worker, cut.helper), back = move(cut.helper, cut.worker);
    Times times;
    times.worker = part_ns(cut, cut.worker, share_of(cut));
    times.helper = part_ns(cut, cut.helper, 1 - share_of(cut)) + move_ns(back, bytes_of(out) * (1 - share_of(cut)));
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == graph::kNone || graph_.tensor(node.inputs[i]).is_constant()) continue;
      times.worker += slice_ns(node.inputs[i], piece_of(graph_, node, cut.axis, i, 0, cut.first), cut.worker);
      times.helper += input_ns(node.inputs[i], piece_of(graph_, node, cut.axis, i, cut.first, cut.of), there, cut);
    }
    times.join = is_free(out, cut.axis, cut.first, cut.worker) ? 0 : copy_ns(cut.worker, bytes_of(out));
    return times;
  }

  // Nothing need be done for a part that lies in its place in the host's memory.
  bool is_free(graph::TensorId whole, int axis, int64_t first, size_t worker) const {
    return device(worker).takes_host_pointers() && is_contiguous(graph_, whole, axis) &&
           bytes_per_step(graph_, whole, axis) * static_cast<uint64_t>(first) % kViewAlignment == 0;
  }
  double bytes_of(graph::TensorId id, const Piece& piece) const {
    const auto extent = static_cast<double>(graph_.tensor(id).extents()[static_cast<size_t>(piece.axis)]);
    return bytes_of(id) * static_cast<double>(piece.end - piece.first) / extent;
  }
  double slice_ns(graph::TensorId id, const Piece& piece, size_t worker) const {
    return piece.axis < 0 || is_free(id, piece.axis, piece.first, worker) ? 0 : copy_ns(worker, bytes_of(id, piece));
  }
  // The helper's input comes from the worker: the piece, or all of it where cutting it there takes longer.
  double input_ns(graph::TensorId id, const Piece& piece, const place::Move& there, const Cut& cut) const {
    const double whole = move_ns(there, bytes_of(id)) + slice_ns(id, piece, cut.helper);
    if (piece.axis < 0) return whole;
    return std::min(whole, move_ns(there, bytes_of(id, piece)) + slice_ns(id, piece, cut.worker));
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

namespace {

std::shared_ptr<Split> write_down(const Graph& graph, const Question& question, const std::vector<Cut>& cuts) {
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

}  // namespace

namespace {

// Where whole plans were raced, splits were too: what is in none of the table's plans was not faster.
bool was_raced(const Graph& graph, const Request& request) {
  if (!request.advisor || request.advisor->table().plans.empty()) return false;
  const std::string hash = table::graph_hash(graph);
  const std::vector<table::PlanRow>& rows = request.advisor->table().plans;
  return std::any_of(rows.begin(), rows.end(), [&](const table::PlanRow& row) { return row.graph_hash == hash; });
}

}  // namespace

std::shared_ptr<const Split> find_split(const Graph& graph, const Request& request, const Question& question) {
  if (!request.split || question.sketch.aim != place::Aim::latency || request.keep_all || was_raced(graph, request))
    return nullptr;
  place::Sketch sketch = question.sketch;
  SplitFinder finder(graph, request, question);
  const std::vector<Cut> offered = finder.run(sketch.pairs);
  if (offered.empty()) return nullptr;
  const place::Answer answer = place::answer(sketch);
  std::vector<Cut> cuts;
  for (int32_t pair : answer.pair)
    if (pair >= 0) cuts.push_back(offered[static_cast<size_t>(pair)]);
  if (cuts.empty()) return nullptr;
  std::shared_ptr<Split> split = write_down(graph, question, finder.align(cuts, false));
  split->other = write_down(graph, question, finder.align(cuts, true));
  return split;
}

namespace {

Cut cut_as(const Graph& graph, const table::PlanRow::Cut& row) {
  for (uint32_t n = 0; n < graph.nodes.size(); ++n) {
    if (graph.nodes[n].name != row.node) continue;
    const auto first = static_cast<int64_t>(row.first);
    for (const CutAxis& axis : axes_to_cut(graph, graph.nodes[n]))
      if (static_cast<uint64_t>(axis.axis) == row.axis && first > 0 && first < axis.extent && first % axis.grain == 0)
        return {n, 0, 0, axis.axis, first, axis.extent, 0, 0, axis.unit};
    break;
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

void follow_raced_split(const Graph& graph, const Request& request, Assignment& assignment) {
  if (request.keep_all || !request.keep.empty()) return;
  const double error_budget = static_cast<double>(request.error_budget_ppb) * 1e-9;
  auto found = request.advisor->plan_for(graph, "latency", error_budget, true);
  const Decision& now = assignment.decision;
  if (!found || (now.by == Decision::By::raced && static_cast<double>(found->expected_ns) >= now.run_ns)) return;
  const table::Advisor::Plan& plan = *found;
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
  assignment.split = std::move(split);
  assignment.raced = std::make_shared<const table::Advisor::Plan>(std::move(*found));
}

}  // namespace motley::plan
