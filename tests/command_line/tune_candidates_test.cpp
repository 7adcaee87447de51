// Candidates that a device offers: measured, checked, raced within an error budget, and used.
#include "graphs.hpp"
#include "ir_builder.hpp"
#include "model/model_file.hpp"
#include "program.hpp"

namespace motley::test {
namespace {

using nlohmann::json;

class TuneCandidates : public testing::Test {
 protected:
  void SetUp() override {
    graph::Module module;
    module.graphs.emplace_back();
    Graph& g = module.main();
    const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(50000)});
    g.inputs = {x};
    const TensorId r = node(g, "r", Op::Unary, {x}, DataType::float32, unary(schema::UnaryFunction::relu));
    g.outputs = {node(g, "y", Op::Unary, {r}, DataType::float32, unary(schema::UnaryFunction::neg))};
    model::write_model(module, model_);
  }
  Outcome with_plugin(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--devices", "offering", "--plugin", MOTLEY_OFFERING_PLUGIN});
    return motley(arguments);
  }
  Outcome tune(std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"tune", model_, "-o", table_, "--quiet"};
    all.insert(all.end(), more.begin(), more.end());
    return with_plugin(all);
  }
  json explain(std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"explain", model_, "--table", table_, "--json"};
    all.insert(all.end(), more.begin(), more.end());
    return with_plugin(all).json();
  }
  json table() const {
    const std::vector<char> bytes = read_file(table_);
    return json::parse(bytes.begin(), bytes.end());
  }
  std::map<std::string, json> candidates() const {
    std::map<std::string, json> rows;
    const json document = table();
    for (const json& row : document["kernels"])
      if (row.contains("candidate")) rows[row["candidate"]] = row;
    return rows;
  }
  std::map<std::string, std::string> endings() const {
    std::map<std::string, std::string> all;
    const std::vector<char> bytes = read_file(table_ + ".journal");
    const std::string text(bytes.begin(), bytes.end());
    for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
      const json record = json::parse(text.substr(at, end - at));
      if (record.value("kind", "") == "done") all[record["config"]] = record["ending"];
    }
    return all;
  }

  Scratch scratch_;
  std::string model_ = scratch_ / "m.motley", table_ = scratch_ / "t.json";
};

TEST_F(TuneCandidates, WithoutABudgetOnlyExactOnesAreMeasuredAndRaced) {
  const Outcome tuned = tune();
  ASSERT_TRUE(succeeds(tuned));
  const auto rows = candidates();
  ASSERT_EQ(rows.size(), 1u) << tuned.out << table().dump();
  const json& fused = rows.at("fuse=next");
  EXPECT_LT(fused["ratio_vs_default"], 0.9) << fused.dump();
  EXPECT_EQ(fused["error"]["max_rel"], 0);
  EXPECT_NE(fused["problem_key"].get<std::string>().find(" + "), std::string::npos) << fused.dump();
  EXPECT_FALSE(endings().contains("precision=f16"));
  // A session runs what was raced, the fused kernel.
  const json explained = explain();
  EXPECT_EQ(explained["plan"]["decided_by"], "race") << explained.dump();
  EXPECT_EQ(explained["nodes"][0]["config"], "fuse=next") << explained.dump();
  const json document = table();
  for (const json& row : document["plans"]) EXPECT_FALSE(row.contains("error"));
  const Outcome shown = motley({"table", "show", table_});
  ASSERT_TRUE(succeeds(shown));
  EXPECT_NE(shown.out.find(" as fuse=next"), std::string::npos) << shown.out;
  EXPECT_TRUE(succeeds(motley({"table", "validate", table_})));
  EXPECT_TRUE(succeeds(motley({"report", table_, table_ + ".journal", "-o", scratch_ / "r.html"})));
}

TEST_F(TuneCandidates, ABudgetLetsLowerPrecisionInWhereItIsRight) {
  ASSERT_TRUE(succeeds(tune({"--error-budget", "0.01"})));
  const auto rows = candidates();
  ASSERT_TRUE(rows.contains("precision=f16"));
  const double error = rows.at("precision=f16")["error"]["max_rel"];
  EXPECT_GT(error, 1e-5);
  EXPECT_LT(error, 2e-3);
  EXPECT_FALSE(rows.contains("precision=f16,mode=wrong"));
  EXPECT_EQ(endings().at("precision=f16,mode=wrong"), "wrong");
  EXPECT_EQ(endings().at("precision=f16"), "measured");
  // Where the caller allows no error, nothing of that is used.
  const json explained = explain(), document = table();
  for (const json& node : explained["nodes"])
    EXPECT_EQ(node["config"].get<std::string>().find("f16"), std::string::npos);
  // Every row with an error names one that its kernels' rows bear out.
  for (const json& row : document["plans"]) {
    const double of_plan = row.value("error", error);
    EXPECT_NEAR(of_plan, error, 1e-8) << row.dump();
  }
  // The same tuning again has nothing left to measure.
  const Outcome again = tune({"--error-budget", "0.01", "--resume"});
  ASSERT_TRUE(succeeds(again));
  EXPECT_EQ(candidates().at("precision=f16")["median_ns"], rows.at("precision=f16")["median_ns"]);
}

// relu alone: nothing to fuse, so half precision is the fastest by far.
TEST_F(TuneCandidates, TheFastestPlanWithinTheBudgetIsKeptBesideTheExactOne) {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(200000)});
  g.inputs = {x};
  g.outputs = {node(g, "r", Op::Unary, {x}, DataType::float32, unary(schema::UnaryFunction::relu))};
  model::write_model(module, model_);
  ASSERT_TRUE(succeeds(tune({"--error-budget", "0.01"})));
  const json plans = table()["plans"];
  ASSERT_EQ(plans.size(), 2u) << plans.dump();
  const json explained = explain({"--error-budget", "0.01"});
  EXPECT_EQ(explained["plan"]["decided_by"], "race") << explained.dump();
  EXPECT_EQ(explained["nodes"][0]["config"], "precision=f16") << explained.dump();
  EXPECT_EQ(explain()["nodes"][0]["config"], "");
  EXPECT_EQ(explain({"--error-budget", "0.00000001"})["nodes"][0]["config"], "") << "less than it costs";
}

}  // namespace
}  // namespace motley::test
