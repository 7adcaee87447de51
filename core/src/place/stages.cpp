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

}  // namespace motley::place
