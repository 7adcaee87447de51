// The cheapest plan within a time: Lagrange multipliers on the serial solver.
//
// For a price on time the dynamic program finds the plan of least cost + price × time; what that plan costs minus the price
// of the deadline is a bound for every plan in time. The price is moved by secants between a plan in time and one that is
// not, until no other plan comes up (Handler and Zang, 1980). What is left of the time then goes to single exchanges.
#include <algorithm>
#include <cmath>

#include "place/objective.hpp"
#include "place/serial.hpp"

namespace motley::place {

namespace {

constexpr int kRounds = 24;          // of prices; few are needed
constexpr int kPasses = 4;           // over all candidates
constexpr size_t kMostNodes = 2000;  // for these passes
constexpr int64_t kUnit = 1 << 20;   // a price of 1

__extension__ using Wide = __int128;

Ns priced(Ns cost, Ns time, int64_t price) {
  if (cost >= kForbidden || time >= kForbidden) return kForbidden;
  const Wide sum = Wide(cost) + Wide(time) * price / kUnit;
  return sum < kForbidden ? static_cast<Ns>(sum) : kForbidden;
}

struct Found {
  std::vector<uint32_t> candidates;
  Ns cost = 0, time = 0;
};

class Solver {
 public:
  Solver(const Problem& objective, const Problem& times, const std::vector<bool>& keep, Ns deadline)
      : objective_(objective), times_(times), keep_(keep), deadline_(deadline), uses_(uses_of(objective)) {}

  InTime run() {
    const Found cheapest = solve(objective_, 0);
    if (cheapest.time <= deadline_) return {cheapest.candidates, cheapest.cost, bound_, false};
    best_ = solve(times_, -1);
    if (best_.time > deadline_) return {best_.candidates, best_.cost, bound_, true};
    close_in(cheapest);
    exchange();
    return {best_.candidates, best_.cost, std::min(bound_, best_.cost), false};
  }

 private:
  // price -1: by `problem` alone, which bounds nothing.
  Found solve(const Problem& problem, int64_t price) {
    const Problem kept = keep_only(problem, keep_);
    const Plan plan = solve_serial(kept);
    if (price >= 0) {
      const Wide bound = Wide(plan.bound_ns) - (Wide(deadline_) * price + kUnit - 1) / kUnit;
      if (bound > bound_) bound_ = static_cast<Ns>(bound);
    }
    Found found;
    found.candidates.resize(objective_.nodes.size());
    for (uint32_t c : plan.candidates)
      for (uint32_t n : kept.candidates[c].nodes) found.candidates[n] = kept.candidates[c].tag;
    found.cost = cost_of(objective_, uses_, found.candidates);
    found.time = cost_of(times_, uses_, found.candidates);
    return found;
  }

  Problem with_price(int64_t price) const {
    Problem problem = objective_;
    for (size_t c = 0; c < problem.candidates.size(); ++c)
      problem.candidates[c].cost_ns = priced(problem.candidates[c].cost_ns, times_.candidates[c].cost_ns, price);
    for (size_t m = 0; m < problem.moves.size(); ++m) {
      Move& move = problem.moves[m];
      move.alpha_ns = priced(move.alpha_ns, times_.moves[m].alpha_ns, price);
      move.beta_ps_per_byte = priced(move.beta_ps_per_byte, times_.moves[m].beta_ps_per_byte, price);
    }
    return problem;
  }

  void close_in(Found late) {
    for (int round = 0; round < kRounds && best_.cost > late.cost; ++round) {
      const double slope =
          static_cast<double>(best_.cost - late.cost) / static_cast<double>(std::max<Ns>(1, late.time - best_.time));
      const int64_t price = static_cast<int64_t>(std::min(slope * static_cast<double>(kUnit), 1e15)) + 1;
      const Found next = solve(with_price(price), price);
      const bool in_time = next.time <= deadline_;
      if (in_time ? next.cost >= best_.cost : next.cost <= late.cost || next.time >= late.time) break;
      (in_time ? best_ : late) = next;
    }
  }

  // Takes a candidate in place of others where that is cheaper and still in time.
  void exchange() {
    if (objective_.nodes.size() > kMostNodes) return;
    int64_t error = error_of(objective_, best_.candidates);
    bool any = true;
    for (int pass = 0; pass < kPasses && any; ++pass) {
      any = false;
      for (uint32_t c = 0; c < objective_.candidates.size(); ++c) {
        const Candidate& other = objective_.candidates[c];
        // What joins nodes is left to the solver, which keeps such candidates from waiting for each other.
        if (!keep_[c] || other.nodes.size() > 1 || best_.candidates[other.nodes[0]] == c || !usable(objective_, other) ||
            !replaces(objective_, best_.candidates, other) || other.memory_bytes > held(other.nodes[0], other))
          continue;
        const Ns cost = change_of(objective_, uses_, best_.candidates, other);
        const Ns time = change_of(times_, uses_, best_.candidates, times_.candidates[c]);
        const int64_t more = other.error_ppb - objective_.candidates[best_.candidates[other.nodes[0]]].error_ppb;
        if (cost >= 0 || best_.time + time > deadline_ || error + more > objective_.error_budget_ppb) continue;
        best_.candidates[other.nodes[0]] = c;
        best_.cost += cost;
        best_.time += time;
        error += more;
        any = true;
      }
    }
  }

  // What the device holds for the node already; without limits anything goes.
  int64_t held(uint32_t node, const Candidate& other) const {
    const uint32_t device = objective_.device_of(other);
    if (objective_.devices[device].memory_bytes >= kUnlimited) return kUnlimited;
    const Candidate& own = objective_.candidates[best_.candidates[node]];
    return objective_.device_of(own) == device ? own.memory_bytes : 0;
  }

  const Problem &objective_, &times_;
  const std::vector<bool>& keep_;
  const Ns deadline_;
  const Uses uses_;
  Found best_;
  Ns bound_ = 0;
};

}  // namespace

InTime solve_in_time(const Problem& objective, const Problem& times, const std::vector<bool>& keep, Ns deadline) {
  return Solver(objective, times, keep, deadline).run();
}

}  // namespace motley::place
