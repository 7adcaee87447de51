// Operators computed by two devices at once.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "base/text.hpp"
#include "graph/infer.hpp"
#include "graphs.hpp"
#include "ir_builder.hpp"
#include "plan/split.hpp"
#include "soc.hpp"

namespace motley::test {
namespace {

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

std::vector<std::string> all_phones() {
  std::vector<std::string> all = phones();
  all.insert(all.end(), {"twins", "integrated"});
  return all;
}

// A GPU over the host's memory: its part is there without a copy where it lies in the joined tensor, as an import.
TEST(SocSplit, ImportedMemoryIsWrittenInPlace) {
  const Model model = chain(64, 28);
  const CompileOptions options = on("integrated", model);
  Session session = soc_runtime().compile(model, options);
  const Explanation e = session.explain();
  EXPECT_EQ(parts_of(e).size(), 6u) << e.to_string();
  size_t joined = 0, imported = 0;
  for (const Placement& p : e.nodes) joined += p.reason.starts_with("in place");
  for (const Transfer& t : e.transfers) imported += t.way == "import" && t.tensor.find('#') != std::string::npos;
  EXPECT_GE(joined, 3u) << e.to_string();
  EXPECT_GE(imported, 1u) << e.to_string();
  EXPECT_LT(e.cost.predicted_ns, 0.75 * soc_runtime().compile(model, without(options)).explain().cost.predicted_ns);
  for (int i = 0; i < 3; ++i) expect_near(run(session), by_reference(model));
}

TEST(SocSplit, EstimatesDontSuffice) {
  const Model model = chain(64, 28);
  CompileOptions options;
  options.deny = {"cpu",          "reference",    "soc:flagship.*",   "soc:midrange.*",
                  "soc:budget.*", "soc:tablet.*", "soc:integrated.*", "soc:camera.*"};
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
  size_t faster = 0;
  for (const std::string& phone : all_phones())
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

// No plan is below the time in which all devices that run an operator, sharing it without any loss, get through a chain
// one after another.
TEST(SocSplit, SharesComeNearToPerfectSharing) {
  for (const std::string phone : {"twins", "integrated"}) {
    const Model model = chain(64, 28);
    const CompileOptions options = on(phone, model);
    std::map<std::string, double> rate;  // per node, operators a ns
    for (const std::string& device : options.devices) {
      CompileOptions alone = options;
      alone.devices = {device};
      for (const Placement& p : soc_runtime().compile(model, alone).explain().nodes) rate[p.node] += 1 / p.estimate_ns;
    }
    double perfect = 0;
    for (const auto& [name, all] : rate) perfect += 1 / all;
    const Explanation e = soc_runtime().compile(model, options).explain();
    EXPECT_GE(e.cost.predicted_ns, perfect) << phone << e.to_string();
    EXPECT_LE(e.cost.predicted_ns, 1.5 * perfect)
        << phone << e.to_string();  // starts, fences, and three devices on twins
  }
}

TEST(SocSplit, TheOrderOfPluginsPlaysNoPart) {
  const Model model = chain(64, 28);
  CompileOptions options = on("twins", model);
  for (const bool named : {false, true}) {
    if (!named) {
      options.devices = {};
      options.deny = {"cpu",          "reference",    "soc:flagship.*",   "soc:midrange.*",
                      "soc:budget.*", "soc:tablet.*", "soc:integrated.*", "soc:camera.*"};
    }
    std::vector<std::string> files = {MOTLEY_PLUGINS "/cpu.json", MOTLEY_PLUGINS "/reference.json",
                                      MOTLEY_TEST_PLUGINS "/libmotley_soc.so"};
    std::sort(files.begin(), files.end());
    std::set<std::string> texts;
    do {
      RuntimeOptions runtime;
      runtime.standard_places = false;
      runtime.plugin_files.assign(files.begin(), files.end());
      Explanation e = Runtime(runtime).compile(model, options).explain();
      e.cost.planner_ns = 0;
      EXPECT_EQ(parts_of(e).size(), 6u) << e.to_string();
      texts.insert(e.to_string());
    } while (std::next_permutation(files.begin(), files.end()));
    EXPECT_EQ(texts.size(), 1u) << *texts.begin() << *texts.rbegin();
    options = on("twins", model);
  }
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

// The rewrite alone: every axis, every cut gives the same results.
void expect_same_by_every_cut(const Model& model, const std::string& what) {
  const std::vector<float> want = by_reference(model);
  const graph::Graph& whole = model.module().main();
  for (uint32_t n = 0; n < whole.nodes.size(); ++n)
    for (const plan::CutAxis& axis : plan::axes_to_cut(whole, whole.nodes[n]))
      for (int64_t first = axis.grain; first < axis.extent; first += axis.grain) {
        SCOPED_TRACE(
            base::text("%, axis % of % at % of %", {what, axis.axis, whole.nodes[n].name, first, axis.extent}));
        graph::Module module;
        module.graphs = {plan::split_graph(whole, {{n, 0, 1, axis.axis, first, axis.extent, 0, 0, axis.unit}}).graph};
        graph::infer_shapes(module);
        const Model cut = Model::from_module(std::move(module));
        Session session = soc_runtime().compile(cut, {.devices = {"reference"}});
        expect_near(run(session), want);
      }
}

std::set<int> axes_of(const Model& model, uint32_t node = 0) {
  std::set<int> axes;
  const graph::Graph& whole = model.module().main();
  for (const plan::CutAxis& axis : plan::axes_to_cut(whole, whole.nodes[node])) axes.insert(axis.axis);
  return axes;
}

TEST(SocSplit, EveryCutGivesTheSameResults) {
  expect_same_by_every_cut(chain(24, 9), "chain");
  EXPECT_EQ(axes_of(chain(24, 9)), (std::set<int>{1, 2}));
  for (const bool transposed : {false, true}) {
    expect_same_by_every_cut(product(5, 7, 18, transposed), "product");
    EXPECT_EQ(axes_of(product(5, 7, 18, transposed)), (std::set<int>{0, 1}));
  }
}

// x → one node → out
template <class AttributesT>
Model single(Op op, std::vector<int64_t> x, const std::vector<std::vector<int64_t>>& constants,
             AttributesT attributes) {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  Dims shape;
  for (int64_t d : x) shape.push_back(Dim(d));
  g.inputs = {tensor(g, "x", DataType::float32, shape)};
  std::vector<TensorId> inputs = g.inputs;
  for (size_t i = 0; i < constants.size(); ++i) inputs.push_back(weights(g, "w" + std::to_string(i), constants[i]));
  const TensorId out = node(g, "out", op, inputs, DataType::float32, std::move(attributes));
  return finish(std::move(module), out);
}

struct WindowCase {
  int64_t images, channels, out, group, height, kernel, stride, dilation, before, after;
};
std::ostream& operator<<(std::ostream& s, const WindowCase& c) {
  return s << c.images << "x" << c.channels << "x" << c.height << " to " << c.out << " group " << c.group << " kernel "
           << c.kernel << "/" << c.stride << " dilation " << c.dilation << " pads " << c.before << "," << c.after;
}

template <class AttributesT>
AttributesT window(const WindowCase& c) {
  AttributesT a;
  a.strides = {c.stride, 1};
  a.dilations = {c.dilation, 1};
  a.pads = {c.before, 1, c.after, 1};
  return a;
}

// Few channels, images of one row, strides beyond the kernel, padding on one side, dilation, groups of several
// channels.
const WindowCase kWindows[] = {
    {1, 3, 17, 1, 9, 3, 1, 1, 1, 1},    {1, 1, 16, 1, 1, 3, 1, 1, 1, 1},   {3, 17, 1, 1, 7, 3, 2, 1, 0, 2},
    {2, 17, 17, 17, 11, 5, 1, 1, 2, 2}, {1, 24, 24, 24, 8, 3, 3, 1, 0, 0}, {1, 16, 32, 16, 13, 2, 5, 1, 1, 0},
    {1, 32, 16, 8, 10, 3, 1, 3, 3, 3},  {1, 3, 3, 1, 4, 1, 1, 1, 0, 0},    {2, 16, 24, 4, 6, 4, 2, 2, 4, 1},
    {5, 3, 3, 3, 16, 1, 4, 1, 0, 0},
};

TEST(SocSplit, EveryCutOfAConvolution) {
  for (const WindowCase& c : kWindows) {
    auto a = window<schema::ConvAttributesT>(c);
    a.group = c.group;
    const std::vector<int64_t> w = {c.out, c.channels / c.group, c.kernel, 3};
    const Model model = single(Op::Conv, {c.images, c.channels, c.height, 6}, {w, {c.out}}, a);
    expect_same_by_every_cut(model, testing::PrintToString(c));
  }
}

TEST(SocSplit, EveryCutOfAPooling) {
  for (const WindowCase& c : kWindows)
    for (const auto function : {schema::PoolFunction::max, schema::PoolFunction::average})
      for (const bool counts : {false, true})
        for (const bool ceil : {false, true}) {
          if (c.before >= (c.kernel - 1) * c.dilation + 1 || c.after >= (c.kernel - 1) * c.dilation + 1) continue;
          auto a = window<schema::PoolAttributesT>(c);
          a.kernel_shape = {c.kernel, 3};
          a.function = function;
          a.count_include_pad = counts;
          a.ceil_mode = ceil;
          const Model model = single(Op::Pool, {c.images, c.channels, c.height, 6}, {}, a);
          EXPECT_FALSE(ceil && axes_of(model).count(2));
          expect_same_by_every_cut(model, testing::PrintToString(c));
        }
}

TEST(SocSplit, EveryCutOfOthers) {
  using Shape = std::vector<int64_t>;
  for (const Shape& x : {Shape{1, 3, 5}, Shape{17, 4}, Shape{1, 1, 1}, Shape{3, 1, 6, 2}, Shape{1, 17, 1, 1}}) {
    const std::string what = testing::PrintToString(x);
    schema::UnaryAttributesT unary;
    unary.function = schema::UnaryFunction::sigmoid;
    expect_same_by_every_cut(single(Op::Unary, x, {}, unary), what);
    for (const Shape& w : {x, Shape{x.back()}, Shape{1}}) {
      schema::BinaryAttributesT binary;
      expect_same_by_every_cut(single(Op::Binary, x, {w}, binary), what);
    }
    schema::SoftmaxAttributesT softmax;
    schema::NormalizeAttributesT normalize;
    for (int64_t axis = 0; axis < static_cast<int64_t>(x.size()); ++axis) {
      softmax.axis = axis;
      normalize.axis = axis - static_cast<int64_t>(x.size());
      const Shape scale(x.begin() + axis, x.end());
      for (const int a : axes_of(single(Op::Softmax, x, {}, softmax))) EXPECT_LT(a, axis);
      expect_same_by_every_cut(single(Op::Softmax, x, {}, softmax), what);
      expect_same_by_every_cut(single(Op::Normalize, x, {scale, scale}, normalize), what);
    }
  }
  schema::MatMulAttributesT product;
  expect_same_by_every_cut(single(Op::MatMul, {3, 5, 7}, {{7, 18}, {18}}, product), "3x5x7 by 7x18");
  expect_same_by_every_cut(single(Op::MatMul, {3, 5, 7}, {{3, 7, 4}, {5, 1}}, product), "batches");
  expect_same_by_every_cut(single(Op::MatMul, {5, 7}, {{3, 7, 4}, {3, 1, 4}}, product), "one against batches");
  expect_same_by_every_cut(single(Op::MatMul, {2, 1, 5, 7}, {{1, 3, 7, 4}}, product), "two batch axes");
  product.transpose_a = true;
  expect_same_by_every_cut(single(Op::MatMul, {2, 7, 6}, {{7, 4}, {6, 1}}, product), "transposed");
}

// Kernels so slow that every operator is worth a split, on devices with and without memory of their own.
void expect_right_when_slow(const Model& model, const std::string& what, std::map<std::string, size_t>& splits,
                            size_t& in_place) {
  const std::vector<float> want = by_reference(model);
  for (const std::string& phone : all_phones()) {
    SCOPED_TRACE(phone + ": " + what);
    const CompileOptions options = on(phone, model, 1e5);
    Session session = soc_runtime().compile(model, options);
    const Explanation e = session.explain();
    splits[phone] += parts_of(e).size() / 2;
    for (const Placement& p : e.nodes) in_place += p.reason.starts_with("in place");
    const double plain = soc_runtime().compile(model, without(options)).explain().cost.predicted_ns;
    EXPECT_EQ(e.cost.predicted_ns < plain, !parts_of(e).empty()) << e.to_string();
    EXPECT_LE(e.cost.bound, e.cost.predicted_ns);
    expect_near(run(session), want);
    expect_near(run(session), want);
  }
}

TEST(SocSplit, SlowKernelsOfAnyShapeAreSharedAndRight) {
  std::map<std::string, size_t> splits;
  size_t in_place = 0;
  for (const WindowCase& c : kWindows) {
    auto a = window<schema::ConvAttributesT>(c);
    a.group = c.group;
    const std::vector<int64_t> w = {c.out, c.channels / c.group, c.kernel, 3};
    const Model model = single(Op::Conv, {c.images, c.channels, c.height, 6}, {w, {c.out}}, a);
    expect_right_when_slow(model, testing::PrintToString(c), splits, in_place);
  }
  for (const int64_t rows : {1, 3, 17})
    expect_right_when_slow(product(rows, 5, 17, false), "product", splits, in_place);
  expect_right_when_slow(chain(24, 9), "chain", splits, in_place);
  expect_right_when_slow(chain(3, 1), "chain of single pixels", splits, in_place);
  for (const std::string& phone : all_phones()) EXPECT_GE(splits[phone], 4u) << phone;
  EXPECT_GE(in_place, 20u);
}

// x → convolution → depthwise convolution → pooling → out: parts go on with parts, and are joined once.
TEST(SocSplit, PartsReadParts) {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  g.inputs = {tensor(g, "x", DataType::float32, Dims{Dim(1), Dim(64), Dim(28), Dim(28)})};
  const TensorId a =
      node(g, "a", Op::Conv, {g.inputs[0], weights(g, "a_w", {64, 64, 3, 3})}, DataType::float32, convolution(3));
  schema::ConvAttributesT depthwise = convolution(3);
  depthwise.group = 64;
  const TensorId b = node(g, "b", Op::Conv, {a, weights(g, "b_w", {64, 1, 3, 3})}, DataType::float32, depthwise);
  schema::PoolAttributesT pool;
  pool.kernel_shape = {3, 3};
  pool.strides = {1, 1};
  pool.pads = {1, 1, 1, 1};
  const TensorId out = node(g, "out", Op::Pool, {b}, DataType::float32, pool);
  const Model model = finish(std::move(module), out);
  Session session = soc_runtime().compile(model, on("twins", model));
  const Explanation e = session.explain();
  EXPECT_EQ(parts_of(e).size(), 6u) << e.to_string();
  EXPECT_EQ(e.nodes.size(), 7u) << e.to_string();
  EXPECT_TRUE(e.nodes.back().reason.starts_with("in place")) << e.to_string();
  expect_near(run(session), by_reference(model));
}

// An output of the caller's memory: parts write into that.
TEST(SocSplit, PartsWriteIntoTheCallersMemory) {
  const Model model = chain(64, 28);
  Session session = soc_runtime().compile(model, on("twins", model));
  ASSERT_FALSE(parts_of(session.explain()).empty());
  const std::vector<float> want = by_reference(model);
  alignas(64) static float mine[64 * 28 * 28];
  session.output("out").bind(std::span<float>(mine));
  session.input("x").copy_from(noise(static_cast<size_t>(session.input("x").elements()), 3));
  session.run();
  expect_near({mine, mine + 64 * 28 * 28}, want);
}

TEST(SocSplit, EmptyBatchesStayWhole) {
  EXPECT_TRUE(axes_of(single(Op::Conv, {0, 3, 9, 9}, {{32, 3, 3, 3}}, convolution(3))).empty());
  EXPECT_TRUE(axes_of(single(Op::MatMul, {0, 64}, {{64, 64}}, schema::MatMulAttributesT())).empty());
}

}  // namespace
}  // namespace motley::test
