// From one noisy run per candidate to a winner.
#include "measure/race.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>

namespace motley::tuner {

namespace {

constexpr size_t kAnchorsPerBlock = 2;
constexpr size_t kRungBlock = 8;       // candidates in a block of the second rung
constexpr double kPassKeeps = 0.65;    // of the candidates of one pass, how many run in the next
constexpr size_t kRoundsPerStage = 3;  // of the final; then the last third leaves
constexpr double kRungWeight = 0.6;    // of a reading of a rung beside one of the final
constexpr double kLeastNoise = 0.005;
constexpr size_t kMaxDiscarded = 50;  // in a row: the device doesn't come to rest, so the race ends with what it has

double level(const Standing& standing) {
  return standing.log_ratios.empty() ? std::numeric_limits<double>::infinity() : median(standing.log_ratios);
}

void sort_by_level(std::vector<Standing>& standings) {
  std::stable_sort(standings.begin(), standings.end(),
                   [](const Standing& a, const Standing& b) { return level(a) < level(b); });
}

// A candidate in the race. Readings of the rungs come from different blocks; those of the final from the same rounds.
struct Runner {
  size_t candidate;
  std::vector<double> rungs, rounds;
};

class Race {
 public:
  Race(AnchoredMeter& meter, const std::vector<Standing>& first, const RacePolicy& policy, uint64_t seed,
       const std::function<bool()>& stop)
      : meter_(meter), policy_(policy), stop_(stop), random_(seed) {
    result_.standings = first;
    for (const Standing& s : first)
      if (std::isfinite(level(s)) && s.candidate != meter.anchor()) alive_.push_back({s.candidate, s.log_ratios, {}});
    budget_ = static_cast<size_t>(std::max(0.0, policy.runs_per_candidate * static_cast<double>(first.size())));
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

  // The candidates alive_[first, first + count) in a random order, once each. False where the block was discarded.
  bool run_block(size_t first, size_t count, std::vector<double> Runner::*readings) {
    std::vector<size_t> order(count), ids;
    for (size_t i = 0; i < count; ++i) order[i] = first + i;
    std::shuffle(order.begin(), order.end(), random_);
    for (const size_t i : order) ids.push_back(alive_[i].candidate);
    const std::vector<double> ratios = meter_.block(ids);
    discarded_in_row_ = ratios.empty() ? discarded_in_row_ + 1 : 0;
    for (size_t i = 0; i < ratios.size(); ++i) (alive_[order[i]].*readings).push_back(ratios[i]);
    return !ratios.empty();
  }

  // Of equal prospects, he who had the better runs is the better bet, whatever chose him for them: all runs count.
  // Those of the rungs carry the anchor's noise as well, so they count less.
  double score(const Runner& runner) const {
    double sum = 0, weight = 0;
    auto add = [&](const std::vector<double>& readings, double each) {
      const double middle = median(readings), most = 3 * std::max(meter_.noise(), kLeastNoise);
      for (const double reading : readings) {
        sum += each * std::clamp(reading, middle - most, middle + most);  // one odd run decides nothing
        weight += each;
      }
    };
    add(runner.rungs, kRungWeight);
    add(runner.rounds, 1);
    return weight > 0 ? sum / weight : std::numeric_limits<double>::infinity();
  }
  // The best stay, the others leave with their place behind all who stay.
  void keep(size_t count) {
    std::vector<std::pair<double, size_t>> order;
    for (size_t i = 0; i < alive_.size(); ++i) order.emplace_back(score(alive_[i]), i);
    std::stable_sort(order.begin(), order.end());
    std::vector<Runner> stay;
    for (size_t place = 0; place < order.size(); ++place) {
      Runner& runner = alive_[order[place].second];
      if (place < count) stay.push_back(std::move(runner));
      else left_.insert(left_.begin() + static_cast<std::ptrdiff_t>(place - count), std::move(runner));
    }
    alive_ = std::move(stay);
  }

  // Pass by pass fewer candidates: the best few get more runs.
  void second_rung() {
    const size_t passes = policy_.second_rung_runs > 0 ? policy_.second_rung_runs - 1 : 0;
    const double share = policy_.second_rung_share * static_cast<double>(left()) /
                         (1 + static_cast<double>(kAnchorsPerBlock) / kRungBlock);
    double units = 0;  // what the passes cost together, relative to the first
    for (size_t pass = 0; pass < passes; ++pass) units += std::pow(kPassKeeps, static_cast<double>(pass));
    size_t count = passes > 0 ? static_cast<size_t>(share / units) : 0;
    for (size_t pass = 0; pass < passes && count > 0 && !stopped(); ++pass) {
      keep(count);
      for (size_t first = 0; first < alive_.size() && !stopped(); first += kRungBlock)
        run_block(first, std::min(kRungBlock, alive_.size() - first), &Runner::rungs);
      drop_failed();
      count = std::max<size_t>(static_cast<size_t>(static_cast<double>(count) * kPassKeeps), 1);
    }
  }
  void drop_failed() {
    std::erase_if(alive_, [](const Runner& r) {
      auto failed = [](double reading) { return !std::isfinite(reading); };
      return std::any_of(r.rungs.begin(), r.rungs.end(), failed) ||
             std::any_of(r.rounds.begin(), r.rounds.end(), failed);
    });
  }

  // Rounds of all who are left, in pairs with each other. Every few rounds the last third leaves; so does who is surely
  // behind.
  void final() {
    keep(std::min(policy_.finalists, most_finalists()));
    size_t rounds_here = 0;
    while (!alive_.empty() && left() >= alive_.size() + kAnchorsPerBlock && !stopped()) {
      if (!run_block(0, alive_.size(), &Runner::rounds)) continue;
      drop_failed();
      ++result_.rounds;
      if (++rounds_here == kRoundsPerStage && alive_.size() > 2) {
        keep(std::max<size_t>(2, alive_.size() - (alive_.size() + 2) / 3));
        rounds_here = 0;
      }
      if (result_.rounds >= policy_.min_rounds && decided()) break;
    }
  }
  // So many that each stage gets its rounds.
  size_t most_finalists() const {
    const size_t per_round = left() / std::max<size_t>(policy_.min_rounds, 1);
    return std::max<size_t>(per_round > kAnchorsPerBlock ? per_round - kAnchorsPerBlock : 0, 1);
  }
  // Whether all others are surely behind the leader, or as good as he is.
  bool decided() {
    keep(alive_.size());
    for (size_t i = alive_.size(); i-- > 1;) {
      std::vector<double> differences;
      for (size_t round = 0; round < alive_[i].rounds.size(); ++round)
        differences.push_back(alive_[i].rounds[round] - alive_[0].rounds[round]);
      const Estimate behind = estimate(differences);
      if (behind.low <= 0 && behind.high >= std::log1p(policy_.same)) return false;
    }
    return estimate(alive_[0].rounds).high < 0 ||
           estimate(alive_[0].rounds).low > 0;  // and the anchor's place is known
  }

  void conclude() {
    keep(alive_.size());
    result_.winner = meter_.anchor();
    if (!alive_.empty()) {
      const Runner& best = alive_[0];
      const Estimate ratio = estimate(best.rounds.empty() ? best.rungs : best.rounds);
      if (ratio.middle < 0) {
        result_.winner = best.candidate;
        result_.log_ratio_to_anchor = ratio;
      }
    }
    order_standings();
  }
  // Who is left, who left last, ..., and those that failed.
  void order_standings() {
    std::vector<Standing> ordered;
    std::set<size_t> placed;
    for (const auto* group : {&alive_, &left_})
      for (const Runner& r : *group)
        if (placed.insert(r.candidate).second) {
          ordered.push_back({r.candidate, r.rungs});
          ordered.back().log_ratios.insert(ordered.back().log_ratios.end(), r.rounds.begin(), r.rounds.end());
        }
    sort_by_level(result_.standings);
    for (Standing& s : result_.standings)
      if (placed.insert(s.candidate).second) ordered.push_back(std::move(s));
    result_.standings = std::move(ordered);
  }

  AnchoredMeter& meter_;
  const RacePolicy& policy_;
  const std::function<bool()>& stop_;
  std::mt19937_64 random_;
  size_t budget_ = 0, discarded_in_row_ = 0;
  std::vector<Runner> alive_, left_;  // the latter in the order of their places
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
