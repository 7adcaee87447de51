// Measuring under noise, on devices that are simulated.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "measure/race.hpp"
#include "motley/error.hpp"

namespace motley::tuner {
namespace {

// Candidates with given true times, noise per run, and a slowdown that sets in and goes.
class NoisyDevice : public Meter {
 public:
  NoisyDevice(std::vector<double> times, double deviation, uint64_t seed)
      : times_(std::move(times)), deviation_(deviation), random_(seed) {}
  double run_ns(size_t candidate) override {
    ++runs;
    if (throttle_every > 0 && runs % throttle_every == 0) slowdown_ = slowdown_ > 1 ? 1 : 1.3;
    return times_[candidate] * slowdown_ * std::exp(std::normal_distribution<double>(0, deviation_)(random_));
  }
  size_t runs = 0, throttle_every = 0;

 private:
  std::vector<double> times_;
  double deviation_, slowdown_ = 1;
  std::mt19937_64 random_;
};

TEST(Statistics, AreRobust) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(median({}), 0);
  EXPECT_NEAR(robust_deviation({1, 2, 3, 4, 1000}), 1.4826, 1e-9);
  const Estimate few = estimate({1, 2, 3});
  EXPECT_TRUE(std::isinf(few.high));
}

TEST(Statistics, IntervalsCoverTheTruth) {
  std::mt19937_64 random(5);
  std::normal_distribution<double> noise(0.3, 0.1);
  for (const size_t count : {8u, 20u}) {
    int covered = 0;
    constexpr int kTrials = 2000;
    for (int trial = 0; trial < kTrials; ++trial) {
      std::vector<double> samples(count);
      for (double& s : samples) s = noise(random);
      const Estimate e = estimate(samples);
      covered += e.low <= 0.3 && 0.3 <= e.high;
    }
    // The deviation is itself an estimate of few samples: somewhat less than 95 %.
    EXPECT_GT(covered, kTrials * 85 / 100) << count;
    EXPECT_LT(covered, kTrials * 99 / 100) << count;
  }
}

TEST(Anchor, RatiosDoNotSeeTheThrottling) {
  NoisyDevice device({1000, 500, 2000}, 0.01, 3);
  device.throttle_every = 100;
  AnchoredMeter meter(device, 0);
  std::vector<double> first, second;
  for (int i = 0; i < 100; ++i) {
    const auto ratios = meter.block({1, 2});
    if (ratios.empty()) continue;
    first.push_back(ratios[0]);
    second.push_back(ratios[1]);
  }
  EXPECT_NEAR(median(first), std::log(0.5), 0.01);
  EXPECT_NEAR(median(second), std::log(2), 0.01);
  EXPECT_GT(meter.discarded_blocks(), 0u) << "blocks during which the clock changed";
  EXPECT_LT(meter.discarded_blocks(), 20u);
  EXPECT_NEAR(meter.noise(), 0.01, 0.006);
}

TEST(Anchor, FindsTheNewLevelAndItsSuspects) {
  NoisyDevice device({1000, 500}, 0.001, 3);
  device.throttle_every = 40;
  AnchoredMeter meter(device, 0);
  size_t suspects = 0, off = 0;
  for (int i = 0; i < 400; ++i) {
    const double ratio = meter.run(1);
    off += std::abs(ratio - std::log(0.5)) > 0.05;
    suspects += meter.take_suspects().size();
  }
  EXPECT_GT(suspects, 0u);
  EXPECT_LE(off, suspects) << "every reading that is off lies in a block that was discarded";
}

TEST(Anchor, MustWork) {
  NoisyDevice device({0, 500}, 0, 3);
  AnchoredMeter meter(device, 0);
  EXPECT_THROW(meter.run(1), Error);
}

RaceResult race_of(NoisyDevice& device, size_t candidates, uint64_t seed) {
  AnchoredMeter meter(device, 0);
  std::vector<Standing> first;
  for (size_t c = 1; c < candidates; ++c) first.push_back({c, {meter.run(c)}});
  return race(meter, first, {}, seed);
}

std::vector<double> spread_times(size_t count) {
  std::vector<double> times;
  for (size_t c = 0; c < count; ++c)
    times.push_back(1000 * (1.5 - static_cast<double>(c) / static_cast<double>(count)));
  return times;
}

TEST(Race, LosesLittleUnderNoiseAndThrottling) {
  constexpr size_t kCandidates = 200;
  const std::vector<double> times = spread_times(kCandidates);
  double loss = 0;
  constexpr int kTrials = 40;
  for (int trial = 0; trial < kTrials; ++trial) {
    NoisyDevice device(times, 0.1, 100 + trial);
    device.throttle_every = 70;
    const RaceResult result = race_of(device, kCandidates, trial);
    EXPECT_LE(device.runs, 2 * kCandidates);
    EXPECT_EQ(result.standings.size(), kCandidates - 1);
    EXPECT_EQ(result.standings[0].candidate, result.winner);
    loss += times[result.winner] / times.back() / kTrials;
  }
  EXPECT_LT(loss, 1.03);
}

TEST(Race, FailuresNeverWin) {
  std::vector<double> times = spread_times(50);
  for (size_t c = 20; c < 50; ++c) times[c] = 0;
  NoisyDevice device(times, 0.02, 9);
  const RaceResult result = race_of(device, 50, 1);
  EXPECT_GE(result.winner, 15u);
  EXPECT_LT(result.winner, 20u);
}

TEST(Race, AnchorStaysWhereNothingIsBetter) {
  NoisyDevice device({500, 1000, 1100, 1200, 1300, 1400, 1500, 1600}, 0.05, 9);
  const RaceResult result = race_of(device, 8, 1);
  EXPECT_EQ(result.winner, 0u);
}

TEST(Hysteresis, NeedsOnePercentForSure) {
  EXPECT_TRUE(displaces_default({-0.03, -0.04, -0.02, 20}));
  EXPECT_FALSE(displaces_default({-0.03, -0.06, -0.005, 20}));
  EXPECT_FALSE(displaces_default({-0.008, -0.0085, -0.0075, 20}));
  EXPECT_FALSE(displaces_default(estimate({-0.5, -0.5}))) << "too few runs";
}

// With equal candidates the default stays, whatever the noise says.
TEST(Hysteresis, KeepsTheDefaultAmongEquals) {
  int displaced = 0;
  constexpr int kTrials = 60;
  for (int trial = 0; trial < kTrials; ++trial) {
    NoisyDevice device(std::vector<double>(60, 1000), 0.1, 500 + trial);
    displaced += displaces_default(race_of(device, 60, trial).log_ratio_to_anchor);
  }
  EXPECT_LE(displaced, kTrials / 10);
}

}  // namespace
}  // namespace motley::tuner
