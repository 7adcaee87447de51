// A session with a dispatch table: kernels get the table's configs, and explain() says from where.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "campaign/workload.hpp"
#include "samples.hpp"
#include "table/rows.hpp"
#include "table/text.hpp"

namespace motley::test {
namespace {

using nlohmann::json;

class TableUseTest : public testing::Test {
 protected:
  std::filesystem::path publish(const json& document, const std::string& name = "t.json") const {
    tuner::publish_table(document, folder / name);
    return folder / name;
  }
  Session compile(const std::filesystem::path& path, BadTable bad = BadTable::fail) const {
    return runtime_with().compile(small_cnn(), {.devices = {"cpu"}, .table = path, .bad_table = bad});
  }
  static std::vector<float> run(Session& session) {
    session.input("image").copy_from(noise(192, 4));
    session.run();
    const auto p = session.output("prob").as<float>();
    return {p.begin(), p.end()};
  }
  static std::multiset<std::string> kernels_of(Session& session) {
    session.set_profiling(true);
    run(session);
    std::multiset<std::string> kernels;
    for (const NodeTime& t : session.node_times()) kernels.insert(t.kernel);
    return kernels;
  }

  const Folder folder;
  const json document = table_for_small_cnn();
};

TEST_F(TableUseTest, KernelsGetTheTablesConfigs) {
  Session plain = runtime_with().compile(small_cnn(), {.devices = {"cpu"}});
  Session tuned = compile(publish(document));
  const auto before = kernels_of(plain), after = kernels_of(tuned);
  EXPECT_NE(before, after) << "the table asks for another algorithm than the default";
  EXPECT_GT(after.count("conv_im2col"), before.count("conv_im2col"));
  const auto expected = run(plain), got = run(tuned);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-6f);

  const Explanation e = tuned.explain();
  EXPECT_EQ(e.table.problem, "");
  EXPECT_EQ(e.table.rows, document["kernels"].size());
  EXPECT_TRUE(e.table.unused.empty());
  ASSERT_EQ(e.table.lookups.size(), 1u) << e.to_string();
  EXPECT_GE(e.table.lookups.at("exact"), 4u);
  size_t with_config = 0;
  for (const Placement& p : e.nodes) {
    if (p.problem_key.empty()) continue;
    EXPECT_EQ(p.config_source, "exact");
    with_config += !p.config.empty();
    const std::string config = p.config.empty() ? "default" : p.config;
    EXPECT_NE(p.reason.find("; table: " + config + " (exact)"), std::string::npos) << p.reason;
    EXPECT_EQ(p.estimate_ns, p.config.empty() ? 1e6 : 8e5);
  }
  EXPECT_EQ(with_config, 1u);
  EXPECT_NE(e.to_string().find("nodes by source: exact"), std::string::npos) << e.to_string();
}

TEST_F(TableUseTest, WithoutTheLibraryThatReadsTablesASessionGoesOnWithoutOne) {
  const std::filesystem::path table = publish(document);
  Session plain = runtime_with().compile(small_cnn(), {.devices = {"cpu"}});
  setenv("MOTLEY_TABLE_READER", "off", 1);
  Session session = compile(table, BadTable::ignore);
  try {
    compile(table, BadTable::fail);
    ADD_FAILURE() << "should have failed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::not_found);
    EXPECT_NE(std::string(error.what()).find("MOTLEY_TABLE_READER is off"), std::string::npos) << error.what();
  }
  unsetenv("MOTLEY_TABLE_READER");
  const std::string problem = session.explain().table.problem;
  EXPECT_NE(problem.find("dispatch tables cannot be read"), std::string::npos) << problem;
  EXPECT_EQ(run(session), run(plain));
  compile(table, BadTable::fail);
}

TEST_F(TableUseTest, AnotherDriverIsReportedAndAPriorOnly) {
  json other = document;
  other["devices"][0]["fingerprint"]["driver"]["version"] = "24.1";
  Session session = compile(publish(other));
  const Explanation e = session.explain();
  ASSERT_EQ(e.table.unused.size(), 1u);
  EXPECT_NE(e.table.unused[0].reason.find("another driver: used as a prior only"), std::string::npos);
  EXPECT_EQ(e.table.unused[0].rows, document["kernels"].size());
  for (const Placement& p : e.nodes) {
    EXPECT_EQ(p.config_source, "driver");
    EXPECT_EQ(p.cost_source, "near") << "its times are not taken for measured ones";
  }
}

TEST_F(TableUseTest, AnotherBuildOfThePluginDropsItsRows) {
  json other = document;
  other["devices"][0]["fingerprint"]["kernels"]["build"] = "older";
  const Explanation e = compile(publish(other)).explain();
  ASSERT_EQ(e.table.unused.size(), 1u);
  EXPECT_NE(e.table.unused[0].reason.find("another build"), std::string::npos);
  ASSERT_EQ(e.table.lookups.size(), 1u);
  EXPECT_GE(e.table.lookups.at("none"), 4u);
}

TEST_F(TableUseTest, OtherHardwareIsAPriorAndOtherPluginsCountNot) {
  json other = document;
  other["devices"][0]["fingerprint"]["hw"] = {{"cpu", "another"}};
  EXPECT_GE(compile(publish(other)).explain().table.lookups.at("family"), 4u);
  other["devices"][0]["plugin"] = "npu";
  const Explanation e = compile(publish(other)).explain();
  EXPECT_EQ(e.table.lookups.count("family"), 0u);
  EXPECT_NE(e.table.unused.at(0).reason.find("plugin that is not used here"), std::string::npos);
}

// A table's word is not enough: only values that the plugin offers for the node are passed on.
TEST_F(TableUseTest, ConfigsThatThePluginDoesNotOfferAreRefused) {
  for (const char* config :
       {"algorithm=magic", "mc=65536,kc=65536,nc=65536", "color=red", "mc=48,mc=99999999", "algorithm=depthwise"}) {
    json other = document;
    for (json& row : other["kernels"])
      if (row["config"] != "") row["config"] = config;
    Session session = compile(publish(other));
    const Explanation e = session.explain();
    EXPECT_EQ(e.table.refused, 1u) << config;
    EXPECT_EQ(e.table.lookups.at("none"), 1u) << config;
    run(session);
  }
}

// For the device of tests/tables/plugins: rows for both of the network's relus.
json table_for_relus(const std::string& config) {
  json table = tuner::empty_document("test");
  table["devices"].push_back(tuner::device_row("relus", "tuned", {"unit=1\n", "", "build=1\n"}));
  table["kernels"].push_back(kernel_row("relu n=4", "relus", config, 0.5));
  return table;
}

TEST_F(TableUseTest, WhatDoesNotCompileWithItsConfigIsCompiledWithout) {
  const Runtime runtime = runtime_with({"tuned_device"});
  for (const bool broken : {false, true}) {
    const auto path = publish(table_for_relus(broken ? "mode=broken" : "mode=other"));
    Session session = runtime.compile(
        relu_add_relu(), {.devices = {"tuned"}, .optimize = false, .table = path, .bad_table = BadTable::fail});
    const Explanation e = session.explain();
    size_t relus = 0;
    for (const Placement& p : e.nodes) {
      if (p.problem_key != "relu n=4") continue;
      ++relus;
      EXPECT_EQ(p.device, "tuned") << "a table moves no node";
      EXPECT_EQ(p.config_source, broken ? "none" : "exact");
      EXPECT_EQ(p.config, broken ? "" : "mode=other");
    }
    EXPECT_EQ(relus, 2u) << e.to_string();
    EXPECT_EQ(e.table.refused, broken ? 2u : 0u);
    session.set_profiling(true);
    session.input("x").copy_from(std::vector<float>{1, -2, 3, -4});
    session.input("y").copy_from(std::vector<float>{-5, 1, 1, 1});
    session.run();
    const auto z = session.output("z").as<float>();
    EXPECT_EQ(std::vector<float>(z.begin(), z.end()), (std::vector<float>{0, 1, 4, 1}));
    for (const NodeTime& t : session.node_times())
      if (t.device == "tuned") {
        EXPECT_EQ(t.kernel, broken ? "relu_plain" : "relu_other");
      }
  }
}

// The whole network on the cpu; `configs` has one per node, or none.
json plan_of_small_cnn(const std::vector<std::string>& nodes, const std::vector<std::string>& configs) {
  const plugin::Registry registry = plugin::discover(
      {.files = {MOTLEY_PLUGINS "/cpu.json", MOTLEY_PLUGINS "/reference.json"}, .standard_places = false});
  plan::Request request;
  request.devices = registry.devices;
  const Model model = small_cnn();
  const tuner::PlannedModel planned = tuner::plan_model(model.module(), request);
  json segment = {{"device", "here"}, {"nodes", nodes}};
  if (!configs.empty()) segment["configs"] = configs;
  return {{"graph_hash", planned.stages.at(0).hash},
          {"shapes", json::object()},
          {"devices", {"here"}},
          {"objective", "latency"},
          {"segments", json::array({segment})},
          {"expected_ns", 1000},
          {"bound_ns", 0}};
}

TEST_F(TableUseTest, AFollowedPlanSaysTheConfigs) {
  const Explanation plain = compile(publish(document)).explain();
  std::vector<std::string> nodes, configs;
  std::string tuned;
  for (const Placement& p : plain.nodes) {
    nodes.push_back(p.node);
    configs.push_back("");
    if (!p.config.empty()) tuned = p.config;
  }
  ASSERT_FALSE(tuned.empty());
  const auto with_plan = [&](const std::vector<std::string>& of_plan) {
    json other = document;
    other["plans"].push_back(plan_of_small_cnn(nodes, of_plan));
    return publish(other, "plan.json");
  };
  const auto count = [](const Explanation& e, const std::string& source) {
    return std::count_if(e.nodes.begin(), e.nodes.end(), [&](const Placement& p) { return p.config_source == source; });
  };
  const auto all = static_cast<std::ptrdiff_t>(nodes.size());
  // The defaults that were raced, and not what the kernels' rows say.
  Session defaults = compile(with_plan(configs)), untuned = runtime_with().compile(small_cnn(), {.devices = {"cpu"}});
  EXPECT_EQ(defaults.explain().cost.decided_by, "race");
  EXPECT_EQ(count(defaults.explain(), "race"), all);
  EXPECT_EQ(kernels_of(defaults), kernels_of(untuned));
  // Costs are those of what runs, though the rows know a faster config.
  const auto expect_costs = [](const Explanation& e) {
    size_t measured = 0;
    for (const Placement& p : e.nodes) {
      if (p.cost_source != "measured") continue;
      ++measured;
      EXPECT_EQ(p.estimate_ns, p.config.empty() ? 1e6 : 8e5) << p.node;
    }
    EXPECT_GE(measured, 4u);
  };
  expect_costs(defaults.explain());
  std::vector<std::string> best;
  for (const Placement& p : plain.nodes) best.push_back(p.config);
  const Explanation of_best = compile(with_plan(best)).explain();
  EXPECT_EQ(count(of_best, "race"), all);
  expect_costs(of_best);
  // A plan that says none leaves them to the rows.
  Session silent = compile(with_plan({})), by_rows = compile(publish(document));
  EXPECT_EQ(silent.explain().cost.decided_by, "race");
  EXPECT_EQ(count(silent.explain(), "race"), 0);
  EXPECT_EQ(kernels_of(silent), kernels_of(by_rows));
  // A plan is not believed either: one for a node that has no such config.
  for (std::string& config : configs) config = "algorithm=magic";
  Session refused = compile(with_plan(configs));
  EXPECT_EQ(count(refused.explain(), "none"), all);
  EXPECT_EQ(refused.explain().table.refused, nodes.size());
  expect_costs(refused.explain());
  EXPECT_EQ(kernels_of(refused), kernels_of(untuned));
}

TEST_F(TableUseTest, ABadTableIsIgnoredWithAReasonOrAnError) {
  write(folder / "bad.json", "{");
  for (const char* name : {"bad.json", "missing.json"}) {
    EXPECT_THROW(compile(folder / name), Error);
    Session session = compile(folder / name, BadTable::ignore);
    EXPECT_NE(session.explain().table.problem.find(name), std::string::npos);
    EXPECT_NE(session.explain().to_string().find("table not used: "), std::string::npos);
    run(session);
  }
}

TEST_F(TableUseTest, ThePathComesFromTheCallTheRuntimeOrTheEnvironment) {
  const auto path = publish(document);
  RuntimeOptions options;
  options.standard_places = false;
  options.plugin_files = {MOTLEY_PLUGINS "/cpu.json"};
  EXPECT_EQ(Runtime(options).compile(small_cnn()).explain().table.path, "");
  setenv("MOTLEY_TABLE", path.c_str(), 1);
  EXPECT_EQ(Runtime(options).compile(small_cnn()).explain().table.path, path);
  options.table = folder / "other.json";
  EXPECT_EQ(Runtime(options).compile(small_cnn()).explain().table.path, folder / "other.json");
  EXPECT_EQ(Runtime(options).compile(small_cnn(), {.table = path}).explain().table.path, path);
  unsetenv("MOTLEY_TABLE");
}

// A new batch size finds the problems of the old one: the nearest, where no size is below 8.
TEST_F(TableUseTest, NewShapesUseTheNearestProblem) {
  json near = document;
  for (json& row : near["kernels"]) {
    std::string key = row["problem_key"];
    for (size_t at = 0; (at = key.find("=8x8", at)) != std::string::npos; ++at) key.replace(at, 4, "=9x9");
    row["problem_key"] = key;
  }
  Session session = compile(publish(near));
  const Explanation e = session.explain();
  EXPECT_GE(e.table.lookups.at("nearest"), 2u) << e.to_string();
  for (const Placement& p : e.nodes) {
    if (p.config_source != "nearest") continue;
    EXPECT_NE(p.reason.find("9x9"), std::string::npos) << p.reason;
  }
  run(session);
}

}  // namespace
}  // namespace motley::test
