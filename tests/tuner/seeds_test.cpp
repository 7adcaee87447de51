// What a search tries first: what won for near shapes and on devices alike.
#include "campaign/seeds.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "table/rows.hpp"
#include "table/text.hpp"

namespace motley::tuner {
namespace {

using nlohmann::json;
using Strings = std::vector<std::string>;

class SeedsTest : public testing::Test {
 protected:
  SeedsTest() {
    device("here", "cores=8\nisa=x\nl2=1\nmodel=a\n", "version=1\n", "1");
    device("driver", "cores=8\nisa=x\nl2=1\nmodel=a\n", "version=2\n", "1");
    device("sibling", "cores=8\nisa=x\nl2=1\nmodel=b\n", "version=1\n", "1");
    device("family", "cores=2\nisa=y\nl2=2\nmodel=c\n", "version=1\n", "1");
    device("other_build", "cores=8\nisa=x\nl2=1\nmodel=a\n", "version=1\n", "0");
  }
  void device(const std::string& id, const std::string& hw, const std::string& driver, const std::string& build) {
    document["devices"].push_back(device_row(id, "gpu", {hw, driver, "build=" + build + "\n"}));
  }
  void row(const std::string& problem, const std::string& device, const std::string& config, double ratio) {
    ObservedConfig observed;
    observed.problem = problem;
    observed.device = device;
    observed.config = config;
    observed.median_ns = 1e6 * ratio;
    observed.runs = 20;
    observed.log_ratio = {std::log(ratio), std::log(ratio) - 0.01, std::log(ratio) + 0.01, 20};
    document["kernels"].push_back(kernel_row(observed));
  }
  json document = empty_document("test");
};

TEST_F(SeedsTest, TheMostPromisingComeFirstAndOnce) {
  row("conv c=64", "family", "c=family", 0.5);
  row("conv c=64", "sibling", "c=sibling", 0.5);
  row("conv c=96", "here", "c=near", 0.5);
  row("conv c=72", "here", "c=nearer", 0.5);
  row("conv c=64", "driver", "c=driver", 0.5);
  EXPECT_EQ(seeds_for(document, "conv c=64", "here"),
            (Strings{"c=driver", "c=nearer", "c=near", "c=sibling", "c=family"}));
  row("conv c=80", "here", "c=nearer", 0.5);
  EXPECT_EQ(seeds_for(document, "conv c=64", "here"),
            (Strings{"c=driver", "c=nearer", "c=near", "c=sibling", "c=family"}));
}

TEST_F(SeedsTest, WhatSaysNothingHereIsLeftOut) {
  row("conv c=64", "here", "c=known", 0.5);
  row("conv c=72", "here", "c=no_gain", 1.2);
  row("conv c=72", "here", "", 1);
  row("conv c=512", "here", "c=far", 0.5);
  row("pool c=64", "here", "c=another_kernel", 0.5);
  row("conv c=64", "other_build", "c=another_build", 0.5);
  EXPECT_EQ(seeds_for(document, "conv c=64", "here"), Strings());
  EXPECT_EQ(seeds_for(document, "conv c=64", "nowhere"), Strings());
}

TEST_F(SeedsTest, PriorsAreOfLikeDevicesAndNearShapes) {
  const auto three = [&](const std::string& problem, const std::string& id, double best) {
    row(problem, id, "", 1);
    row(problem, id, "c=2", best);
    row(problem, id, "c=3", best + 0.1);
  };
  three("conv c=64", "here", 0.4);  // itself
  three("conv c=64", "sibling", 0.5);
  three("conv c=64", "driver", 0.6);
  three("conv c=64", "other_build", 0.7);
  three("conv c=96", "here", 0.8);
  three("conv c=72", "here", 0.9);
  three("conv c=72", "sibling", 0.3);
  three("conv c=512", "here", 0.2);
  row("conv c=64", "family", "c=2", 0.1);  // one row says too little
  const std::vector<Prior> priors = priors_for(document, "conv c=64", "here");
  std::vector<double> best;
  for (const Prior& prior : priors) {
    ASSERT_EQ(prior.configs, (Strings{"", "c=2", "c=3"}));
    ASSERT_EQ(prior.ratios.size(), 3u);
    EXPECT_EQ(prior.ratios[0], 1);
    best.push_back(prior.ratios[1]);
  }
  ASSERT_EQ(best.size(), 4u);
  EXPECT_NEAR(best[0], 0.6, 1e-9) << "another driver";
  EXPECT_NEAR(best[1], 0.5, 1e-9) << "a sibling";
  EXPECT_NEAR(best[2], 0.9, 1e-9) << "the nearest shape";
  EXPECT_NEAR(best[3], 0.8, 1e-9);
  EXPECT_TRUE(priors_for(document, "conv c=64", "nowhere").empty());
}

}  // namespace
}  // namespace motley::tuner
