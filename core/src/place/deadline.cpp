// The cheapest plan within a time: Lagrange multipliers on the serial solver.
//
// For a price on time the dynamic program finds the plan of least cost + price × time; what that plan costs minus the
// price of the deadline is a bound for every plan in time. The price is moved by secants between a plan in time and one
// that is not, until no other plan comes up (Handler and Zang, 1980). What is left of the time then goes to single
// exchanges. At last the dynamic program looks for something better with the time as a part of its states: exact where
// its cap cuts nothing, as in small networks.
#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "place/objective.hpp"
#include "place/serial.hpp"

namespace motley::place {

namespace {

constexpr int kRounds = 24;          // of prices; few are needed
constexpr int kPasses = 4;           // over all candidates
constexpr size_t kMostNodes = 2000;  // for these passes
constexpr size_t kFewNodes = 24;     // for exchanges of two at once
constexpr size_t kStateBudget = 1 << 16;  // states × nodes of the last pass: tens of milliseconds
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
    Found fastest = best_;
    close_in(cheapest);
    exchange(best_);
    exchange(fastest);
    if (fastest.cost < best_.cost) best_ = std::move(fastest);
    solve_with_time();
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
    return found_in(kept, plan);
  }

  void solve_with_time() {
    if (bound_ >= best_.cost) return;
    const Problem kept = keep_only(objective_, keep_), times = keep_only(times_, keep_);
    SerialOptions options;
    options.times = &times;
    options.deadline_ns = deadline_;
    options.max_states = static_cast<uint32_t>(std::clamp<size_t>(kStateBudget / kept.nodes.size(), 64, 4096));
    try {
      const Plan plan = solve_serial(kept, options);
      bound_ = std::max(bound_, plan.bound_ns);
      const Found found = found_in(kept, plan);
      if (found.cost < best_.cost && found.time <= deadline_) best_ = found;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::limit) throw;  // nothing was left among the states that were kept
    }
  }

  Found found_in(const Problem& kept, const Plan& plan) const {
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

  // Takes a candidate in place of another where that is cheaper and still in time; in small problems two at once.
  void exchange(Found& plan) const {
    if (objective_.nodes.size() > kMostNodes) return;
    const bool pairs = objective_.nodes.size() <= kFewNodes;
    for (int pass = 0; pass < kPasses; ++pass) {
      const Ns before = plan.cost;
      for (uint32_t c = 0; c < objective_.candidates.size(); ++c) {
        if (!exchanges(plan, c)) continue;
        Found other = with(plan, c);
        if (!accept(plan, other) && pairs) exchange_second(plan, other, c);
      }
      if (plan.cost >= before) break;
    }
  }

  void exchange_second(Found& plan, const Found& first, uint32_t c) const {
    for (uint32_t d = c + 1; d < objective_.candidates.size(); ++d)
      if (exchanges(first, d) && accept(plan, with(first, d))) return;
  }

  // What joins nodes is left to the solver, which keeps such candidates from waiting for each other.
  bool exchanges(const Found& plan, uint32_t c) const {
    const Candidate& other = objective_.candidates[c];
    return keep_[c] && other.nodes.size() == 1 && plan.candidates[other.nodes[0]] != c && usable(objective_, other) &&
           replaces(objective_, plan.candidates, other) && other.memory_bytes <= held(plan, other);
  }

  Found with(const Found& plan, uint32_t c) const {
    const Candidate& other = objective_.candidates[c];
    Found changed = plan;
    changed.cost += change_of(objective_, uses_, plan.candidates, other);
    changed.time += change_of(times_, uses_, plan.candidates, times_.candidates[c]);
    changed.candidates[other.nodes[0]] = c;
    return changed;
  }

  bool accept(Found& plan, const Found& other) const {
    if (other.cost >= plan.cost || other.time > deadline_ ||
        error_of(objective_, other.candidates) > objective_.error_budget_ppb)
      return false;
    plan = other;
    return true;
  }

  // What the device holds for the node already; without limits anything goes.
  int64_t held(const Found& plan, const Candidate& other) const {
    const uint32_t device = objective_.device_of(other);
    if (objective_.devices[device].memory_bytes >= kUnlimited) return kUnlimited;
    const Candidate& own = objective_.candidates[plan.candidates[other.nodes[0]]];
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
