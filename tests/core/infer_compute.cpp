// Matrix products, einsum, attention, reductions, normalization, recurrent cells, quantization.
#include "infer_support.hpp"

namespace motley::graph {
namespace {

using namespace schema;
using graph::DataType;

std::string matmul(const std::string& a, const std::string& b, MatMulAttributesT attributes = {}) {
  return inferred(Op::MatMul, attributes, {f32(a), f32(b)});
}

TEST(InferMatMul, BroadcastsBatches) {
  EXPECT_EQ(matmul("2x3", "3x4"), "float32 2x4");
  EXPECT_EQ(matmul("5x2x3", "3x4"), "float32 5x2x4");
  EXPECT_EQ(matmul("5x1x2x3", "7x3x4"), "float32 5x7x2x4");
  EXPECT_EQ(matmul("3", "3"), "float32 scalar");
  EXPECT_EQ(matmul("3", "2x3x4"), "float32 2x4");
  EXPECT_EQ(matmul("2x5x3", "3"), "float32 2x5");
  EXPECT_EQ(matmul("nxkx3", "3xm"), "float32 nxkxm");
  EXPECT_EQ(matmul("unknown", "3x4"), "float32 unknown rank");
}

TEST(InferMatMul, Transposed) {
  MatMulAttributesT a;
  a.transpose_a = true;
  EXPECT_EQ(matmul("3x2", "3x4", a), "float32 2x4");
  a.transpose_b = true;
  EXPECT_EQ(matmul("5x3x2", "4x3", a), "float32 5x2x4");
}

TEST(InferMatMul, Errors) {
  const MatMulAttributesT a;
  EXPECT_HAS(refused(Op::MatMul, a, {f32("2x3"), f32("4x5")}), "the inner dimensions differ (3 of 2x3 and 4 of 4x5)");
  EXPECT_HAS(refused(Op::MatMul, a, {f32("scalar"), f32("4x5")}), "the first matrix has rank 0");
  EXPECT_HAS(refused(Op::MatMul, a, {f32("2x2x3"), f32("5x3x4")}), "do not broadcast");
  EXPECT_HAS(refused(Op::MatMul, a, {f32("2x3"), f32("3x4"), f32("3")}),
             "the addend of shape 3 does not broadcast to 2x4");
  EXPECT_HAS(refused(Op::MatMul, a, {f32("2x3"), typed(DataType::float16, "3x4")}), "different types");
}

TEST(InferMatMul, GemmAndIntegers) {
  MatMulAttributesT a;
  a.transpose_b = true;
  EXPECT_EQ(inferred(Op::Gemm, a, {f32("nx3"), f32("4x3"), f32("4")}), "float32 nx4");
  EXPECT_EQ(inferred(Op::Gemm, a, {f32("2x3"), f32("4x3"), f32("2x1")}), "float32 2x4");
  EXPECT_HAS(refused(Op::Gemm, a, {f32("2x2x3"), f32("4x3")}), "the first matrix has rank 3");
  const In x = typed(DataType::uint8, "2x3"), w = typed(DataType::int8, "3x4"), s = f32("scalar"),
           zx = typed(DataType::uint8, "scalar"), zw = typed(DataType::int8, "scalar");
  EXPECT_EQ(inferred(Op::MatMulInteger, NoAttributesT(), {x, w, zx, zw}), "int32 2x4");
  EXPECT_EQ(inferred(Op::QLinearMatMul, NoAttributesT(), {x, s, zx, w, s, zw, s, zw}), "int8 2x4");
}

std::string einsum(const char* equation, const std::vector<In>& inputs) {
  EinsumAttributesT a;
  a.equation = equation;
  return inferred(Op::Einsum, a, inputs);
}
std::string bad_einsum(const char* equation, const std::vector<In>& inputs) {
  return error_of([&] { einsum(equation, inputs); });
}

TEST(InferEinsum, Forms) {
  EXPECT_EQ(einsum("ij,jk->ik", {f32("2x3"), f32("3xn")}), "float32 2xn");
  EXPECT_EQ(einsum("ij -> ji", {f32("2x3")}), "float32 3x2");
  EXPECT_EQ(einsum("ij,jk", {f32("2x3"), f32("3x4")}), "float32 2x4");
  EXPECT_EQ(einsum("...ii ->...i", {f32("3x5x5")}), "float32 3x5");
  EXPECT_EQ(einsum("b...d,de->b...e", {f32("2x7x8x3"), f32("3x4")}), "float32 2x7x8x4");
  EXPECT_EQ(einsum("i,i->", {f32("5"), f32("5")}), "float32 scalar");
  EXPECT_EQ(einsum("...ij,...jk", {f32("5x1x2x3"), f32("4x3x6")}), "float32 5x4x2x6");
}

TEST(InferEinsum, Errors) {
  EXPECT_HAS(bad_einsum("ij,jk->ik", {f32("2x3"), f32("4x5")}), "label 'j' has two extents (3 and 4)");
  EXPECT_HAS(bad_einsum("ij->ik", {f32("2x3")}), "output label 'k' is in no input");
  EXPECT_HAS(bad_einsum("ij->ii", {f32("2x3")}), "output label 'i' occurs twice");
  EXPECT_HAS(bad_einsum("ijk->i", {f32("2x3")}), "term \"ijk\" does not fit an input of shape 2x3");
  EXPECT_HAS(bad_einsum("ij,jk->ik", {f32("2x3")}), "2 terms for 1 inputs");
  EXPECT_HAS(bad_einsum("i%->i", {f32("2x3")}), "unexpected character ('%')");
}

TEST(InferAttention, RanksAndHeads) {
  AttentionAttributesT a;
  EXPECT_EQ(inferred(Op::Attention, a, {f32("2x3x4x8"), f32("2x3x6x8"), f32("2x3x6x10")}), "float32 2x3x4x10");
  a.q_num_heads = 6;
  a.kv_num_heads = 3;
  EXPECT_EQ(inferred(Op::Attention, a, {f32("2x4x48"), f32("2x6x24"), f32("2x6x30")}), "float32 2x4x60");
  AttentionAttributesT past;
  EXPECT_EQ(
      inferred(Op::Attention, past,
               {f32("2x3x4x8"), f32("2x3x6x8"), f32("2x3x6x8"), f32("4x18"), f32("2x3x12x8"), f32("2x3x12x8")}, 4),
      "float32 2x3x4x8, float32 2x3x18x8, float32 2x3x18x8, float32 2x3x4x18");
}

TEST(InferAttention, Errors) {
  const AttentionAttributesT a;
  EXPECT_HAS(refused(Op::Attention, a, {f32("2x4x48"), f32("2x6x24"), f32("2x6x30")}),
             "the number of heads (0) of the query");
  EXPECT_HAS(refused(Op::Attention, a, {f32("2x3x4x8"), f32("2x3x6x9"), f32("2x3x6x8")}),
             "head sizes of query and key differ (8 and 9)");
  EXPECT_HAS(refused(Op::Attention, a, {f32("2x3x4x8"), f32("2x2x6x8"), f32("2x2x6x8")}),
             "heads (3) are not a multiple of the key's (2)");
  EXPECT_HAS(refused(Op::Attention, a, {f32("2x3x4x8"), f32("2x3x6x8"), f32("2x3x6x8"), f32("5x6")}),
             "the mask of shape 5x6");
  EXPECT_HAS(refused(Op::Attention, a, {f32("2x3x4x8"), f32("2x3x6x8"), f32("2x3x6x8"), absent(), f32("2x3x1x8")}),
             "only together");
}

TEST(InferAttention, RotaryEmbedding) {
  RotaryEmbeddingAttributesT a;
  EXPECT_EQ(inferred(Op::RotaryEmbedding, a, {f32("2x4x3x8"), f32("50x4"), f32("50x4"), i64("2x3")}),
            "float32 2x4x3x8");
  EXPECT_EQ(inferred(Op::RotaryEmbedding, a, {f32("2x4x3x8"), f32("2x3x4"), f32("2x3x4")}), "float32 2x4x3x8");
  EXPECT_HAS(refused(Op::RotaryEmbedding, a, {f32("2x4x3x8"), f32("2x3x5"), f32("2x3x5")}),
             "the cosines has shape 2x3x5 (expected 2x3x4)");
  EXPECT_HAS(refused(Op::RotaryEmbedding, a, {f32("2x3x32"), f32("2x3x4"), f32("2x3x4")}), "number of heads (0)");
}

ReduceAttributesT reduce(std::vector<int64_t> axes, bool keepdims) {
  ReduceAttributesT a;
  a.axes = std::move(axes);
  a.keepdims = keepdims;
  return a;
}

TEST(InferReduce, Axes) {
  EXPECT_EQ(inferred(Op::Reduce, reduce({1}, true), {f32("2x3xn")}), "float32 2x1xn");
  EXPECT_EQ(inferred(Op::Reduce, reduce({-1, 0}, false), {f32("2x3xn")}), "float32 3");
  EXPECT_EQ(inferred(Op::Reduce, reduce({}, false), {f32("2x3xn")}), "float32 scalar");
  EXPECT_EQ(inferred(Op::Reduce, reduce({}, true), {f32("2x3"), ints({1})}), "float32 2x1");
  EXPECT_EQ(inferred(Op::Reduce, reduce({}, true), {f32("2x3"), i64("1")}), "float32 ?x?");
  EXPECT_EQ(inferred(Op::Reduce, reduce({}, false), {f32("2x3"), i64("1")}), "float32 ?");
  ReduceAttributesT noop = reduce({}, true);
  noop.noop_with_empty_axes = true;
  EXPECT_EQ(inferred(Op::Reduce, noop, {f32("2x3")}), "float32 2x3");
  EXPECT_HAS(refused(Op::Reduce, reduce({3}, true), {f32("2x3")}),
             "axis (3) is out of range for rank 2 (expected -2 to 1)");
  EXPECT_HAS(refused(Op::Reduce, reduce({1, -1}, true), {f32("2x3")}), "axis (-1) is listed twice");
  EXPECT_HAS(refused(Op::Reduce, reduce({1}, true), {f32("2x3"), ints({1})}), "both as attribute and as input");
}

TEST(InferReduce, ArgReduceSoftmaxCumSumTopK) {
  ArgReduceAttributesT arg;
  arg.axis = 1;
  EXPECT_EQ(inferred(Op::ArgReduce, arg, {f32("2x3")}), "int64 2x1");
  arg.keepdims = false;
  EXPECT_EQ(inferred(Op::ArgReduce, arg, {f32("nx3")}), "int64 n");
  EXPECT_HAS(refused(Op::ArgReduce, arg, {f32("2x0")}), "dimension 1 is empty");
  EXPECT_EQ(inferred(Op::Softmax, SoftmaxAttributesT(), {f32("2x3")}), "float32 2x3");
  SoftmaxAttributesT softmax;
  softmax.axis = 2;
  EXPECT_HAS(refused(Op::Softmax, softmax, {f32("2x3")}), "axis (2) is out of range");
  EXPECT_EQ(inferred(Op::CumSum, CumSumAttributesT(), {f32("2x3"), int_scalar(-1)}), "float32 2x3");
  EXPECT_HAS(refused(Op::CumSum, CumSumAttributesT(), {f32("2x3"), int_scalar(2)}), "axis (2) is out of range");
  EXPECT_EQ(inferred(Op::TopK, TopKAttributesT(), {f32("2xn"), ints({3})}, 2), "float32 2x3, int64 2x3");
  EXPECT_EQ(inferred(Op::TopK, TopKAttributesT(), {f32("2x9"), i64("1")}, 2), "float32 2x?, int64 2x?");
  EXPECT_HAS(refused(Op::TopK, TopKAttributesT(), {f32("2x2"), ints({3})}), "k (3) is larger than the dimension (2)");
  EXPECT_HAS(refused(Op::TopK, TopKAttributesT(), {f32("2x2"), ints({-3})}), "k (-3) is negative");
  EXPECT_HAS(refused(Op::TopK, TopKAttributesT(), {f32("2x2"), ints({1, 1})}), "k has 2 elements (expected 1)");
}

TEST(InferNormalization, Channels) {
  const In c3 = f32("3");
  EXPECT_EQ(inferred(Op::BatchNormalization, BatchNormalizationAttributesT(), {f32("nx3x4x4"), c3, c3, c3, c3}),
            "float32 nx3x4x4");
  EXPECT_HAS(refused(Op::BatchNormalization, BatchNormalizationAttributesT(), {f32("1x3x4x4"), c3, f32("4"), c3, c3}),
             "the bias has shape 4 (expected 3)");
  EXPECT_EQ(inferred(Op::InstanceNormalization, BatchNormalizationAttributesT(), {f32("1x3x4x4"), c3, c3}),
            "float32 1x3x4x4");
  GroupNormalizationAttributesT group;
  group.num_groups = 2;
  EXPECT_EQ(inferred(Op::GroupNormalization, group, {f32("1x4x4x4"), f32("4"), f32("4")}), "float32 1x4x4x4");
  EXPECT_HAS(refused(Op::GroupNormalization, group, {f32("1x3x4x4"), c3, c3}), "channels (3) is not a multiple of 2");
  group.per_group_scale = true;
  EXPECT_EQ(inferred(Op::GroupNormalization, group, {f32("1x4x4x4"), f32("2"), f32("2")}), "float32 1x4x4x4");
}

TEST(InferNormalization, Layers) {
  LayerNormalizationAttributesT a;
  a.axis = 1;
  EXPECT_EQ(inferred(Op::LayerNormalization, a, {f32("2x3x4"), f32("3x4"), f32("4")}, 3),
            "float32 2x3x4, float32 2x1x1, float32 2x1x1");
  EXPECT_HAS(refused(Op::LayerNormalization, a, {f32("2x3x4"), f32("5")}), "the scale of shape 5 does not broadcast");
  EXPECT_EQ(inferred(Op::RMSNormalization, LayerNormalizationAttributesT(), {f32("2x3x4"), f32("4")}), "float32 2x3x4");
  EXPECT_EQ(inferred(Op::Normalize, NormalizeAttributesT(), {f32("2x3x4"), f32("4"), absent()}), "float32 2x3x4");
  EXPECT_HAS(refused(Op::Normalize, NormalizeAttributesT(), {f32("2x3x4"), f32("3x4")}),
             "the scale has shape 3x4 (expected 4)");
  LpNormalizationAttributesT lp;
  lp.p = 3;
  EXPECT_HAS(refused(Op::LpNormalization, lp, {f32("2x3")}), "p (3) is neither 1 nor 2");
  EXPECT_HAS(refused(Op::LRN, LRNAttributesT(), {f32("1x3x4x4")}), "size (0) is below 1");
  AxesAttributesT axes;
  axes.axes = {0, 2, 3};
  EXPECT_EQ(inferred(Op::MeanVarianceNormalization, axes, {f32("1x3x4x4")}), "float32 1x3x4x4");
  EXPECT_HAS(refused(Op::MeanVarianceNormalization, axes, {f32("3x4")}), "axis (2) is out of range");
}

TEST(InferRecurrent, Cells) {
  RecurrentAttributesT a;
  a.hidden_size = 5;
  EXPECT_EQ(inferred(Op::LSTM, a, {f32("7xnx3"), f32("1x20x3"), f32("1x20x5"), f32("1x40")}, 3),
            "float32 7x1xnx5, float32 1xnx5, float32 1xnx5");
  a.direction = 2;
  EXPECT_EQ(inferred(Op::GRU, a, {f32("7x2x3"), f32("2x15x3"), f32("2x15x5")}, 2), "float32 7x2x2x5, float32 2x2x5");
  a.layout = true;
  EXPECT_EQ(inferred(Op::RNN, a, {f32("2x7x3"), f32("2x5x3"), f32("2x5x5")}, 2), "float32 2x7x2x5, float32 2x2x5");
  EXPECT_HAS(refused(Op::RNN, a, {f32("2x7x3"), f32("2x5x4"), f32("2x5x5")}),
             "the weights has shape 2x5x4 (expected 2x5x3)");
  EXPECT_HAS(refused(Op::LSTM, a, {f32("2x7x3"), f32("2x5x3"), f32("2x5x5")}), "expected 2x20x3");
  a.hidden_size = 4;
  EXPECT_HAS(refused(Op::RNN, a, {f32("2x7x3"), f32("2x5x3"), f32("2x5x5")}), "differ (4 and 5)");
  a.direction = 3;
  EXPECT_HAS(refused(Op::RNN, a, {f32("2x7x3"), f32("2x5x3"), f32("2x5x5")}), "direction (3)");
}

TEST(InferQuantization, TypesAndParameters) {
  QuantizeAttributesT a;
  EXPECT_EQ(inferred(Op::QuantizeLinear, a, {f32("2x3"), f32("scalar")}), "uint8 2x3");
  EXPECT_EQ(inferred(Op::QuantizeLinear, a, {f32("2x3"), f32("3"), typed(DataType::int8, "3")}), "int8 2x3");
  EXPECT_HAS(refused(Op::QuantizeLinear, a, {f32("2x3"), f32("2")}), "the scale has shape 2 (expected 3)");
  EXPECT_EQ(inferred(Op::DequantizeLinear, a, {typed(DataType::int8, "2x3"), f32("scalar")}), "float32 2x3");
  EXPECT_HAS(
      refused(Op::DequantizeLinear, a, {typed(DataType::int8, "2x3"), f32("scalar"), typed(DataType::uint8, "scalar")}),
      "different types");
  QuantizeAttributesT blocked;
  blocked.block_size = 2;
  EXPECT_EQ(inferred(Op::QuantizeLinear, blocked, {f32("2x5"), f32("2x3")}), "uint8 2x5");
  EXPECT_HAS(refused(Op::QuantizeLinear, blocked, {f32("2x5"), f32("2x2")}), "expected 2x3");
  EXPECT_EQ(inferred(Op::DynamicQuantizeLinear, NoAttributesT(), {f32("2xn")}, 3),
            "uint8 2xn, float32 scalar, uint8 scalar");
}

TEST(InferControlFlow, LoopsNeedTheirBody) {
  EXPECT_HAS(refused(Op::Loop, LoopAttributesT(), {i64("scalar")}, 1, ErrorCode::unsupported), "which does not exist");
  EXPECT_HAS(refused(static_cast<Op>(99), NoAttributesT(), {f32("1")}, 1, ErrorCode::unsupported), "op 99");
}

}  // namespace
}  // namespace motley::graph
