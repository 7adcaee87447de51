// The pass that computes on integers between DequantizeLinear and QuantizeLinear: what it makes, and what it refuses.
#include <cstdlib>

#include "graph/rewrite.hpp"
#include "pass_net.hpp"

namespace motley::graph {
namespace {

using namespace test;

struct QuantizedNet : Net {
  TensorId bytes(const Extents& extents, DataType type = DataType::int8) {
    return graph::test::add_constant(graph, name_of("w"), extents,
                                     std::vector<double>(static_cast<size_t>(product(extents)), 3), type);
  }
  TensorId number(double value, DataType type = DataType::float32) {
    return graph::test::add_constant(graph, name_of("p"), {}, {value}, type);
  }
  TensorId dequantize(TensorId x, TensorId scale, double zero = 0, int64_t axis = 1) {
    schema::QuantizeAttributesT a;
    a.axis = axis;
    std::vector<TensorId> inputs{x, scale};
    if (graph.tensor(scale).elements() == 1) inputs.push_back(number(zero, graph.tensor(x).type));
    return op(Op::DequantizeLinear, inputs, shape(x), a);
  }
  TensorId quantize(TensorId x, double scale, double zero, DataType type = DataType::uint8) {
    schema::QuantizeAttributesT a;
    return op(Op::QuantizeLinear, {x, number(scale), number(zero, type)}, shape(x), a, type);
  }
  // How many rewrites the pass made, without what is then dead.
  size_t rewrites(const std::vector<std::string>& keep = {}) {
    PassContext context;
    context.keep = keep;
    size_t count = 0;
    for (const Pass& pass : passes())
      if (std::string(pass.name) == "quantized") count = pass.run(graph, context);
    graph.sort_nodes();
    remove_dead_except(graph, keep);
    return count;
  }
  std::string name_of(const char* prefix) { return prefix + std::to_string(graph.tensors.size()); }
};

TEST(PassQuantized, ConvolutionWithBiasAndReluBecomesInteger) {
  for (bool per_channel : {false, true}) {
    QuantizedNet net;
    const TensorId x = net.dequantize(net.input("x", {1, 2, 5, 5}, DataType::uint8), net.number(0.5), 7);
    const TensorId scale = per_channel ? net.constant({3}, 0.25, 0.5) : net.number(0.25);
    const TensorId w = net.dequantize(net.bytes({3, 2, 3, 3}), scale, 0, 0);
    const TensorId bias = graph::test::add_constant(net.graph, "b", {3}, {0.125, -1, 2});
    const TensorId conv = net.conv(x, w, bias);
    net.output(net.quantize(net.unary(UnaryFunction::relu, conv), 50, 0));
    EXPECT_EQ(net.rewrites(), 1u);
    EXPECT_EQ(net.ops(), "QLinearConv");
    const Node& node = net.graph.nodes[0];
    ASSERT_EQ(node.inputs.size(), 9u);
    EXPECT_EQ(net.graph.tensor(node.inputs[8]).type, DataType::int32);
    if (per_channel) {
      EXPECT_EQ(net.graph.tensor(node.inputs[5]).elements(), 3);
    } else {
      const int32_t* values = net.graph.tensor(node.inputs[8]).values<int32_t>();
      EXPECT_EQ(std::vector<int32_t>(values, values + 3), (std::vector<int32_t>{1, -8, 16}));
    }
  }
}

// A zero point inside of the range: integers below it are cut off behind.
TEST(PassQuantized, ClampsWhatSaturationDoesNotDo) {
  for (double zero : {0.0, 128.0}) {
    QuantizedNet net;
    const TensorId x = net.dequantize(net.input("x", {1, 2, 5, 5}, DataType::uint8), net.number(0.5));
    const TensorId conv = net.conv(x, net.dequantize(net.bytes({3, 2, 3, 3}), net.number(0.25)));
    net.output(net.quantize(net.unary(UnaryFunction::clip, conv, 0, 6), zero == 0 ? 6.0 / 255 : 0.1, zero));
    EXPECT_EQ(net.rewrites(), 1u);
    EXPECT_EQ(net.ops(), zero == 0 ? "QLinearConv" : "QLinearConv QLinearUnary(clip)");
  }
}

// Rounding before another function than those that cut off would show.
TEST(PassQuantized, RefusesOtherFunctionsBehindConvolution) {
  QuantizedNet net;
  const TensorId x = net.dequantize(net.input("x", {1, 2, 5, 5}, DataType::uint8), net.number(0.5));
  const TensorId conv = net.conv(x, net.dequantize(net.bytes({3, 2, 3, 3}), net.number(0.25)));
  net.output(net.quantize(net.unary(UnaryFunction::sigmoid, conv), 1.0 / 256, 0));
  EXPECT_EQ(net.rewrites(), 0u);
}

TEST(PassQuantized, RefusesBiasThatRoundingChangesAndObservedResults) {
  const auto build = [](QuantizedNet& net, double bias) {
    const TensorId x = net.dequantize(net.input("x", {1, 2, 5, 5}, DataType::uint8), net.number(0.5));
    const TensorId w = net.dequantize(net.bytes({1, 2, 3, 3}), net.number(0.25));
    const TensorId conv = net.conv(x, w, graph::test::add_constant(net.graph, "b", {1}, {bias}));
    net.output(net.quantize(conv, 1, 0));
    return conv;
  };
  QuantizedNet fraction;
  build(fraction, 0.0625 + 0.125);  // half a unit of the accumulator, 1/16 of an output step
  EXPECT_EQ(fraction.rewrites(), 0u);
  QuantizedNet kept;
  const TensorId conv = build(kept, 0.125);
  EXPECT_EQ(kept.rewrites({kept.name(conv)}), 0u);
  kept.output(conv);
  EXPECT_EQ(kept.rewrites(), 0u);
  kept.graph.outputs.pop_back();
  EXPECT_EQ(kept.rewrites(), 1u);
}

TEST(PassQuantized, DequantizedTensorStaysForOthers) {
  QuantizedNet net;
  const TensorId x = net.dequantize(net.input("x", {1, 2, 5, 5}, DataType::uint8), net.number(0.5));
  net.output(net.quantize(net.conv(x, net.dequantize(net.bytes({3, 2, 3, 3}), net.number(0.25))), 1, 0));
  net.output(net.unary(UnaryFunction::exp, x));
  EXPECT_EQ(net.rewrites(), 1u);
  EXPECT_EQ(net.graph.nodes.size(), 3u) << net.ops();
}

TEST(PassQuantized, ProductBecomesInteger) {
  for (bool transpose : {false, true}) {
    QuantizedNet net;
    schema::MatMulAttributesT attributes;
    attributes.transpose_b = transpose;
    const TensorId a = net.dequantize(net.input("a", {2, 3, 4}, DataType::uint8), net.number(0.5), 3);
    const TensorId weights = transpose ? net.bytes({5, 4}) : net.bytes({4, 5});
    const TensorId b = net.dequantize(weights, net.constant({5}, 0.1, 0.2), 0, transpose ? 0 : 1);
    net.output(net.quantize(net.matmul(a, b, attributes), 1, 9));
    EXPECT_EQ(net.rewrites(), 1u);
    EXPECT_EQ(net.ops(), "QLinearMatMul");
    EXPECT_EQ(net.shape(net.graph.nodes[0].inputs[3]), (Extents{4, 5}));
    EXPECT_EQ(net.graph.nodes[0].inputs.size(), 8u);
  }
}

TEST(PassQuantized, ProductTakesBiasOfItsColumns) {
  for (const Extents& shape : {Extents{5}, Extents{1, 5}, Extents{5, 1}}) {
    QuantizedNet net;
    const TensorId a = net.dequantize(net.input("a", {5, 4}, DataType::uint8), net.number(0.5), 3);
    const TensorId y = net.matmul(a, net.dequantize(net.bytes({4, 5}), net.number(0.25)));
    net.last().inputs.push_back(graph::test::add_constant(net.graph, "c", shape, {0.125, -1, 2, 0, 1}));
    net.output(net.quantize(y, 50, 0));
    const bool fits = shape.back() == 5;
    ASSERT_EQ(net.rewrites(), fits ? 1u : 0u);
    if (!fits) continue;
    ASSERT_EQ(net.graph.nodes[0].inputs.size(), 9u);
    const int32_t* values = net.graph.tensor(net.graph.nodes[0].inputs[8]).values<int32_t>();
    EXPECT_EQ(std::vector<int32_t>(values, values + 5), (std::vector<int32_t>{1, -8, 16, 0, 8}));
  }
}

TEST(PassQuantized, RefusesProductsThatAreNotPlain) {
  const auto count = [](auto&& change, double b_axis) {
    QuantizedNet net;
    schema::MatMulAttributesT attributes;
    change(attributes);
    const TensorId a = net.dequantize(net.input("a", {4, 4}, DataType::uint8), net.number(0.5), 3);
    const TensorId b = net.dequantize(net.bytes({4, 4}), net.constant({4}, 0.1, 0.2), 0, static_cast<int64_t>(b_axis));
    net.output(net.quantize(net.matmul(a, b, attributes), 1, 9));
    return net.rewrites();
  };
  const auto nothing = [](schema::MatMulAttributesT&) {};
  EXPECT_EQ(count(nothing, 1), 1u);
  EXPECT_EQ(count(nothing, 0), 0u);  // a scale per row of B
  EXPECT_EQ(count([](schema::MatMulAttributesT& a) { a.alpha = 2; }, 1), 0u);
  EXPECT_EQ(count([](schema::MatMulAttributesT& a) { a.transpose_a = true; }, 1), 0u);
  EXPECT_EQ(count([](schema::MatMulAttributesT& a) { a.transpose_b = true; }, 1), 0u);
}

TEST(PassQuantized, ElementsBecomeInteger) {
  QuantizedNet net;
  const TensorId a = net.dequantize(net.input("a", {2, 3, 4, 4}, DataType::uint8), net.number(0.5), 3);
  const TensorId b = net.dequantize(net.input("b", {3, 1, 1}, DataType::int8), net.number(0.25), -3);
  const TensorId sum = net.quantize(net.unary(UnaryFunction::relu, net.add(a, b)), 0.75, 0);
  const TensorId product = net.quantize(net.mul(net.dequantize(sum, net.number(0.75), 0), a), 0.75, 9);
  const TensorId y = net.unary(UnaryFunction::tanh, net.dequantize(product, net.number(0.75), 9));
  schema::PoolAttributesT pool;
  pool.function = schema::PoolFunction::average;
  pool.kernel_shape = {2, 2};
  const TensorId squeezed = net.dequantize(net.quantize(y, 1.0 / 128, 0, DataType::int8), net.number(1.0 / 128), 0);
  const TensorId pooled = net.op(Op::Pool, {squeezed}, {2, 3, 3, 3}, pool);
  const TensorId small = net.dequantize(net.quantize(pooled, 1.0 / 128, 0), net.number(1.0 / 128), 0);
  schema::GlobalPoolAttributesT global;
  global.function = schema::PoolFunction::average;
  net.output(net.quantize(net.op(Op::GlobalPool, {small}, {2, 3, 1, 1}, global), 1.0 / 64, 0));
  EXPECT_EQ(net.rewrites(), 5u);
  EXPECT_EQ(net.ops(),
            "QLinearBinary(add) QLinearBinary(mul) QLinearUnary(tanh) QLinearPool(average) QLinearPool(average)");
}

TEST(PassQuantized, ConcatenationBringsInputsToOneScale) {
  for (bool read_elsewhere : {false, true}) {
    QuantizedNet net;
    const TensorId a = net.dequantize(net.input("a", {2, 3}, DataType::uint8), net.number(0.5), 3);
    const TensorId b = net.dequantize(net.input("b", {2, 3}, DataType::int8), net.number(0.25), 3);
    schema::AxisAttributesT axis;
    axis.axis = 1;
    net.output(net.quantize(net.op(Op::Concat, {b, a, b}, {2, 9}, axis), 0.5, 3));
    if (read_elsewhere) net.output(net.unary(UnaryFunction::exp, b));
    EXPECT_EQ(net.rewrites(), read_elsewhere ? 0u : 1u);
    if (!read_elsewhere) {
      EXPECT_EQ(net.ops(), "QLinearUnary(identity) Concat");
    }
  }
}

TEST(PassQuantized, MaximumIsThatOfTheIntegers) {
  QuantizedNet net;
  const TensorId x = net.dequantize(net.input("x", {1, 3, 4, 4}, DataType::uint8), net.number(0.5), 3);
  schema::PoolAttributesT pool;
  pool.function = schema::PoolFunction::max;
  pool.kernel_shape = {2, 2};
  net.output(net.quantize(net.op(Op::Pool, {x}, {1, 3, 3, 3}, pool), 0.5, 3));
  EXPECT_EQ(net.rewrites(), 1u);
  EXPECT_EQ(net.ops(), "Pool(max)");
}

TEST(PassQuantized, MovementMovesIntegers) {
  for (double zero : {4.0, 5.0}) {
    QuantizedNet net;
    const TensorId x = net.dequantize(net.input("x", {2, 3, 4}, DataType::uint8), net.number(0.5), 4);
    net.output(net.quantize(net.transpose(x, {0, 2, 1}), 0.5, zero));
    EXPECT_EQ(net.rewrites(), 1u);
    EXPECT_EQ(net.ops(), zero == 4 ? "Transpose" : "Transpose QLinearUnary(identity)");
  }
}

TEST(PassQuantized, WithoutTheLibraryOfPatternsNothingChanges) {
  const auto net = [] {
    QuantizedNet net;
    const TensorId x = net.dequantize(net.input("x", {1, 4}, DataType::uint8), net.number(0.5));
    net.output(net.quantize(net.unary(UnaryFunction::sigmoid, x), 1.0 / 256, 0));
    return net;
  };
  QuantizedNet without = net(), with = net();
  setenv("MOTLEY_PATTERNS", "off", 1);
  EXPECT_EQ(without.rewrites(), 0u);
  unsetenv("MOTLEY_PATTERNS");
  EXPECT_EQ(without.graph.nodes.size(), 3u);
  EXPECT_EQ(with.rewrites(), 1u);
}

}  // namespace
}  // namespace motley::graph
