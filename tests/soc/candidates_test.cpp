// What devices offer beyond a kernel for each node: fused kernels and lower precisions in plans; and deadlines.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "graphs.hpp"
#include "soc.hpp"

namespace motley::test {
namespace {

const std::vector<std::string> kTablet = {"soc:tablet.gpu", "soc:tablet.npu", "soc:tablet.big", "soc:tablet.little"};

// Costs of estimates decide, one device after another.
CompileOptions tablet() {
  CompileOptions options;
  options.devices = kTablet;
  options.fallback = false;
  options.policy = Policy::power;
  options.watts = {{"*.gpu", 4.0}, {"*.npu", 1.5}, {"*.big", 3.0}, {"*.little", 0.5}};
  return options;
}

size_t count_fused(const Explanation& e) {
  return static_cast<size_t>(
      std::count_if(e.nodes.begin(), e.nodes.end(), [](const Placement& p) { return !p.fused_with.empty(); }));
}
std::set<std::string> in_half(const Explanation& e) {
  std::set<std::string> nodes;
  for (const Placement& p : e.nodes)
    if (p.precision == "float16") nodes.insert(p.node);
  return nodes;
}

// The optimizer would join convolutions and what follows before any device is asked.
CompileOptions unfused(CompileOptions options) {
  options.optimize = false;
  return options;
}

TEST(SocCandidates, FusedKernelsArePlannedCompiledAndRight) {
  const Model model = branching_network(3, 3, 32, 56);
  Session plain = soc_runtime().compile(model, unfused({.devices = {"reference"}}));
  const std::vector<float> want = run(plain);
  for (const Policy policy : {Policy::latency, Policy::throughput, Policy::power, Policy::memory}) {
    CompileOptions options = unfused(tablet());
    options.policy = policy;
    options.devices = {"soc:tablet.gpu"};
    Session session = soc_runtime().compile(model, options);
    const Explanation e = session.explain();
    ASSERT_EQ(count_fused(e), 18u) << e.to_string();  // nine convolutions with what follows
    EXPECT_EQ(e.cost.error, 0);
    session.set_profiling(true);
    const std::vector<float> got = run(session);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-3f);
    std::map<std::string, double> predicted;
    for (const Placement& p : e.nodes) {
      predicted[p.node] = p.estimate_ns;
      if (p.fused_with.empty()) continue;
      ASSERT_EQ(p.fused_with.size(), 1u);
      EXPECT_NE(p.reason.find("fused with " + p.fused_with[0]), std::string::npos) << p.reason;
      EXPECT_EQ(p.config, p.op == "Conv" ? "fuse=unary" : "") << p.node;
      const auto other = std::find_if(e.nodes.begin(), e.nodes.end(),
                                      [&](const Placement& q) { return q.node == p.fused_with[0]; });
      ASSERT_NE(other, e.nodes.end());
      EXPECT_EQ(other->segment, p.segment);
    }
    for (const NodeTime& t : session.node_times())
      EXPECT_NEAR(double(t.end_ns - t.begin_ns), predicted.at(t.node), 2) << t.node;
    const WithoutCandidates without;
    EXPECT_LT(e.cost.predicted_ns, soc_runtime().compile(model, options).explain().cost.predicted_ns);
  }
}

// Fused and plain kernels on several devices at once; each is where the runner-up would cost more.
TEST(SocCandidates, FusedKernelsCompeteWithOtherDevices) {
  const Model model = branching_network(3, 3, 32, 56);
  Session plain = soc_runtime().compile(model, unfused({.devices = {"reference"}}));
  const std::vector<float> want = run(plain);
  CompileOptions options = unfused(tablet());
  options.policy = Policy::latency;
  options.table = table_for("tablet", model);
  options.bad_table = BadTable::fail;
  Session session = soc_runtime().compile(model, options);
  const Explanation e = session.explain();
  EXPECT_GT(count_fused(e), 0u) << e.to_string();
  std::set<std::string> devices;
  for (const Placement& p : e.nodes) devices.insert(p.device);
  EXPECT_GE(devices.size(), 2u) << e.to_string();
  const std::vector<float> got = run(session);
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-3f);
  const WithoutCandidates without;
  EXPECT_LT(e.cost.predicted_ns, soc_runtime().compile(model, options).explain().cost.predicted_ns) << e.to_string();
}

// Order decides among devices without a table; which kernel they run is decided by cost all the same.
TEST(SocCandidates, OrderKeepsDevicesAndCostsChooseKernels) {
  const Model model = branching_network(2, 2, 32, 56);
  CompileOptions options = unfused(tablet());
  options.policy = Policy::latency;
  const Explanation e = soc_runtime().compile(model, options).explain();
  EXPECT_EQ(e.cost.decided_by, "order");
  EXPECT_EQ(count_fused(e), 8u) << e.to_string();
  for (const Placement& p : e.nodes) EXPECT_EQ(p.device, "soc:tablet.gpu");
}

TEST(SocCandidates, KeptNodesAreRunApart) {
  const Model model = branching_network(2, 2, 32, 28);
  CompileOptions options = unfused(tablet());
  options.devices = {"soc:tablet.gpu"};
  options.keep = {"b0_0"};
  Session session = soc_runtime().compile(model, options);
  EXPECT_EQ(count_fused(session.explain()), 0u);
  run(session);
  EXPECT_GT(session.tensor("b0_0").elements(), 0);
}

TEST(SocCandidates, LowerPrecisionNeedsABudget) {
  const Model model = branching_network(3, 3, 32, 56);
  CompileOptions options = unfused(tablet());
  const Explanation none = soc_runtime().compile(model, options).explain();
  EXPECT_TRUE(in_half(none).empty());
  EXPECT_EQ(none.cost.error, 0);
  size_t left_out = 0;
  for (const Placement& p : none.nodes) {
    if (p.left_out.empty()) continue;
    ++left_out;
    EXPECT_LT(p.left_out_more, 0);
    EXPECT_NE(p.left_out.find("float16 on soc:tablet."), std::string::npos);
    EXPECT_NE(p.reason.find("the error budget leaves out float16"), std::string::npos);
  }
  EXPECT_GT(left_out, 0u) << none.to_string();
  double cost = none.cost.cost;
  size_t most = 0;
  for (const double budget : {0.0004, 0.0005, 0.0016, 0.01}) {
    options.error_budget = budget;
    const Explanation e = soc_runtime().compile(model, options).explain();
    EXPECT_LE(e.cost.error, budget * (1 + 1e-9));
    EXPECT_LE(e.cost.cost, cost * (1 + 1e-9)) << budget;
    EXPECT_NEAR(e.cost.error, 0.0005 * static_cast<double>(in_half(e).size()), 1e-9);
    double sum = 0;
    for (const Placement& p : e.nodes) sum += p.error;
    EXPECT_NEAR(sum, e.cost.error, 1e-9);
    EXPECT_EQ(in_half(e).empty(), budget < 0.0005) << e.to_string();
    EXPECT_EQ(e.cost.without_budget > 0, budget < 0.01) << e.to_string();
    EXPECT_LT(e.cost.without_budget, e.cost.cost);
    cost = e.cost.cost;
    most = std::max(most, in_half(e).size());
  }
  EXPECT_GE(most, 4u);
  EXPECT_LT(cost, none.cost.cost);
}

TEST(SocCandidates, MeasuredErrorsAndTimesCount) {
  const Model model = branching_network(1, 2, 32, 56);
  CompileOptions options = unfused(tablet());
  options.policy = Policy::latency;
  options.devices = {"soc:tablet.npu", "soc:tablet.big"};
  options.table = table_for("tablet", model);
  options.bad_table = BadTable::fail;
  options.error_budget = 0.0002;  // below what float16 is thought to cost
  const Explanation before = soc_runtime().compile(model, options).explain();
  EXPECT_TRUE(in_half(before).empty()) << before.to_string();
  std::string problem;
  for (const Placement& p : before.nodes)
    if (p.node == "b0_0") problem = p.problem_key;
  ASSERT_FALSE(problem.empty());
  // Both convolutions are one problem.
  options.table = table_for("tablet", model, {{problem, "npu", "precision=f16", 2000, 0.00008}});
  const Explanation e = soc_runtime().compile(model, options).explain();
  EXPECT_EQ(in_half(e), (std::set<std::string>{"b0_0", "b0_1"})) << e.to_string();
  EXPECT_NEAR(e.cost.error, 0.00016, 1e-9);
  for (const Placement& p : e.nodes) {
    if (p.precision.empty()) continue;
    EXPECT_EQ(p.estimate_ns, 2000);
    EXPECT_EQ(p.cost_source, "measured");
  }
  // A row in a table changes no precision by itself.
  options.error_budget = 0;
  const Explanation safe = soc_runtime().compile(model, options).explain();
  EXPECT_TRUE(in_half(safe).empty()) << safe.to_string();
  for (const Placement& p : safe.nodes) EXPECT_EQ(p.config, "") << p.node;
}

// The same plan whichever way plugins are found.
TEST(SocCandidates, TheOrderOfPluginsPlaysNoPart) {
  const Model model = branching_network(3, 2, 32, 56);
  std::vector<std::string> files = {MOTLEY_PLUGINS "/cpu.json", MOTLEY_PLUGINS "/reference.json",
                                    MOTLEY_TEST_PLUGINS "/libmotley_soc.so"};
  std::sort(files.begin(), files.end());
  CompileOptions options;
  options.deny = {"soc:budget.*", "soc:flagship.*",   "soc:midrange.*",
                  "soc:twins.*",  "soc:integrated.*", "soc:camera.*"};
  options.optimize = false;
  options.error_budget = 0.0015;
  for (const Policy policy : {Policy::latency, Policy::power, Policy::throughput}) {
    options.policy = policy;
    std::set<std::string> texts;
    size_t half = 0;
    do {
      RuntimeOptions runtime;
      runtime.standard_places = false;
      runtime.plugin_files.assign(files.begin(), files.end());
      Explanation e = Runtime(runtime).compile(model, options).explain();
      e.cost.planner_ns = 0;
      half = in_half(e).size();
      texts.insert(e.to_string());
    } while (std::next_permutation(files.begin(), files.end()));
    EXPECT_EQ(texts.size(), 1u) << *texts.begin();
    EXPECT_GT(half, 0u) << *texts.begin();
  }
}

TEST(SocCandidates, DeadlinesAreKeptAtTheLeastEnergy) {
  const Model model = branching_network(3, 3, 32, 56);
  CompileOptions options = unfused(tablet());
  const Explanation relaxed = soc_runtime().compile(model, options).explain();
  EXPECT_FALSE(relaxed.cost.late);
  options.deadline = std::chrono::nanoseconds(1);
  const Explanation fastest = soc_runtime().compile(model, options).explain();
  EXPECT_TRUE(fastest.cost.late);
  EXPECT_NE(fastest.to_string().find("LATE"), std::string::npos);
  ASSERT_LT(fastest.cost.predicted_ns, relaxed.cost.predicted_ns);
  double cost = fastest.cost.cost;
  const double slow = relaxed.cost.predicted_ns, fast = fastest.cost.predicted_ns;
  for (const double part : {0.0, 0.2, 0.4, 0.6, 0.8, 1.0}) {
    options.deadline = std::chrono::nanoseconds(static_cast<int64_t>(fast + part * (slow - fast)) + 1);
    const Explanation e = soc_runtime().compile(model, options).explain();
    EXPECT_FALSE(e.cost.late) << e.to_string();
    EXPECT_LE(e.cost.predicted_ns, static_cast<double>(options.deadline.count()));
    EXPECT_LE(e.cost.cost, cost * (1 + 1e-9)) << part;
    EXPECT_LE(e.cost.bound, e.cost.cost);
    EXPECT_GE(e.cost.bound, relaxed.cost.cost * 0.999);
    cost = e.cost.cost;
  }
  EXPECT_NEAR(cost, relaxed.cost.cost, 1);
}

TEST(SocCandidates, BadLimitsAreRefused) {
  const Model model = branching_network(2, 1, 16, 28);
  CompileOptions options = tablet();
  for (const double budget : {-0.1, std::nan("")}) {
    options.error_budget = budget;
    try {
      soc_runtime().compile(model, options);
      FAIL() << budget;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::invalid_argument);
      EXPECT_NE(std::string(e.what()).find("error budget"), std::string::npos);
    }
  }
  options.error_budget = HUGE_VAL;
  options.deadline = std::chrono::nanoseconds(-1);
  EXPECT_THROW(soc_runtime().compile(model, options), Error);
  options.deadline = std::chrono::hours(1000000);
  EXPECT_FALSE(soc_runtime().compile(model, options).explain().cost.late);
}

}  // namespace
}  // namespace motley::test
