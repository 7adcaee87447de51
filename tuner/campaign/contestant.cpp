// A plan in a race of plans.
#include "campaign/contestant.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace motley::tuner {

namespace {

constexpr double kSame = 0.01;  // of the time: what counts as no difference
constexpr double kGain = 0.01;  // for which a plan with an error, or with operators split, is worth a row

bool is_worth_it(const Contestant& c, const Contestant& other) {
  return log_ratio(c, other).high <= std::log1p(-kGain);
}

// The winner of those that fit.
std::optional<size_t> winner_among(const std::vector<Contestant>& all,
                                   const std::function<bool(const Contestant&)>& fits) {
  std::vector<size_t> index;
  std::vector<Contestant> some;
  for (size_t i = 0; i < all.size(); ++i)
    if (fits(all[i])) index.push_back(i), some.push_back(all[i]);
  if (some.empty()) return {};
  return index[winner_of(some)];
}

}  // namespace

double Contestant::ns() const {
  double best = 0;
  for (const size_t least : {Estimate::kMinimum, size_t{1}}) {
    for (const Heat& heat : heats)
      if (heat.ns.size() >= least && (best == 0 || median(heat.ns) < best)) best = median(heat.ns);
    if (best > 0) break;
  }
  return best;
}

size_t Contestant::turns() const {
  size_t count = 0;
  for (const Heat& heat : heats) count += heat.ns.size();
  return count;
}

bool same_plan(const Contestant& a, const Contestant& b) {
  const nlohmann::json &x = a.plan["nodes"], &y = b.plan["nodes"];
  if (x.size() != y.size() || a.plan.value("cuts", nlohmann::json()) != b.plan.value("cuts", nlohmann::json()))
    return false;
  for (size_t i = 0; i < x.size(); ++i)
    for (const char* what : {"node", "device", "config"})
      if (x[i][what] != y[i][what]) return false;
  return true;
}

Estimate log_ratio(const Contestant& a, const Contestant& b) {
  std::vector<double> ratios;
  for (const Heat& x : a.heats)
    for (const Heat& y : b.heats)
      for (size_t i = 0; x.number == y.number && i < std::min(x.ns.size(), y.ns.size()); ++i)
        ratios.push_back(std::log(x.ns[i] / y.ns[i]));
  return estimate(ratios);
}

size_t winner_of(const std::vector<Contestant>& all) {
  size_t fastest = 0;
  for (size_t i = 1; i < all.size(); ++i)
    if (log_ratio(all[i], all[fastest]).middle < 0) fastest = i;
  const auto as_good = [&](size_t i) {
    const Estimate behind = log_ratio(all[i], all[fastest]);
    return behind.low <= 0 && behind.middle <= std::log1p(kSame);
  };
  for (const Contestant::Kind kind : {Contestant::Kind::untuned, Contestant::Kind::single}) {
    size_t best = all.size();
    for (size_t i = 0; i < all.size(); ++i)
      if (all[i].kind == kind && as_good(i) && (best == all.size() || log_ratio(all[i], all[best]).middle < 0))
        best = i;
    if (best < all.size()) return best;
  }
  return fastest;
}

// Who was raced too seldom to be sure of is left out before the fastest is looked for, not after.
Winners winners_of(const std::vector<Contestant>& all) {
  Winners winners;
  winners.whole = winner_among(all, [](const Contestant& c) { return c.is_plain(); });
  if (!winners.whole) return winners;
  winners.split = winner_among(
      all, [&](const Contestant& c) { return c.is_exact() && c.is_split() && is_worth_it(c, all[*winners.whole]); });
  const Contestant& best = all[winners.split.value_or(*winners.whole)];
  winners.inexact = winner_among(all, [&](const Contestant& c) { return !c.is_exact() && is_worth_it(c, best); });
  return winners;
}

}  // namespace motley::tuner
