// Sessions whose devices are chosen by cost, with the planner's library and without.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "graphs.hpp"

namespace motley::test {
namespace {

std::vector<float> run(Session& session) {
  session.input("image").copy_from(noise(192, 4));
  session.run();
  const auto p = session.output("prob").as<float>();
  return {p.begin(), p.end()};
}

class WithoutPlanner {
 public:
  explicit WithoutPlanner(const char* value) { setenv("MOTLEY_PLANNER", value, 1); }
  ~WithoutPlanner() { unsetenv("MOTLEY_PLANNER"); }
};

TEST(Planner, DecidesWhereNoDevicesAreNamed) {
  const Runtime rt = runtime_with({"template"});
  Session session = rt.compile(small_cnn());
  const Explanation e = session.explain();
  EXPECT_NE(e.cost.decided_by, "order") << e.to_string();
  EXPECT_GT(e.cost.predicted_ns, 0);
  EXPECT_GT(e.cost.bound, 0);
  EXPECT_LE(e.cost.bound, e.cost.predicted_ns);
  EXPECT_GT(e.cost.planner_ns, 0);
  EXPECT_EQ(e.cost.unit, "ns");
  double sum = 0;
  for (const Placement& p : e.nodes) {
    sum += p.estimate_ns;
    EXPECT_EQ(p.cost_source, "estimated");
    EXPECT_FALSE(p.runner_up.empty()) << p.node;
  }
  EXPECT_NEAR(sum, e.cost.predicted_ns, 1 + 1e-6 * sum) << "all memory is the host's: no moves";
  EXPECT_NE(e.to_string().find("predicted"), std::string::npos);
}

TEST(Planner, LeavesTheCallersOrderWhereNothingWasMeasured) {
  const Runtime rt = runtime_with({"template"});
  const Session session = rt.compile(small_cnn(), {.devices = {"reference", "cpu"}});
  const Explanation e = session.explain();
  EXPECT_EQ(e.cost.decided_by, "order");
  for (const Placement& p : e.nodes) {
    EXPECT_EQ(p.device, "reference");
    EXPECT_EQ(p.runner_up, "cpu") << p.node;
  }
  EXPECT_GT(e.cost.predicted_ns, 0) << "priced all the same";
}

TEST(Planner, WithoutItsLibraryTheOrderDecides) {
  const Runtime rt = runtime_with({"template"});
  Session with = rt.compile(small_cnn());
  const std::vector<float> want = run(with);
  const WithoutPlanner none("off");
  Session without = rt.compile(small_cnn());
  const Explanation e = without.explain();
  EXPECT_EQ(e.cost.decided_by, "order");
  EXPECT_NE(e.cost.note.find("MOTLEY_PLANNER"), std::string::npos) << e.cost.note;
  EXPECT_NE(e.to_string().find("MOTLEY_PLANNER is off"), std::string::npos);

  EXPECT_EQ(run(without), want);
}

TEST(Planner, DeniedDevicesAreNotUsed) {
  const Runtime rt = runtime_with({"template"});
  const Session session = rt.compile(small_cnn(), {.deny = {"cp?", "nothing:*"}});
  for (const Placement& p : session.explain().nodes) EXPECT_NE(p.device, "cpu");
  EXPECT_THROW(rt.compile(small_cnn(), {.deny = {"*"}}), Error);
  EXPECT_THROW(rt.compile(small_cnn(), {.devices = {"cpu"}, .deny = {"cpu"}}), Error);
  EXPECT_THROW(rt.compile(small_cnn(), {.deny = {"cpu"}, .pins = {{"conv1", "cpu"}}}), Error);
}

TEST(Planner, PinsStayHard) {
  const Runtime rt = runtime_with({});
  const Session session = rt.compile(small_cnn(), {.pins = {{"conv1", "reference"}}, .optimize = false});
  bool found = false;
  for (const Placement& p : session.explain().nodes) {
    if (p.node != "conv1") continue;
    found = true;
    EXPECT_EQ(p.device, "reference");
    EXPECT_EQ(p.reason, "pinned to it");
  }
  EXPECT_TRUE(found);
}

// The same plan whatever order plugins are found in.
TEST(Planner, TheOrderOfPluginsPlaysNoPart) {
  std::vector<std::string> files = {MOTLEY_PLUGINS "/cpu.json", MOTLEY_PLUGINS "/reference.json",
                                    MOTLEY_TEST_PLUGINS "/libmotley_queued_device.so"};
  std::set<std::string> texts;
  for (int i = 0; i < 6; ++i) {
    std::next_permutation(files.begin(), files.end());
    RuntimeOptions options;
    options.standard_places = false;
    options.plugin_files.assign(files.begin(), files.end());
    for (const Policy policy : {Policy::latency, Policy::memory}) {
      const Session session = Runtime(options).compile(small_cnn(), {.policy = policy});
      Explanation e = session.explain();
      e.cost.planner_ns = 0;
      texts.insert(e.to_string());
    }
  }
  EXPECT_EQ(texts.size(), 2u) << *texts.begin() << *texts.rbegin();
}

}  // namespace
}  // namespace motley::test
