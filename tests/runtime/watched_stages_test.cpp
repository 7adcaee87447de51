// Networks that run in stages are watched, cut, timed, explained and fused as others are.
#include <gtest/gtest.h>

#include <algorithm>

#include "graphs.hpp"
#include "ir_builder.hpp"

namespace motley::test {
namespace {

using schema::NoAttributesT;

// image (1,3,6,6) → conv → batch norm → relu → boxes (1,4,4) and scores (1,1,4) → NMS → gather the boxes that stay → neg
Model detector() {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const TensorId image = tensor(g, "image", DataType::float32, Dims{Dim(1), Dim(3), Dim(6), Dim(6)});
  g.inputs = {image};
  const auto weights = [&g](const std::string& name, std::vector<int64_t> shape, unsigned seed, float offset = 0) {
    size_t count = 1;
    for (int64_t d : shape) count *= static_cast<size_t>(d);
    std::vector<float> values = noise(count, seed);
    for (float& v : values) v = offset == 0 ? v : offset + std::abs(v);
    return constant<float>(g, name, DataType::float32, std::move(shape), values);
  };
  const TensorId conv = node(g, "conv", Op::Conv, {image, weights("conv_w", {5, 3, 3, 3}, 1)}, DataType::float32,
                             schema::ConvAttributesT());
  const TensorId bn = node(g, "bn", Op::BatchNormalization,
                           {conv, weights("scale", {5}, 2, 1), weights("bias", {5}, 3, 0.5f), weights("mean", {5}, 4),
                            weights("var", {5}, 5, 1)},
                           DataType::float32, schema::BatchNormalizationAttributesT());
  const TensorId relu = node(g, "relu", Op::Unary, {bn}, DataType::float32, unary(schema::UnaryFunction::relu));
  const TensorId flat = node(g, "flat", Op::Reshape, {relu, g.add_int64("rows", {4, 20})}, DataType::float32,
                             schema::ReshapeAttributesT());
  const TensorId box = node(g, "box", Op::MatMul, {flat, weights("box_w", {20, 4}, 6)}, DataType::float32,
                            schema::MatMulAttributesT());
  const TensorId boxes = node(g, "boxes", Op::Reshape, {box, g.add_int64("box_shape", {1, 4, 4})}, DataType::float32,
                              schema::ReshapeAttributesT());
  const TensorId score = node(g, "score", Op::MatMul, {flat, weights("score_w", {20, 1}, 7)}, DataType::float32,
                              schema::MatMulAttributesT());
  const TensorId scores = node(g, "scores", Op::Reshape, {score, g.add_int64("score_shape", {1, 1, 4})},
                               DataType::float32, schema::ReshapeAttributesT());
  const TensorId kept = node(g, "nms", Op::NonMaxSuppression,
                             {boxes, scores, g.add_int64("most", {4}),
                              constant<float>(g, "iou", DataType::float32, {1}, {0.01f}),
                              constant<float>(g, "least", DataType::float32, {1}, {-100})},
                             DataType::int64, schema::NonMaxSuppressionAttributesT());
  const TensorId index = node(g, "index", Op::Slice,
                              {kept, g.add_int64("from", {2}), g.add_int64("to", {3}), g.add_int64("axis", {1})},
                              DataType::int64, NoAttributesT());
  const TensorId list =
      node(g, "list", Op::Reshape, {index, g.add_int64("all", {-1})}, DataType::int64, schema::ReshapeAttributesT());
  const TensorId chosen = node(g, "chosen", Op::Gather, {box, list}, DataType::float32, schema::AxisAttributesT());
  g.outputs = {node(g, "y", Op::Unary, {chosen}, DataType::float32, unary(schema::UnaryFunction::neg))};
  return Model::from_module(std::move(module));
}

const std::vector<float>& image(unsigned seed) {
  static std::map<unsigned, std::vector<float>> images;
  std::vector<float>& values = images[seed];
  if (values.empty()) values = noise(108, seed);
  return values;
}

std::vector<float> floats(const TensorRef& t) {
  const auto y = t.as<float>();
  return {y.begin(), y.end()};
}

std::vector<float> run(Session& s, unsigned seed) {
  s.input("image").copy_from(image(seed));
  s.run();
  return floats(s.output("y"));
}

TEST(WatchedStages, FusesWhatComesBeforeTheDataAndPacksItOnce) {
  const Runtime rt = runtime_with();
  Session s = rt.compile(detector(), {.devices = {"cpu"}});
  const auto has = [&](const char* op) {
    const Explanation e = s.explain();
    return std::count_if(e.nodes.begin(), e.nodes.end(), [&](const Placement& p) { return p.op == op; });
  };
  EXPECT_EQ(has("Conv"), 1) << "the first stage is planned when the model is compiled\n" << s.explain().to_string();
  EXPECT_EQ(s.plans_made(), 1u);
  EXPECT_EQ(has("Unary(relu)") + has("BatchNormalization"), 0) << "both are part of the convolution";
  Session plain = rt.compile(detector(), {.devices = {"reference"}, .optimize = false});
  std::set<size_t> counts;
  for (unsigned seed = 1; seed <= 12; ++seed) {
    const std::vector<float> got = run(s, seed), want = run(plain, seed);
    ASSERT_EQ(got.size(), want.size()) << seed;
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-4);
    counts.insert(got.size());
  }
  EXPECT_GT(counts.size(), 1u) << "the inputs are to give different counts";
  EXPECT_EQ(s.plans_made(), 2 + counts.size()) << "the first stage, NMS, and a last stage per count";
  EXPECT_EQ(has("Conv"), 1);
  EXPECT_EQ(has("NonMaxSuppression"), 1) << s.explain().to_string();
  const size_t plans = s.plans_made();
  for (unsigned seed = 1; seed <= 12; ++seed) run(s, seed);
  EXPECT_EQ(s.plans_made(), plans);
}

// Weights behind a DequantizeLinear are not folded to floats before the passes have seen them.
TEST(WatchedStages, QuantizedConvolutionsComputeOnIntegers) {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(1), Dim(2), Dim(4), Dim(4)});
  g.inputs = {x};
  const auto quantized = [&g](const std::string& name, TensorId from) {
    const TensorId scale = constant<float>(g, name + "/scale", DataType::float32, {}, {0.05f}),
                   zero = constant<uint8_t>(g, name + "/zero", DataType::uint8, {}, {128});
    schema::QuantizeAttributesT a;
    const TensorId q = node(g, name + "/q", Op::QuantizeLinear, {from, scale, zero}, DataType::uint8, a);
    return node(g, name + "/dq", Op::DequantizeLinear, {q, scale, zero}, DataType::float32, a);
  };
  std::vector<int8_t> w(2 * 2 * 9);
  for (size_t i = 0; i < w.size(); ++i) w[i] = static_cast<int8_t>(static_cast<int>(i * 7 % 50) - 25);
  const TensorId weights =
      node(g, "weights", Op::DequantizeLinear,
           {constant<int8_t>(g, "w", DataType::int8, {2, 2, 3, 3}, w), constant<float>(g, "w/scale", DataType::float32, {}, {0.02f}),
            constant<int8_t>(g, "w/zero", DataType::int8, {}, {0})},
           DataType::float32, schema::QuantizeAttributesT());
  const TensorId conv = node(g, "conv", Op::Conv, {quantized("in", x), weights}, DataType::float32,
                             schema::ConvAttributesT());
  const TensorId out = quantized("out", conv);
  g.outputs = {node(g, "found", Op::NonZero, {out}, DataType::int64, NoAttributesT())};
  const Runtime rt = runtime_with();
  const Model model = Model::from_module(std::move(module));
  Session s = rt.compile(model, {.devices = {"cpu"}}), plain = rt.compile(model, {.devices = {"reference"}, .optimize = false});
  const Explanation e = s.explain();
  EXPECT_TRUE(std::any_of(e.nodes.begin(), e.nodes.end(), [](const Placement& p) { return p.op == "QLinearConv"; }))
      << e.to_string();
  for (Session* session : {&s, &plain}) {
    session->input("x").copy_from(noise(32, 1));
    session->run();
  }
  const auto a = s.output("found").as<int64_t>(), b = plain.output("found").as<int64_t>();
  EXPECT_EQ(std::vector<int64_t>(a.begin(), a.end()), std::vector<int64_t>(b.begin(), b.end()));
}

TEST(WatchedStages, KeptTensorsAreThereAfterTheRun) {
  const Runtime rt = runtime_with();
  Session s = rt.compile(detector(), {.keep = {"bn", "nms", "chosen"}});
  Session all = rt.compile(detector(), {.keep_all = true});
  Session plain = rt.compile(detector());
  for (unsigned seed : {1u, 2u, 3u}) {
    const std::vector<float> y = run(plain, seed);
    EXPECT_EQ(run(s, seed).size(), y.size());
    EXPECT_EQ(run(all, seed).size(), y.size());
    EXPECT_EQ(s.tensor("bn").shape().size(), 4u);
    EXPECT_EQ(s.tensor("bn").elements(), 80);
    EXPECT_EQ(s.tensor("nms").type(), motley::DataType::int64);
    EXPECT_EQ(static_cast<size_t>(s.tensor("nms").shape()[0]), y.size() / 4);
    std::vector<float> negated = floats(s.tensor("chosen"));
    for (float& v : negated) v = -v;
    EXPECT_EQ(negated, floats(s.output("y")));
    for (const NodeInfo& node : detector().nodes()) EXPECT_NE(all.tensor(node.outputs[0]).type(), motley::DataType::undefined) << node.name;
  }
  EXPECT_EQ(s.output_names(), std::vector<std::string>{"y"});
  EXPECT_THROW(rt.compile(detector(), {.keep = {"nobody"}}), Error);
}

TEST(WatchedStages, CallsAroundNodesOfEveryKind) {
  const Runtime rt = runtime_with();
  Session s = rt.compile(detector(), {.keep = {"conv", "relu", "nms", "chosen"}});
  std::vector<std::string> calls;
  std::vector<float> relu;
  int64_t rows = -1;
  s.before("conv", [&](const NodeInfo& n) { calls.push_back("before " + n.name); });
  s.after("relu", [&](const NodeInfo& n) {
    calls.push_back("after " + n.name);
    relu = floats(s.tensor("relu"));
  });
  s.before("nms", [&](const NodeInfo& n) { calls.push_back("before " + n.name); });
  s.after("nms", [&](const NodeInfo& n) {
    calls.push_back("after " + n.name);
    rows = s.tensor("nms").shape()[0];
    EXPECT_EQ(n.inputs[0], "boxes");
  });
  s.after("chosen", [&](const NodeInfo& n) { calls.push_back("after " + n.name); });
  for (unsigned seed : {1u, 2u}) {
    calls.clear();
    const std::vector<float> y = run(s, seed);
    EXPECT_EQ(calls, (std::vector<std::string>{"before conv", "after relu", "before nms", "after nms", "after chosen"}));
    EXPECT_EQ(relu.size(), 80u);
    EXPECT_EQ(relu, floats(s.tensor("relu")));
    EXPECT_GE(*std::min_element(relu.begin(), relu.end()), 0);
    EXPECT_EQ(rows, static_cast<int64_t>(y.size() / 4));
  }
  EXPECT_THROW(s.before("nobody", [](const NodeInfo&) {}), Error);
  EXPECT_THROW(s.before("bn", [](const NodeInfo&) {}), Error) << "it is not kept";
}

TEST(WatchedStages, PartsBetweenNamedTensors) {
  const Runtime rt = runtime_with();
  Session whole = rt.compile(detector(), {.keep = {"boxes", "scores", "box"}});
  const std::vector<float> y = run(whole, 3);
  const std::vector<float> boxes = floats(whole.tensor("boxes")), scores = floats(whole.tensor("scores")),
                           box = floats(whole.tensor("box"));
  Session tail = rt.compile(detector(), {.input_shapes = {{"boxes", {1, 4, 4}}, {"scores", {1, 1, 4}}, {"box", {4, 4}}},
                                         .inputs = {"boxes", "scores", "box"}, .outputs = {"y"}});
  tail.input("boxes").copy_from(boxes);
  tail.input("scores").copy_from(scores);
  tail.input("box").copy_from(box);
  tail.run();
  EXPECT_EQ(floats(tail.output("y")), y);
  Session head = rt.compile(detector(), {.outputs = {"boxes"}});
  head.input("image").copy_from(image(3));
  head.run();
  EXPECT_EQ(floats(head.output("boxes")), boxes);
  const Explanation e = head.explain();
  EXPECT_TRUE(std::none_of(e.nodes.begin(), e.nodes.end(),
                           [](const Placement& p) { return p.op == "NonMaxSuppression"; }));
}

TEST(WatchedStages, TimesNodesOfEveryStage) {
  const Runtime rt = runtime_with();
  Session s = rt.compile(detector(), {.devices = {"cpu"}});
  s.set_profiling(true);
  for (unsigned seed : {1u, 2u, 1u}) {
    run(s, seed);
    const std::vector<NodeTime> times = s.node_times();
    for (const char* op : {"Conv", "NonMaxSuppression", "Gather"}) {
      const auto row = std::find_if(times.begin(), times.end(), [&](const NodeTime& t) { return t.op == op; });
      ASSERT_NE(row, times.end()) << op;
      EXPECT_GE(row->end_ns, row->begin_ns);
    }
  }
  s.set_profiling(false);
  EXPECT_TRUE(s.node_times().empty());
}

// for i < n: v += x, "step" in the body; watched from outside.
TEST(WatchedStages, NodesOfABodyCallOnceAnIteration) {
  graph::Module module;
  module.graphs.resize(2);
  Graph& g = module.main();
  const TensorId n = tensor(g, "n", DataType::int64, Dims{}), x = tensor(g, "x", DataType::float32, Dims{});
  const TensorId y = tensor(g, "y", DataType::float32);
  g.inputs = {n, x};
  g.outputs = {y};
  schema::LoopAttributesT loop;
  loop.body_graph = 1;
  g.add_node("loop", Op::Loop, {n, graph::kNone, x}, {y}, loop);
  Graph& body = module.graphs[1];
  const TensorId i = tensor(body, "i", DataType::int64, Dims{}), c = tensor(body, "c", DataType::bool_, Dims{}),
                 v = tensor(body, "v", DataType::float32, Dims{}), captured = tensor(body, "x", DataType::float32);
  body.inputs = {i, c, v};
  body.outputs = {c, node(body, "step", Op::Binary, {v, captured}, DataType::float32, schema::BinaryAttributesT())};
  const Runtime rt = runtime_with();
  Session s = rt.compile(Model::from_module(std::move(module)), {.keep = {"step", "loop"}});
  std::vector<float> seen;
  int around = 0;
  s.after("step", [&](const NodeInfo&) { seen.push_back(s.tensor("step").as<float>()[0]); });
  s.before("loop", [&](const NodeInfo&) { ++around; });
  s.after("loop", [&](const NodeInfo&) { ++around; });
  s.input("n").copy_from(std::vector<int64_t>{3});
  s.input("x").copy_from(std::vector<float>{2});
  s.run();
  EXPECT_EQ(seen, (std::vector<float>{4, 6, 8}));
  EXPECT_EQ(around, 2);
  EXPECT_EQ(floats(s.tensor("step")), (std::vector<float>{8}));
}

// A part that begins inside the network, whose branches read tensors by name.
TEST(WatchedStages, PartsReadWhatTheirGraphsCapture) {
  graph::Module module;
  module.graphs.resize(3);
  Graph& g = module.main();
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(2)}), c = tensor(g, "c", DataType::bool_, Dims{});
  g.inputs = {x, c};
  const TensorId twice = node(g, "twice", Op::Binary, {x, x}, DataType::float32, schema::BinaryAttributesT());
  node(g, "four", Op::Binary, {twice, twice}, DataType::float32, schema::BinaryAttributesT());
  const TensorId y = tensor(g, "y", DataType::float32);
  schema::IfAttributesT branches;
  branches.then_graph = 1;
  branches.else_graph = 2;
  g.add_node("if", Op::If, {c}, {y}, branches);
  g.outputs = {y};
  for (size_t k : {1u, 2u}) {
    Graph& branch = module.graphs[k];
    const TensorId from = tensor(branch, k == 1 ? "twice" : "four", DataType::float32);
    branch.outputs = {node(branch, k == 1 ? "then" : "else", Op::Unary, {from}, DataType::float32,
                           unary(schema::UnaryFunction::neg))};
  }
  const Runtime rt = runtime_with();
  Session s = rt.compile(Model::from_module(std::move(module)),
                         {.input_shapes = {{"twice", {2}}}, .inputs = {"twice"}, .outputs = {"y"}, .keep = {"else"}});
  EXPECT_EQ(s.input_names(), (std::vector<std::string>{"twice", "c"}));
  std::string called;
  s.after("else", [&](const NodeInfo& n) { called = n.name; });
  s.input("twice").copy_from(std::vector<float>{1, 2});
  for (bool condition : {true, false}) {
    s.input("c").copy_from(std::span<const bool>(&condition, 1));
    s.run();
    EXPECT_EQ(floats(s.output("y")), condition ? (std::vector<float>{-1, -2}) : (std::vector<float>{-2, -4}));
    EXPECT_EQ(called, condition ? "" : "else");
  }
}

}  // namespace
}  // namespace motley::test
