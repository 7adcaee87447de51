// The pass that computes on integers between DequantizeLinear and QuantizeLinear: what it makes, and what it refuses.
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

// Relu, then a zero point inside of the range: integers below it would be wrong.
TEST(PassQuantized, RefusesWhatSaturationDoesNotDo) {
  for (double zero : {0.0, 128.0}) {
    QuantizedNet net;
    const TensorId x = net.dequantize(net.input("x", {1, 2, 5, 5}, DataType::uint8), net.number(0.5));
    const TensorId conv = net.conv(x, net.dequantize(net.bytes({3, 2, 3, 3}), net.number(0.25)));
    net.output(net.quantize(net.unary(UnaryFunction::clip, conv, 0, 6), zero == 0 ? 6.0 / 255 : 0.1, zero));
    EXPECT_EQ(net.rewrites(), zero == 0 ? 1u : 0u);
  }
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

// No device has a fast integer product yet, so the float one is the faster.
TEST(PassQuantized, ProductStaysAsItIs) {
  QuantizedNet net;
  const TensorId a = net.dequantize(net.input("a", {2, 3, 4}, DataType::uint8), net.number(0.5), 3);
  net.output(net.quantize(net.matmul(a, net.dequantize(net.bytes({4, 5}), net.constant({5}, 0.1, 0.2))), 1, 9));
  EXPECT_EQ(net.rewrites(), 0u);
}

TEST(PassQuantized, MovementPassesThroughWhereScalesAgree) {
  for (double zero : {4.0, 5.0}) {
    QuantizedNet net;
    const TensorId x = net.dequantize(net.input("x", {2, 3, 4}, DataType::uint8), net.number(0.5), 4);
    net.output(net.quantize(net.transpose(x, {0, 2, 1}), 0.5, zero));
    EXPECT_EQ(net.rewrites(), zero == 4 ? 1u : 0u);
    EXPECT_EQ(net.ops(), zero == 4 ? "Transpose" : "DequantizeLinear Transpose QuantizeLinear");
  }
}

}  // namespace
}  // namespace motley::graph
