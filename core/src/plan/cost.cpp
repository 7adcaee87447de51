// Candidates of nodes and their costs.
#include "plan/cost.hpp"

#include <algorithm>

#include "model/serialize.hpp"

namespace motley::plan {

using graph::Graph;
using graph::kNone;
using graph::Node;
using graph::TensorId;
using place::Provenance;

namespace {

constexpr double kLongest = 1e15;  // ns; what a plugin says beyond is taken for this

place::Ns whole_ns(double ns) { return ns > 0 ? static_cast<place::Ns>(std::min(ns, kLongest)) : 0; }

// Devices by name.
std::vector<size_t> by_name(const DeviceList& devices) {
  std::vector<size_t> order(devices.size());
  for (size_t d = 0; d < order.size(); ++d) order[d] = d;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return devices[a]->name() < devices[b]->name(); });
  return order;
}

class QuestionMaker {
 public:
  QuestionMaker(const Graph& graph, const Request& request, const Assignment& assignment)
      : graph_(graph), request_(request), support_(assignment.support), problem_(question_.query.problem) {}

  Question make() {
    add_devices();
    add_tensors();
    for (uint32_t w = 0; w < question_.device.size(); ++w) add_candidates(w);
    return std::move(question_);
  }

 private:
  bool runs_anything(size_t d) const {
    for (size_t n = 0; n < graph_.nodes.size(); ++n)
      if (support_.allows(d, n)) return true;
    return false;
  }

  // The host's memory, with all that works there while the host waits, and a place for each other device.
  void add_devices() {
    problem_.devices.push_back({"host memory"});  // no device has a blank in its name
    std::vector<plugin::Device*> owners;
    for (size_t d : by_name(request_.devices)) {
      plugin::Device& device = *request_.devices[d];
      if (!runs_anything(d)) continue;
      const Wish& wish = request_.wish_of(device);
      question_.device.push_back(d);
      question_.query.workers.push_back({device.name(), wish.milliwatts, wish.avoided});
      const bool own_memory = !device.takes_host_pointers();
      place_.push_back(0);
      if (!own_memory && !device.has_queues()) continue;
      place_.back() = static_cast<uint32_t>(problem_.devices.size());
      const uint64_t bytes = own_memory ? device.info().memory_bytes : 0;
      const bool is_known = bytes && bytes < static_cast<uint64_t>(place::kUnlimited);
      problem_.devices.push_back({device.name(), is_known ? static_cast<int64_t>(bytes) : place::kUnlimited});
      owners.push_back(&device);
    }
    for (uint32_t p = 0; p < problem_.devices.size(); ++p) {
      problem_.places.push_back({p, 0});
      question_.query.background.push_back(p && owners[p - 1]->has_queues());
    }
    problem_.moves = moves_between(owners, request_.advisor.get(), question_.query.move_source);
  }

  void add_tensors() {
    problem_.tensors.resize(graph_.tensors.size());
    for (size_t t = 0; t < graph_.tensors.size(); ++t) {
      const graph::Tensor& tensor = graph_.tensors[t];
      if (!tensor.is_constant() && tensor.shape_known())
        problem_.tensors[t].bytes = static_cast<int64_t>(tensor.bytes());
    }
    for (TensorId id : graph_.inputs) problem_.tensors[static_cast<size_t>(id)].home = 0;
    for (TensorId id : graph_.outputs)
      if (!graph_.tensor(id).is_constant()) problem_.tensors[static_cast<size_t>(id)].wanted = 0;
    problem_.nodes.resize(graph_.nodes.size());
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      for (TensorId id : graph_.nodes[n].inputs)
        if (id != kNone && !graph_.tensor(id).is_constant())
          problem_.nodes[n].inputs.push_back(static_cast<uint32_t>(id));
      for (TensorId id : graph_.nodes[n].outputs)
        if (id != kNone) problem_.nodes[n].outputs.push_back(static_cast<uint32_t>(id));
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

  void add_candidates(uint32_t worker) {
    const size_t d = question_.device[worker];
    plugin::Device& device = *request_.devices[d];
    std::vector<uint32_t> nodes;
    for (uint32_t n = 0; n < graph_.nodes.size(); ++n)
      if (support_.allows(d, n)) nodes.push_back(n);
    std::vector<table::NodeChoice> known;
    if (request_.advisor) known = request_.advisor->choose(graph_, nodes, device);
    size_t next = 0;  // of `known`, which stands in the order of `nodes`
    for (uint32_t n : nodes) {
      place::Candidate candidate;
      candidate.nodes = {n};
      candidate.input_place = candidate.output_place = place_[worker];
      candidate.tag = worker;
      if (!device.takes_host_pointers()) candidate.memory_bytes = constant_bytes(graph_.nodes[n]);
      while (next < known.size() && known[next].node < n) ++next;
      const table::Answer* answer = next < known.size() && known[next].node == n ? &known[next].answer : nullptr;
      if (answer && answer->median_ns) {
        candidate.cost_ns = whole_ns(static_cast<double>(answer->median_ns));
        candidate.provenance = answer->source == table::Source::exact ? Provenance::measured : Provenance::near;
        question_.measured = question_.measured || (answer->source == table::Source::exact && is_choice(n));
      } else {
        candidate.cost_ns = whole_ns(estimate_cost(graph_, n, device));
      }
      problem_.candidates.push_back(std::move(candidate));
    }
  }

  const Graph& graph_;
  const Request& request_;
  const SupportTable& support_;
  Question question_;
  place::Problem& problem_;
  std::vector<uint32_t> place_;  // per worker
};

}  // namespace

Question make_question(const Graph& graph, const Request& request, const Assignment& assignment) {
  return QuestionMaker(graph, request, assignment).make();
}

}  // namespace motley::plan
