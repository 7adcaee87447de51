// Plans: what they consist of, what they were seen to take beyond that, and which one wins.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "campaign/contestant.hpp"
#include "campaign/parts.hpp"
#include "campaign/prices.hpp"
#include "temporary_folder.hpp"

namespace motley::tuner {
namespace {

using nlohmann::json;

// One after another: kernels on a cpu, where the host works, and on a gpu, and moves.
Parts parts(double cpu, double gpu, size_t moves, double moves_ns) {
  Parts chain;
  const auto add = [&](const std::string& device, const std::string& lane, double ns) {
    chain.steps.push_back({device, lane, ns, {}});
    if (chain.steps.size() > 1) chain.steps.back().after.push_back(chain.steps.size() - 2);
  };
  if (cpu > 0) add("cpu", "host", cpu);
  for (size_t i = 0; i < moves; ++i) add("", "host", moves_ns / static_cast<double>(moves));
  if (gpu > 0) add("gpu", "gpu", gpu);
  return chain;
}

// A gpu's kernel beside a cpu's, after a move there and before one back, which the host makes.
Parts side_by_side(double cpu, double gpu, double move_ns) {
  return {{{"", "host", move_ns, {}}, {"gpu", "gpu", gpu, {0}}, {"cpu", "host", cpu, {}}, {"", "host", move_ns, {1}}}};
}

// What such a plan takes where the cpu's kernels are a third slower in a network and each move costs 20 us more.
Correction in_a_network() {
  Correction c;
  c.factor = {{"cpu", 1.33}, {"gpu", 0.9}};
  c.move_ns = 20e3;
  return c;
}
double in_a_network(const Parts& p) { return predict(p, in_a_network()); }

TEST(Parts, StepsBeginWhenTheirLaneIsFreeAndWhatTheyNeedIsThere) {
  EXPECT_EQ(predict({}, {}), 0);
  EXPECT_EQ(predict(parts(5e6, 3e6, 2, 2e5), {}), 8.2e6);
  EXPECT_EQ(predict(side_by_side(5e6, 3e6, 1e5), {}), 5.2e6) << "the gpu is done first";
  EXPECT_EQ(predict(side_by_side(3e6, 5e6, 1e5), {}), 5.2e6) << "the host waits";
  const Sums path = critical_path(side_by_side(3e6, 5e6, 1e5), {});
  EXPECT_EQ(path.moves, 2u);
  EXPECT_EQ(path.moves_ns, 2e5);
  EXPECT_EQ(path.kernels_ns.count("cpu"), 0u);
  EXPECT_EQ(path.kernels_ns.at("gpu"), 5e6);
}

json node(const std::string& name, const std::string& device, int segment, double ns, std::vector<std::string> inputs) {
  return {{"node", name},
          {"device", device},
          {"segment", segment},
          {"problem", name},
          {"config", ""},
          {"estimate_ns", ns},
          {"inputs", inputs},
          {"outputs", json::array({name})},
          {"fused_with", json::array()}};
}
json move(const std::string& tensor, const std::string& from, const std::string& to, int segment) {
  return {{"tensor", tensor}, {"from", from}, {"to", to}, {"way", "copy"}, {"bytes", 1000}, {"segment", segment}};
}

// An operator of which the gpu computes a part, and what joins the parts. The output goes from the gpu to the caller.
TEST(Parts, OfAPlanWhoseDevicesWorkSideBySide) {
  const TemporaryFolder folder;
  Journal journal(folder / "journal");
  Ledger ledger(journal, nullptr, "test");
  for (const auto& [from, to] : {std::pair{"host", "gpu-1"}, {"gpu-1", "host"}})
    ledger.add_transfer({{"from", from}, {"to", to}, {"kind", "copy"}, {"alpha_ns", 100}, {"beta_ps_per_byte", 1000}});
  const json plan = {{"nodes",
                      {node("conv#2", "gpu", 0, 5e6, {"x"}), node("conv#1", "cpu", 1, 4e6, {"x"}),
                       node("conv", "cpu", 2, 0, {"conv#1", "conv#2"}), node("y", "gpu", 3, 2e6, {"conv"})}},
                     {"transfers",
                      {move("x", "host", "gpu", 0), move("conv#2", "gpu", "host", 2), move("conv", "cpu", "gpu", 3),
                       move("y", "gpu", "host", 3)}}};
  const auto device = [](const std::string& name) {
    return name == "gpu" ? PlanDevice{"gpu-1", true, false} : PlanDevice{"cpu-1", false, true};
  };
  const double move_ns = 100 + 1000;
  EXPECT_EQ(predict(parts_of(plan, ledger, device), {}), 5e6 + 2e6 + 4 * move_ns);
  Correction slow_cpu;
  slow_cpu.factor["cpu-1"] = 2;
  EXPECT_EQ(predict(parts_of(plan, ledger, device), slow_cpu), 8e6 + 2e6 + 4 * move_ns);
  // Without the names of tensors nothing is known to be side by side.
  json nameless = plan;
  for (json& n : nameless["nodes"]) n.erase("inputs"), n.erase("outputs");
  EXPECT_EQ(predict(parts_of(nameless, ledger, device), {}), 11e6 + 4 * move_ns);
}

TEST(Correction, ComesFromWhatPlansWaitFor) {
  std::vector<ObservedPlan> plans;
  for (const Parts& p : {parts(6e6, 0, 0, 0), parts(0, 9e6, 2, 1e5), parts(3e6, 4e6, 4, 3e5),
                         side_by_side(4e6, 3e6, 2e5), side_by_side(2e6, 6e6, 1e5)})
    plans.push_back({p, in_a_network(p)});
  const Correction found = fit_correction(plans);
  EXPECT_NEAR(found.factor_of("cpu"), 1.33, 0.02);
  EXPECT_NEAR(found.factor_of("gpu"), 0.9, 0.02);
  // Sums would say that the cpu and the gpu together take as long as the longer one, and make both cheap.
  const Parts other = side_by_side(5e6, 5e6, 1e5);
  EXPECT_NEAR(predict(other, found) / in_a_network(other), 1, 0.02);
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
  const json document = {
      {"kernels", {{{"device", "cpu"}, {"median_ns", 1000}}, {{"device", "npu"}, {"median_ns", 10}}}},
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

// The last one ran three times beside the whole plan, which says too little, and drives out none that surely won.
TEST(PlanRace, ASplitPlanIsKeptWhereItIsSurelyFaster) {
  using Kind = Contestant::Kind;
  std::vector<Contestant> all =
      race({{Kind::untuned, 1e6}, {Kind::single, 0.9e6}, {Kind::placement, 0.6e6}, {Kind::placement, 0.5e6}}, 0.02);
  for (const size_t split : {2, 3}) all[split].plan = {{"cuts", {{{"node", "conv"}}}}};
  Winners winners = winners_of(all);
  EXPECT_EQ(winners.whole, 1u);
  EXPECT_EQ(winners.split, 3u);
  EXPECT_FALSE(winners.inexact);
  all[3].heats.erase(all[3].heats.begin());
  all[3].heats.back().ns.resize(3);
  EXPECT_EQ(winners_of(all).split, 2u);
  all[2].plan["error"] = 0.001;
  winners = winners_of(all);
  EXPECT_FALSE(winners.split);
  EXPECT_EQ(winners.inexact, 2u);
  EXPECT_FALSE(winners_of({all[2]}).whole);
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
