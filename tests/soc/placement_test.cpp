// Plans for phones: mixed ones beat the best device alone, and come near what is possible.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "graphs.hpp"
#include "soc.hpp"

namespace motley::test {
namespace {

std::map<std::string, std::string> devices_by_node(const Explanation& e) {
  std::map<std::string, std::string> result;
  for (const Placement& p : e.nodes) result[p.node] = p.device;
  return result;
}

std::set<std::string> devices_used(const Explanation& e) {
  std::set<std::string> result;
  for (const Placement& p : e.nodes) result.insert(p.device);
  return result;
}

// The best of the phone's devices that run everything alone.
double best_alone(const std::string& phone, const Model& model) {
  double best = HUGE_VAL;
  CompileOptions options = on(phone, model);
  for (const std::string& device : std::vector<std::string>(options.devices)) {
    options.devices = {device};
    try {
      best = std::min(best, soc_runtime().compile(model, options).explain().cost.predicted_ns);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::unsupported) throw;
    }
  }
  return best;
}

// Small enough for branch and bound.
std::vector<Model> small_networks() {
  return {branching_network(2, 1, 32, 56), branching_network(2, 2, 16, 28), branching_network(2, 3, 32, 28),
          branching_network(3, 1, 64, 28), branching_network(2, 2, 64, 56)};
}

// Nodes are whole here, as in the table.
TEST(Soc, MixedPlansBeatTheBestDeviceAndReachTheBound) {
  for (const std::string& phone : phones())
    for (const Model& model : small_networks()) {
      CompileOptions options = on(phone, model);
      options.split = false;
      Session session = soc_runtime().compile(model, options);
      const Explanation e = session.explain();
      const double alone = best_alone(phone, model);
      EXPECT_GE(devices_used(e).size(), 2u) << phone << "\n" << e.to_string();
      EXPECT_LT(e.cost.predicted_ns, alone) << phone << "\n" << e.to_string();
      EXPECT_GT(e.cost.bound, 0);
      EXPECT_GE(e.cost.bound, 0.98 * e.cost.predicted_ns) << phone << "\n" << e.to_string();
      RecordProperty(phone, std::to_string(alone / e.cost.predicted_ns));
      for (const Placement& p : e.nodes) EXPECT_EQ(p.cost_source, "measured") << p.node;
    }
}

TEST(Soc, ResultsAreRightAndTimesAreSimulated) {
  const Model model = branching_network(3, 2, 32, 28);
  Session plain = soc_runtime().compile(model, {.devices = {"reference"}});
  const std::vector<float> want = run(plain);
  for (const std::string& phone : phones()) {
    Session session = soc_runtime().compile(model, on(phone, model));
    session.set_profiling(true);
    const std::vector<float> got = run(session);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-3f) << phone;
    std::map<std::string, double> predicted;
    for (const Placement& p : session.explain().nodes) predicted[p.node] = p.estimate_ns;
    ASSERT_FALSE(session.node_times().empty());
    for (const NodeTime& t : session.node_times())
      EXPECT_NEAR(double(t.end_ns - t.begin_ns), predicted.at(t.node), 2) << t.node;
  }
}

// A policy that changes nothing is not one: each gets less of what it is for than latency's plan does.
TEST(Soc, EachPolicyGivesAnotherPlan) {
  const std::string phone = "midrange";
  const Model model = branching_network(3, 3, 32, 56);
  CompileOptions options = on(phone, model);
  std::map<Policy, Explanation> plans;
  for (const Policy policy : {Policy::latency, Policy::throughput, Policy::power, Policy::memory}) {
    options.policy = policy;
    Session session = soc_runtime().compile(model, options);
    plans[policy] = session.explain();
    EXPECT_EQ(plans[policy].cost.policy, policy);
  }
  const auto latency = devices_by_node(plans[Policy::latency]);
  for (const Policy policy : {Policy::throughput, Policy::power, Policy::memory}) {
    EXPECT_NE(devices_by_node(plans[policy]), latency) << to_string(policy) << "\n" << plans[policy].to_string();
    EXPECT_GE(plans[policy].cost.predicted_ns, plans[Policy::latency].cost.predicted_ns) << to_string(policy);
    EXPECT_LE(plans[policy].cost.bound, plans[policy].cost.cost);
  }
  // Energy by hand: time by watts, nodes alone.
  std::map<std::string, double> watts(options.watts.begin(), options.watts.end());
  const auto energy = [&](const Explanation& e) {
    double sum = 0;
    for (const Placement& p : e.nodes) sum += p.estimate_ns * watts.at(p.device);
    return sum;
  };
  EXPECT_LT(energy(plans[Policy::power]), energy(plans[Policy::latency]));
  const auto moved = [](const Explanation& e) {
    uint64_t bytes = 0;
    for (const Transfer& t : e.transfers) bytes += t.way == "share" ? 0 : t.bytes;
    return bytes;
  };
  EXPECT_EQ(moved(plans[Policy::memory]), 0u) << plans[Policy::memory].to_string();
  EXPECT_GT(moved(plans[Policy::latency]), 0u) << plans[Policy::latency].to_string();
  const auto busiest = [](const Explanation& e) {
    std::map<std::string, double> load;
    double most = 0;
    for (const Placement& p : e.nodes) most = std::max(most, load[p.device] += p.estimate_ns);
    return most;
  };
  EXPECT_LT(busiest(plans[Policy::throughput]), busiest(plans[Policy::power]));
  EXPECT_GE(plans[Policy::throughput].cost.cost, busiest(plans[Policy::throughput]) - 1);
}

TEST(Soc, OtherWattsGiveAnotherPlan) {
  const Model model = branching_network(3, 3, 32, 56);
  CompileOptions options = on("flagship", model);
  options.policy = Policy::power;
  const auto before = devices_by_node(soc_runtime().compile(model, options).explain());
  options.watts.insert(options.watts.begin(), {"soc:flagship.npu", 500.0});
  EXPECT_NE(devices_by_node(soc_runtime().compile(model, options).explain()), before);
  options.watts = {{"*", -1.0}};
  EXPECT_THROW(soc_runtime().compile(model, options), Error);
}

TEST(Soc, OneMoreDeviceIsNeverWorse) {
  for (const std::string& phone : phones())
    for (const Policy policy : {Policy::latency, Policy::power, Policy::memory}) {
      const Model model = branching_network(3, 2, 32, 28);
      CompileOptions options = on(phone, model);
      options.policy = policy;
      std::vector<std::string> all = options.devices;
      std::sort(all.begin(), all.end());  // "big" runs everything
      double before = HUGE_VAL;
      for (size_t count = 1; count <= all.size(); ++count) {
        options.devices.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
        const Explanation e = soc_runtime().compile(model, options).explain();
        const double cost = policy == Policy::latency ? e.cost.predicted_ns : e.cost.cost;
        EXPECT_LE(cost, before * (1 + 1e-9)) << phone << ", " << to_string(policy) << "\n" << e.to_string();
        before = cost;
      }
    }
}

TEST(Soc, DenyAndPreferDecideAmongDevices) {
  const Model model = branching_network(2, 2, 16, 28);
  CompileOptions options = on("flagship", model);
  options.deny = {"*.npu"};
  const Explanation without = soc_runtime()
                                  .compile(model,
                                           [&] {
                                             CompileOptions o = options;
                                             std::erase(o.devices, "soc:flagship.npu");
                                             return o;
                                           }())
                                  .explain();
  EXPECT_FALSE(devices_used(without).count("soc:flagship.npu")) << without.to_string();
  // What is named and denied is an error that says so.
  try {
    soc_runtime().compile(model, options);
    FAIL() << "compiled";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::not_found);
    EXPECT_NE(std::string(e.what()).find("denied"), std::string::npos);
  }
  EXPECT_THROW(soc_runtime().compile(model, {.deny = {"*"}}), Error);
  // Two devices of nearly the same speed: the preferred one gets more.
  const auto count = [](const Explanation& e, const std::string& device) {
    return std::count_if(e.nodes.begin(), e.nodes.end(), [&](const Placement& p) { return p.device == device; });
  };
  const Model wide = branching_network(2, 1, 16, 224);
  CompileOptions budget = on("budget", wide);
  budget.policy = Policy::memory;  // one after another, so that only speed counts
  budget.devices = {"soc:budget.big", "soc:budget.little"};
  const Explanation neutral = soc_runtime().compile(wide, budget).explain();
  budget.prefer = {"*.little"};
  const Explanation little = soc_runtime().compile(wide, budget).explain();
  EXPECT_GT(count(little, "soc:budget.little"), count(neutral, "soc:budget.little"))
      << neutral.to_string() << little.to_string();
}

// The runner-up's figure is what another plan with that one node elsewhere costs.
TEST(Soc, RunnersUpSayWhatAnotherPlaceWouldCost) {
  const Model model = branching_network(2, 2, 16, 28);
  CompileOptions options = on("midrange", model);
  options.policy = Policy::power;
  const Explanation e = soc_runtime().compile(model, options).explain();
  size_t checked = 0;
  for (const Placement& p : e.nodes) {
    if (p.runner_up.empty()) continue;
    CompileOptions other = options;
    other.pins = {{p.node, p.runner_up}};
    for (const Placement& q : e.nodes)
      if (q.node != p.node) other.pins.emplace_back(q.node, q.device);
    const Explanation moved = soc_runtime().compile(model, other).explain();
    EXPECT_NEAR(moved.cost.cost - e.cost.cost, p.runner_up_more, 2) << p.node << " to " << p.runner_up;
    ++checked;
  }
  EXPECT_GE(checked, 5u);
}

// With estimates alone a plan that is a little better is not worth the risk; with measurements it is.
TEST(Soc, EstimatesNeedAMargin) {
  const Model model = branching_network(2, 2, 16, 28);
  CompileOptions options;
  options.deny = {"cpu",          "reference",   "soc:flagship.*",   "soc:midrange.*",
                  "soc:tablet.*", "soc:twins.*", "soc:integrated.*", "soc:camera.*"};
  const Explanation e = soc_runtime().compile(model, options).explain();
  ASSERT_GT(e.cost.rival, 0) << e.to_string();
  if (e.cost.decided_by == "planner") {
    EXPECT_LE(e.cost.cost, 0.8 * e.cost.rival);
  } else {
    EXPECT_EQ(devices_used(e).size(), 1u) << e.to_string();
  }
  for (const Placement& p : e.nodes) EXPECT_EQ(p.cost_source, "estimated");
}

}  // namespace
}  // namespace motley::test
