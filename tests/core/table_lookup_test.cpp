// What a table's rows mean for a device: order of sources, invalidation, pooling, near problems.
#include "table/lookup.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "table/problem.hpp"

namespace motley::table {
namespace {

const Fingerprint kHere{"cores=8\ncpu=A\nisa=X\nl2=1\n", "version=2\n", "build=k\n"};

class AcceptAllBut final : public Judge {
 public:
  explicit AcceptAllBut(std::set<std::string> refused = {}) : refused_(std::move(refused)) {}
  bool accepts(const std::string& config) override {
    asked.push_back(config);
    return !refused_.count(config);
  }
  std::vector<std::string> asked;

 private:
  std::set<std::string> refused_;
};

// Devices of plugin "p" that differ from kHere in one respect each, and rows for them.
struct Sample {
  Table table;
  uint32_t exact, driver, sibling, family, other_build, other_plugin;

  Sample() {
    exact = add("p", kHere);
    driver = add("p", {kHere.hw, "version=1\n", kHere.kernels});
    sibling = add("p", {"cores=4\ncpu=A\nisa=X\nl2=1\n", kHere.driver, kHere.kernels});
    family = add("p", {"cores=2\ncpu=Z\nisa=Y\nl2=1\n", kHere.driver, kHere.kernels});
    other_build = add("p", {kHere.hw, kHere.driver, "build=j\n"});
    other_plugin = add("q", kHere);
  }
  uint32_t add(const char* plugin, const Fingerprint& print) {
    table.devices.push_back({"d" + std::to_string(table.devices.size()), plugin, print});
    return static_cast<uint32_t>(table.devices.size() - 1);
  }
  void row(const std::string& problem, uint32_t device, const std::string& config, double ratio = 0.5, double high = 0,
           uint32_t runs = 10, uint64_t ns = 1000) {
    KernelRow r;
    r.problem = problem;
    r.device = device;
    r.config = config;
    r.ratio = ratio;
    r.ratio_high = high ? high : ratio;
    r.runs = runs;
    r.median_ns = ns;
    table.kernels.push_back(r);
  }
  Answer find(const std::string& problem, std::set<std::string> refused = {}) const {
    AcceptAllBut judge(std::move(refused));
    return make_lookup(table, "p", kHere)->find(problem, judge);
  }
};

TEST(TableLookup, TakesTheBestSourceThereIs) {
  Sample s;
  s.row("n=100", s.other_plugin, "c=q");
  s.row("n=100", s.other_build, "c=j");
  EXPECT_EQ(s.find("n=100").source, Source::none) << "neither another plugin's rows nor another build's count";
  struct Step {
    const char* problem;
    uint32_t device;
    Source source;
  };
  for (const Step& step : {Step{"n=100", s.family, Source::family}, Step{"n=100", s.sibling, Source::sibling},
                           Step{"n=120", s.driver, Source::nearest}, Step{"n=110", s.exact, Source::nearest},
                           Step{"n=100", s.driver, Source::driver}, Step{"n=100", s.exact, Source::exact}}) {
    const std::string config = "c=" + std::to_string(s.table.kernels.size());
    s.row(step.problem, step.device, config, 0.5, 0, 10, 777);
    const Answer answer = s.find("n=100");
    EXPECT_EQ(answer.source, step.source);
    EXPECT_EQ(answer.config, config);
    const std::string neighbour = step.problem;
    const double size = neighbour == "n=120" ? 120 : neighbour == "n=110" ? 110 : 100;
    const auto scaled = static_cast<uint64_t>(777 * 100 / size + 0.5);
    EXPECT_EQ(answer.median_ns, step.source <= Source::nearest ? scaled : 0u) << "other hardware's time says nothing";
    EXPECT_EQ(answer.from.empty(), step.source == Source::exact);
  }
}

TEST(TableLookup, WhatIsRefusedIsPassedOverAndCounted) {
  Sample s;
  s.row("n=100", s.exact, "c=exact");
  s.row("n=100", s.driver, "c=driver");
  s.row("n=100", s.sibling, "c=sibling");
  const Answer answer = s.find("n=100", {"c=exact", "c=driver"});
  EXPECT_EQ(answer.source, Source::sibling);
  EXPECT_EQ(answer.refused, 2u);
  const Answer none = s.find("n=100", {"c=exact", "c=driver", "c=sibling"});
  EXPECT_EQ(none.source, Source::none);
  EXPECT_EQ(none.config, "");
  EXPECT_EQ(none.refused, 3u);
}

TEST(TableLookup, AsksTheThreeNearestWithinAnOctaveInOrder) {
  Sample s;
  for (int n : {201, 49, 180, 160, 140, 120, 60}) s.row("n=" + std::to_string(n), s.exact, "c=" + std::to_string(n));
  AcceptAllBut judge({"c=120", "c=140", "c=160", "c=60"});
  EXPECT_EQ(make_lookup(s.table, "p", kHere)->find("n=100", judge).source, Source::none);
  EXPECT_EQ(judge.asked, (std::vector<std::string>{"c=120", "c=140", "c=160"}));
}

TEST(TableLookup, SaysWhyADevicesRowsAreNotUsed) {
  const Sample s;
  const std::unique_ptr<Lookup> lookup = make_lookup(s.table, "p", kHere);
  const auto reason = [&](uint32_t d) { return std::string(lookup->standings()[d].reason); };
  EXPECT_EQ(lookup->standings()[s.exact].reason, nullptr);
  EXPECT_NE(reason(s.driver).find("another driver: used as a prior only"), std::string::npos);
  EXPECT_NE(reason(s.sibling).find("sibling"), std::string::npos);
  EXPECT_NE(reason(s.family).find("other hardware"), std::string::npos);
  EXPECT_NE(reason(s.other_build).find("another build"), std::string::npos);
  EXPECT_NE(reason(s.other_plugin).find("plugin that is not used"), std::string::npos);
}

TEST(TableLookup, ADeviceWithoutFingerprintUsesNothing) {
  Sample s;
  s.row("n=100", s.exact, "c=1");
  AcceptAllBut judge;
  EXPECT_EQ(make_lookup(s.table, "p", {})->find("n=100", judge).source, Source::none);
}

TEST(TableWinner, TheDefaultStaysUnlessTheIntervalShowsAPercent) {
  Sample s;
  s.row("n=1", s.exact, "", 1, 1, 10, 2000);
  s.row("n=1", s.exact, "c=noisy", 0.5, 1.2);
  s.row("n=1", s.exact, "c=same", 0.985, 0.995);
  const Answer stays = s.find("n=1");
  EXPECT_EQ(stays.source, Source::exact);
  EXPECT_EQ(stays.config, "");
  EXPECT_EQ(stays.median_ns, 2000u);
  s.row("n=1", s.exact, "c=sure", 0.9, 0.91, 10, 1800);
  EXPECT_EQ(s.find("n=1").config, "c=sure");
  EXPECT_EQ(s.find("n=1").median_ns, 1800u);
}

TEST(TableWinner, ObservationsArePooledByRunsNotByTheLuckiest) {
  Sample s;
  s.row("n=1", s.exact, "c=lucky", 0.4, 0.41, 1, 400);
  s.row("n=1", s.exact, "c=lucky", 0.95, 0.96, 99, 950);
  s.row("n=1", s.exact, "c=steady", 0.8, 0.82, 50, 800);
  EXPECT_EQ(s.find("n=1").config, "c=steady");
  std::mt19937 random(3);
  for (int i = 0; i < 20; ++i) {
    std::shuffle(s.table.kernels.begin(), s.table.kernels.end(), random);
    EXPECT_EQ(s.find("n=1").config, "c=steady");
  }
}

TEST(TableProblem, DistanceIsInOctavesBetweenProblemsOfOneKind) {
  EXPECT_EQ(distance("conv n=16", "conv n=16"), 0);
  EXPECT_DOUBLE_EQ(distance("conv n=16 m=64", "conv n=32 m=64"), 1);
  EXPECT_DOUBLE_EQ(distance("conv n=16 m=64", "conv n=32 m=32"), 2);
  EXPECT_EQ(distance("conv n=16", "conv n=33"), -1) << "more than an octave";
  EXPECT_EQ(distance("conv n=16", "pool n=16"), -1);
  EXPECT_EQ(distance("conv n=16", "conv n=16 bias"), -1);
  EXPECT_EQ(distance("conv k=3x3 n=16", "conv k=5x5 n=16"), -1) << "another window";
  EXPECT_EQ(distance("float32x64", "float16x64"), -1) << "another type";
  EXPECT_DOUBLE_EQ(distance("float32x64", "float32x128"), 1);
  EXPECT_EQ(distance("n=16", "n=0"), -1);
  EXPECT_EQ(distance("n=99999999999999999999999", "n=99999999999999999999998"), 0) << "beyond 64 bits all are one";
  EXPECT_EQ(distance("", ""), 0);
  for (const char* key : {"conv n=16 m=9", "float32x64x64 s[1,1]g1", "1", "x"}) EXPECT_EQ(distance(key, key), 0);
  EXPECT_EQ(distance("a=20 b=9", "a=9 b=20"), -1);
}

}  // namespace
}  // namespace motley::table
