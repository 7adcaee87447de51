// Plans: what they consist of, what they were seen to take beyond that, and which one wins.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "campaign/contestant.hpp"
#include "campaign/parts.hpp"

namespace motley::tuner {
namespace {

using nlohmann::json;

Parts parts(double cpu, double gpu, size_t moves, double moves_ns) {
  return {{{"cpu", cpu}, {"gpu", gpu}}, moves_ns, moves};
}

// What such a plan takes where the cpu's kernels are a third slower in a network and each move costs 20 us more.
double in_a_network(const Parts& p) {
  return 1.33 * p.kernels_ns.at("cpu") + 0.9 * p.kernels_ns.at("gpu") + p.moves_ns + 20e3 * static_cast<double>(p.moves);
}

TEST(Correction, FindsFactorsAndTheCostOfMovesFromWholePlans) {
  std::vector<ObservedPlan> plans;
  for (const Parts& p : {parts(6e6, 0, 0, 0), parts(0, 9e6, 2, 1e5), parts(3e6, 4e6, 4, 3e5), parts(5e6, 1e6, 9, 5e5)})
    plans.push_back({p, in_a_network(p)});
  const Correction found = fit_correction(plans);
  EXPECT_NEAR(found.factor_of("cpu"), 1.33, 0.02);
  EXPECT_NEAR(found.factor_of("gpu"), 0.9, 0.03);
  EXPECT_NEAR(found.move_ns, 20e3, 4e3);
  // A plan that was not among them.
  const Parts other = parts(4e6, 3e6, 6, 4e5);
  EXPECT_NEAR(predict(other, found) / in_a_network(other), 1, 0.02);
  EXPECT_GT(std::abs(predict(other, {}) / in_a_network(other) - 1), 0.1) << "the bare sum is far off";
}

TEST(Correction, WhatNoPlanShowsStaysAsItWasMeasured) {
  EXPECT_EQ(fit_correction({}).factor_of("cpu"), 1);
  const Correction found = fit_correction({{parts(1e6, 0, 0, 0), 2e6}});
  EXPECT_NEAR(found.factor_of("cpu"), 2, 0.01);
  EXPECT_EQ(found.factor_of("gpu"), 1);
  EXPECT_EQ(found.move_ns, 0);
}

TEST(Correction, IsNeverWild) {
  const Correction found = fit_correction({{parts(1, 0, 1, 1e6), 1e6}, {parts(1e6, 0, 0, 0), 1e12}});
  EXPECT_LE(found.factor_of("cpu"), 5);
  EXPECT_GE(found.factor_of("cpu"), 0.3);
  EXPECT_GE(found.move_ns, 0);
}

TEST(Correction, ChangesTheCostsOfATable) {
  const json document = {{"kernels", {{{"device", "cpu"}, {"median_ns", 1000}}, {{"device", "npu"}, {"median_ns", 10}}}},
                         {"transfers", {{{"alpha_ns", 500}, {"beta_ps_per_byte", 7}}}}};
  Correction correction;
  correction.factor["cpu"] = 1.5;
  correction.move_ns = 250;
  const json changed = corrected(document, correction);
  EXPECT_EQ(changed["kernels"][0]["median_ns"], 1500);
  EXPECT_EQ(changed["kernels"][1]["median_ns"], 10);
  EXPECT_EQ(changed["transfers"][0]["alpha_ns"], 750);
  EXPECT_EQ(changed["transfers"][0]["beta_ps_per_byte"], 7);
}

// Runs of plans of a given time, with noise that meets all of a round and noise of each.
std::vector<Contestant> race(const std::vector<std::pair<Contestant::Kind, double>>& plans, double noise) {
  std::vector<Contestant> all;
  for (const auto& [kind, ns] : plans) all.push_back({kind, std::to_string(ns), {}});
  std::mt19937 random(5);
  std::normal_distribution<double> normal;
  for (size_t heat = 0; heat < 2; ++heat) {
    for (Contestant& c : all) c.heats.push_back({heat, {}});
    for (int round = 0; round < 30; ++round) {
      const double common = 0.3 * normal(random);
      for (size_t i = 0; i < all.size(); ++i)
        all[i].heats.back().ns.push_back(plans[i].second * std::exp(common + noise * normal(random)));
    }
  }
  return all;
}

TEST(PlanRace, TheFastestWins) {
  using Kind = Contestant::Kind;
  EXPECT_EQ(winner_of(race({{Kind::untuned, 1e6}, {Kind::single, 1.2e6}, {Kind::placement, 0.8e6}}, 0.02)), 2u);
  EXPECT_EQ(winner_of(race({{Kind::untuned, 1e6}, {Kind::single, 0.9e6}, {Kind::placement, 0.95e6}}, 0.02)), 1u);
  EXPECT_EQ(winner_of(race({{Kind::untuned, 1e6}, {Kind::single, 1.1e6}, {Kind::placement, 1.05e6}}, 0.02)), 0u);
}

TEST(PlanRace, AMixOfNoGainIsReplacedByTheSimplerPlan) {
  using Kind = Contestant::Kind;
  EXPECT_EQ(winner_of(race({{Kind::untuned, 1.2e6}, {Kind::single, 1e6}, {Kind::placement, 0.9999e6}}, 0.02)), 1u);
  EXPECT_EQ(winner_of(race({{Kind::untuned, 1e6}, {Kind::single, 1e6}, {Kind::placement, 0.9999e6}}, 0.02)), 0u);
}

TEST(PlanRace, RatiosAreOfRoundsInWhichBothRan) {
  std::vector<Contestant> all = race({{Contestant::Kind::untuned, 1e6}, {Contestant::Kind::single, 0.5e6}}, 0.01);
  all[1].heats.erase(all[1].heats.begin());
  const Estimate ratio = log_ratio(all[1], all[0]);
  EXPECT_EQ(ratio.count, 30u);
  EXPECT_NEAR(ratio.middle, std::log(0.5), 0.02);
  EXPECT_EQ(all[0].turns(), 60u);
}

TEST(PlanRace, ATimeIsThatOfTheCalmestProcess) {
  Contestant c;
  EXPECT_EQ(c.ns(), 0);
  c.heats = {{0, {50, 60, 70}}};
  EXPECT_EQ(c.ns(), 60) << "of a few turns, where there is nothing else";
  c.heats.push_back({1, {120, 110, 1000, 110, 130}});
  c.heats.push_back({2, {400, 400, 400, 400, 100}});
  EXPECT_EQ(c.ns(), 120);
}

}  // namespace
}  // namespace motley::tuner
