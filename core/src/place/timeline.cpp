// Simulating a plan event by event. The schedulers count in their own way; tests hold the two against each other.
#include "place/timeline.hpp"

#include <algorithm>
#include <map>

namespace motley::place {

namespace {

class Simulation {
 public:
  Simulation(const Problem& problem, const Plan& plan) : p_(problem), plan_(plan) {
    for (size_t m = 0; m < plan.transfers.size(); ++m) number_[{plan.transfers[m].tensor, plan.transfers[m].to}] = m;
    line_.candidates.resize(plan.candidates.size());
    line_.transfers.resize(plan.transfers.size(), {-1, -1});
    made_.assign(p_.tensors.size(), 0);
    device_free_.assign(p_.devices.size(), 0);
  }

  Timeline run() {
    for (size_t i = 0; i < plan_.candidates.size(); ++i) run_candidate(i);
    for (size_t m = 0; m < plan_.transfers.size(); ++m) {
      if (line_.transfers[m].begin_ns < 0) run_transfer(m);
      line_.makespan_ns = std::max(line_.makespan_ns, line_.transfers[m].end_ns);
    }
    return std::move(line_);
  }

 private:
  void run_candidate(size_t i) {
    const Candidate& candidate = p_.candidates[plan_.candidates[i]];
    Ns ready = 0;
    for (uint32_t t : tensors_read(candidate)) {
      const auto move = number_.find({t, candidate.input_place});
      if (move == number_.end()) {
        ready = std::max(ready, made_[t]);
        continue;
      }
      if (line_.transfers[move->second].begin_ns < 0) run_transfer(move->second);
      ready = std::max(ready, line_.transfers[move->second].end_ns);
    }
    Ns& device = device_free_[p_.places[candidate.input_place].device];
    Span& span = line_.candidates[i];
    span.begin_ns = std::max(ready, device);
    if (candidate.helper >= 0) span.begin_ns = std::max(span.begin_ns, device_free_[size_t(candidate.helper)]);
    span.end_ns = add(span.begin_ns, candidate.cost_ns);
    device = span.end_ns;
    if (candidate.helper >= 0) device_free_[size_t(candidate.helper)] = span.end_ns;
    for (uint32_t n : candidate.nodes)
      for (uint32_t t : p_.nodes[n].outputs) made_[t] = span.end_ns;
    line_.makespan_ns = std::max(line_.makespan_ns, span.end_ns);
  }

  // Ascending; what the candidate makes itself is not read.
  std::vector<uint32_t> tensors_read(const Candidate& candidate) const {
    std::vector<uint32_t> read;
    for (uint32_t n : candidate.nodes)
      for (uint32_t t : p_.nodes[n].inputs) {
        bool inside = false;
        for (uint32_t m : candidate.nodes)
          for (uint32_t made : p_.nodes[m].outputs) inside = inside || made == t;
        if (!inside) read.push_back(t);
      }
    std::sort(read.begin(), read.end());
    read.erase(std::unique(read.begin(), read.end()), read.end());
    return read;
  }

  void run_transfer(size_t m) {
    const Transfer& move = plan_.transfers[m];
    const uint32_t from = p_.places[move.from].device, to = p_.places[move.to].device;
    Ns& free = from == to ? device_free_[to] : way_free_[{from, to}];
    line_.transfers[m].begin_ns = std::max(made_[move.tensor], free);
    free = line_.transfers[m].end_ns = add(line_.transfers[m].begin_ns, move.cost_ns);
  }

  const Problem& p_;
  const Plan& plan_;
  std::map<std::pair<uint32_t, uint32_t>, size_t> number_;  // tensor, place → transfer
  std::map<std::pair<uint32_t, uint32_t>, Ns> way_free_;
  std::vector<Ns> made_, device_free_;
  Timeline line_;
};

}  // namespace

Timeline simulate(const Problem& problem, const Plan& plan) { return Simulation(problem, plan).run(); }

}  // namespace motley::place
