// Convolutions and pooling.
#include "infer_support.hpp"

namespace motley::graph {
namespace {

using namespace schema;
using graph::DataType;

std::string conv(const ConvAttributesT& a, const std::string& x, const std::string& w) {
  return inferred(Op::Conv, a, {f32(x), f32(w)});
}
std::string bad_conv(const ConvAttributesT& a, const std::string& x, const std::string& w) {
  return refused(Op::Conv, a, {f32(x), f32(w)});
}

TEST(InferConv, Plain) {
  EXPECT_EQ(conv({}, "1x3x8x8", "4x3x3x3"), "float32 1x4x6x6");
  ConvAttributesT a;
  a.strides = {2, 1};
  a.dilations = {1, 2};
  a.pads = {1, 0, 1, 2};
  EXPECT_EQ(conv(a, "1x3x9x9", "4x3x3x3"), "float32 1x4x5x7");
  EXPECT_EQ(conv({}, "2x3x10", "5x3x4"), "float32 2x5x7");
  EXPECT_EQ(conv({}, "1x1x4x4x4", "1x1x2x3x4"), "float32 1x1x3x2x1");
}

TEST(InferConv, AutoPad) {
  ConvAttributesT a;
  a.strides = {2, 2};
  a.auto_pad = AutoPad::same_upper;
  EXPECT_EQ(conv(a, "1x3x7x8", "4x3x3x3"), "float32 1x4x4x4");
  a.auto_pad = AutoPad::valid;
  a.pads = {9, 9, 9, 9};  // counts only when explicit
  EXPECT_EQ(conv(a, "1x3x7x8", "4x3x3x3"), "float32 1x4x3x3");
}

TEST(InferConv, Symbols) {
  EXPECT_EQ(conv({}, "nx3x8x8", "4x3x3x3"), "float32 nx4x6x6");
  EXPECT_EQ(conv({}, "nx3xhx8", "4x3x3x3"), "float32 nx4x?x6");
  ConvAttributesT a;
  a.pads = {1, 1, 1, 1};
  EXPECT_EQ(conv(a, "nx3xhxw", "4x3x3x3"), "float32 nx4xhxw");
  EXPECT_EQ(conv({}, "unknown", "4x3x3x3"), "float32 unknown rank");
}

TEST(InferConv, Groups) {
  ConvAttributesT a;
  a.group = 4;
  EXPECT_EQ(conv(a, "1x8x5x5", "12x2x1x1"), "float32 1x12x5x5");
  EXPECT_HAS(bad_conv(a, "1x8x5x5", "12x5x1x1"),
             "node \"tested\" (Conv): weights have 5 input channels per group (expected 2)");
  EXPECT_HAS(bad_conv(a, "1x6x5x5", "12x2x1x1"), "channels (6) do not divide into 4 groups");
  EXPECT_HAS(bad_conv(a, "1x8x5x5", "10x2x1x1"), "the output channels (10) do not divide into 4 groups");
  a.group = 0;
  EXPECT_HAS(bad_conv(a, "1x8x5x5", "12x2x1x1"), "group (0) is below 1");
}

TEST(InferConv, Errors) {
  EXPECT_HAS(bad_conv({}, "3x8", "4x3x3"), "the input has rank 2");
  EXPECT_HAS(bad_conv({}, "1x3x8x8", "4x3x3"), "the weights have rank 3 (expected 4 as the input)");
  EXPECT_HAS(bad_conv({}, "1x3x2x8", "4x3x3x3"), "the kernel (3, dilation 1) is larger than the padded input (2)");
  EXPECT_HAS(bad_conv({}, "1x3x2x8", "4x3x0x3"), "the kernel is empty (0x3)");
  ConvAttributesT a;
  a.strides = {0, 1};
  EXPECT_HAS(bad_conv(a, "1x3x8x8", "4x3x3x3"), "strides has the value 0 (expected at least 1)");
  a.strides = {1};
  EXPECT_HAS(bad_conv(a, "1x3x8x8", "4x3x3x3"), "strides has 1 values (expected 2)");
  a.strides = {};
  a.dilations = {-1, 1};
  EXPECT_HAS(bad_conv(a, "1x3x8x8", "4x3x3x3"), "dilations has the value -1");
  a.dilations = {};
  a.pads = {0, 0, 0, -1};
  EXPECT_HAS(bad_conv(a, "1x3x8x8", "4x3x3x3"), "pads has the value -1");
  a.pads = {1, 1};
  EXPECT_HAS(bad_conv(a, "1x3x8x8", "4x3x3x3"), "pads has 2 values (expected 4)");
}

TEST(InferConv, SizesThatOverflow) {
  ConvAttributesT a;
  a.pads = {INT64_MAX, 0, INT64_MAX, 0};
  EXPECT_HAS(bad_conv(a, "1x3x8x8", "4x3x3x3"), "does not fit 64 bits");
  a.pads = {};
  a.dilations = {INT64_MAX, 1};
  EXPECT_HAS(bad_conv(a, "1x3x8x8", "4x3x3x3"), "does not fit 64 bits");
  a.dilations = {};
  a.pads = {int64_t{1} << 40, int64_t{1} << 40, 0, 0};
  EXPECT_HAS(bad_conv(a, "1x3x8x8", "4x3x3x3"), "larger than 64-bit sizes can count");
}

TEST(InferConv, BiasAndResidual) {
  EXPECT_EQ(inferred(Op::Conv, ConvAttributesT(), {f32("1x3x8x8"), f32("4x3x3x3"), f32("4"), f32("1x4x6x6")}),
            "float32 1x4x6x6");
  EXPECT_HAS(refused(Op::Conv, ConvAttributesT(), {f32("1x3x8x8"), f32("4x3x3x3"), f32("3")}),
             "the bias has shape 3 (expected 4)");
  EXPECT_HAS(refused(Op::Conv, ConvAttributesT(), {f32("1x3x8x8"), f32("4x3x3x3"), absent(), f32("1x4x1x1")}),
             "the residual has shape 1x4x1x1 (expected 1x4x6x6)");
  EXPECT_HAS(refused(Op::Conv, ConvAttributesT(), {f32("1x3x8x8"), typed(DataType::float16, "4x3x3x3")}),
             "different types");
}

TEST(InferConvTranspose, Forms) {
  ConvTransposeAttributesT a;
  EXPECT_EQ(inferred(Op::ConvTranspose, a, {f32("1x2x3x3"), f32("2x4x3x3"), f32("4")}), "float32 1x4x5x5");
  a.strides = {3, 2};
  EXPECT_EQ(inferred(Op::ConvTranspose, a, {f32("1x1x3x3"), f32("1x2x3x3")}), "float32 1x2x9x7");
  a.output_padding = {1, 1};
  a.pads = {1, 1, 1, 1};
  EXPECT_EQ(inferred(Op::ConvTranspose, a, {f32("1x1x3x3"), f32("1x2x3x3")}), "float32 1x2x8x6");
  a.output_shape = {10, 8};
  EXPECT_EQ(inferred(Op::ConvTranspose, a, {f32("1x1x3x3"), f32("1x2x3x3")}), "float32 1x2x10x8");
  ConvTransposeAttributesT same;
  same.strides = {2, 2};
  same.auto_pad = AutoPad::same_upper;
  EXPECT_EQ(inferred(Op::ConvTranspose, same, {f32("nx1x3xh"), f32("1x2x3x3")}), "float32 nx2x6xh*2");
  ConvTransposeAttributesT grouped;
  grouped.group = 2;
  EXPECT_EQ(inferred(Op::ConvTranspose, grouped, {f32("1x4x3x3"), f32("4x3x1x1")}), "float32 1x6x3x3");
}

TEST(InferConvTranspose, Errors) {
  ConvTransposeAttributesT a;
  EXPECT_HAS(refused(Op::ConvTranspose, a, {f32("1x3x3x3"), f32("2x4x3x3")}), "input channels differ (3 and 2)");
  EXPECT_HAS(refused(Op::ConvTranspose, a, {f32("1x2x3x3"), f32("2x4x3x3"), f32("2")}),
             "the bias has shape 2 (expected 4)");
  a.group = 3;
  EXPECT_HAS(refused(Op::ConvTranspose, a, {f32("1x2x3x3"), f32("2x4x3x3")}), "do not divide into 3 groups");
  a.group = 1;
  a.output_padding = {1, 0};
  EXPECT_HAS(refused(Op::ConvTranspose, a, {f32("1x2x3x3"), f32("2x4x3x3")}), "output_padding (1) is not below stride");
  a.output_padding = {};
  a.pads = {3, 0, 3, 0};
  EXPECT_HAS(refused(Op::ConvTranspose, a, {f32("1x2x3x3"), f32("2x4x3x3")}), "leave nothing of the output (5)");
  a.pads = {INT64_MAX, 0, INT64_MAX, 0};
  EXPECT_HAS(refused(Op::ConvTranspose, a, {f32("1x2x3x3"), f32("2x4x3x3")}), "leave nothing of the output");
  a.pads = {};
  a.strides = {INT64_MAX, 1};
  EXPECT_HAS(refused(Op::ConvTranspose, a, {f32("1x2x3x3"), f32("2x4x3x3")}), "does not fit 64 bits");
}

TEST(InferConv, IntegerAndQuantized) {
  const In x = typed(DataType::uint8, "1x1x3x3"), w = typed(DataType::uint8, "1x1x2x2"),
           zero = typed(DataType::uint8, "scalar");
  EXPECT_EQ(inferred(Op::ConvInteger, ConvAttributesT(), {x, w, zero}), "int32 1x1x2x2");
  EXPECT_HAS(refused(Op::ConvInteger, ConvAttributesT(), {x, w, typed(DataType::int8, "scalar")}), "different types");
  const In s = f32("scalar"), z = typed(DataType::int8, "scalar");
  EXPECT_EQ(inferred(Op::QLinearConv, ConvAttributesT(), {x, s, zero, w, s, zero, s, z}), "int8 1x1x2x2");
  EXPECT_HAS(refused(Op::QLinearConv, ConvAttributesT(), {x, s, zero, w, s, zero, s}), "input 7 is missing");
}

TEST(InferConv, Deformable) {
  DeformConvAttributesT a;
  EXPECT_EQ(inferred(Op::DeformConv, a, {f32("1x1x3x3"), f32("1x1x2x2"), f32("1x8x2x2")}), "float32 1x1x2x2");
  EXPECT_EQ(inferred(Op::DeformConv, a, {f32("1x1x3x3"), f32("1x1x2x2"), f32("1x8x2x2"), f32("1"), f32("1x4x2x2")}),
            "float32 1x1x2x2");
  EXPECT_HAS(refused(Op::DeformConv, a, {f32("1x1x3x3"), f32("1x1x2x2"), f32("1x4x2x2")}),
             "the offset has shape 1x4x2x2 (expected 1x8x2x2)");
  a.offset_group = 0;
  EXPECT_HAS(refused(Op::DeformConv, a, {f32("1x1x3x3"), f32("1x1x2x2"), f32("1x8x2x2")}), "offset_group (0)");
}

PoolAttributesT pool(std::vector<int64_t> kernel, std::vector<int64_t> strides = {}) {
  PoolAttributesT a;
  a.kernel_shape = std::move(kernel);
  a.strides = std::move(strides);
  return a;
}

TEST(InferPool, Forms) {
  EXPECT_EQ(inferred(Op::Pool, pool({2, 2}, {2, 2}), {f32("1x3x8x7")}), "float32 1x3x4x3");
  EXPECT_EQ(inferred(Op::Pool, pool({2, 2}), {f32("1x3x8x7")}, 2), "float32 1x3x7x6, int64 1x3x7x6");
  PoolAttributesT a = pool({3, 3}, {2, 2});
  a.ceil_mode = true;
  EXPECT_EQ(inferred(Op::Pool, a, {f32("1x1x4x4")}), "float32 1x1x2x2");
  a = pool({1}, {2});
  a.ceil_mode = true;  // a window that would begin past the input is dropped
  EXPECT_EQ(inferred(Op::Pool, a, {f32("1x1x2")}), "float32 1x1x1");
  EXPECT_EQ(inferred(Op::Pool, pool({3, 3}), {f32("nxcxhx5")}), "float32 nxcx?x3");
  EXPECT_EQ(inferred(Op::GlobalPool, GlobalPoolAttributesT(), {f32("nx3xhxw")}), "float32 nx3x1x1");
}

TEST(InferPool, Errors) {
  EXPECT_HAS(refused(Op::Pool, pool({}), {f32("1x3x8x8")}), "kernel_shape is missing");
  EXPECT_HAS(refused(Op::Pool, pool({2}), {f32("1x3x8x8")}), "kernel_shape has 1 values (expected 2)");
  EXPECT_HAS(refused(Op::Pool, pool({0, 2}), {f32("1x3x8x8")}), "kernel_shape has the value 0");
  EXPECT_HAS(refused(Op::Pool, pool({9, 2}), {f32("1x3x8x8")}), "larger than the padded input (8)");
  PoolAttributesT a = pool({2, 2});
  a.pads = {2, 0, 0, 0};
  EXPECT_HAS(refused(Op::Pool, a, {f32("1x3x8x8")}), "a pad (2) is not smaller than the kernel (2)");
  a = pool({2, 2});
  a.function = PoolFunction::average;
  EXPECT_HAS(refused(Op::Pool, a, {f32("1x3x8x8")}, 2), "only max pooling has a second output");
  a.function = PoolFunction::lp;
  a.p = 0;
  EXPECT_HAS(refused(Op::Pool, a, {f32("1x3x8x8")}), "p (0) is below 1");
  EXPECT_HAS(refused(Op::GlobalPool, GlobalPoolAttributesT(), {f32("3")}), "the input has rank 1");
}

}  // namespace
}  // namespace motley::graph
