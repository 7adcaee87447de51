// Which candidates in nhwc make a better plan, conversions counted. In libmotley_planner.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/text.hpp"
#include "plan/layout.hpp"
#include "plan/offers.hpp"

namespace motley::plan {

using graph::Graph;
using graph::Node;
using graph::TensorId;
using place::Provenance;
using schema::Layout;

namespace {

constexpr uint32_t kFormats = 2;  // row-major and nhwc

struct Cost {
  double ns = 0;
  Provenance source = Provenance::measured;
};

// What a node that stands in a graph as it is costs on a device that runs it: what was measured of just this, else as
// its device says.
Cost cost_of(const Graph& graph, uint32_t node, plugin::Device& device, const table::Advisor* advisor) {
  if (advisor)
    for (const table::NodeChoice& known : advisor->choose(graph, {node}, device))
      if (known.answer.median_ns && known.answer.source == table::Source::exact)
        return {static_cast<double>(known.answer.median_ns), Provenance::measured};
  return {estimate_cost(graph, node, device), Provenance::estimated};
}

// Asks devices which of some nodes they run. Those that are not open run none.
SupportTable ask_support(const Graph& graph, const std::vector<uint32_t>& nodes, const Request& request) {
  Graph part;
  part.tensors = graph.tensors;
  for (uint32_t n : nodes) {
    part.nodes.push_back(graph.nodes[n]);
    part.inputs.push_back(graph.nodes[n].inputs[0]);
    part.outputs.push_back(graph.nodes[n].outputs[0]);
  }
  SupportTable all;
  for (const auto& device : request.devices) {
    SupportTable one;
    if (device->is_open()) one = query_support(part, {device});
    else one.verdicts.emplace_back(nodes.size(), Verdict{false, "the device is not open"});
    all.verdicts.push_back(std::move(one.verdicts[0]));
  }
  // As for other nodes: a device that was not named is spare.
  for (size_t n = 0; request.ordered && n < nodes.size(); ++n) {
    const auto is_named = [&](size_t d) { return request.wish_of(*request.devices[d]).named; };
    bool any_named = false;
    for (size_t d = 0; d < request.devices.size(); ++d)
      any_named = any_named || (all.at(d, n).supported && is_named(d));
    for (size_t d = 0; d < request.devices.size(); ++d) all.verdicts[d][n].spare = any_named && !is_named(d);
  }
  return all;
}

// What a candidate costs, and where.
struct Row {
  size_t offer = 0;  // of SupportTable::offers
  place::Sketch::Offer cost;
  std::string config;
};

class LayoutFinder {
 public:
  LayoutFinder(const Graph& graph, const Request& request, const Question& question, const Assignment& assignment)
      : graph_(graph),
        request_(request),
        question_(question),
        sketch_(question.sketch),
        support_(assignment.support),
        assignment_(assignment) {}

  std::shared_ptr<Layouts> run() {
    find_rows();
    if (rows_.empty()) return nullptr;
    std::vector<std::vector<size_t>> tried;
    for (std::vector<size_t>& chosen : drafts()) {
      std::sort(chosen.begin(), chosen.end());
      if (chosen.empty() || std::find(tried.begin(), tried.end(), chosen) != tried.end()) continue;
      consider(chosen);
      tried.push_back(std::move(chosen));
    }
    if (!best_ || !is_clearly_better()) return nullptr;
    finish();
    return std::move(best_);
  }

 private:
  // ---- candidates and their costs

  bool is_kept(const Node& node) const {
    const auto wanted = [&](const std::string& name) {
      return std::find(request_.keep.begin(), request_.keep.end(), name) != request_.keep.end();
    };
    return wanted(node.name) || std::any_of(node.origins.begin(), node.origins.end(), wanted);
  }
  bool has_channels_in(const Node& node) const {
    const auto has = [&](TensorId id) { return id != graph::kNone && has_channels(graph_.tensor(id)); };
    return std::any_of(node.inputs.begin(), node.inputs.end(), has) ||
           std::any_of(node.outputs.begin(), node.outputs.end(), has);
  }
  // Where only kernels are left to choose, other devices' costs are forbidden.
  bool is_usable(const Offer& offer) const {
    if (offer.layout != Layout::nhwc || !is_possible(offer, request_, support_)) return false;
    for (uint32_t n : offer.nodes)
      if (is_kept(graph_.nodes[n]) || !has_channels_in(graph_.nodes[n]) ||
          plain_ns(n, worker_of(offer)) >= place::kForbidden)
        return false;
    return true;
  }
  size_t worker_of(const Offer& offer) const { return static_cast<size_t>(question_.worker[offer.device]); }
  size_t cell(uint32_t node, size_t worker) const { return node * question_.device.size() + worker; }
  place::Ns plain_ns(uint32_t node, size_t worker) const { return sketch_.cost_ns[cell(node, worker)]; }

  void find_rows() {
    std::vector<size_t> usable;
    std::vector<bool> marked(graph_.nodes.size(), false);
    for (size_t o = 0; o < support_.offers.size(); ++o) {
      if (!is_usable(support_.offers[o])) continue;
      usable.push_back(o);
      for (uint32_t n : support_.offers[o].nodes) marked[n] = true;
    }
    if (usable.empty()) return;
    const LaidOut all = lay_out(graph_, marked);
    for (size_t o : usable) rows_.push_back(price(o, all));
  }

  // As candidates in row-major layout are priced, by the nodes as they are in nhwc.
  Row price(size_t number, const LaidOut& all) const {
    const Offer& offer = support_.offers[number];
    plugin::Device& device = *request_.devices[offer.device];
    Row row{number, {}, offer.config};
    row.cost.nodes = offer.nodes;
    row.cost.worker = static_cast<uint32_t>(worker_of(offer));
    row.cost.error_ppb = offer.error_ppb;
    row.cost.format = 1;
    std::vector<uint32_t> nodes;
    for (uint32_t n : offer.nodes) nodes.push_back(all.node[n]);
    if (request_.advisor) {
      const table::Answer known = request_.advisor->find_with(all.graph, nodes, device, offer.config);
      if (known.median_ns && known.source == table::Source::exact) {
        row.cost.cost_ns = static_cast<place::Ns>(known.median_ns);
        row.cost.source = Provenance::measured;
        row.config = known.config;
        if (offer.error_ppb) row.cost.error_ppb = std::max<int64_t>(1, std::llround(known.error * 1e9));
        return row;
      }
    }
    const double ns =
        offer.prior_ns > 0 ? by_plain(offer, offer.prior_ns) : as_nodes(offer, all, device, row.cost.source);
    row.cost.cost_ns = std::llround(std::clamp(ns, 0.0, 1e15));
    return row;
  }

  // The device's own word counts by what it thinks of its plain kernels, where these are known better.
  double by_plain(const Offer& offer, double ns) const {
    double plain = 0, thought = 0;
    bool estimated = true;
    for (uint32_t n : offer.nodes) {
      plain += static_cast<double>(plain_ns(n, worker_of(offer)));
      thought += estimate_cost(graph_, n, *request_.devices[offer.device]);
      estimated = estimated && sketch_.cost_source[cell(n, worker_of(offer))] == Provenance::estimated;
    }
    return estimated || thought <= 0 ? ns : plain * ns / thought;
  }

  double as_nodes(const Offer& offer, const LaidOut& all, plugin::Device& device, Provenance& source) const {
    double sum = 0;
    source = Provenance::measured;
    for (uint32_t n : offer.nodes) {
      const Cost cost = cost_of(all.graph, all.node[n], device, request_.advisor.get());
      sum += cost.ns;
      source = std::max(source, cost.source);
    }
    if (source == Provenance::estimated) sum = by_plain(offer, sum);
    const double starts = static_cast<double>(offer.nodes.size() - 1) * std::max(0.0, device.info().dispatch_ns);
    return std::max(0.0, sum - starts);
  }

  // ---- what to try: numbers of rows

  std::vector<std::vector<size_t>> drafts() const {
    std::vector<std::vector<size_t>> all{solved()};
    all.push_back(cheapest([&](const Row& row) {
      return assignment_.device[row.cost.nodes[0]] == static_cast<int32_t>(support_.offers[row.offer].device);
    }));
    for (uint32_t w = 0; w < question_.device.size(); ++w)
      all.push_back(cheapest([&](const Row& row) { return row.cost.worker == w; }));
    return all;
  }

  // No two for the same node; fused ones first.
  template <class Fits>
  std::vector<size_t> cheapest(Fits fits) const {
    std::vector<size_t> order, chosen;
    for (size_t r = 0; r < rows_.size(); ++r)
      if (fits(rows_[r]) && rows_[r].cost.error_ppb == 0) order.push_back(r);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      const place::Sketch::Offer &x = rows_[a].cost, &y = rows_[b].cost;
      return x.nodes.size() != y.nodes.size() ? x.nodes.size() > y.nodes.size() : x.cost_ns < y.cost_ns;
    });
    std::vector<bool> taken(graph_.nodes.size(), false);
    for (size_t r : order) {
      const std::vector<uint32_t>& nodes = rows_[r].cost.nodes;
      if (std::any_of(nodes.begin(), nodes.end(), [&](uint32_t n) { return taken[n]; })) continue;
      for (uint32_t n : nodes) taken[n] = true;
      chosen.push_back(r);
    }
    return chosen;
  }

  // What the solvers choose where conversions cost as moves do.
  std::vector<size_t> solved() const {
    place::Sketch sketch = sketch_;
    sketch.incumbent.clear();
    sketch.incumbent_offer.clear();
    if (!add_formats(sketch)) return {};
    const size_t first = sketch.offers.size();
    for (const Row& row : rows_) sketch.offers.push_back(row.cost);
    const place::Answer answer = place::answer(sketch);
    std::vector<size_t> chosen;
    for (size_t n = 0; n < answer.offer.size(); ++n) {
      const auto number = static_cast<size_t>(answer.offer[n] - static_cast<int32_t>(first));
      if (answer.offer[n] >= static_cast<int32_t>(first) && rows_[number].cost.nodes[0] == n) chosen.push_back(number);
    }
    return chosen;
  }

  struct Way {
    double alpha = 0, beta = 0;  // ns, ps per byte
    Provenance source = Provenance::measured;
    double at(double bytes) const { return alpha + beta * bytes / 1000; }
  };

  // Places of the second format, and the cheapest ways between all: moves, and conversions where some device has them.
  bool add_formats(place::Sketch& sketch) const {
    uint32_t places = 1;
    std::vector<uint32_t> place;
    for (const place::Sketch::Worker& worker : sketch.workers) place.push_back(worker.own_place ? places++ : 0);
    const uint32_t all = kFormats * places;
    if (all > place::kMaxPlaces) return false;
    std::vector<Way> ways(all * all, Way{HUGE_VAL, 0, Provenance::measured});
    for (uint32_t f = 0; f < kFormats; ++f)
      for (uint32_t from = 0; from < places; ++from)
        for (uint32_t to = 0; to < places; ++to) {
          const size_t m = from * places + to;
          const auto alpha = sketch.moves[2 * m];
          if (alpha < place::kForbidden)
            ways[(f * places + from) * all + f * places + to] = {
                static_cast<double>(alpha), static_cast<double>(sketch.moves[2 * m + 1]), sketch.move_source[m]};
        }
    const double typical = add_conversions(places, place, ways);
    for (uint32_t over = 0; over < all; ++over)
      for (uint32_t from = 0; from < all; ++from)
        for (uint32_t to = 0; to < all; ++to) {
          const Way &a = ways[from * all + over], &b = ways[over * all + to];
          const Way sum{a.alpha + b.alpha, a.beta + b.beta, std::max(a.source, b.source)};
          const bool changes = (from < places) != (to < places);
          if (changes && sum.at(typical) < ways[from * all + to].at(typical)) ways[from * all + to] = sum;
        }
    sketch.formats = kFormats;
    sketch.moves.clear();
    sketch.move_source.clear();
    for (const Way& way : ways) {
      const bool exists = way.alpha < HUGE_VAL;
      sketch.moves.push_back(exists ? std::llround(std::min(way.alpha, 1e15)) : place::kForbidden);
      sketch.moves.push_back(exists ? std::llround(std::min(way.beta, 1e15)) : 0);
      sketch.move_source.push_back(way.source);
    }
    return true;
  }

  // The smallest and the largest tensor that candidates touch say what conversions cost on each device. Returns a
  // typical size in bytes.
  double add_conversions(uint32_t places, const std::vector<uint32_t>& place, std::vector<Way>& ways) const {
    const auto [small, large] = extremes();
    Graph graph;
    graph.tensors = {graph_.tensor(small), graph_.tensor(large)};
    graph.inputs = {0, 1};
    for (TensorId id : {0, 1}) {
      // In and out again, through what is the same in either layout.
      const std::string number = std::to_string(id);
      graph::Tensor out = graph.tensor(id);
      out.name += "#copy";
      const TensorId copy = graph.add_tensor(std::move(out));
      graph.add_node("copy" + number, graph::Op::Identity, {id}, {copy});
      graph.outputs.push_back(copy);
    }
    const LaidOut laid = lay_out(graph, {true, true});  // conversions: in, in, out, out; or in, out
    const SupportTable support = ask_support(laid.graph, laid.conversions, request_);
    const auto a = static_cast<double>(graph.tensor(0).bytes()), b = static_cast<double>(graph.tensor(1).bytes());
    for (size_t w = 0; w < place.size(); ++w) {
      const auto d = static_cast<size_t>(question_.device[w]);
      for (size_t back = 0; back < 2; ++back) {
        const size_t first = 2 * back, second = first + 1;
        if (!support.allows(d, first) || !support.allows(d, second)) continue;
        plugin::Device& device = *request_.devices[d];
        const Cost x = cost_of(laid.graph, laid.conversions[first], device, request_.advisor.get()),
                   y = cost_of(laid.graph, laid.conversions[second], device, request_.advisor.get());
        const double slope = b > a ? std::max(0.0, (y.ns - x.ns) / (b - a)) : 0;
        const Way way{std::max(0.0, y.ns - slope * b), slope * 1000, std::max(x.source, y.source)};
        const uint32_t row_major = place[w], nhwc = places + place[w], all = kFormats * places;
        Way& known = back ? ways[nhwc * all + row_major] : ways[row_major * all + nhwc];
        if (way.at(b) < known.at(b)) known = way;
      }
    }
    return (a + b) / 2;
  }

  std::pair<TensorId, TensorId> extremes() const {
    TensorId small = graph::kNone, large = graph::kNone;
    const auto bytes = [&](TensorId id) { return graph_.tensor(id).bytes(); };
    const auto see = [&](TensorId id) {
      if (id == graph::kNone || !has_channels(graph_.tensor(id))) return;
      if (small == graph::kNone || bytes(id) < bytes(small)) small = id;
      if (large == graph::kNone || bytes(id) > bytes(large)) large = id;
    };
    for (const Row& row : rows_)
      for (uint32_t n : row.cost.nodes) {
        for (TensorId id : graph_.nodes[n].inputs) see(id);
        for (TensorId id : graph_.nodes[n].outputs) see(id);
      }
    return {small, large};
  }

  // ---- plans

  // Plans the network with these rows' nodes in nhwc on their devices; all else is free.
  void consider(const std::vector<size_t>& chosen) {
    std::vector<bool> marked(graph_.nodes.size(), false);
    for (size_t r : chosen)
      for (uint32_t n : rows_[r].cost.nodes) marked[n] = true;
    LaidOut laid = lay_out(graph_, marked);
    Assignment assignment;
    const std::vector<int32_t> original = originals(laid);
    assignment.device.assign(original.size(), -1);
    assignment.pin.assign(original.size(), -1);
    for (size_t i = 0; i < original.size(); ++i)
      if (original[i] >= 0) assignment.pin[i] = assignment_.pin[static_cast<size_t>(original[i])];
    if (!add_support(laid, marked, original, assignment.support)) return;
    add_plain_offers(laid, marked, assignment.support);
    Question question = make_question(laid.graph, request_, assignment);
    question.sketch.aim = sketch_.aim;
    forbid(original, marked, question);
    for (size_t r : chosen) add_row(rows_[r], laid, question, assignment.support);
    ask(question, assignment);
    Decision& decision = assignment.decision;
    planner_ns_ += decision.planner_ns;
    if (best_ && !is_below(decision, best_->assignment.decision)) return;
    best_ = std::make_shared<Layouts>(Layouts{std::move(laid.graph), std::move(assignment)});
    best_original_ = original;
  }

  // Per node of what was written down its number in the original; -1: a conversion.
  static std::vector<int32_t> originals(const LaidOut& laid) {
    std::vector<int32_t> original(laid.graph.nodes.size(), -1);
    for (size_t n = 0; n < laid.node.size(); ++n) original[laid.node[n]] = static_cast<int32_t>(n);
    return original;
  }

  // Nodes in nhwc are for the device whose candidate they are, which the question knows alone: no other device is asked
  // about such nodes. False where nobody runs some conversion.
  bool add_support(const LaidOut& laid, const std::vector<bool>& marked, const std::vector<int32_t>& original,
                   SupportTable& support) const {
    const SupportTable conversions = ask_support(laid.graph, laid.conversions, request_);
    support.failed = support_.failed;
    for (size_t d = 0; d < request_.devices.size(); ++d) {
      std::vector<Verdict> verdicts;
      for (size_t i = 0, c = 0; i < original.size(); ++i) {
        const auto n = static_cast<size_t>(original[i]);
        if (original[i] < 0) verdicts.push_back(conversions.at(d, c++));
        else if (marked[n]) verdicts.push_back({});
        else verdicts.push_back(support_.at(d, n));
      }
      support.verdicts.push_back(std::move(verdicts));
    }
    for (size_t c = 0; c < laid.conversions.size(); ++c) {
      bool runs = false;
      for (size_t d = 0; d < request_.devices.size(); ++d) runs = runs || conversions.allows(d, c);
      if (!runs) return false;
    }
    return true;
  }

  // Candidates in row-major layout for nodes that stay in it.
  void add_plain_offers(const LaidOut& laid, const std::vector<bool>& marked, SupportTable& support) const {
    for (const Offer& offer : support_.offers) {
      if (offer.layout != Layout::row_major ||
          std::any_of(offer.nodes.begin(), offer.nodes.end(), [&](uint32_t n) { return marked[n]; }))
        continue;
      support.offers.push_back(offer);
      for (uint32_t& n : support.offers.back().nodes) n = laid.node[n];
    }
  }

  // What the question without layouts forbids stays so.
  void forbid(const std::vector<int32_t>& original, const std::vector<bool>& marked, Question& question) const {
    place::Sketch& sketch = question.sketch;
    const size_t workers = question.device.size();
    for (size_t i = 0; i < original.size(); ++i)
      for (size_t w = 0; w < workers && original[i] >= 0; ++w)
        if (const auto n = static_cast<uint32_t>(original[i]); marked[n] || plain_ns(n, w) >= place::kForbidden)
          sketch.cost_ns[i * workers + w] = place::kForbidden;
    for (place::Sketch::Offer& offer : sketch.offers)
      for (uint32_t n : offer.nodes)
        if (sketch.cost_ns[n * workers + offer.worker] >= place::kForbidden) offer.cost_ns = place::kForbidden;
  }

  void add_row(const Row& row, const LaidOut& laid, Question& question, SupportTable& support) const {
    Offer offer = support_.offers[row.offer];
    place::Sketch::Offer cost = row.cost;
    cost.format = 0;  // it is the nodes that say so now
    for (uint32_t& n : cost.nodes) n = laid.node[n];
    offer.nodes = cost.nodes;
    question.offered.push_back({support.offers.size(), row.config});
    question.sketch.offers.push_back(std::move(cost));
    support.offers.push_back(std::move(offer));
  }

  static bool is_below(const Decision& one, const Decision& other) {
    return one.late != other.late ? other.late : one.cost < other.cost;
  }
  // By the margins of placements.
  bool is_clearly_better() const {
    const Decision &one = best_->assignment.decision, &other = assignment_.decision;
    if (one.late != other.late) return other.late;
    const uint32_t doubt = std::max(one.doubt, other.doubt);
    return one.cost < other.cost && one.cost * 1000 <= other.cost * (1000 - doubt);
  }

  // What users see of nodes in nhwc is what devices say of the nodes.
  void finish() {
    Assignment& assignment = best_->assignment;
    for (size_t d = 0; d < request_.devices.size(); ++d)
      for (size_t i = 0; i < best_original_.size(); ++i)
        if (best_original_[i] >= 0)
          assignment.support.verdicts[d][i] = support_.at(d, static_cast<size_t>(best_original_[i]));
    Decision& decision = assignment.decision;
    decision.by = Decision::By::planner;
    decision.rival = assignment_.decision.rival > 0 ? assignment_.decision.rival : assignment_.decision.cost;
    decision.planner_ns = planner_ns_ + assignment_.decision.planner_ns;
  }

  const Graph& graph_;
  const Request& request_;
  const Question& question_;
  const place::Sketch& sketch_;
  const SupportTable& support_;
  const Assignment& assignment_;
  std::vector<Row> rows_;
  std::shared_ptr<Layouts> best_;
  std::vector<int32_t> best_original_;
  double planner_ns_ = 0;
};

}  // namespace

std::shared_ptr<Layouts> find_layouts(const Graph& graph, const Request& request, const Question& question,
                                      const Assignment& assignment) {
  try {
    return LayoutFinder(graph, request, question, assignment).run();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::limit) throw;  // some memory is too small
    return nullptr;
  }
}

}  // namespace motley::plan
