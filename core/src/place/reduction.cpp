// Merging units that cost nothing.
#include "place/reduction.hpp"

#include <algorithm>

namespace motley::place {

Reduction::Reduction(const StageProblem& problem) : p_(problem), into_(problem.units.size()) {
  for (uint32_t u = 0; u < into_.size(); ++u) into_[u] = u;
  int64_t bytes = 0;
  for (const StageProblem::Unit& unit : p_.units) bytes = add(bytes, unit.bytes);
  memory_is_free_ = bytes <= p_.memory_bytes;
  while (merge_some()) {
  }
}

StageProblem Reduction::reduced() {
  StageProblem small;
  number_.assign(into_.size(), 0);
  for (uint32_t u = 0; u < into_.size(); ++u)
    if (into_[u] == u) {
      number_[u] = static_cast<uint32_t>(small.units.size());
      small.units.push_back(p_.units[u]);
    }
  for (uint32_t u = 0; u < into_.size(); ++u)
    if (into_[u] != u) small.units[number_[root(u)]].bytes += p_.units[u].bytes;
  for (const auto& [a, b] : p_.before)
    if (root(a) != root(b)) small.before.push_back({number_[root(a)], number_[root(b)]});
  for (const StageProblem::Net& net : p_.nets) {
    StageProblem::Net copy{net.cost_ns, {}};
    for (uint32_t u : net.units) copy.units.push_back(number_[root(u)]);
    std::sort(copy.units.begin(), copy.units.end());
    copy.units.erase(std::unique(copy.units.begin(), copy.units.end()), copy.units.end());
    if (copy.units.size() > 1 && copy.cost_ns > 0) small.nets.push_back(std::move(copy));
  }
  small.accelerators = p_.accelerators;
  small.hosts = p_.hosts;
  small.memory_bytes = p_.memory_bytes;
  return small;
}

std::vector<uint32_t> Reduction::expand(const std::vector<uint32_t>& device) const {
  std::vector<uint32_t> all(into_.size());
  for (uint32_t u = 0; u < all.size(); ++u) all[u] = device[number_[root(u)]];
  return all;
}

bool Reduction::merge_some() {
  std::vector<std::vector<uint32_t>> neighbours(into_.size());
  for (const auto& [a, b] : p_.before) {
    const uint32_t x = root(a), y = root(b);
    if (x == y) continue;
    neighbours[x].push_back(y);
    neighbours[y].push_back(x);
  }
  std::vector<std::vector<uint32_t>> nets(into_.size());
  for (uint32_t n = 0; n < p_.nets.size(); ++n)
    for (uint32_t u : p_.nets[n].units) nets[root(u)].push_back(n);
  for (uint32_t u = 0; u < into_.size(); ++u) {
    const StageProblem::Unit& unit = p_.units[u];
    if (into_[u] != u || unit.host_ns || unit.accelerator_ns || (unit.bytes && !memory_is_free_)) continue;
    std::sort(neighbours[u].begin(), neighbours[u].end());
    neighbours[u].erase(std::unique(neighbours[u].begin(), neighbours[u].end()), neighbours[u].end());
    if (neighbours[u].size() != 1) continue;
    const uint32_t host = neighbours[u][0];
    const bool together = std::all_of(nets[u].begin(), nets[u].end(), [&](uint32_t n) {
      return std::any_of(p_.nets[n].units.begin(), p_.nets[n].units.end(),
                         [&](uint32_t other) { return root(other) == host; });
    });
    if (!together) continue;
    into_[u] = host;
    return true;
  }
  return false;
}

}  // namespace motley::place
