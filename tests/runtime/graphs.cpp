// Small networks for tests of the runtime, made in memory.
#include "graphs.hpp"

#include <random>

#include "graph/infer.hpp"
#include "ir_builder.hpp"

namespace motley::test {

using graph::Constant;
using graph::Dim;
using graph::Dims;
using graph::Graph;
using graph::TensorId;
using schema::DataType;
using schema::Op;

namespace {

TensorId tensor(Graph& g, const std::string& name, std::optional<Dims> shape = std::nullopt) {
  graph::Tensor t;
  t.name = name;
  t.type = DataType::float32;
  t.shape = std::move(shape);
  return g.add_tensor(std::move(t));
}

TensorId weights(Graph& g, const std::string& name, std::vector<int64_t> shape, unsigned seed) {
  int64_t n = 1;
  for (int64_t d : shape) n *= d;
  return g.add_constant(name, DataType::float32, shape, Constant::of(noise(static_cast<size_t>(n), seed)));
}

schema::UnaryAttributesT relu() {
  schema::UnaryAttributesT a;
  a.function = schema::UnaryFunction::relu;
  return a;
}

Model finish(graph::Module module) {
  graph::infer_shapes(module);
  return Model::from_module(std::move(module));
}

}  // namespace

std::vector<float> noise(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& v : values) v = static_cast<float>(random() >> 8) / static_cast<float>(1 << 23) - 1.0f;
  return values;
}

Model relu_add_relu() {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const Dims shape = {Dim(std::string("batch")), Dim(4)};
  const TensorId x = tensor(g, "x", shape), y = tensor(g, "y", shape), a = tensor(g, "a"), s = tensor(g, "s"),
                 z = tensor(g, "z");
  g.inputs = {x, y};
  g.outputs = {z};
  g.add_node("act", Op::Unary, {x}, {a}, relu());
  schema::BinaryAttributesT add;
  g.add_node("sum", Op::Binary, {a, y}, {s}, add);
  g.add_node("last", Op::Unary, {s}, {z}, relu());
  return finish(std::move(module));
}

Model small_cnn() {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const TensorId image = tensor(g, "image", Dims{Dim(std::string("n")), Dim(3), Dim(8), Dim(8)});
  g.inputs = {image};
  const auto conv = [&](const std::string& name, TensorId in, int64_t channels, unsigned seed) {
    schema::ConvAttributesT a;
    a.pads = {1, 1, 1, 1};
    const TensorId out = tensor(g, name + "_out");
    g.add_node(name, Op::Conv,
               {in, weights(g, name + "_w", {4, channels, 3, 3}, seed), weights(g, name + "_b", {4}, seed + 1)}, {out},
               a);
    return out;
  };
  const auto unary = [&](const std::string& name, TensorId in) {
    const TensorId out = tensor(g, name + "_out");
    g.add_node(name, Op::Unary, {in}, {out}, relu());
    return out;
  };
  const TensorId c1 = conv("conv1", image, 3, 1);
  const TensorId bn = tensor(g, "bn1_out");
  const TensorId variance =
      g.add_constant("var", DataType::float32, {4}, Constant::of(std::vector<float>{1.0f, 0.5f, 2.0f, 0.25f}));
  g.add_node("bn1", Op::BatchNormalization,
             {c1, weights(g, "scale", {4}, 9), weights(g, "shift", {4}, 10), weights(g, "mean", {4}, 11), variance},
             {bn}, schema::BatchNormalizationAttributesT{});
  const TensorId r1 = unary("relu1", bn);
  const TensorId c2 = conv("conv2", r1, 4, 20);
  const TensorId res = tensor(g, "res_out");
  g.add_node("res", Op::Binary, {c2, r1}, {res}, schema::BinaryAttributesT{});
  const TensorId r2 = unary("relu2", res);
  const TensorId pooled = tensor(g, "pool_out"), flat = tensor(g, "flat_out"), fc = tensor(g, "fc_out"),
                 prob = tensor(g, "prob");
  schema::GlobalPoolAttributesT pool;
  pool.function = schema::PoolFunction::average;
  g.add_node("pool", Op::GlobalPool, {r2}, {pooled}, pool);
  schema::AxisAttributesT axis;
  axis.axis = 1;
  g.add_node("flat", Op::Flatten, {pooled}, {flat}, axis);
  g.add_node("fc", Op::Gemm, {flat, weights(g, "fc_w", {4, 5}, 30), weights(g, "fc_b", {5}, 31)}, {fc},
             schema::MatMulAttributesT{});
  g.add_node("softmax", Op::Softmax, {fc}, {prob}, schema::SoftmaxAttributesT{});
  g.outputs = {prob};
  return finish(std::move(module));
}

Runtime runtime_with(const std::vector<std::string>& test_plugins, std::vector<std::string> select) {
  RuntimeOptions options;
  options.standard_places = false;
  // By name: what drivers a machine has must not decide where these tests run.
  options.plugin_files = {MOTLEY_PLUGINS "/cpu.json", MOTLEY_PLUGINS "/reference.json"};
  for (const std::string& name : test_plugins)
    options.plugin_files.push_back(std::string(MOTLEY_TEST_PLUGINS) + "/libmotley_" + name + ".so");
  options.select = std::move(select);
  return Runtime(options);
}

Model keep_positive() {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(std::string("n"))});
  const TensorId r = tensor(g, "r", DataType::float32), nz = tensor(g, "nz", DataType::int64),
                 flat = tensor(g, "flat", DataType::int64), kept = tensor(g, "kept", DataType::float32),
                 y = tensor(g, "y", DataType::float32);
  g.inputs = {x};
  g.outputs = {y};
  g.add_node("relu", Op::Unary, {x}, {r}, unary(schema::UnaryFunction::relu));
  g.add_node("nonzero", Op::NonZero, {r}, {nz}, schema::NoAttributesT{});
  g.add_node("flat", Op::Squeeze, {nz, g.add_int64("zero", {0})}, {flat}, schema::AxesAttributesT{});
  g.add_node("gather", Op::Gather, {r, flat}, {kept}, schema::AxisAttributesT{});
  g.add_node("neg", Op::Unary, {kept}, {y}, unary(schema::UnaryFunction::neg));
  return Model::from_module(std::move(module));
}

}  // namespace motley::test
