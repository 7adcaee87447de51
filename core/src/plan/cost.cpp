// Candidates of nodes and their costs.
#include "plan/cost.hpp"

#include <algorithm>

#include "plan/offers.hpp"

namespace motley::plan {

using graph::Graph;
using graph::kNone;
using graph::Node;
using graph::TensorId;
using place::Provenance;

namespace {

constexpr double kLongest = 1e15;  // ns; what a plugin says beyond is taken for this

place::Ns whole_ns(double ns) { return ns > 0 ? static_cast<place::Ns>(std::min(ns, kLongest)) : 0; }

// Devices by name. They are few.
std::vector<size_t> by_name(const DeviceList& devices) {
  std::vector<size_t> order;
  for (size_t d = 0; d < devices.size(); ++d) {
    size_t at = 0;
    while (at < order.size() && devices[order[at]]->name() < devices[d]->name()) ++at;
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(at), d);
  }
  return order;
}

class QuestionMaker {
 public:
  QuestionMaker(const Graph& graph, const Request& request, const Assignment& assignment)
      : graph_(graph),
        request_(request),
        assignment_(assignment),
        support_(assignment.support),
        sketch_(question_.sketch) {}

  Question make() {
    add_workers();
    add_tensors();
    const size_t count = graph_.nodes.size() * question_.device.size();
    sketch_.cost_ns.assign(count, place::kForbidden);
    sketch_.cost_source.assign(count, Provenance::estimated);
    for (size_t w = 0; w < question_.device.size(); ++w) add_costs(w);
    for (size_t o = 0; o < support_.offers.size(); ++o)
      if (support_.offers[o].layout == schema::Layout::row_major && is_possible(support_.offers[o], request_, support_))
        add_offer(o);
    for (size_t w = 0; w < question_.device.size() && !assignment_.configs.empty(); ++w) add_raced_costs(w);
    sketch_.error_budget_ppb = request_.error_budget_ppb;
    sketch_.deadline_ns = request_.deadline_ns;
    return std::move(question_);
  }

 private:
  void add_workers() {
    std::vector<plugin::Device*> owners;
    question_.worker.resize(request_.devices.size());
    for (size_t d : by_name(request_.devices)) {
      plugin::Device& device = *request_.devices[d];
      const Wish& wish = request_.wish_of(device);
      const bool own_memory = !device.takes_host_pointers();
      place::Sketch::Worker worker;
      worker.name = device.name();
      worker.milliwatts = wish.milliwatts;
      worker.avoided = wish.avoided;
      worker.background = device.has_queues();
      worker.own_place = own_memory || worker.background;
      const uint64_t bytes = device.info().memory_bytes;
      if (own_memory)
        worker.memory_bytes =
            bytes && bytes < static_cast<uint64_t>(place::kUnlimited) ? static_cast<int64_t>(bytes) : place::kUnlimited;
      if (worker.own_place) owners.push_back(&device);
      question_.worker[d] = static_cast<int32_t>(question_.device.size());
      question_.device.push_back(static_cast<int32_t>(d));
      sketch_.workers.push_back(std::move(worker));
    }
    add_moves(owners, request_.advisor.get(), sketch_);
  }

  // Those of `ids` that move, behind their number.
  void add_edges(const std::vector<TensorId>& ids) {
    const size_t count = sketch_.edges.size();
    sketch_.edges.push_back(0);
    for (TensorId id : ids) {
      if (id == kNone || graph_.tensor(id).is_constant()) continue;
      sketch_.edges.push_back(static_cast<uint32_t>(id));
      ++sketch_.edges[count];
    }
  }

  void add_tensors() {
    for (const graph::Tensor& tensor : graph_.tensors)
      sketch_.tensor_bytes.push_back(
          tensor.is_constant() || !tensor.shape_known() ? 0 : static_cast<int64_t>(tensor.bytes()));
    for (TensorId id : graph_.inputs) sketch_.given.push_back(static_cast<uint32_t>(id));
    for (TensorId id : graph_.outputs)
      if (!graph_.tensor(id).is_constant()) sketch_.wanted.push_back(static_cast<uint32_t>(id));
    for (const Node& node : graph_.nodes) {
      add_edges(node.inputs);
      add_edges(node.outputs);
      sketch_.constant_bytes.push_back(constant_bytes(node));
    }
  }

  int64_t constant_bytes(const Node& node) const {
    uint64_t bytes = 0;
    for (TensorId id : node.inputs)
      if (id != kNone && graph_.tensor(id).is_constant()) bytes += graph_.tensor(id).bytes();
    return static_cast<int64_t>(bytes);
  }

  bool is_choice(uint32_t node) const {
    size_t able = 0;
    for (size_t d = 0; d < support_.verdicts.size(); ++d) able += support_.allows(d, node);
    return able > 1;
  }

  void add_costs(size_t worker) {
    const auto d = static_cast<size_t>(question_.device[worker]);
    plugin::Device& device = *request_.devices[d];
    std::vector<uint32_t> nodes;
    for (uint32_t n = 0; n < graph_.nodes.size(); ++n)
      if (support_.allows(d, n)) nodes.push_back(n);
    std::vector<table::NodeChoice> known;
    if (request_.advisor) known = request_.advisor->choose(graph_, nodes, device, {}, reserved_for(support_, d));
    size_t next = 0;  // of `known`, which stands in the order of `nodes`
    for (uint32_t n : nodes) {
      const size_t at = n * question_.device.size() + worker;
      while (next < known.size() && known[next].node < n) ++next;
      const table::Answer* answer = next < known.size() && known[next].node == n ? &known[next].answer : nullptr;
      const bool is_exact = answer && answer->median_ns && answer->source == table::Source::exact;
      if (const SplitPart* part = is_exact || !request_.parts ? nullptr : request_.parts->find(graph_.nodes[n].name)) {
        sketch_.cost_ns[at] = part->cost_ns;
        sketch_.cost_source[at] = part->source;
        continue;
      }
      if (request_.parts && device.takes_host_pointers() && request_.parts->find_view(graph_.nodes[n].name)) {
        sketch_.cost_ns[at] = 0;
        sketch_.cost_source[at] = Provenance::near;
        continue;
      }
      if (!answer || !answer->median_ns) {
        sketch_.cost_ns[at] = whole_ns(estimate_cost(graph_, n, device));
        continue;
      }
      sketch_.cost_ns[at] = whole_ns(static_cast<double>(answer->median_ns));
      sketch_.cost_source[at] = is_exact ? Provenance::measured : Provenance::near;
      question_.measured = question_.measured || (is_exact && is_choice(n));
    }
  }

  // Where a plan that was run says the configs, nodes cost what those were measured to, be others faster or not.
  void add_raced_costs(size_t worker) {
    const int32_t d = question_.device[worker];
    std::vector<uint32_t> nodes;
    for (uint32_t n = 0; n < graph_.nodes.size(); ++n)
      if (assignment_.device[n] == d) nodes.push_back(n);
    plugin::Device& device = *request_.devices[static_cast<size_t>(d)];
    for (const table::NodeChoice& known : request_.advisor->choose(graph_, nodes, device, assignment_.configs)) {
      if (!known.answer.median_ns) continue;
      sketch_.cost_ns[known.node * question_.device.size() + worker] =
          whole_ns(static_cast<double>(known.answer.median_ns));
      sketch_.cost_source[known.node * question_.device.size() + worker] = Provenance::measured;
    }
  }

  place::Ns cost_at(uint32_t node, size_t worker) const {
    return sketch_.cost_ns[node * question_.device.size() + worker];
  }

  // Offers are as good as what was measured of them, else as the plugin's prior. Where the plain kernels were measured, the
  // prior counts by what the plugin thinks of those.
  void add_offer(size_t number) {
    const Offer& offer = support_.offers[number];
    plugin::Device& device = *request_.devices[offer.device];
    place::Sketch::Offer row;
    row.nodes = offer.nodes;
    row.worker = static_cast<uint32_t>(question_.worker[offer.device]);
    row.error_ppb = offer.error_ppb;
    const table::Answer known = find(offer, device);
    if (known.source != table::Source::none) {
      row.cost_ns = whole_ns(static_cast<double>(known.median_ns));
      row.source = known.source == table::Source::exact ? Provenance::measured : Provenance::near;
      if (offer.error_ppb) row.error_ppb = std::max<int64_t>(1, whole_ns(known.error * 1e9));
    } else {
      row.cost_ns = whole_ns(estimate(offer, row.worker, device));
    }
    sketch_.offers.push_back(std::move(row));
    question_.offered.push_back({number, known.source == table::Source::none ? offer.config : known.config});
  }

  table::Answer find(const Offer& offer, plugin::Device& device) const {
    if (!request_.advisor) return {};
    return request_.advisor->find_with(graph_, offer.nodes, device, offer.config);
  }

  double estimate(const Offer& offer, size_t worker, plugin::Device& device) const {
    double plain = 0, most = 0, compute = 0;
    bool all_estimated = true;
    for (uint32_t n : offer.nodes) {
      const auto cost = static_cast<double>(cost_at(n, worker));
      plain += cost;
      most = std::max(most, cost);
      compute += work_of(graph_, graph_.nodes[n]).flops;
      all_estimated =
          all_estimated && sketch_.cost_source[n * question_.device.size() + worker] == Provenance::estimated;
    }
    if (device.info().peak_gflops > 0) compute /= device.info().peak_gflops;
    else compute = 0;
    if (offer.prior_ns > 0 && all_estimated) return offer.error_ppb ? offer.prior_ns : std::max(offer.prior_ns, compute);
    if (offer.prior_ns > 0) {
      double thought = 0;
      for (uint32_t n : offer.nodes) thought += estimate_cost(graph_, n, device);
      return thought > 0 ? plain * offer.prior_ns / thought : plain;
    }
    if (offer.error_ppb) plain *= schema::DataType::int8 <= offer.precision ? 0.5 : 0.75;
    const double starts = static_cast<double>(offer.nodes.size() - 1) * std::max(0.0, device.info().dispatch_ns);
    return offer.nodes.size() > 1 ? std::max(most, plain - starts) : plain;
  }

  const Graph& graph_;
  const Request& request_;
  const Assignment& assignment_;
  const SupportTable& support_;
  Question question_;
  place::Sketch& sketch_;
};

}  // namespace

Question make_question(const Graph& graph, const Request& request, const Assignment& assignment) {
  return QuestionMaker(graph, request, assignment).make();
}

}  // namespace motley::plan
