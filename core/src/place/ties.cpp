// Tying units together.
#include "place/ties.hpp"

#include <algorithm>

namespace motley::place {

namespace {

class Ties {
 public:
  Ties(const StageProblem& problem, Ns load) : p_(problem), load_(load), sum_(problem.units) {
    for (uint32_t u = 0; u < p_.units.size(); ++u) into_.push_back(u);
    while (tie_some()) {
    }
  }

  StageProblem run(std::vector<uint32_t>* order) {
    StageProblem result;
    result.accelerators = p_.accelerators;
    result.hosts = p_.hosts;
    result.memory_bytes = p_.memory_bytes;
    std::vector<uint32_t> number(into_.size());
    for (uint32_t u = 0; u < into_.size(); ++u) {
      if (root(u) != u) continue;
      number[u] = static_cast<uint32_t>(result.units.size());
      result.units.push_back(sum_[u]);
      StageProblem::Unit& unit = result.units.back();
      if (p_.accelerators == 0 || unit.accelerator_ns > load_ || unit.bytes > p_.memory_bytes)
        unit.accelerator_ns = kForbidden;
    }
    for (const StageProblem::Net& net : p_.nets) {
      StageProblem::Net copy{net.cost_ns, {}};
      for (uint32_t u : net.units) copy.units.push_back(number[root(u)]);
      std::sort(copy.units.begin(), copy.units.end());
      copy.units.erase(std::unique(copy.units.begin(), copy.units.end()), copy.units.end());
      if (copy.units.size() > 1 && copy.cost_ns > 0) result.nets.push_back(std::move(copy));
    }
    if (order) renumber(number, *order);
    return result;
  }

 private:
  uint32_t root(uint32_t u) {
    while (into_[u] != u) u = into_[u] = into_[into_[u]];
    return u;
  }

  // An accelerator that has a net cut pays for it and has at least one of its units, with what that is tied to.
  bool tie_some() {
    bool any = false;
    for (const StageProblem::Net& net : p_.nets) {
      if (net.units.empty()) continue;
      const uint32_t first = root(net.units[0]);
      Ns least = kForbidden;
      bool is_cut = false;
      for (uint32_t u : net.units) {
        is_cut = is_cut || root(u) != first;
        least = std::min(least, sum_[root(u)].accelerator_ns);
      }
      if (!is_cut || add(least, net.cost_ns) <= load_) continue;
      for (uint32_t u : net.units) tie(root(u), first);
      any = true;
    }
    return any;
  }

  void tie(uint32_t u, uint32_t to) {
    if (u == to) return;
    into_[u] = to;
    StageProblem::Unit &sum = sum_[to], &part = sum_[u];
    sum.host_ns = add(sum.host_ns, part.host_ns);
    sum.accelerator_ns = add(sum.accelerator_ns, part.accelerator_ns);
    sum.bytes = add(sum.bytes, part.bytes);
  }

  // By the first of each.
  void renumber(const std::vector<uint32_t>& number, std::vector<uint32_t>& order) {
    std::vector<uint32_t> result;
    std::vector<bool> seen(into_.size());
    for (uint32_t u : order) {
      if (seen[root(u)]) continue;
      seen[root(u)] = true;
      result.push_back(number[root(u)]);
    }
    order = std::move(result);
  }

  const StageProblem& p_;
  const Ns load_;
  std::vector<uint32_t> into_;
  std::vector<StageProblem::Unit> sum_;
};

}  // namespace

StageProblem tied(const StageProblem& problem, Ns load, std::vector<uint32_t>* order) {
  return Ties(problem, load).run(order);
}

}  // namespace motley::place
