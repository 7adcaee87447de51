// A plugin made with the SDK's helper that offers kernels in nhwc, under the checker and in plans.
#include <gtest/gtest.h>

#include "../check/command.hpp"
#include "graphs.hpp"
#include "soc.hpp"

namespace motley::test {
namespace {

TEST(NhwcPlugin, PassesTheChecker) {
  const Outcome o = run_checker("--quick --filter 'candidates/*' " + library("motley_nhwc"));
  EXPECT_EQ(o.exit_code, 0) << o.output;
  EXPECT_NE(o.output.find("candidates/offered              pass"), std::string::npos) << o.output;
}

TEST(NhwcPlugin, IsCaughtWhereItMixesUpLayouts) {
  const Outcome o = run_checker("--quick --filter 'candidates/*' " + library("motley_nhwc"), "MOTLEY_NHWC_WRONG=1");
  EXPECT_EQ(o.exit_code, 1) << o.output;
  EXPECT_NE(o.output.find("in nhwc; reference"), std::string::npos) << o.output;
}

TEST(NhwcPlugin, OfASimulatedChipPassesTheChecker) {
  const Outcome o = run_checker("--quick --device camera.npu --filter 'candidates/*' " + library("motley_soc"));
  EXPECT_EQ(o.exit_code, 0) << o.output;
  EXPECT_NE(o.output.find("candidates/offered              pass"), std::string::npos) << o.output;
}

// Conversions run on another device, since this one has none.
TEST(NhwcPlugin, RunsInPlans) {
  const Model model = branching_network(2, 3, 8, 12);
  CompileOptions options;
  options.devices = {"nhwc"};
  options.optimize = false;
  const Runtime runtime = runtime_with({"nhwc"});
  Session session = runtime.compile(model, options), plain = runtime.compile(model, {.devices = {"reference"}});
  size_t in_nhwc = 0;
  for (const Placement& p : session.explain().nodes) {
    in_nhwc += p.device == "nhwc" && p.layout == "nhwc";
    EXPECT_EQ(p.device == "nhwc", p.op == "Conv") << session.explain().to_string();
  }
  EXPECT_EQ(in_nhwc, 6u) << session.explain().to_string();
  const auto run = [](Session& s) {
    s.input("x").copy_from(noise(static_cast<size_t>(s.input("x").elements()), 3));
    s.run();
    const auto values = s.output("out").as<float>();
    return std::vector<float>(values.begin(), values.end());
  };
  const std::vector<float> got = run(session), want = run(plain);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-4f) << i;
}

}  // namespace
}  // namespace motley::test
