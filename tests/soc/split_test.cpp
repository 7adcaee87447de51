// Operators computed by two devices at once.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "graph/infer.hpp"
#include "graphs.hpp"
#include "ir_builder.hpp"
#include "plan/split.hpp"
#include "soc.hpp"

namespace motley::test {
namespace {

std::vector<float> run(Session& session) {
  session.input("x").copy_from(noise(static_cast<size_t>(session.input("x").elements()), 3));
  session.run();
  const auto values = session.output("out").as<float>();
  return {values.begin(), values.end()};
}

void expect_near(const std::vector<float>& got, const std::vector<float>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-3f * std::max(1.0f, std::abs(want[i]))) << i;
}

std::vector<float> by_reference(const Model& model) {
  Session session = soc_runtime().compile(model, {.devices = {"reference"}});
  return run(session);
}

std::vector<Placement> parts_of(const Explanation& e) {
  std::vector<Placement> parts;
  for (const Placement& p : e.nodes)
    if (!p.part_of.empty()) parts.push_back(p);
  return parts;
}

Model finish(graph::Module module, TensorId out) {
  module.main().outputs = {out};
  graph::infer_shapes(module);
  return Model::from_module(std::move(module));
}

TensorId weights(Graph& g, const std::string& name, std::vector<int64_t> shape) {
  int64_t count = 1;
  for (int64_t d : shape) count *= d;
  std::vector<float> values = noise(static_cast<size_t>(count), static_cast<unsigned>(name.size() + 5));
  for (float& v : values) v *= 0.1f;
  return constant(g, name, DataType::float32, std::move(shape), values);
}

schema::ConvAttributesT convolution(int64_t kernel, int64_t stride = 1) {
  schema::ConvAttributesT conv;
  conv.strides = {stride, stride};
  conv.dilations = {1, 1};
  conv.pads = std::vector<int64_t>(4, kernel / 2);
  return conv;
}

// x → conv → conv (with bias) → conv with the first one's result as residual → out
Model chain(int64_t channels, int64_t side) {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  g.inputs = {tensor(g, "x", DataType::float32, Dims{Dim(1), Dim(channels), Dim(side), Dim(side)})};
  const auto w = [&](const std::string& name) { return weights(g, name + "_w", {channels, channels, 3, 3}); };
  const TensorId a = node(g, "a", Op::Conv, {g.inputs[0], w("a")}, DataType::float32, convolution(3));
  const TensorId b =
      node(g, "b", Op::Conv, {a, w("b"), weights(g, "b_b", {channels})}, DataType::float32, convolution(3));
  const TensorId out = node(g, "out", Op::Conv, {b, w("out"), graph::kNone, a}, DataType::float32, convolution(3));
  return finish(std::move(module), out);
}

Model product(int64_t rows, int64_t inner, int64_t columns, bool transposed) {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  g.inputs = {tensor(g, "x", DataType::float32, Dims{Dim(rows), Dim(inner)})};
  schema::MatMulAttributesT attributes;
  attributes.transpose_b = transposed;
  const TensorId b = transposed ? weights(g, "b", {columns, inner}) : weights(g, "b", {inner, columns});
  const TensorId out =
      node(g, "out", Op::MatMul, {g.inputs[0], b, weights(g, "c", {columns})}, DataType::float32, attributes);
  return finish(std::move(module), out);
}

CompileOptions without(CompileOptions options) {
  options.split = false;
  return options;
}

// A GPU and an NPU of nearly the same speed: together they are much faster than either.
TEST(SocSplit, TwoDevicesShareConvolutions) {
  const Model model = chain(64, 28);
  const CompileOptions options = on("twins", model);
  Session session = soc_runtime().compile(model, options);
  const Explanation e = session.explain();
  const std::vector<Placement> parts = parts_of(e);
  ASSERT_EQ(parts.size(), 6u) << e.to_string();
  std::map<std::string, double> share;
  std::map<std::string, std::set<std::string>> devices;
  std::map<uint32_t, size_t> in_segment;
  for (const Placement& p : e.nodes) ++in_segment[p.segment];
  for (const Placement& p : parts) {
    share[p.part_of] += p.share;
    devices[p.part_of].insert(p.device);
    EXPECT_EQ(in_segment[p.segment], 1u) << p.node;  // so that the other device's part can begin at once
    EXPECT_NE(p.reason.find("of 64 of " + p.part_of + ", while soc:twins."), std::string::npos) << p.reason;
    EXPECT_EQ(p.cost_source, "near");
    EXPECT_GT(p.share, 0.3);
  }
  for (const std::string name : {"a", "b", "out"}) {
    EXPECT_NEAR(share[name], 1, 1e-9) << name;
    EXPECT_EQ(devices[name], (std::set<std::string>{"soc:twins.gpu", "soc:twins.npu"})) << name;
  }
  const double plain = soc_runtime().compile(model, without(options)).explain().cost.predicted_ns;
  EXPECT_LT(e.cost.predicted_ns, 0.75 * plain) << e.to_string();
  EXPECT_TRUE(e.cost.side_by_side);
  expect_near(run(session), by_reference(model));
  expect_near(run(session), by_reference(model));
}

TEST(SocSplit, EstimatesDontSuffice) {
  const Model model = chain(64, 28);
  CompileOptions options;
  options.deny = {"cpu", "reference", "soc:flagship.*", "soc:midrange.*", "soc:budget.*", "soc:tablet.*"};
  Session session = soc_runtime().compile(model, options);
  EXPECT_TRUE(parts_of(session.explain()).empty()) << session.explain().to_string();
  expect_near(run(session), by_reference(model));
}

TEST(SocSplit, ProductsAreSplitByColumns) {
  for (const bool transposed : {false, true}) {
    const Model model = product(256, 512, 768, transposed);
    const CompileOptions options = on("twins", model);
    Session session = soc_runtime().compile(model, options);
    EXPECT_EQ(parts_of(session.explain()).size(), 2u) << session.explain().to_string();
    expect_near(run(session), by_reference(model));
  }
}

TEST(SocSplit, SmallOperatorsStayWhole) {
  for (const Model& model : {chain(64, 7), chain(8, 56), product(1, 64, 64, false)})
    EXPECT_TRUE(parts_of(soc_runtime().compile(model, on("twins", model)).explain()).empty());
}

TEST(SocSplit, WhatIsKeptOrPinnedOrNotWantedStaysWhole) {
  const Model model = chain(64, 28);
  CompileOptions options = on("twins", model);
  const auto split = [&] {
    std::set<std::string> names;
    for (const Placement& p : parts_of(soc_runtime().compile(model, options).explain())) names.insert(p.part_of);
    return names;
  };
  ASSERT_EQ(split().size(), 3u);
  options.keep = {"b"};
  EXPECT_EQ(split().count("b"), 0u);
  options.keep = {};
  options.pins = {{"b", "soc:twins.gpu"}};
  EXPECT_EQ(split(), (std::set<std::string>{"a", "out"}));
  options.pins = {};
  options.keep_all = true;
  EXPECT_TRUE(split().empty());
  options.keep_all = false;
  for (const Policy policy : {Policy::throughput, Policy::power, Policy::memory}) {
    options.policy = policy;
    EXPECT_TRUE(split().empty()) << to_string(policy);
  }
  options.policy = Policy::latency;
  options.split = false;
  EXPECT_TRUE(split().empty());
}

// Order decides where nothing was measured.
TEST(SocSplit, AnOrderOfDevicesIsKept) {
  const Model model = chain(64, 28);
  CompileOptions options;
  options.devices = {"soc:twins.npu", "soc:twins.gpu", "soc:twins.big"};
  EXPECT_TRUE(parts_of(soc_runtime().compile(model, options).explain()).empty());
}

TEST(SocSplit, IsNeverPredictedToBeSlower) {
  std::vector<std::string> all = phones();
  all.push_back("twins");
  size_t faster = 0;
  for (const std::string& phone : all)
    for (const Model& model :
         {chain(32, 28), chain(64, 28), chain(64, 56), branching_network(2, 2, 64, 56), branching_network(3, 2, 32, 28),
          branching_network(1, 3, 64, 56), product(64, 512, 512, true)}) {
      const CompileOptions options = on(phone, model);
      const Explanation with = soc_runtime().compile(model, options).explain();
      const Explanation plain = soc_runtime().compile(model, without(options)).explain();
      EXPECT_LE(with.cost.predicted_ns, plain.cost.predicted_ns) << phone << with.to_string() << plain.to_string();
      EXPECT_LE(with.cost.bound, with.cost.predicted_ns);
      EXPECT_TRUE(parts_of(plain).empty());
      if (parts_of(with).empty()) {
        EXPECT_EQ(with.cost.predicted_ns, plain.cost.predicted_ns);
        continue;
      }
      ++faster;
      EXPECT_LT(with.cost.predicted_ns, plain.cost.predicted_ns);
    }
  EXPECT_GE(faster, 6u);
}

// What a device's compiler refuses as a part is computed as a whole.
TEST(SocSplit, ARefusedPartIsNoPart) {
  const Model model = chain(64, 28);
  const CompileOptions options = on("twins", model);
  setenv("MOTLEY_SOC_REFUSE", "b#2", 1);
  Session session = soc_runtime().compile(model, options);
  unsetenv("MOTLEY_SOC_REFUSE");
  EXPECT_TRUE(parts_of(session.explain()).empty()) << session.explain().to_string();
  expect_near(run(session), by_reference(model));
}

// A device that is lost between the parts: the rest is planned anew, and the run gives what it should.
TEST(SocSplit, ALostDeviceIsNoHelper) {
  const Model model = chain(64, 28);
  Session session = soc_runtime().compile(model, on("twins", model));
  ASSERT_FALSE(parts_of(session.explain()).empty());
  setenv("MOTLEY_SOC_LOST", "twins.npu", 1);
  const std::vector<float> got = run(session);
  unsetenv("MOTLEY_SOC_LOST");
  expect_near(got, by_reference(model));
  const Explanation e = session.explain();
  ASSERT_EQ(e.lost.size(), 1u);
  for (const Placement& p : e.nodes) EXPECT_NE(p.device, "soc:twins.npu");
}

// The rewrite alone: any cut gives the same results.
TEST(SocSplit, EveryCutGivesTheSameResults) {
  struct Case {
    Model model;
    uint32_t node;
    int64_t channels;
  };
  for (const Case& c : {Case{chain(24, 9), 0, 24}, Case{chain(24, 9), 1, 24}, Case{chain(24, 9), 2, 24},
                        Case{product(5, 7, 18, false), 0, 18}, Case{product(5, 7, 18, true), 0, 18}}) {
    const std::vector<float> want = by_reference(c.model);
    for (const int64_t first : {int64_t{1}, int64_t{5}, c.channels / 2, c.channels - 1}) {
      const graph::Graph& whole = c.model.module().main();
      ASSERT_EQ(plan::channels_to_cut(whole, whole.nodes[c.node]), c.channels);
      graph::Module module;
      module.graphs = {plan::split_graph(whole, {{c.node, 0, 1, first, c.channels}}).graph};
      EXPECT_EQ(module.main().nodes.size(), whole.nodes.size() + 2 + 2 * (c.node == 2 && c.channels == 24));
      const Model cut = Model::from_module(std::move(module));
      Session session = soc_runtime().compile(cut, {.devices = {"reference"}});
      expect_near(run(session), want);
    }
  }
}

}  // namespace
}  // namespace motley::test
