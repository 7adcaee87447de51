// Ops that move, pick or make elements: shapes from constant and partly known arguments.
#include "infer_support.hpp"

namespace motley::graph {
namespace {

using namespace schema;
using graph::DataType;

AxisAttributesT axis(int64_t value) {
  AxisAttributesT a;
  a.axis = value;
  return a;
}

TEST(InferReshape, Forms) {
  const ReshapeAttributesT a;
  EXPECT_EQ(inferred(Op::Reshape, a, {f32("2x3x4"), ints({6, 4})}), "float32 6x4");
  EXPECT_EQ(inferred(Op::Reshape, a, {f32("2x3x4"), ints({0, -1})}), "float32 2x12");
  EXPECT_EQ(inferred(Op::Reshape, a, {f32("nx3x4"), ints({-1, 12})}), "float32 nx12");
  EXPECT_EQ(inferred(Op::Reshape, a, {f32("nx3x4"), ints({0, -1})}), "float32 nx12");
  EXPECT_EQ(inferred(Op::Reshape, a, {f32("nx3x4"), ints({-1, 4})}), "float32 n*3x4");
  EXPECT_EQ(inferred(Op::Reshape, a, {f32("nxm"), ints({-1, 4})}), "float32 ?x4");
  EXPECT_EQ(inferred(Op::Reshape, a, {f32("1x1"), ints({})}), "float32 scalar");
  EXPECT_EQ(inferred(Op::Reshape, a, {f32("2x3"), i64("3")}), "float32 ?x?x?");
  EXPECT_EQ(inferred(Op::Reshape, a, {f32("2x3"), i64("n")}), "float32 unknown rank");
  EXPECT_EQ(inferred(Op::Reshape, a, {f32("unknown"), ints({2, -1})}), "float32 2x?");
  ReshapeAttributesT zero;
  zero.allow_zero = true;
  EXPECT_EQ(inferred(Op::Reshape, zero, {f32("0x3"), ints({3, 0})}), "float32 3x0");
}

TEST(InferReshape, Errors) {
  const ReshapeAttributesT a;
  EXPECT_HAS(refused(Op::Reshape, a, {f32("2x3"), ints({4, 2})}), "the element counts differ (6 and 8)");
  EXPECT_HAS(refused(Op::Reshape, a, {f32("nx3"), ints({0, 4})}), "the element counts differ");
  EXPECT_HAS(refused(Op::Reshape, a, {f32("2x3"), ints({4, -1})}), "the elements of 2x3 (6) are not a multiple of 4");
  EXPECT_HAS(refused(Op::Reshape, a, {f32("2x3"), ints({-1, -1})}), "two dimensions of -1");
  EXPECT_HAS(refused(Op::Reshape, a, {f32("2x3"), ints({-2, 3})}), "negative dimension (-2)");
  EXPECT_HAS(refused(Op::Reshape, a, {f32("6"), ints({6, 0})}), "copies dimension 1 of an input of rank 1");
  EXPECT_HAS(refused(Op::Reshape, a, {f32("2x3"), f32("2")}),
             "the target shape is of type float32 (expected int64 or int32)");
  EXPECT_HAS(refused(Op::Reshape, a, {f32("1"), ints({1, 1, 1, 1, 1, 1, 1, 1, 1})}), "rank 9 (at most 8)");
  EXPECT_HAS(refused(Op::Reshape, a, {f32("n"), ints({int64_t{1} << 40, int64_t{1} << 40})}), "64");
}

TEST(InferViews, SqueezeUnsqueezeFlatten) {
  EXPECT_EQ(inferred(Op::Squeeze, NoAttributesT(), {f32("1x3x1")}), "float32 3");
  EXPECT_EQ(inferred(Op::Squeeze, NoAttributesT(), {f32("1xnx1"), ints({-1})}), "float32 1xn");
  EXPECT_EQ(inferred(Op::Squeeze, NoAttributesT(), {f32("1xn")}), "float32 unknown rank");
  EXPECT_EQ(inferred(Op::Squeeze, NoAttributesT(), {f32("1x2x1"), i64("2")}), "float32 ?");
  EXPECT_HAS(refused(Op::Squeeze, NoAttributesT(), {f32("1x3"), ints({1})}),
             "dimension 1 is 3, so it cannot be squeezed");
  EXPECT_EQ(inferred(Op::Unsqueeze, NoAttributesT(), {f32("3x4"), ints({0, -1})}), "float32 1x3x4x1");
  EXPECT_HAS(refused(Op::Unsqueeze, NoAttributesT(), {f32("3"), ints({0, 0})}), "axis (0) is listed twice");
  EXPECT_HAS(refused(Op::Unsqueeze, NoAttributesT(), {f32("3"), ints({4})}), "axis (4) is out of range for rank 2");
  EXPECT_HAS(refused(Op::Unsqueeze, NoAttributesT(), {f32("1x1x1x1x1x1x1x1"), ints({0})}), "rank 9 (at most 8)");
  EXPECT_EQ(inferred(Op::Flatten, axis(1), {f32("nx3x4")}), "float32 nx12");
  EXPECT_EQ(inferred(Op::Flatten, axis(0), {f32("2x3")}), "float32 1x6");
  EXPECT_EQ(inferred(Op::Flatten, axis(2), {f32("nx3")}), "float32 n*3x1");
  EXPECT_EQ(inferred(Op::Flatten, axis(-1), {f32("2x3x4")}), "float32 6x4");
  EXPECT_HAS(refused(Op::Flatten, axis(3), {f32("2x3")}), "axis (3) is out of range");
}

TEST(InferViews, AxesMayBeAnAttribute) {
  AxesAttributesT a;
  a.axes = {0};
  EXPECT_EQ(inferred(Op::Squeeze, a, {f32("1x3x1")}), "float32 3x1");
  EXPECT_EQ(inferred(Op::Unsqueeze, a, {f32("3")}), "float32 1x3");
  EXPECT_HAS(refused(Op::Unsqueeze, a, {f32("3"), ints({0})}), "both as attribute and as input");
  EXPECT_HAS(refused(Op::Unsqueeze, AxesAttributesT(), {f32("3")}), "the axes are missing");
}

TEST(InferViews, LoweredFormsHaveADeclaredOutput) {
  const auto reshaped = [](const std::string& from, const std::string& to) {
    Net net;
    const TensorId x = net.add(f32(from), "x"), y = net.value("y", DataType::float32, to);
    net.graph().add_node("view", Op::Reshape, {x}, {y}, ReshapeAttributesT());
    net.output(y);
    infer_shapes(net.module);
    return describe(net.named("y"));
  };
  EXPECT_EQ(reshaped("2x3", "6"), "float32 6");
  EXPECT_HAS(error_of([&] { reshaped("2x3", "7"); }), "the element counts differ (6 and 7)");
  EXPECT_HAS(error_of([&] { reshaped("2x3", "unknown"); }), "neither a target shape nor");
  FillAttributesT fill;
  fill.type = DataType::int8;
  fill.value = {1};
  EXPECT_HAS(refused(Op::Fill, fill, {}), "neither a shape nor");
}

TEST(InferMovement, Transpose) {
  TransposeAttributesT a;
  EXPECT_EQ(inferred(Op::Transpose, a, {f32("2x3xn")}), "float32 nx3x2");
  a.perm = {0, 2, 1};
  EXPECT_EQ(inferred(Op::Transpose, a, {f32("2x3xn")}), "float32 2xnx3");
  EXPECT_HAS(refused(Op::Transpose, a, {f32("2x3")}), "perm has 3 values (expected 2, the rank)");
  a.perm = {0, 0, 1};
  EXPECT_HAS(refused(Op::Transpose, a, {f32("2x3x4")}), "axis (0) is listed twice");
  a.perm = {0, 1, 3};
  EXPECT_HAS(refused(Op::Transpose, a, {f32("2x3x4")}), "axis (3) is out of range");
}

TEST(InferMovement, Concat) {
  EXPECT_EQ(inferred(Op::Concat, axis(1), {f32("2x3"), f32("2x4")}), "float32 2x7");
  EXPECT_EQ(inferred(Op::Concat, axis(-1), {f32("nx3"), f32("2xk"), f32("2x1")}), "float32 2xk+3+1");
  EXPECT_EQ(inferred(Op::Concat, axis(0), {f32("2x3"), f32("unknown")}), "float32 ?x3");
  EXPECT_HAS(refused(Op::Concat, axis(1), {f32("2x3"), f32("3x3")}), "beside the axis differ (2 and 3)");
  EXPECT_HAS(refused(Op::Concat, axis(1), {f32("2x3"), f32("2")}), "input 1 has rank 1 (expected 2)");
  EXPECT_HAS(refused(Op::Concat, axis(2), {f32("2x3"), f32("2x3")}), "axis (2) is out of range");
  EXPECT_HAS(refused(Op::Concat, axis(0), {f32("2"), i64("2")}), "different types");
  EXPECT_HAS(refused(Op::Concat, axis(0), {f32("4611686018427387904"), f32("4611686018427387904")}), "64");
}

TEST(InferMovement, Split) {
  SplitAttributesT a;
  a.axis = 1;
  EXPECT_EQ(inferred(Op::Split, a, {f32("2x6")}, 3), "float32 2x2, float32 2x2, float32 2x2");
  EXPECT_EQ(inferred(Op::Split, a, {f32("2x7")}, 3), "float32 2x3, float32 2x3, float32 2x1");
  EXPECT_EQ(inferred(Op::Split, a, {f32("2x6"), ints({1, 5})}, 2), "float32 2x1, float32 2x5");
  EXPECT_EQ(inferred(Op::Split, a, {f32("2xn"), ints({1, 5})}, 2), "float32 2x1, float32 2x5");
  EXPECT_EQ(inferred(Op::Split, a, {f32("2xn")}, 2), "float32 2x?, float32 2x?");
  EXPECT_HAS(refused(Op::Split, a, {f32("2x6"), ints({1, 4})}, 2), "the sizes add up to 5 (expected 6)");
  EXPECT_HAS(refused(Op::Split, a, {f32("2x6"), ints({1, 5})}, 3), "2 sizes for 3 outputs");
  EXPECT_HAS(refused(Op::Split, a, {f32("2x6"), ints({7, -1})}, 2), "negative value (-1)");
  EXPECT_HAS(refused(Op::Split, a, {f32("2x1")}, 3), "does not split into 3 parts");
  a.num_outputs = 4;
  EXPECT_HAS(refused(Op::Split, a, {f32("2x6")}, 3), "num_outputs (4) is not the number of outputs (3)");
}

TEST(InferMovement, ExpandAndTile) {
  EXPECT_EQ(inferred(Op::Expand, NoAttributesT(), {f32("3x1"), ints({2, 1, 6})}), "float32 2x3x6");
  EXPECT_EQ(inferred(Op::Expand, NoAttributesT(), {f32("nx1"), ints({1, 5})}), "float32 nx5");
  EXPECT_HAS(refused(Op::Expand, NoAttributesT(), {f32("3"), ints({4})}), "do not broadcast");
  EXPECT_HAS(refused(Op::Expand, NoAttributesT(), {f32("1"), ints({-1})}), "negative value (-1)");
  EXPECT_HAS(refused(Op::Expand, NoAttributesT(), {f32("1"), ints({int64_t{1} << 40, int64_t{1} << 40})}), "64-bit");
  EXPECT_EQ(inferred(Op::Tile, NoAttributesT(), {f32("2xn"), ints({3, 2})}), "float32 6xn*2");
  EXPECT_HAS(refused(Op::Tile, NoAttributesT(), {f32("2x2"), ints({3})}), "1 repeats (expected 2, the rank)");
  EXPECT_HAS(refused(Op::Tile, NoAttributesT(), {f32("2x2"), ints({INT64_MAX, 2})}), "does not fit 64 bits");
}

TEST(InferMovement, Blocks) {
  BlockAttributesT a;
  a.block_size = 2;
  EXPECT_EQ(inferred(Op::DepthToSpace, a, {f32("nx8x2xw")}), "float32 nx2x4xw*2");
  EXPECT_EQ(inferred(Op::SpaceToDepth, a, {f32("nx2x4x6")}), "float32 nx8x2x3");
  EXPECT_HAS(refused(Op::DepthToSpace, a, {f32("1x6x2x3")}), "channels (6) is not a multiple of 4");
  EXPECT_HAS(refused(Op::SpaceToDepth, a, {f32("1x2x5x6")}), "the height (5) is not a multiple of 2");
  a.block_size = 0;
  EXPECT_HAS(refused(Op::SpaceToDepth, a, {f32("1x2x4x6")}), "block_size (0) is below 1");
  a.block_size = int64_t{1} << 40;
  EXPECT_HAS(refused(Op::SpaceToDepth, a, {f32("1x2x4x6")}), "does not fit 64 bits");
}

std::string slice(const std::string& x, std::vector<int64_t> starts, std::vector<int64_t> ends,
                  std::vector<int64_t> axes, std::vector<int64_t> steps) {
  return inferred(Op::Slice, NoAttributesT(), {f32(x), ints(starts), ints(ends), ints(axes), ints(steps)});
}

TEST(InferSlice, Bounds) {
  EXPECT_EQ(slice("10x8", {1, -3}, {4, INT64_MAX}, {0, 1}, {1, 1}), "float32 3x3");
  EXPECT_EQ(slice("10", {0}, {10}, {0}, {3}), "float32 4");
  EXPECT_EQ(slice("10", {-1}, {INT64_MIN}, {0}, {-1}), "float32 10");
  EXPECT_EQ(slice("10", {8}, {1}, {-1}, {-3}), "float32 3");
  EXPECT_EQ(slice("10", {20}, {0}, {0}, {-1}), "float32 9");
  EXPECT_EQ(slice("10", {5}, {2}, {0}, {1}), "float32 0");
  EXPECT_EQ(slice("10", {0}, {INT64_MAX}, {0}, {INT64_MAX}), "float32 1");
  EXPECT_EQ(slice("10", {INT64_MAX}, {INT64_MIN}, {0}, {INT64_MIN}), "float32 1");
  EXPECT_EQ(slice("0", {0}, {5}, {0}, {1}), "float32 0");
  EXPECT_EQ(inferred(Op::Slice, NoAttributesT(), {f32("4x5"), ints({1}), ints({3})}), "float32 2x5");
}

TEST(InferSlice, UnknownParts) {
  EXPECT_EQ(slice("nx8", {0, 2}, {INT64_MAX, 4}, {0, 1}, {1, 1}), "float32 nx2");
  EXPECT_EQ(slice("nx8", {1}, {INT64_MAX}, {0}, {1}), "float32 ?x8");
  EXPECT_EQ(inferred(Op::Slice, NoAttributesT(), {f32("4x5"), i64("1"), ints({3}), ints({1})}), "float32 4x?");
  EXPECT_EQ(inferred(Op::Slice, NoAttributesT(), {f32("4x5"), ints({1}), ints({3}), i64("1")}), "float32 ?x?");
}

TEST(InferSlice, Errors) {
  const auto bad = [](std::vector<In> inputs) { return refused(Op::Slice, NoAttributesT(), inputs); };
  EXPECT_HAS(bad({f32("4x5"), ints({0}), ints({1}), ints({0}), ints({0})}), "a step is 0");
  EXPECT_HAS(bad({f32("4x5"), ints({0}), ints({1}), ints({2})}), "axis (2) is out of range");
  EXPECT_HAS(bad({f32("4x5"), ints({0, 0}), ints({1, 1}), ints({0, -2})}), "axis (-2) is listed twice");
  EXPECT_HAS(bad({f32("4x5"), ints({0, 0}), ints({1})}), "1 ends for 2 starts");
  EXPECT_HAS(bad({f32("4"), ints({0, 0}), ints({1, 1})}), "2 starts for an input of rank 1");
  EXPECT_HAS(bad({f32("4"), f32("1"), ints({1})}), "the starts is of type float32");
}

TEST(InferPad, Forms) {
  PadAttributesT a;
  EXPECT_EQ(inferred(Op::Pad, a, {f32("2x3"), ints({0, 1, 2, -1}), f32("scalar")}), "float32 4x3");
  EXPECT_EQ(inferred(Op::Pad, a, {f32("2xn"), ints({1, 1}), absent(), ints({-1})}), "float32 2xn+2");
  EXPECT_EQ(inferred(Op::Pad, a, {f32("2xn"), i64("4")}), "float32 ?x?");
  EXPECT_HAS(refused(Op::Pad, a, {f32("2x3"), ints({0, 1, 2})}), "3 pads (expected 4, two per axis)");
  EXPECT_HAS(refused(Op::Pad, a, {f32("2x3"), ints({-2, 0, -1, 0})}), "remove more than the dimension has (2)");
  EXPECT_HAS(refused(Op::Pad, a, {f32("2x3"), ints({INT64_MAX, 0, INT64_MAX, 0})}), "does not fit 64 bits");
  EXPECT_HAS(refused(Op::Pad, a, {f32("2x3"), ints({0, 1, 2, 0}), i64("scalar")}), "different types");
  a.mode = PadMode::reflect;
  EXPECT_EQ(inferred(Op::Pad, a, {f32("2x3"), ints({1, 2, 1, 2})}), "float32 4x7");
  EXPECT_HAS(refused(Op::Pad, a, {f32("2x3"), ints({2, 0, 0, 0})}, 1, ErrorCode::unsupported),
             "reaches past a dimension of 2");
  a.mode = PadMode::edge;
  EXPECT_HAS(refused(Op::Pad, a, {f32("0x3"), ints({2, 0, 0, 0})}), "an empty dimension");
}

TEST(InferMovement, OthersThatKeepOrSetTheShape) {
  CenterCropPadAttributesT crop;
  EXPECT_EQ(inferred(Op::CenterCropPad, crop, {f32("20x10x3"), ints({10, 7, 3})}), "float32 10x7x3");
  crop.axes = {1};
  EXPECT_EQ(inferred(Op::CenterCropPad, crop, {f32("20x10x3"), ints({4})}), "float32 20x4x3");
  EXPECT_HAS(refused(Op::CenterCropPad, crop, {f32("20x10x3"), ints({4, 4})}), "2 values for 1 axes");
  ReverseSequenceAttributesT reverse;
  EXPECT_EQ(inferred(Op::ReverseSequence, reverse, {f32("4x3x2"), i64("3")}), "float32 4x3x2");
  EXPECT_HAS(refused(Op::ReverseSequence, reverse, {f32("4x3"), i64("4")}), "the lengths has shape 4 (expected 3)");
  reverse.time_axis = 1;
  EXPECT_HAS(refused(Op::ReverseSequence, reverse, {f32("4x3"), i64("3")}), "are the same (1)");
  EXPECT_EQ(inferred(Op::Trilu, TriluAttributesT(), {i64("4x3"), int_scalar(1)}), "int64 4x3");
  EXPECT_HAS(refused(Op::Trilu, TriluAttributesT(), {i64("4")}), "the input has rank 1");
}

TEST(InferGather, Forms) {
  EXPECT_EQ(inferred(Op::Gather, axis(1), {f32("2x3x4"), i64("5x6")}), "float32 2x5x6x4");
  EXPECT_EQ(inferred(Op::Gather, axis(0), {f32("2x3"), int_scalar(-1)}), "float32 3");
  EXPECT_HAS(refused(Op::Gather, axis(0), {f32("2x3"), ints({0, 2})}), "index 2 is out of range for dimension 2");
  EXPECT_HAS(refused(Op::Gather, axis(0), {f32("2x3"), ints({-3})}), "index -3 is out of range");
  EXPECT_HAS(refused(Op::Gather, axis(0), {f32("2x3"), f32("1")}), "the indices is of type float32");
  EXPECT_HAS(refused(Op::Gather, axis(2), {f32("2x3"), i64("1")}), "axis (2) is out of range");
  EXPECT_HAS(refused(Op::Gather, axis(0), {f32("1x1x1x1x1"), i64("1x1x1x1x1")}), "its result has more dimensions than there may be (at most 8)");
  EXPECT_EQ(inferred(Op::GatherElements, axis(1), {f32("2x3"), i64("2x5")}), "float32 2x5");
  EXPECT_HAS(refused(Op::GatherElements, axis(1), {f32("2x3"), i64("3x3")}), "does not fit in the data's (2x3)");
  BatchDimsAttributesT batch;
  EXPECT_EQ(inferred(Op::GatherND, batch, {f32("2x3x4"), i64("7x2")}), "float32 7x4");
  batch.batch_dims = 1;
  EXPECT_EQ(inferred(Op::GatherND, batch, {f32("2x3x4"), i64("2x1")}), "float32 2x4");
  EXPECT_HAS(refused(Op::GatherND, batch, {f32("2x3x4"), i64("2x3")}), "(3) is not between 1 and 2");
  batch.batch_dims = 2;
  EXPECT_HAS(refused(Op::GatherND, batch, {f32("2x3x4"), i64("2x1")}), "batch_dims (2)");
}

TEST(InferScatter, Forms) {
  ScatterAttributesT a;
  EXPECT_EQ(inferred(Op::ScatterElements, a, {f32("2x3"), i64("1x3"), f32("1x3")}), "float32 2x3");
  EXPECT_HAS(refused(Op::ScatterElements, a, {f32("2x3"), i64("1x3"), f32("1x2")}),
             "the updates has shape 1x2 (expected 1x3)");
  EXPECT_HAS(refused(Op::ScatterElements, a, {f32("2x3"), i64("1x3"), i64("1x3")}), "different types");
  EXPECT_EQ(inferred(Op::ScatterND, a, {f32("4x4x4"), i64("2x1"), f32("2x4x4")}), "float32 4x4x4");
  EXPECT_HAS(refused(Op::ScatterND, a, {f32("4x4x4"), i64("2x1"), f32("2x4")}),
             "the updates has shape 2x4 (expected 2x4x4)");
}

TEST(InferSelection, DataDependent) {
  EXPECT_EQ(inferred(Op::NonZero, NoAttributesT(), {f32("2x3")}), "int64 2x?");
  EXPECT_EQ(
      inferred(Op::NonMaxSuppression, NonMaxSuppressionAttributesT(), {f32("1x6x4"), f32("1x2x6"), int_scalar(3)}),
      "int64 ?x3");
  EXPECT_HAS(refused(Op::NonMaxSuppression, NonMaxSuppressionAttributesT(), {f32("1x6x5"), f32("1x2x6")}),
             "the boxes has shape 1x6x5");
  EXPECT_HAS(refused(Op::NonMaxSuppression, NonMaxSuppressionAttributesT(), {f32("1x6x4"), f32("1x2x7")}),
             "the scores has shape 1x2x7");
  CompressAttributesT compress;
  EXPECT_EQ(inferred(Op::Compress, compress, {f32("2x3"), boolean("5")}), "float32 ?");
  compress.has_axis = true;
  EXPECT_EQ(inferred(Op::Compress, compress, {f32("2x3"), constant<uint8_t>(DataType::bool_, {1, 0}, "2")}),
            "float32 1x3");
  EXPECT_HAS(refused(Op::Compress, compress, {f32("2x3"), boolean("5")}),
             "the condition has 5 elements for a dimension of 2");
}

TEST(InferGenerate, OneHotRangeFillEye) {
  OneHotAttributesT hot;
  EXPECT_EQ(inferred(Op::OneHot, hot, {i64("2x3"), int_scalar(10), f32("2")}), "float32 2x3x10");
  EXPECT_EQ(inferred(Op::OneHot, hot, {i64("2x3"), constant<float>(DataType::float32, {10}, "scalar"), f32("2")}),
            "float32 2x3x10");
  hot.axis = 1;
  EXPECT_EQ(inferred(Op::OneHot, hot, {i64("2x3"), i64("scalar"), i64("2")}), "int64 2x?x3");
  EXPECT_HAS(refused(Op::OneHot, hot, {i64("2"), int_scalar(0), f32("2")}),
             "the depth (0.000000) is not a positive number");
  EXPECT_HAS(refused(Op::OneHot, hot, {i64("2"), int_scalar(3), f32("3")}), "the values has shape 3 (expected 2)");

  const auto range = [](int64_t a, int64_t b, int64_t d) {
    return inferred(Op::Range, NoAttributesT(), {int_scalar(a), int_scalar(b), int_scalar(d)});
  };
  EXPECT_EQ(range(1, 10, 4), "int64 3");
  EXPECT_EQ(range(10, 4, -2), "int64 3");
  EXPECT_EQ(range(4, 10, -2), "int64 0");
  EXPECT_HAS(error_of([&] { range(0, 1, 0); }), "delta is 0");
  EXPECT_HAS(error_of([&] { range(INT64_MIN, INT64_MAX, 1); }), "does not fit 64 bits");
  EXPECT_HAS(error_of([&] { range(0, INT64_MAX, 1); }), "64-bit");

  FillAttributesT fill;
  fill.type = DataType::int16;
  fill.value = {1, 0};
  EXPECT_EQ(inferred(Op::ConstantOfShape, fill, {ints({2, 3})}), "int16 2x3");
  EXPECT_EQ(inferred(Op::Fill, fill, {i64("2")}), "int16 ?x?");
  EXPECT_HAS(refused(Op::Fill, fill, {ints({-2})}), "negative value (-2)");
  EXPECT_HAS(refused(Op::Fill, fill, {ints({int64_t{1} << 40, int64_t{1} << 40})}), "64-bit");
  fill.value = {1};
  EXPECT_HAS(refused(Op::Fill, fill, {ints({2})}), "the value has 1 bytes (expected 2)");
  EXPECT_EQ(inferred(Op::EyeLike, EyeLikeAttributesT(), {f32("3x4")}), "float32 3x4");
  EXPECT_HAS(refused(Op::EyeLike, EyeLikeAttributesT(), {f32("3")}), "the input has rank 1");
}

TEST(InferResize, ScalesAndSizes) {
  ResizeAttributesT a;
  EXPECT_EQ(inferred(Op::Resize, a, {f32("1x3x4x5"), absent(), floats({1, 1, 2, 1.5f})}), "float32 1x3x8x7");
  EXPECT_EQ(inferred(Op::Resize, a, {f32("nx3x4xw"), floats({}), floats({1, 1, 2, 2})}), "float32 nx3x8x?");
  EXPECT_EQ(inferred(Op::Resize, a, {f32("1x3x4x5"), absent(), floats({}), ints({1, 3, 9, 9})}), "float32 1x3x9x9");
  EXPECT_EQ(inferred(Op::Resize, a, {f32("1x3x4x5"), absent(), f32("4")}), "float32 ?x?x?x?");
  a.axes = {2, 3};
  EXPECT_EQ(inferred(Op::Resize, a, {f32("1x3x4x5"), absent(), absent(), ints({9, 10})}), "float32 1x3x9x10");
  a.keep_aspect_ratio_policy = 1;
  EXPECT_EQ(inferred(Op::Resize, a, {f32("1x1x2x4"), absent(), absent(), ints({7, 8})}), "float32 1x1x4x8");
  a.keep_aspect_ratio_policy = 2;
  EXPECT_EQ(inferred(Op::Resize, a, {f32("1x1x2x4"), absent(), absent(), ints({7, 8})}), "float32 1x1x7x14");
}

TEST(InferResize, RegionsOfTfCrop) {
  ResizeAttributesT a;
  a.coordinates = ResizeCoordinates::tf_crop_and_resize;
  EXPECT_EQ(
      inferred(Op::Resize, a, {f32("1x1x4x4"), floats({0, 0, 0.25f, 0.25f, 1, 1, 0.75f, 0.75f}), floats({1, 1, 2, 4})}),
      "float32 1x1x4x8");
}

TEST(InferResize, Errors) {
  const ResizeAttributesT a;
  EXPECT_HAS(refused(Op::Resize, a, {f32("1x3"), absent(), floats({1, 1}), ints({1, 3})}), "both scales and sizes");
  EXPECT_HAS(refused(Op::Resize, a, {f32("1x3")}), "neither scales nor sizes");
  EXPECT_HAS(refused(Op::Resize, a, {f32("1x3"), absent(), floats({1})}), "1 scales (expected 2, one per axis)");
  EXPECT_HAS(refused(Op::Resize, a, {f32("1x3"), absent(), floats({1, -2})}),
             "a scale (-2.000000) is not a positive number");
  EXPECT_HAS(refused(Op::Resize, a, {f32("1x3"), absent(), floats({1, 1e30f})}), "out of range");
  EXPECT_HAS(refused(Op::Resize, a, {f32("1x3"), absent(), absent(), ints({1, -3})}), "negative value (-3)");
}

TEST(InferResize, SamplingAndRegions) {
  EXPECT_EQ(inferred(Op::GridSample, GridSampleAttributesT(), {f32("nx3x4x5"), f32("nx6x7x2")}), "float32 nx3x6x7");
  EXPECT_HAS(refused(Op::GridSample, GridSampleAttributesT(), {f32("1x3x4x5"), f32("1x6x7x3")}),
             "the grid has shape 1x6x7x3");
  RoiAlignAttributesT a;
  a.output_height = 5;
  a.output_width = 6;
  EXPECT_EQ(inferred(Op::RoiAlign, a, {f32("1x3x9x9"), f32("kx4"), i64("k")}), "float32 kx3x5x6");
  EXPECT_HAS(refused(Op::RoiAlign, a, {f32("1x3x9x9"), f32("2x5"), i64("2")}), "the regions has shape 2x5");
  a.output_height = 0;
  EXPECT_HAS(refused(Op::RoiAlign, a, {f32("1x3x9x9"), f32("2x4"), i64("2")}), "(0 by 6) is not positive");
}

StridedCopyAttributesT copy_region(std::vector<int64_t> extents, int64_t from, std::vector<int64_t> from_strides,
                                   int64_t to, std::vector<int64_t> to_strides) {
  StridedCopyAttributesT a;
  a.regions.push_back(std::make_unique<RegionT>());
  RegionT& region = *a.regions.back();
  region.extents = std::move(extents);
  region.src_offset = from;
  region.src_strides = std::move(from_strides);
  region.dst_offset = to;
  region.dst_strides = std::move(to_strides);
  return a;
}

std::string strided(const StridedCopyAttributesT& a, const std::string& from, const std::string& to) {
  Net net;
  const TensorId x = net.add(f32(from), "x"), y = net.value("y", DataType::float32, to);
  net.graph().add_node("copy", Op::StridedCopy, {x}, {y}, a);
  net.output(y);
  infer_shapes(net.module);
  return describe(net.named("y"));
}
std::string bad_strided(const StridedCopyAttributesT& a, const std::string& from, const std::string& to) {
  return error_of([&] { strided(a, from, to); });
}

TEST(InferStridedCopy, ChecksThatRegionsStayInside) {
  EXPECT_EQ(strided(copy_region({3, 2}, 0, {1, 3}, 0, {2, 1}), "2x3", "3x2"), "float32 3x2");
  EXPECT_EQ(strided(copy_region({6}, 5, {-1}, 0, {1}), "6", "6"), "float32 6");
  EXPECT_HAS(bad_strided(copy_region({6}, 1, {1}, 0, {1}), "6", "6"), "reaches source elements 1 to 6 of 6");
  EXPECT_HAS(bad_strided(copy_region({6}, 0, {-1}, 0, {1}), "6", "6"), "reaches source elements -5 to 0 of 6");
  EXPECT_HAS(bad_strided(copy_region({6}, 0, {1}, 0, {2}), "6", "6"), "reaches destination elements 0 to 10 of 6");
  EXPECT_HAS(bad_strided(copy_region({5}, 0, {1}, 0, {1}), "6", "6"),
             "write 5 of 6 elements and there is no fill value");
  EXPECT_HAS(bad_strided(copy_region({7}, 0, {0}, 0, {0}), "6", "6"), "the regions overlap");
  EXPECT_HAS(bad_strided(copy_region({INT64_MAX, 3}, 0, {0, 0}, 0, {0, 0}), "6", "6"), "does not fit 64 bits");
  EXPECT_HAS(bad_strided(copy_region({6}, INT64_MAX, {INT64_MAX}, 0, {1}), "6", "6"), "does not fit 64 bits");
  EXPECT_HAS(bad_strided(copy_region({-1}, 0, {1}, 0, {1}), "6", "6"), "negative extent (-1)");
  EXPECT_HAS(bad_strided(copy_region({6}, 0, {}, 0, {1}), "6", "6"), "0 source strides for 1 extents");
  EXPECT_HAS(bad_strided(copy_region({6}, 0, {1}, 0, {1}), "6", "unknown"), "must be declared");
  auto other = copy_region({6}, 0, {1}, 0, {1});
  other.regions[0]->input = 1;
  EXPECT_HAS(bad_strided(other, "6", "6"), "reads input 1, which is missing");
}

}  // namespace
}  // namespace motley::graph
