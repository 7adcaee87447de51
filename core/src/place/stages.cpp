// Loads and bounds of pipelines.
#include "place/stages.hpp"

#include <algorithm>

namespace motley::place {

std::vector<Ns> loads(const StageProblem& problem, const std::vector<uint32_t>& device) {
  std::vector<Ns> load(problem.accelerators + problem.hosts);
  for (size_t u = 0; u < device.size(); ++u) {
    const StageProblem::Unit& unit = problem.units[u];
    Ns& sum = load[device[u]];
    sum = add(sum, device[u] < problem.accelerators ? unit.accelerator_ns : unit.host_ns);
  }
  std::vector<uint32_t> touched;
  for (const StageProblem::Net& net : problem.nets) {
    touched.clear();
    for (uint32_t u : net.units) touched.push_back(device[u]);
    std::sort(touched.begin(), touched.end());
    touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
    if (touched.size() < 2) continue;
    for (uint32_t d : touched)
      if (d < problem.accelerators) load[d] = add(load[d], net.cost_ns);
  }
  return load;
}

// Whether the work fits under a load if it could be split at will and moved for nothing. A host takes first what it is
// best at.
static bool fits(const StageProblem& problem, const std::vector<uint32_t>& by_gain, Ns load) {
  long double host_left = static_cast<long double>(load) * problem.hosts, accelerator_sum = 0;
  for (uint32_t u : by_gain) {
    const StageProblem::Unit& unit = problem.units[u];
    if (unit.accelerator_ns >= kForbidden) {
      host_left -= static_cast<long double>(unit.host_ns);
      continue;
    }
    const long double host = static_cast<long double>(unit.host_ns), rest = std::max(0.0L, host_left);
    const long double part = host <= rest ? 1 : rest / host;
    host_left -= part * host;
    accelerator_sum += (1 - part) * static_cast<long double>(unit.accelerator_ns);
  }
  return host_left > -0.5L && accelerator_sum <= static_cast<long double>(load) * problem.accelerators;
}

Ns load_bound(const StageProblem& problem) {
  std::vector<uint32_t> by_gain(problem.units.size());
  Ns low = 0, high = 1;
  for (uint32_t u = 0; u < by_gain.size(); ++u) {
    by_gain[u] = u;
    const StageProblem::Unit& unit = problem.units[u];
    const Ns least = problem.hosts == 0          ? unit.accelerator_ns
                     : problem.accelerators == 0 ? unit.host_ns
                                                 : std::min(unit.host_ns, unit.accelerator_ns);
    low = std::max(low, least);
    high = add(high, unit.host_ns);
    if (unit.accelerator_ns < kForbidden) high = add(high, unit.accelerator_ns);
  }
  std::sort(by_gain.begin(), by_gain.end(), [&](uint32_t a, uint32_t b) {
    const StageProblem::Unit &x = problem.units[a], &y = problem.units[b];
    const bool only_a = x.accelerator_ns >= kForbidden, only_b = y.accelerator_ns >= kForbidden;
    if (only_a != only_b) return only_a;
    const long double left = static_cast<long double>(x.accelerator_ns) * static_cast<long double>(y.host_ns);
    const long double right = static_cast<long double>(y.accelerator_ns) * static_cast<long double>(x.host_ns);
    return left != right ? left > right : a < b;
  });
  // low - 1 is too little or not worth asking; high always fits.
  while (low < high) {
    const Ns middle = low + (high - low) / 2;
    if (fits(problem, by_gain, middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

}  // namespace motley::place
