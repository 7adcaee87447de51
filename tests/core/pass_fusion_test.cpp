// Passes that widen a node: batch norm, bias, residual, activation, padding. Each with what it must refuse.
#include "pass_net.hpp"

namespace motley::graph {
namespace {

using namespace test;

TensorId batch_norm(Net& net, TensorId x) {
  const int64_t c = net.shape(x)[1];
  return net.op(Op::BatchNormalization,
                {x, net.constant({c}, 0.5, 2), net.constant({c}), net.constant({c}), net.constant({c}, 0.5, 2)},
                net.shape(x), schema::BatchNormalizationAttributesT{});
}

TEST(PassBatchNorm, FoldsIntoConvWithAndWithoutBiasAndGroups) {
  for (int variant = 0; variant < 3; ++variant) {
    Net net;
    const TensorId x = net.input("x", {2, 4, 5, 5});
    schema::ConvAttributesT a;
    a.group = variant == 2 ? 2 : 1;
    const TensorId w = net.constant({6, 4 / a.group, 3, 3});
    const TensorId conv = net.conv(x, w, variant == 1 ? net.constant({6}) : kNone, a);
    const std::string conv_name = net.last().name;
    net.output(batch_norm(net, conv));
    EXPECT_EQ(net.run({"batch_norm"}), 1u);
    EXPECT_EQ(net.ops(), "Conv");
    EXPECT_EQ(net.graph.nodes[0].inputs.size(), 3u);
    EXPECT_EQ(net.graph.nodes[0].origins.size(), 2u);
    EXPECT_EQ(net.graph.nodes[0].origins[0], conv_name);
  }
}

// By hand: one channel, weight 2, bias 1; scale 3, shift 4, mean 5, variance 0.25 with epsilon 0: factor 6.
TEST(PassBatchNorm, FoldedNumbersByHand) {
  Net net;
  const TensorId x = net.input("x", {1, 1, 1, 1});
  const auto c = [&](const char* name, double value) { return add_constant(net.graph, name, {1}, {value}); };
  const TensorId conv = net.conv(x, add_constant(net.graph, "w", {1, 1, 1, 1}, {2}), c("b", 1));
  schema::BatchNormalizationAttributesT a;
  a.epsilon = 0;
  net.output(net.op(Op::BatchNormalization, {conv, c("scale", 3), c("shift", 4), c("mean", 5), c("var", 0.25)},
                    {1, 1, 1, 1}, a));
  EXPECT_EQ(net.run({"batch_norm"}), 1u);
  const Node& node = net.graph.nodes[0];
  EXPECT_EQ(net.graph.tensor(node.inputs[1]).values<float>()[0], 12.0f);                // 2 · 3 / 0.5
  EXPECT_EQ(net.graph.tensor(node.inputs[2]).values<float>()[0], 6.0f + 4.0f - 30.0f);  // 1·6 + 4 - 5·6
}

TEST(PassBatchNorm, FoldsIntoConvTransposeByOutputChannel) {
  for (int64_t group : {1, 2}) {
    Net net;
    const TensorId x = net.input("x", {1, 4, 3, 3});
    schema::ConvTransposeAttributesT a;
    a.group = group;
    const TensorId y = net.op(Op::ConvTranspose, {x, net.constant({4, 3, 2, 2})}, {1, 3 * group, 4, 4}, a);
    net.output(batch_norm(net, y));
    EXPECT_EQ(net.run({"batch_norm"}), 1u);
    EXPECT_EQ(net.ops(), "ConvTranspose");
  }
}

TEST(PassBatchNorm, RefusesWhereTheConvolutionIsSeenElsewhere) {
  const auto build = [](Net& net) {
    const TensorId conv = net.conv(net.input("x", {1, 2, 4, 4}), net.constant({3, 2, 3, 3}));
    net.output(batch_norm(net, conv));
    return conv;
  };
  Net second_reader;
  second_reader.output(second_reader.unary(UnaryFunction::exp, build(second_reader)));
  EXPECT_EQ(second_reader.run({"batch_norm"}), 0u);
  Net output;
  output.output(build(output));
  EXPECT_EQ(output.run({"batch_norm"}), 0u);
  Net kept;
  const TensorId conv = build(kept);
  EXPECT_EQ(kept.run({"batch_norm"}, {kept.name(conv)}), 0u);
  EXPECT_EQ(kept.run({"batch_norm"}, {kept.writer(conv).name}), 0u);
  EXPECT_EQ(kept.run({"batch_norm"}), 1u);
}

TEST(PassBatchNorm, RefusesComputedWeights) {
  Net net;
  const TensorId w = net.input("w", {3, 2, 3, 3});
  net.output(batch_norm(net, net.conv(net.input("x", {1, 2, 4, 4}), w)));
  EXPECT_EQ(net.run({"batch_norm"}), 0u);
}

TEST(PassChannelArithmetic, FoldsConstantsPerChannel) {
  Net net;
  TensorId y = net.conv(net.input("x", {1, 2, 4, 4}), net.constant({3, 2, 3, 3}));
  y = net.add(net.constant({3, 1, 1}), y);
  y = net.mul(y, net.constant({1, 3, 1, 1}));
  y = net.sub(y, net.scalar(0.5));
  y = net.div(y, net.constant({3, 1, 1}, 1, 2));
  net.output(y);
  EXPECT_EQ(net.run({"channel_arithmetic"}), 4u);
  EXPECT_EQ(net.ops(), "Conv");
  EXPECT_EQ(net.graph.nodes[0].origins.size(), 5u);
}

TEST(PassChannelArithmetic, RefusesOtherShapes) {
  Net net;
  const TensorId x = net.input("x", {1, 2, 6, 6});
  const auto conv = [&] { return net.conv(x, net.constant({4, 2, 3, 3})); };
  net.output(net.add(conv(), net.constant({4})));              // along the width
  net.output(net.add(conv(), net.constant({4, 4, 4})));        // per element
  net.output(net.add(conv(), net.constant({2, 4, 1, 1})));     // grows the batch
  net.output(net.sub(net.constant({4, 1, 1}), conv()));        // constant minus convolution
  net.output(net.mul(conv(), net.constant({1, 1, 1, 1, 1})));  // grows the rank
  EXPECT_EQ(net.run({"channel_arithmetic"}), 0u);
}

TEST(PassMatmulBias, TakesBiasAndResidual) {
  for (const Extents& extents : {Extents{5}, Extents{1, 5}, Extents{3, 5}, Extents{2, 3, 5}, Extents{}}) {
    Net net;
    const TensorId y = net.matmul(net.input("x", {2, 3, 4}), net.constant({4, 5}));
    net.output(net.add(net.constant(extents), y));
    EXPECT_EQ(net.run({"matmul_bias"}), 1u);
    EXPECT_EQ(net.ops(), "MatMul");
    EXPECT_EQ(net.graph.nodes[0].inputs.size(), 3u);
  }
}

TEST(PassMatmulBias, RefusesWhatWouldGrowTheResultAndASecondBias) {
  Net net;
  const TensorId y = net.matmul(net.input("x", {1, 4}), net.constant({4, 5}));
  net.output(net.add(y, net.constant({3, 5})));
  EXPECT_EQ(net.run({"matmul_bias"}), 0u);
  Net twice;
  const TensorId z = twice.add(twice.matmul(twice.input("x", {3, 4}), twice.constant({4, 5})), twice.constant({5}));
  twice.output(twice.add(z, twice.constant({5})));
  EXPECT_EQ(twice.run({"matmul_bias"}), 1u);
  Net doubled;
  const TensorId both = doubled.matmul(doubled.input("x", {3, 4}), doubled.constant({4, 5}));
  doubled.output(doubled.add(both, both));
  EXPECT_EQ(doubled.run({"matmul_bias"}), 0u);
}

TEST(PassResidual, TakesAnEqualShapeOnly) {
  Net net;
  const TensorId x = net.input("x", {1, 3, 4, 4});
  schema::ConvAttributesT same;
  same.pads = {1, 1, 1, 1};
  net.output(net.add(net.conv(x, net.constant({3, 3, 3, 3}), kNone, same), x));
  EXPECT_EQ(net.run({"residual"}), 1u);
  EXPECT_EQ(net.ops(), "Conv");
  EXPECT_EQ(net.graph.nodes[0].inputs[2], kNone);
  EXPECT_EQ(net.graph.nodes[0].inputs[3], x);

  Net broadcast;
  const TensorId z = broadcast.input("x", {1, 3, 4, 4});
  broadcast.output(broadcast.add(broadcast.conv(z, broadcast.constant({3, 3, 3, 3}), kNone, same),
                                 broadcast.input("r", {1, 3, 1, 1})));
  EXPECT_EQ(broadcast.run({"residual"}), 0u);
}

TEST(PassResidual, OfTwoConvolutionsTheLaterTakesTheOther) {
  Net net;
  const TensorId x = net.input("x", {1, 2, 3, 3});
  const TensorId a = net.conv(x, net.constant({2, 2, 1, 1})),
                 b = net.conv(x, net.constant({2, 2, 1, 1}), net.constant({2}));
  net.output(net.add(b, a));
  EXPECT_EQ(net.run({"residual"}), 1u);
  EXPECT_EQ(net.graph.nodes[1].inputs[3], a);
}

TEST(PassActivation, IsAppliedInConvMatmulAndAdd) {
  using F = UnaryFunction;
  for (F function : {F::relu, F::clip, F::leaky_relu, F::sigmoid, F::tanh, F::hard_swish, F::swish}) {
    Net net;
    const TensorId x = net.input("x", {1, 2, 4, 4});
    net.output(net.unary(function, net.conv(x, net.constant({3, 2, 3, 3})), 0.25f, 6));
    net.output(net.unary(function, net.matmul(x, net.constant({4, 5})), 0.25f, 6));
    net.output(net.unary(function, net.add(x, net.input("z", {4})), 0.25f, 6));
    EXPECT_EQ(net.run({"activation"}), 3u);
    EXPECT_EQ(net.ops(), "Conv MatMul Binary(add)");
  }
}

TEST(PassActivation, RefusesASecondOneAndOtherOps) {
  Net net;
  const TensorId x = net.input("x", {1, 2, 4, 4});
  const TensorId once = net.unary(UnaryFunction::relu, net.conv(x, net.constant({3, 2, 3, 3})));
  net.output(net.unary(UnaryFunction::sigmoid, once));
  net.output(net.unary(UnaryFunction::relu, net.mul(x, x)));
  net.output(net.unary(UnaryFunction::sqrt, net.add(x, net.scalar(3))));
  EXPECT_EQ(net.run({"activation"}), 1u);
  EXPECT_EQ(net.ops(), "Conv Unary(sigmoid) Binary(mul) Unary(relu) Binary(add) Unary(sqrt)");
}

TEST(PassActivation, RefusesWhereTheValueBeforeItIsSeen) {
  Net net;
  const TensorId conv = net.conv(net.input("x", {1, 2, 4, 4}), net.constant({3, 2, 3, 3}));
  const std::string conv_node = net.last().name;
  net.output(net.unary(UnaryFunction::relu, conv));
  EXPECT_EQ(net.run({"activation"}, {net.name(conv)}), 0u);
  EXPECT_EQ(net.run({"activation"}, {conv_node}), 0u);
  net.output(conv);
  EXPECT_EQ(net.run({"activation"}), 0u);
}

TEST(Passes, ConvBatchNormResidualReluIsOneNode) {
  Net net;
  const TensorId x = net.input("x", {1, 3, 4, 4});
  schema::ConvAttributesT same;
  same.pads = {1, 1, 1, 1};
  const TensorId y = batch_norm(net, net.conv(x, net.constant({3, 3, 3, 3}), kNone, same));
  net.output(net.op(Op::Clip, {net.add(x, y), net.scalar(0), net.scalar(6)}, {1, 3, 4, 4}, schema::NoAttributesT{}));
  net.run();
  ASSERT_EQ(net.ops(), "Conv");
  const Node& node = net.graph.nodes[0];
  EXPECT_EQ(attributes<schema::ConvAttributesT>(node).activation.function(), UnaryFunction::clip);
  EXPECT_EQ(node.inputs.size(), 4u);
  EXPECT_EQ(node.origins.size(), 4u);
}

TensorId pad(Net& net, TensorId x, const std::vector<int64_t>& pads, double value = 0) {
  Extents out = net.shape(x);
  for (size_t d = 0; d < out.size(); ++d) out[d] += pads[d] + pads[d + out.size()];
  return net.op(Op::Pad, {x, net.numbers(pads), net.scalar(value)}, out, schema::PadAttributesT{});
}

TEST(PassPad, GoesIntoConvolutions) {
  Net net;
  schema::ConvAttributesT a;
  a.pads = {1, 0, 0, 1};
  net.output(
      net.conv(pad(net, net.input("x", {1, 2, 4, 4}), {0, 0, 1, 2, 0, 0, 3, 0}), net.constant({3, 2, 3, 3}), kNone, a));
  EXPECT_EQ(net.run({"pad"}), 1u);
  EXPECT_EQ(net.ops(), "Conv");
  EXPECT_EQ(attributes<schema::ConvAttributesT>(net.graph.nodes[0]).pads, (std::vector<int64_t>{2, 2, 3, 1}));
}

TEST(PassPad, RefusesOtherValuesChannelsNegativePadsAndAutomaticPads) {
  Net net;
  const TensorId x = net.input("x", {1, 2, 6, 6});
  net.output(net.conv(pad(net, x, {0, 0, 1, 1, 0, 0, 1, 1}, 1), net.constant({3, 2, 3, 3})));
  net.output(net.conv(pad(net, x, {0, 1, 1, 1, 0, 0, 1, 1}), net.constant({3, 3, 3, 3})));
  net.output(net.conv(pad(net, x, {0, 0, 1, -1, 0, 0, 1, 1}), net.constant({3, 2, 3, 3})));
  EXPECT_EQ(net.run({"pad"}), 0u);
  const TensorId padded = pad(net, x, {0, 0, 1, 1, 0, 0, 1, 1});
  net.graph.outputs = {net.conv(padded, net.constant({3, 2, 3, 3}))};
  attributes<schema::ConvAttributesT>(net.last()).auto_pad = schema::AutoPad::same_upper;
  PassContext context;
  for (const Pass& pass : passes())
    if (pass.name == std::string("pad")) {
      EXPECT_EQ(pass.run(net.graph, context), 0u);
    }
}

TEST(PassPad, GoesIntoAveragePoolsThatThenCountIt) {
  const auto build = [](Net& net, std::vector<int64_t> own, bool counts, schema::PoolFunction function) {
    schema::PoolAttributesT a;
    a.function = function;
    a.kernel_shape = {3, 3};
    a.strides = {1, 1};
    a.pads = own;
    a.count_include_pad = counts;
    const TensorId padded = pad(net, net.input("x", {1, 2, 4, 4}), {0, 0, 1, 1, 0, 0, 1, 1});
    const int64_t size = 4 + (own.empty() ? 0 : 2);
    net.graph.outputs = {net.op(Op::Pool, {padded}, {1, 2, size, size}, a)};
  };
  Net plain;
  build(plain, {}, false, schema::PoolFunction::average);
  EXPECT_EQ(plain.run({"pad"}), 1u);
  EXPECT_TRUE(attributes<schema::PoolAttributesT>(plain.graph.nodes[0]).count_include_pad);
  Net counting_pool;
  build(counting_pool, {1, 1, 1, 1}, true, schema::PoolFunction::average);
  EXPECT_EQ(counting_pool.run({"pad"}), 1u);

  PassContext context;
  for (const Pass& pass : passes()) {
    if (pass.name != std::string("pad")) continue;
    Net uncounted, max;
    build(uncounted, {1, 1, 1, 1}, false, schema::PoolFunction::average);
    EXPECT_EQ(pass.run(uncounted.graph, context), 0u);
    build(max, {}, false, schema::PoolFunction::max);
    EXPECT_EQ(pass.run(max.graph, context), 0u);
  }
}

}  // namespace
}  // namespace motley::graph
