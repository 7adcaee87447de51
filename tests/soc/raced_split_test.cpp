// Rows of plans that split operators over two devices: a session follows the one that was measured, and no other.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "campaign/workload.hpp"
#include "graph/infer.hpp"
#include "graphs.hpp"
#include "ir_builder.hpp"
#include "mutated_json.hpp"
#include "soc.hpp"
#include "table/document.hpp"
#include "table/text.hpp"

namespace motley::test {
namespace {

using nlohmann::json;

constexpr int64_t kChannels = 64, kSide = 28;

// x → a → out: two convolutions.
Model two_convolutions() {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  TensorId at = tensor(g, "x", DataType::float32, Dims{Dim(1), Dim(kChannels), Dim(kSide), Dim(kSide)});
  g.inputs = {at};
  for (const std::string name : {"a", "out"}) {
    std::vector<float> values = noise(static_cast<size_t>(kChannels * kChannels * 9), 7);
    for (float& v : values) v *= 0.1F;
    const TensorId weights = constant(g, name + "_w", DataType::float32, {kChannels, kChannels, 3, 3}, values);
    schema::ConvAttributesT conv;
    conv.strides = {1, 1};
    conv.dilations = {1, 1};
    conv.pads = {1, 1, 1, 1};
    at = node(g, name, Op::Conv, {at, weights}, DataType::float32, conv);
  }
  g.outputs = {at};
  graph::infer_shapes(module);
  return Model::from_module(std::move(module));
}

struct Node {
  std::string name, device;  // "gpu"
};

class RacedSplit : public testing::Test {
 protected:
  RacedSplit() {
    options_.table = path_;
    std::ifstream file(on("twins", model_).table);
    document_ = json::parse(file);
    document_.erase("sha256");
    for (const json& row : document_["kernels"]) devices_[row["device"]] = "";
    const plugin::Registry registry =
        plugin::discover({.files = {MOTLEY_TEST_PLUGINS "/libmotley_soc.so"}, .standard_places = false});
    plan::Request request;
    for (const auto& device : registry.devices) {
      if (!device->name().starts_with("soc:twins.")) continue;
      request.devices.push_back(device);
      ids_[device->name().substr(10)] = tuner::describe_device(device).id();
    }
    request.split = false;
    hash_ = tuner::plan_model(model_.module(), request).stages.at(0).hash;
  }
  ~RacedSplit() override {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

  void add_row(const std::vector<Node>& nodes, const json& cuts, uint64_t expected_ns) {
    json segments = json::array();
    for (const Node& n : nodes)
      segments.push_back({{"device", ids_.at(n.device)}, {"nodes", {n.name}}, {"configs", {""}}});
    json row = {{"graph_hash", hash_},
                {"shapes", {{"x", {1, kChannels, kSide, kSide}}}},
                {"devices", {ids_.at("gpu"), ids_.at("npu")}},
                {"objective", "latency"},
                {"segments", segments},
                {"expected_ns", expected_ns},
                {"bound_ns", 0}};
    if (!cuts.empty()) row["cuts"] = cuts;
    document_["plans"].push_back(row);
  }
  // "a" cut after so many channels.
  void add_split(int64_t first, uint64_t expected_ns) {
    add_row({{"a#1", "npu"}, {"a#2", "gpu"}, {"a#joined", "npu"}, {"out", "npu"}},
            {{{"node", "a"}, {"axis", 1}, {"first", first}}}, expected_ns);
  }
  void add_whole(uint64_t expected_ns) { add_row({{"a", "npu"}, {"out", "npu"}}, json::array(), expected_ns); }

  Session compile() {
    std::ofstream(path_) << tuner::table_text(tuner::canonical(document_));
    return soc_runtime().compile(model_, options_);
  }
  static std::map<std::string, double> shares(const Explanation& e) {
    std::map<std::string, double> shares;
    for (const Placement& p : e.nodes)
      if (!p.part_of.empty()) shares[p.node + " on " + p.device] = p.share;
    return shares;
  }
  static std::vector<float> run(Session& session) {
    session.input("x").copy_from(noise(static_cast<size_t>(session.input("x").elements()), 3));
    session.run();
    const auto values = session.output("out").as<float>();
    return {values.begin(), values.end()};
  }

  const Model model_ = two_convolutions();
  const std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("motley_raced_split_" + std::to_string(getpid()) + ".json");
  CompileOptions options_ = on("twins", model_);
  json document_;
  std::map<std::string, std::string> devices_, ids_;
  std::string hash_;
};

// The planner would split both convolutions, and elsewhere.
TEST_F(RacedSplit, IsFollowedAsItWasMeasured) {
  add_whole(900'000);
  add_split(24, 500'000);
  Session session = compile();
  const Explanation e = session.explain();
  EXPECT_EQ(e.cost.decided_by, "race") << e.to_string();
  EXPECT_EQ(e.cost.predicted_ns, 500'000);
  EXPECT_EQ(shares(e), (std::map<std::string, double>{{"a#1 on soc:twins.npu", 24.0 / kChannels},
                                                      {"a#2 on soc:twins.gpu", 40.0 / kChannels}}))
      << e.to_string();
  for (const Placement& p : e.nodes) {
    const bool in_place = p.node == "a#joined";  // or not, and then it has a config too
    EXPECT_TRUE(p.config_source == "race" || in_place) << p.node;
  }
  Session reference = soc_runtime().compile(model_, {.devices = {"reference"}});
  const std::vector<float> got = run(session), want = run(reference);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-3F * std::max(1.0F, std::abs(want[i]))) << i;
}

TEST_F(RacedSplit, AFasterPlanWithoutSplitsIsFollowedInstead) {
  add_whole(400'000);
  add_split(24, 500'000);
  const Explanation e = compile().explain();
  EXPECT_EQ(e.cost.decided_by, "race") << e.to_string();
  EXPECT_TRUE(shares(e).empty()) << e.to_string();
}

// Once a network was raced, nothing is split that was not.
TEST_F(RacedSplit, WhereNoSplitWasKeptNothingIsSplit) {
  EXPECT_FALSE(shares(compile().explain()).empty()) << "the planner would";
  add_whole(900'000);
  const Explanation e = compile().explain();
  EXPECT_EQ(e.cost.decided_by, "race") << e.to_string();
  EXPECT_TRUE(shares(e).empty()) << e.to_string();
}

TEST_F(RacedSplit, WhoWantsNoSplitsGetsThePlanWithout) {
  add_whole(900'000);
  add_split(24, 500'000);
  options_.split = false;
  EXPECT_TRUE(shares(compile().explain()).empty());
  options_.split = true;
  options_.keep = {"a"};
  for (const auto& [part, share] : shares(compile().explain())) EXPECT_FALSE(part.starts_with("a#")) << part;
  options_.keep = {};
  options_.devices = {"soc:twins.npu"};
  EXPECT_TRUE(shares(compile().explain()).empty());
}

// A row that was made up or is of another version changes nothing.
TEST_F(RacedSplit, CutsThatCannotBeAreIgnored) {
  const std::vector<Node> nodes = {{"a#1", "npu"}, {"a#2", "gpu"}, {"a#joined", "npu"}, {"out", "npu"}};
  const auto cut = [](const char* node, int64_t axis, int64_t first) {
    return json{{"node", node}, {"axis", axis}, {"first", first}};
  };
  for (const json& cuts :
       {json{cut("b", 1, 24)}, json{cut("a", 7, 24)}, json{cut("a", 1, kChannels)}, json{cut("a", 1, 2147483647)},
        json{cut("a", 1, 24), cut("a", 1, 24)}, json{cut("out", 1, 24)}, json{cut("a", 1, 24), cut("out", 1, 8)}}) {
    document_["plans"] = json::array();
    add_whole(900'000);
    add_row(nodes, cuts, 500'000);
    Session session = compile();
    const Explanation e = session.explain();
    EXPECT_TRUE(shares(e).empty()) << cuts << e.to_string();
    EXPECT_EQ(e.cost.decided_by, "race") << cuts;
    EXPECT_EQ(e.cost.predicted_ns, 900'000) << cuts;
  }
}

// Rows that could be read, whatever they say: such a session computes what any other does.
TEST_F(RacedSplit, MutatedRowsChangeNoResult) {
  const char* asked = std::getenv("MOTLEY_MUTATIONS");
  add_whole(900'000);
  add_split(24, 500'000);
  const json original = document_;
  Session reference = soc_runtime().compile(model_, {.devices = {"reference"}});
  const std::vector<float> want = run(reference);
  std::mt19937 random(5);
  int used = 0, intact = 0;  // with the split plan as it was measured
  for (const int wanted = asked ? std::atoi(asked) : 60; used < wanted;) {
    document_ = original;
    for (const char* list : {"plans", "transfers", "kernels"})
      if (random() % 3 != 0 || list[0] == 'p') document_[list] = mutate_tree(document_[list], random);
    std::string text;
    try {
      text = tuner::table_text(tuner::canonical(document_));
      table::parse_document(text, "the table");
    } catch (const std::exception&) {
      continue;  // no table
    }
    ++used;
    Session session = compile();
    const PlanCost cost = session.explain().cost;
    intact += cost.decided_by == "race" && cost.predicted_ns == 500'000;
    const std::vector<float> got = run(session);
    for (size_t i = 0; i < got.size(); ++i)
      ASSERT_NEAR(got[i], want[i], 1e-3F * std::max(1.0F, std::abs(want[i]))) << text;
  }
  EXPECT_GT(intact, used / 10);
  EXPECT_LT(intact, used);
}

TEST_F(RacedSplit, WhatACompilerRefusesIsComputedWhole) {
  add_whole(900'000);
  add_split(24, 500'000);
  setenv("MOTLEY_SOC_REFUSE", "a#2", 1);
  const Explanation e = compile().explain();
  unsetenv("MOTLEY_SOC_REFUSE");
  EXPECT_TRUE(shares(e).empty()) << e.to_string();
}

}  // namespace
}  // namespace motley::test
