// Strategies on spaces that are made up, and the model beneath the tuner's own.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "motley/error.hpp"
#include "search/hint.hpp"
#include "search/strategy.hpp"

namespace motley::tuner {
namespace {

Space tile_space() {
  return Space({{"tx", {1, 2, 4, 8, 16, 32, 64}, 0},
                {"ty", {1, 2, 4, 8, 16, 32, 64}, 0},
                {"unroll", {1, 2, 3, 4, 5, 6, 7, 8}, 0},
                {"local", {false, true}, 0},
                {"order", {"rows", "columns", "blocks"}, 0}},
               {"tx * ty <= 1024"});
}

// One best config, interactions, and a corner that fails.
double cost_of(const Space& space, const Config& config) {
  auto value = [&](size_t p) { return space.parameters()[p].values[config[p]]; };
  const double tx = std::log2(value(0).number()), ty = std::log2(value(1).number()), unroll = value(2).number();
  if (tx + ty < 2 && value(3).number() != 0) return 0;
  double cost = 1 + 0.1 * std::pow(tx - 4, 2) + 0.08 * std::pow(ty - 3, 2) + 0.05 * std::abs(unroll - 4);
  if (value(3).number() == 0) cost *= 1.4;
  if (value(4).text() == "rows") cost *= tx > ty ? 1.1 : 1.6;
  if (value(4).text() == "columns") cost *= 1.3;
  return cost;
}

struct Trial {
  double best = 0;
  std::vector<size_t> order;
};
Trial run(const std::string& strategy, const Space& space, Candidates& candidates, size_t evaluations,
          const SearchOptions& options) {
  const auto search = make_strategy(strategy, candidates, options);
  Trial result;
  while (result.order.size() < evaluations) {
    const auto id = search->propose();
    if (!id) break;
    const double cost = cost_of(space, candidates.config(*id));
    search->observe(*id, cost);
    result.order.push_back(*id);
    if (cost > 0 && (result.best == 0 || cost < result.best)) result.best = cost;
  }
  return result;
}

class Strategies : public testing::TestWithParam<const char*> {};

TEST_P(Strategies, VisitEveryCandidateOnce) {
  const Space space({{"tx", {1, 2, 4}, 0},
                     {"ty", {1, 2, 4, 8}, 0},
                     {"unroll", {1, 2, 3}, 0},
                     {"local", {false, true}, 0},
                     {"order", {"rows", "columns", "blocks"}, 0}},
                    {"tx * ty != 16"});
  Candidates candidates(space, 1);
  const Trial all = run(GetParam(), space, candidates, 1000, {});
  EXPECT_EQ(all.order.size(), candidates.size());
  EXPECT_EQ(std::set<size_t>(all.order.begin(), all.order.end()).size(), candidates.size());
}

TEST_P(Strategies, RepeatWithTheirSeed) {
  const Space space = tile_space();
  Candidates candidates(space, 1);
  const Trial first = run(GetParam(), space, candidates, 40, {7, {}, {}}),
              second = run(GetParam(), space, candidates, 40, {7, {}, {}});
  EXPECT_EQ(first.order, second.order);
}
INSTANTIATE_TEST_SUITE_P(All, Strategies, testing::Values("motley", "random", "local", "exhaustive"));

TEST(Strategies, UnknownNameIsAnError) {
  const Space space = tile_space();
  Candidates candidates(space, 1);
  EXPECT_THROW(make_strategy("genetic", candidates, {}), Error);
}

TEST(ModelSearch, FindsTheBestWithFewMeasurements) {
  const Space space = tile_space();
  Candidates candidates(space, 1);
  ASSERT_GT(candidates.size(), 1500u);
  double model = 0, random = 0;
  constexpr int kSeeds = 5;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    model += run("motley", space, candidates, 60, {seed, {}, {}}).best / kSeeds;
    random += run("random", space, candidates, 60, {seed, {}, {}}).best / kSeeds;
  }
  EXPECT_LT(model, 1.03);  // the optimum is 1
  EXPECT_LT(model, random);
}

TEST(ModelSearch, TriesItsSeedsFirst) {
  const Space space = tile_space();
  Candidates candidates(space, 1);
  const Trial result = run("motley", space, candidates, 5, {1, {40, 7, 40, 3}, {}});
  EXPECT_EQ(std::vector<size_t>(result.order.begin(), result.order.begin() + 3), (std::vector<size_t>{40, 7, 3}));
}

TEST(ModelSearch, GoesOnFromAnEarlierRun) {
  const Space space = tile_space();
  Candidates candidates(space, 1);
  const auto search = make_strategy("motley", candidates, {1, {}, {}});
  for (size_t id = 0; id < 100; ++id) search->observe(id, cost_of(space, candidates.config(id)));
  for (int i = 0; i < 20; ++i) {
    const auto id = search->propose();
    ASSERT_TRUE(id);
    EXPECT_GE(*id, 100u);
    search->observe(*id, cost_of(space, candidates.config(*id)));
  }
}

TEST(ModelSearch, SurvivesASpaceWhereEverythingFails) {
  const Space space = tile_space();
  Candidates candidates(space, 1);
  const auto search = make_strategy("motley", candidates, {1, {}, {}});
  std::set<size_t> tried;
  for (int i = 0; i < 60; ++i) {
    const auto id = search->propose();
    ASSERT_TRUE(id);
    EXPECT_TRUE(tried.insert(*id).second);
    search->observe(*id, 0);
  }
}

TEST(ModelSearch, SearchesASpaceTooLargeToList) {
  std::vector<Parameter> parameters;
  for (int p = 0; p < 12; ++p) parameters.push_back({"p" + std::to_string(p), {1, 2, 3, 4, 5, 6, 7, 8}, 0});
  const Space space(parameters, {"p0 <= p1"});
  Candidates candidates(space, 1, 500);
  EXPECT_FALSE(candidates.complete());
  auto cost = [&](const Config& config) {
    double sum = 1;
    for (const uint16_t v : config) sum += 0.1 * std::abs(v - 5);
    return sum;
  };
  const auto search = make_strategy("motley", candidates, {1, {}, {}});
  double first = 0, best = 1e9;
  for (int i = 0; i < 120; ++i) {
    const auto id = search->propose();
    ASSERT_TRUE(id);
    const double c = cost(candidates.config(*id));
    search->observe(*id, c);
    best = std::min(best, c);
    if (i == 7) first = best;
  }
  EXPECT_GT(candidates.size(), 500u) << "neighbours were added";
  EXPECT_LT(best, 1 + (first - 1) / 2);
}

TEST(ModelSearch, LearnsFromASibling) {
  const Space space = tile_space();
  Candidates candidates(space, 1);
  Sibling sibling;  // the same shape, twice as slow: its best is ours
  for (size_t id = 0; id < candidates.size(); id += 5) {
    sibling.configs.push_back(candidates.config(id));
    sibling.costs.push_back(2 * cost_of(space, candidates.config(id)));
  }
  double with = 0, without = 0;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    with += run("motley", space, candidates, 16, {seed, {}, {sibling}}).best;
    without += run("motley", space, candidates, 16, {seed, {}, {}}).best;
  }
  EXPECT_LT(with, without);
}

// A sibling whose best layout is the worst here: what else it says still helps.
TEST(ModelSearch, LearnsHowADeviceDiffersFromItsSibling) {
  const Space space = tile_space();
  Candidates candidates(space, 1);
  Sibling sibling;
  std::mt19937_64 random(5);
  for (size_t id = 0; id < candidates.size(); ++id) {
    if (random() % 3 != 0) continue;
    const Config& config = candidates.config(id);
    const bool is_blocks = space.parameters()[4].values[config[4]].text() == "blocks";
    sibling.configs.push_back(config);
    sibling.costs.push_back(cost_of(space, config) * (is_blocks ? 2 : 1));
  }
  const size_t best_there =
      static_cast<size_t>(std::min_element(sibling.costs.begin(), sibling.costs.end(),
                                           [](double a, double b) { return b <= 0 ? a > 0 : a > 0 && a < b; }) -
                          sibling.costs.begin());
  const size_t seed_config = candidates.find(sibling.configs[best_there]).value();
  const double best_there_here = cost_of(space, sibling.configs[best_there]);
  EXPECT_GT(best_there_here, 1.09);
  double with = 0, without = 0;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    with += run("motley", space, candidates, 14, {seed, {seed_config}, {sibling}}).best / 4;
    without += run("motley", space, candidates, 14, {seed, {}, {}}).best / 4;
  }
  EXPECT_LT(with, without);
  EXPECT_LT(with, best_there_here);
}

TEST(ModelSearch, IsNotLedAstrayBySiblings) {
  const Space space = tile_space();
  Candidates candidates(space, 1);
  Sibling opposite, single, failed;
  for (size_t id = 0; id < candidates.size(); id += 4) {
    const double cost = cost_of(space, candidates.config(id));
    opposite.configs.push_back(candidates.config(id));
    opposite.costs.push_back(cost > 0 ? 1 / cost : 0);
    failed.configs.push_back(candidates.config(id));
    failed.costs.push_back(0);
  }
  single.configs.push_back(candidates.config(7));
  single.costs.push_back(1);
  for (const std::vector<Sibling>& siblings : {std::vector{opposite}, {single}, {failed}, {opposite, single, failed}}) {
    double mean = 0;
    for (uint64_t seed = 1; seed <= 3; ++seed)
      mean += run("motley", space, candidates, 60, {seed, {}, siblings}).best / 3;
    EXPECT_LT(mean, 1.06) << siblings.size();
  }
}

TEST(Hint, IsWhatWasMeasuredAndAModelOfTheRest) {
  const Space space = tile_space();
  Candidates candidates(space, 1);
  Sibling sibling;
  double best = 1e9, middle = 0;
  std::mt19937_64 random(5);
  std::vector<bool> measured(candidates.size());
  for (size_t id = 0; id < candidates.size(); ++id) {
    measured[id] = random() % 4 == 0;
    if (!measured[id]) continue;
    const double cost = cost_of(space, candidates.config(id));
    sibling.configs.push_back(candidates.config(id));
    sibling.costs.push_back(cost);
    if (cost > 0) best = std::min(best, cost);
  }
  double working = 0;
  for (const double cost : sibling.costs)
    if (cost > 0) middle += 1 - best / cost, ++working;
  middle /= working;
  const Hint hint(space.parameters(), sibling, 1);
  double error = 0, spread = 0, count = 0;
  for (size_t id = 0; id < candidates.size(); ++id) {
    const double cost = cost_of(space, candidates.config(id));
    if (cost <= 0) continue;
    const double target = 1 - best / cost - middle, said = static_cast<double>(hint(candidates.config(id)));
    if (measured[id]) {
      EXPECT_NEAR(said, target, 1e-5);
      continue;
    }
    error += (said - target) * (said - target), spread += target * target, ++count;
  }
  EXPECT_GT(count, 1000);
  EXPECT_LT(std::sqrt(error / spread), 0.2) << "of the deviation";
}

TEST(Hints, StayWhereTheyAre) {
  const Space space = tile_space();
  Candidates candidates(space, 1);
  Sibling sibling{{candidates.config(3), candidates.config(9), candidates.config(40)}, {1, 2, 0}}, failed = sibling;
  failed.costs = {0, 0, 0};
  Hints hints(candidates, {sibling, failed, sibling}, 1);
  EXPECT_EQ(hints.size(), 2u) << "one of them knows nothing that works";
  const float* first = hints.of(3);
  EXPECT_NEAR(first[0], -0.25, 1e-6);
  EXPECT_EQ(first[0], first[1]);
  for (size_t id = 0; id < candidates.size(); ++id) (void)hints.of(id);
  EXPECT_EQ(hints.of(3), first);
}

TEST(Model, InterpolatesAndKnowsWhatItDoesNot) {
  const std::vector<Parameter> parameters = {{"a", {1, 2, 4, 8, 16, 32}, 0}, {"b", {0, 1}, 0}};
  std::vector<Config> configs;
  for (uint16_t a = 0; a < 6; ++a)
    for (uint16_t b = 0; b < 2; ++b) configs.push_back({a, b});
  auto target = [](const Config& c) { return 0.1 * std::abs(c[0] - 3) + 0.2 * c[1]; };
  Model model{Kernel(parameters)};
  std::vector<Sample> samples;
  for (size_t i = 0; i < configs.size(); ++i)
    if (i != 5) samples.push_back({{configs[i].data(), nullptr}, target(configs[i])});
  model.fit(samples, 5);
  std::vector<Point> all;
  for (const Config& c : configs) all.push_back({c.data(), nullptr});
  Posterior posterior(model, all);
  for (size_t i = 0; i < configs.size(); ++i) {
    EXPECT_NEAR(posterior.mean(i), target(configs[i]), 0.06) << i;
    EXPECT_NEAR(posterior.mean(i), model.mean(all[i]), 1e-3) << i;
    if (i != 5) {
      EXPECT_LT(posterior.deviation(i), posterior.deviation(5));
    }
  }
}

// Measuring one more is the same as fitting with it, as long as the kernel's settings stay.
TEST(Model, ConditioningEqualsFitting) {
  const std::vector<Parameter> parameters = {{"a", {1, 2, 4, 8, 16, 32}, 0}, {"b", {1, 3, 4, 6}, 0}};
  std::vector<Config> configs;
  for (uint16_t a = 0; a < 6; ++a)
    for (uint16_t b = 0; b < 4; ++b) configs.push_back({a, b});
  std::vector<Point> all;
  for (const Config& c : configs) all.push_back({c.data(), nullptr});
  auto target = [](const Config& c) { return std::sin(c[0]) + 0.3 * c[1]; };
  std::vector<Sample> samples;
  for (size_t i = 0; i < 12; ++i) samples.push_back({all[i * 2], target(configs[i * 2])});
  Model less{Kernel(parameters)}, more{Kernel(parameters)};
  std::vector<Sample> with = samples;
  with.push_back({all[7], target(configs[7])});
  less.fit(samples, 0);
  more.fit(with, 0);
  Posterior conditioned(less, all);
  conditioned.condition(7, target(configs[7]));
  const Posterior fitted(more, all);
  // The level is estimated anew in a fit only, so the values agree closely and not exactly.
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_NEAR(conditioned.mean(i), fitted.mean(i), 0.05) << i;
    EXPECT_NEAR(conditioned.deviation(i) / less.amplitude(), fitted.deviation(i) / more.amplitude(), 1e-3) << i;
  }
}

TEST(Cholesky, SolvesBothWays) {
  // A = L L' with L = [2 0; 1 3].
  const Cholesky c({4, 0, 2, 10}, 2);
  EXPECT_NEAR(c.at(1, 0), 1, 1e-12);
  EXPECT_NEAR(c.at(1, 1), 3, 1e-12);
  EXPECT_NEAR(c.log_determinant(), std::log(36), 1e-12);
  const auto x = c.solve_transposed(c.solve({8, 26}));
  EXPECT_NEAR(4 * x[0] + 2 * x[1], 8, 1e-9);
  EXPECT_NEAR(2 * x[0] + 10 * x[1], 26, 1e-9);
}

}  // namespace
}  // namespace motley::tuner
