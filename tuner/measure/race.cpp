// From one noisy run per candidate to a winner.
#include "measure/race.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

namespace motley::tuner {

namespace {

constexpr size_t kAnchorsPerBlock = 2;
constexpr size_t kRungBlock = 8;        // candidates in a block of the second rung
constexpr size_t kMaxDiscarded = 50;    // in a row: the device doesn't come to rest, so the race ends with what it has

double level(const Standing& standing) {
  return standing.log_ratios.empty() ? std::numeric_limits<double>::infinity() : median(standing.log_ratios);
}

void sort_by_level(std::vector<Standing>& standings) {
  std::stable_sort(standings.begin(), standings.end(),
                   [](const Standing& a, const Standing& b) { return level(a) < level(b); });
}

class Race {
 public:
  Race(AnchoredMeter& meter, const std::vector<Standing>& first, const RacePolicy& policy, uint64_t seed,
       const std::function<bool()>& stop)
      : meter_(meter), policy_(policy), stop_(stop), random_(seed) {
    result_.standings = first;
    for (const Standing& s : first)
      if (std::isfinite(level(s)) && s.candidate != meter.anchor()) alive_.push_back(s);
    sort_by_level(alive_);
    const double budget = policy.runs_per_candidate * static_cast<double>(first.size());
    budget_ = static_cast<size_t>(std::max(0.0, budget));
  }

  RaceResult run() {
    second_rung();
    final();
    conclude();
    return std::move(result_);
  }

 private:
  size_t left() const { return budget_ > meter_.runs() ? budget_ - meter_.runs() : 0; }
  bool stopped() const { return discarded_in_row_ > kMaxDiscarded || (stop_ && stop_()); }

  // Candidates in a random order, once each. Readings go to their standings.
  void round_of(std::vector<Standing>& runners, size_t first, size_t count) {
    std::vector<size_t> order(count);
    for (size_t i = 0; i < count; ++i) order[i] = first + i;
    std::shuffle(order.begin(), order.end(), random_);
    std::vector<size_t> ids;
    for (const size_t i : order) ids.push_back(runners[i].candidate);
    const std::vector<double> ratios = meter_.block(ids);
    discarded_in_row_ = ratios.empty() ? discarded_in_row_ + 1 : 0;
    for (size_t i = 0; i < ratios.size(); ++i) runners[order[i]].log_ratios.push_back(ratios[i]);
  }

  // The best few get more runs, in whole passes over them.
  void second_rung() {
    const size_t passes = policy_.second_rung_runs > 0 ? policy_.second_rung_runs - 1 : 0;
    if (passes == 0 || alive_.empty()) return;
    const double share = policy_.second_rung_share * static_cast<double>(left());
    const double cost = static_cast<double>(passes) * (1 + static_cast<double>(kAnchorsPerBlock) / kRungBlock);
    const size_t count = std::min(alive_.size(), static_cast<size_t>(share / cost));
    for (size_t pass = 0; pass < passes; ++pass)
      for (size_t first = 0; first < count && !stopped(); first += kRungBlock)
        round_of(alive_, first, std::min(kRungBlock, count - first));
    if (count > 0) alive_.resize(std::max<size_t>(count, 1));
    // The first run chose them because it was lucky; of several, it is left out.
    for (Standing& s : alive_)
      if (s.log_ratios.size() > 2) s.log_ratios.erase(s.log_ratios.begin());
    sort_by_level(alive_);
  }

  void final() {
    finalists_ = alive_;
    finalists_.resize(std::min({finalists_.size(), policy_.finalists, most_finalists()}));
    for (Standing& s : finalists_) s.log_ratios.clear();  // chosen by luck again: the final counts alone
    while (!finalists_.empty() && left() >= finalists_.size() + kAnchorsPerBlock && !stopped()) {
      round_of(finalists_, 0, finalists_.size());
      if (discarded_in_row_ > 0) continue;
      ++result_.rounds;
      if (result_.rounds >= policy_.min_rounds && drop_losers()) break;
    }
  }
  // So many that each gets the least number of rounds.
  size_t most_finalists() const {
    const size_t per_round = left() / std::max<size_t>(policy_.min_rounds, 1);
    return std::max<size_t>(per_round > kAnchorsPerBlock ? per_round - kAnchorsPerBlock : 0, 1);
  }

  size_t leader() const {
    size_t best = 0;
    for (size_t i = 1; i < finalists_.size(); ++i)
      if (level(finalists_[i]) < level(finalists_[best])) best = i;
    return best;
  }
  // Paired: the same rounds, run beside each other.
  static Estimate behind(const Standing& runner, const Standing& leader) {
    std::vector<double> differences;
    for (size_t i = 0; i < runner.log_ratios.size(); ++i)
      differences.push_back(runner.log_ratios[i] - leader.log_ratios[i]);
    return estimate(differences);
  }
  // Who is surely slower than the leader leaves. True where nothing is left to decide.
  bool drop_losers() {
    const Standing best = finalists_[leader()];
    std::vector<Standing> stay;
    bool decided = true;
    for (Standing& runner : finalists_) {
      if (runner.candidate == best.candidate) {
        stay.push_back(std::move(runner));
        continue;
      }
      const Estimate gap = behind(runner, best);
      if (gap.low > 0) {
        out_.push_back(std::move(runner));
        continue;
      }
      decided = decided && gap.high < std::log1p(policy_.same);
      stay.push_back(std::move(runner));
    }
    finalists_ = std::move(stay);
    // The leader's own ratio to the anchor has to be known as well.
    return decided && finalists_.size() <= 1;
  }

  void conclude() {
    result_.winner = meter_.anchor();
    sort_by_level(finalists_);
    sort_by_level(out_);
    const bool raced = result_.rounds > 0;
    const std::vector<Standing>& best = raced ? finalists_ : alive_;
    if (!best.empty()) {
      const Estimate ratio = estimate(best[0].log_ratios);
      if (ratio.middle < 0) {
        result_.winner = best[0].candidate;
        result_.log_ratio_to_anchor = ratio;
      }
    }
    order_standings(raced);
  }
  // The final's finishers, those that left it, the second rung, the rest.
  void order_standings(bool raced) {
    std::map<size_t, bool> placed;
    std::vector<Standing> ordered;
    auto place = [&](const std::vector<Standing>& group) {
      for (const Standing& s : group)
        if (placed.emplace(s.candidate, true).second) ordered.push_back(s);
    };
    if (raced) place(finalists_), place(out_);
    place(alive_);
    sort_by_level(result_.standings);
    place(result_.standings);
    result_.standings = std::move(ordered);
  }

  AnchoredMeter& meter_;
  const RacePolicy& policy_;
  const std::function<bool()>& stop_;
  std::mt19937_64 random_;
  size_t budget_ = 0, discarded_in_row_ = 0;
  std::vector<Standing> alive_, finalists_, out_;
  RaceResult result_;
};

}  // namespace

RaceResult race(AnchoredMeter& meter, const std::vector<Standing>& first, const RacePolicy& policy, uint64_t seed,
                const std::function<bool()>& stop) {
  return Race(meter, first, policy, seed, stop).run();
}

bool displaces_default(const Estimate& log_ratio_to_default, double gain) {
  return log_ratio_to_default.high <= std::log1p(-gain);
}

}  // namespace motley::tuner
