// A simulated device, and how ways to measure do on it.
#include "replay/noise.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "measure/race.hpp"

namespace motley::tuner {

double SimulatedMeter::run_ns(size_t candidate) {
  ++runs_;
  std::uniform_real_distribution<double> even(0, 1);
  if (even(random_) * model_.stretch_runs < 1)
    slowdown_ = slowdown_ > 1 ? 1 : 1.1 + even(random_) * (model_.slowest - 1.1);
  const double noise = std::exp(std::normal_distribution<double>(0, model_.deviation)(random_));
  return space_.cost(candidate) * slowdown_ * noise;
}

namespace {

// A search that sees what `measure` says. Returns the candidates in their order, with those costs.
std::vector<Observed> search(size_t evaluations, Strategy& strategy, const std::function<double(size_t)>& measure) {
  std::vector<Observed> observed;
  while (observed.size() < evaluations) {
    const auto proposal = strategy.propose();
    if (!proposal) break;
    const double cost = measure(*proposal);
    strategy.observe(*proposal, cost);
    observed.push_back({*proposal, cost});
  }
  return observed;
}

double best_visited(const RecordedSpace& space, const std::vector<Observed>& observed) {
  double best = std::numeric_limits<double>::infinity();
  for (const Observed& o : observed)
    if (space.cost(o.candidate) > 0) best = std::min(best, space.cost(o.candidate));
  return best;
}

NoiseResult result_of(const RecordedSpace& space, const std::vector<Observed>& observed, size_t choice, size_t runs) {
  return {space.cost(choice) / best_visited(space, observed), space.fraction(space.cost(choice)),
          static_cast<double>(runs) / static_cast<double>(observed.size())};
}

NoiseResult pick_by_least(const RecordedSpace& space, size_t evaluations, const NoiseModel& model, uint64_t seed,
                          int runs_each) {
  Candidates candidates = space.candidates();
  const auto strategy = make_strategy("motley", candidates, {seed, {}, {}});
  SimulatedMeter meter(space, model, seed);
  const auto observed = search(evaluations, *strategy, [&](size_t candidate) {
    double least = meter.run_ns(candidate);
    for (int run = 1; run < runs_each; ++run) least = std::min(least, meter.run_ns(candidate));
    return least;
  });
  const auto better = [](const Observed& a, const Observed& b) {
    return (a.cost > 0 ? 1 / a.cost : 0) > (b.cost > 0 ? 1 / b.cost : 0);
  };
  return result_of(space, observed, std::min_element(observed.begin(), observed.end(), better)->candidate,
                   meter.runs());
}

}  // namespace

NoiseResult pick_by_one_run(const RecordedSpace& space, size_t evaluations, const NoiseModel& model, uint64_t seed) {
  return pick_by_least(space, evaluations, model, seed, 1);
}
NoiseResult pick_by_best_of_two(const RecordedSpace& space, size_t evaluations, const NoiseModel& model,
                                uint64_t seed) {
  return pick_by_least(space, evaluations, model, seed, 2);
}

NoiseResult pick_by_racing(const RecordedSpace& space, size_t evaluations, const NoiseModel& model, uint64_t seed) {
  Candidates candidates = space.candidates();
  const auto strategy = make_strategy("motley", candidates, {seed, {}, {}});
  SimulatedMeter meter(space, model, seed);
  // A device's default stands for the middle; so does a random config that works.
  std::mt19937_64 random(seed);
  size_t anchor = 0;
  do anchor = random() % candidates.size();
  while (space.cost(anchor) <= 0);
  AnchoredMeter anchored(meter, anchor);
  auto observed = search(evaluations, *strategy, [&](size_t candidate) {
    const double log_ratio = anchored.run(candidate);
    return std::isfinite(log_ratio) ? std::exp(log_ratio) : 0;
  });
  std::vector<Standing> first;
  for (const Observed& o : observed)
    first.push_back({o.candidate, {o.cost > 0 ? std::log(o.cost) : std::numeric_limits<double>::infinity()}});
  const RaceResult result = race(anchored, first, {}, seed);
  observed.push_back({anchor, 1});
  return result_of(space, observed, result.winner, meter.runs());
}

}  // namespace motley::tuner
