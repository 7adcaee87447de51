// Stages of any shape, by simulated annealing.
#include <algorithm>
#include <cmath>

#include "place/packing_bound.hpp"
#include "place/random.hpp"
#include "place/reduction.hpp"
#include "place/stages.hpp"
#include "place/validate.hpp"
#include "place/view.hpp"

namespace motley::place {

namespace {

class Annealer {
 public:
  Annealer(const StageProblem& problem, const Stages& start) : p_(problem), device_(start.device) {
    devices_ = p_.accelerators + p_.hosts;
    std::vector<std::pair<uint32_t, uint32_t>> pairs;
    inside_.assign(p_.nets.size() * devices_, 0);
    for (uint32_t n = 0; n < p_.nets.size(); ++n)
      for (uint32_t u : p_.nets[n].units) {
        pairs.push_back({u, n});
        ++inside_[n * devices_ + device_[u]];
      }
    nets_ = lists_of(p_.units.size(), pairs);
    load_ = loads(p_, device_);
    bytes_.assign(devices_, 0);
    for (uint32_t u = 0; u < p_.units.size(); ++u) bytes_[device_[u]] += p_.units[u].bytes;
    scale_ = static_cast<double>(std::max<Ns>(1, start.load_ns));
    best_ = device_;
    best_load_ = start.load_ns;
  }

  Stages run(uint64_t moves) {
    double energy = this->energy();
    for (uint64_t i = 0; i < moves; ++i) {
      const double heat = 0.02 * std::pow(1e-4, static_cast<double>(i) / static_cast<double>(moves));
      const uint32_t u = random_.below(p_.units.size()), from = device_[u];
      const uint32_t to = random_.below(2) ? neighbour(u) : random_.below(devices_);
      if (to == from || !allowed(u, to)) continue;
      move(u, to);
      // Half of the steps exchange: something comes back from there.
      uint32_t v = u;
      if (random_.below(2)) {
        for (int tries = 0; tries < 8 && v == u; ++tries) {
          const uint32_t w = random_.below(p_.units.size());
          if (w != u && device_[w] == to && allowed(w, from)) v = w;
        }
        if (v != u) move(v, from);
      }
      const double after = this->energy();
      if (after <= energy || random_.unit() < std::exp((energy - after) / heat)) {
        energy = after;
        const Ns load = *std::max_element(load_.begin(), load_.end());
        if (load < best_load_) {
          best_load_ = load;
          best_ = device_;
        }
        continue;
      }
      if (v != u) move(v, to);
      move(u, from);
    }
    Stages stages;
    stages.device = best_;
    stages.load_ns = best_load_;
    return stages;
  }

 private:
  // Some device that has a neighbour of u.
  uint32_t neighbour(uint32_t u) {
    if (!nets_.size(u)) return device_[u];
    const StageProblem::Net& net = p_.nets[nets_.first(u)[random_.below(nets_.size(u))]];
    return device_[net.units[random_.below(net.units.size())]];
  }

  bool allowed(uint32_t u, uint32_t to) const {
    if (to >= p_.accelerators) return true;
    return p_.units[u].accelerator_ns < kForbidden && bytes_[to] + p_.units[u].bytes <= p_.memory_bytes;
  }

  void pay(uint32_t device, Ns cost) {
    if (device < p_.accelerators) load_[device] += cost;
  }

  void move(uint32_t u, uint32_t to) {
    const uint32_t from = device_[u];
    const StageProblem::Unit& unit = p_.units[u];
    for (const uint32_t* n = nets_.first(u); n != nets_.last(u); ++n) {
      uint32_t* inside = inside_.data() + size_t{*n} * devices_;
      const uint32_t all = static_cast<uint32_t>(p_.nets[*n].units.size());
      const Ns cost = p_.nets[*n].cost_ns;
      const auto cut = [&](uint32_t d) { return inside[d] > 0 && inside[d] < all; };
      const bool from_before = cut(from), to_before = cut(to);
      --inside[from];
      ++inside[to];
      if (cut(from) != from_before) pay(from, from_before ? -cost : cost);
      if (cut(to) != to_before) pay(to, to_before ? -cost : cost);
    }
    load_[from] -= from < p_.accelerators ? unit.accelerator_ns : unit.host_ns;
    load_[to] += to < p_.accelerators ? unit.accelerator_ns : unit.host_ns;
    bytes_[from] -= unit.bytes;
    bytes_[to] += unit.bytes;
    device_[u] = to;
  }

  // The most loaded device counts; the others a little, so that there is a slope.
  double energy() const {
    double most = 0, sum = 0;
    for (Ns load : load_) {
      const double x = static_cast<double>(load) / scale_;
      most = std::max(most, x);
      sum += x * x * x * x;
    }
    return most + 0.1 * std::sqrt(std::sqrt(sum / static_cast<double>(devices_)));
  }

  const StageProblem& p_;
  std::vector<uint32_t> device_, best_, inside_;
  Lists nets_;
  std::vector<Ns> load_;
  std::vector<int64_t> bytes_;
  uint32_t devices_ = 0;
  Ns best_load_ = 0;
  double scale_ = 1;
  Random random_;
};

}  // namespace

Stages split_freely(const StageProblem& problem, const Stages& start, uint64_t moves) {
  Stages stages = problem.units.empty() ? start : Annealer(problem, start).run(moves);
  // Units that cost nothing don't matter to what is proved.
  const StageProblem small = Reduction(problem).reduced();
  stages.bound_ns = packing_bound(small, load_bound(problem), stages.load_ns);
  expect_valid(problem, stages, false);
  return stages;
}

}  // namespace motley::place
