// Checks splits over accelerators and hosts: stages of pipelines, and calls.
#include <algorithm>
#include <map>
#include <set>

#include "place/validate.hpp"

namespace motley::place {

namespace {

using base::text;

// Whether what leads from vertex to vertex has no circle, and how late each is done where it begins when all before it
// are. Vertices that take part in circles, or wait for one, are never done.
class Waiting {
 public:
  void add_vertex(int64_t v, Ns cost) { cost_[v] = cost; }
  void add_edge(int64_t from, int64_t to) {
    if (from != to) next_[from].insert(to);
  }
  // False if there is a circle.
  bool run() {
    std::map<int64_t, size_t> missing;
    for (const auto& [from, readers] : next_)
      for (int64_t to : readers) ++missing[to];
    std::set<int64_t> ready;
    for (const auto& [v, cost] : cost_)
      if (!missing.count(v)) ready.insert(v);
    std::map<int64_t, Ns> start;
    while (!ready.empty()) {
      const int64_t v = *ready.begin();
      ready.erase(ready.begin());
      const Ns end = add(start[v], cost_[v]);
      last_ = std::max(last_, end);
      ++done_;
      for (int64_t to : next_[v]) {
        start[to] = std::max(start[to], end);
        if (--missing[to] == 0) ready.insert(to);
      }
    }
    return done_ == cost_.size();
  }
  Ns last() const { return last_; }

 private:
  std::map<int64_t, Ns> cost_;
  std::map<int64_t, std::set<int64_t>> next_;
  size_t done_ = 0;
  Ns last_ = 0;
};

std::string check_bound(Ns bound, Ns value) {
  return bound > value ? text("the bound (% ns) is above the answer (% ns)", {bound, value}) : "";
}

}  // namespace

std::string validate(const StageProblem& p, const Stages& stages, bool contiguous) {
  if (stages.device.size() != p.units.size())
    return text("there are % units, the split has %", {p.units.size(), stages.device.size()});
  std::map<uint32_t, Ns> load;
  std::map<uint32_t, int64_t> bytes;
  for (size_t u = 0; u < p.units.size(); ++u) {
    const uint32_t d = stages.device[u];
    if (d >= p.accelerators + p.hosts)
      return text("unit % is on device %, there are %", {u, d, p.accelerators + p.hosts});
    const bool accelerated = d < p.accelerators;
    if (accelerated && p.units[u].accelerator_ns >= kForbidden) return text("unit % can't run on an accelerator", {u});
    load[d] = add(load[d], accelerated ? p.units[u].accelerator_ns : p.units[u].host_ns);
    if (accelerated && (bytes[d] += p.units[u].bytes) > p.memory_bytes)
      return text("accelerator % holds % bytes of %", {d, bytes[d], p.memory_bytes});
  }
  for (const StageProblem::Net& net : p.nets) {
    std::set<uint32_t> devices;
    for (uint32_t u : net.units) devices.insert(stages.device[u]);
    for (uint32_t d : devices)
      if (devices.size() > 1 && d < p.accelerators) load[d] = add(load[d], net.cost_ns);
  }
  Ns most = 0;
  for (const auto& [d, sum] : load) most = std::max(most, sum);
  if (most != stages.load_ns) return text("the split says % ns, its busiest device has % ns", {stages.load_ns, most});
  Waiting order;
  for (uint32_t d : stages.device) order.add_vertex(d, 0);
  for (const auto& [a, b] : p.before) order.add_edge(stages.device[a], stages.device[b]);
  if (contiguous && !order.run()) return "stages need each other in a circle";
  return check_bound(stages.bound_ns, most);
}

std::string validate(const CallProblem& p, const Calls& calls) {
  if (calls.device.size() != p.blocks)
    return text("there are % blocks, the calls have %", {p.blocks, calls.device.size()});
  for (size_t b = 0; b < calls.device.size(); ++b)
    if (calls.device[b] > p.accelerators)
      return text("block % is on device %, the host is number %", {b, calls.device[b], p.accelerators});
  // Accelerators are vertices below 0.
  const auto vertex = [&](size_t n) {
    const int64_t d = calls.device[p.nodes[n].block];
    return d < int64_t{p.accelerators} ? -1 - d : static_cast<int64_t>(n);
  };
  std::map<int64_t, Ns> work;
  std::map<int64_t, int64_t> bytes;
  Waiting order;
  for (size_t n = 0; n < p.nodes.size(); ++n) {
    const CallProblem::Node& node = p.nodes[n];
    const int64_t at = vertex(n);
    if (at < 0 && node.accelerator_ns >= kForbidden) return text("node % can't run on an accelerator", {n});
    work[at] = add(work[at], at < 0 ? node.accelerator_ns : node.host_ns);
    if (at < 0 && (bytes[at] += node.bytes) > p.memory_bytes)
      return text("accelerator % holds % bytes of %", {-1 - at, bytes[at], p.memory_bytes});
    std::set<int64_t> others;
    for (uint32_t r : node.readers)
      if (vertex(r) != at) others.insert(vertex(r));
    for (int64_t other : others) {
      if (other < 0) work[other] = add(work[other], node.transfer_ns);
      order.add_edge(at, other);
    }
    if (at < 0 && !others.empty()) work[at] = add(work[at], node.transfer_ns);
  }
  for (const auto& [v, cost] : work) order.add_vertex(v, cost);
  if (!order.run()) return "calls wait for each other in a circle";
  if (order.last() != calls.latency_ns)
    return text("the calls say % ns, the last node ends at % ns", {calls.latency_ns, order.last()});
  return check_bound(calls.bound_ns, calls.latency_ns);
}

}  // namespace motley::place
