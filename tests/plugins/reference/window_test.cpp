// Conv, ConvTranspose, Pool, DeformConv.
#include "reference.hpp"

namespace motley::test {
namespace {

using P = schema::AutoPad;

NodeCase conv(schema::ConvAttributesT a, std::vector<Value> inputs) {
  return node_case(Op::Conv, std::move(a), std::move(inputs), {});
}

TEST(ReferenceConv, OneDimensionWithPadsStrideAndDilation) {
  schema::ConvAttributesT a;
  const Value x = counting({1, 1, 5}, 1), w = floats({1, 1, 2}, {1, 10});
  expect(conv(a, {x, w}), {floats({1, 1, 4}, {21, 32, 43, 54})});
  a.pads = {1, 0};
  expect(conv(a, {x, w}), {floats({1, 1, 5}, {10, 21, 32, 43, 54})});
  a.pads = {};
  a.strides = {2};
  expect(conv(a, {x, w}), {floats({1, 1, 2}, {21, 43})});
  a.dilations = {3};
  expect(conv(a, {x, w}), {floats({1, 1, 1}, {41})});
}

TEST(ReferenceConv, TwoDimensionsSumWindowsAndChannels) {
  expect(conv({}, {counting({1, 2, 2, 2}), floats({1, 2, 2, 2}, {1, 1, 1, 1, 1, 1, 1, 1})}),
         {floats({1, 1, 1, 1}, {28})});
  schema::ConvAttributesT a;
  a.pads = {1, 1, 1, 1};
  const Value ones = floats({1, 1, 3, 3}, {1, 1, 1, 1, 1, 1, 1, 1, 1});
  expect(conv(a, {counting({1, 1, 2, 3}), ones}), {floats({1, 1, 2, 3}, {8, 15, 12, 8, 15, 12})});
}

TEST(ReferenceConv, ThreeDimensions) {
  expect(conv({}, {counting({1, 1, 2, 2, 2}), floats({1, 1, 2, 1, 1}, {1, 10})}),
         {floats({1, 1, 1, 2, 2}, {40, 51, 62, 73})});
}

TEST(ReferenceConv, GroupsBiasResidualAndActivation) {
  schema::ConvAttributesT a;
  a.group = 2;
  const Value x = floats({1, 2, 1, 2}, {1, 2, 3, 4}), w = floats({2, 1, 1, 1}, {10, -1});
  expect(conv(a, {x, w}), {floats({1, 2, 1, 2}, {10, 20, -3, -4})});
  expect(conv(a, {x, w, floats({2}, {1, 2})}), {floats({1, 2, 1, 2}, {11, 21, -1, -2})});
  a.activation = schema::Activation(0, 0, schema::UnaryFunction::relu);
  expect(conv(a, {x, w, none(), floats({1, 2, 1, 2}, {0, 1, 5, 1})}), {floats({1, 2, 1, 2}, {10, 21, 2, 0})});
}

TEST(ReferenceConv, AutoPad) {
  schema::ConvAttributesT a;
  const Value x = counting({1, 1, 4}, 1), w = floats({1, 1, 2}, {1, 10});
  a.auto_pad = P::same_upper;
  expect(conv(a, {x, w}), {floats({1, 1, 4}, {21, 32, 43, 4})});
  a.auto_pad = P::same_lower;
  expect(conv(a, {x, w}), {floats({1, 1, 4}, {10, 21, 32, 43})});
  a.auto_pad = P::valid;
  expect(conv(a, {x, w}), {floats({1, 1, 3}, {21, 32, 43})});
}

TEST(ReferenceConv, EveryFloatType) {
  for (DataType type : {DataType::float64, DataType::float16, DataType::bfloat16})
    expect(conv({}, {value_of(type, {1, 1, 3}, {1, 2, 3}), value_of(type, {1, 1, 2}, {1, 4})}),
           {value_of(type, {1, 1, 2}, {9, 14})});
}

TEST(ReferenceConv, RefusesAttributesOutOfRange) {
  const Value x = counting({1, 2, 4}), w = counting({2, 2, 3}), y = output_of<float>({1, 2, 2});
  const auto refused = [&](schema::ConvAttributesT a) { return refusal(node_case(Op::Conv, a, {x, w}, {y})); };
  EXPECT_EQ(refused({}), "");
  schema::ConvAttributesT a;
  a.strides = {0};
  EXPECT_EQ(refused(a), "strides must be positive");
  a = {};
  a.group = 0;
  EXPECT_EQ(refused(a), "group must be positive");
  a.group = 2;
  EXPECT_EQ(refused(a), "the weights are for another number of channels");
  a = {};
  a.pads = {-1, 0};
  EXPECT_EQ(refused(a), "negative pads are not supported");
  a.pads = {1, 2, 3};
  EXPECT_NE(refused(a).find("pads has 3 values"), std::string::npos);
  a = {};
  a.dilations = {INT64_MAX};
  EXPECT_EQ(refused(a), "dilations must be positive");
  a.dilations = {1 << 29};
  EXPECT_EQ(refused(a), "the kernel is larger than the padded input");
}

TEST(ReferenceConvTranspose, SpreadsTheKernel) {
  schema::ConvTransposeAttributesT a;
  const Value x = floats({1, 1, 2}, {1, 2}), w = floats({1, 1, 3}, {1, 10, 100});
  const auto transpose = [&] { return node_case(Op::ConvTranspose, a, {x, w}, {}); };
  expect(transpose(), {floats({1, 1, 4}, {1, 12, 120, 200})});
  a.strides = {2};
  expect(transpose(), {floats({1, 1, 5}, {1, 10, 102, 20, 200})});
  a.output_padding = {1};
  expect(transpose(), {floats({1, 1, 6}, {1, 10, 102, 20, 200, 0})});
  a.output_padding = {};
  a.pads = {1, 1};
  expect(transpose(), {floats({1, 1, 3}, {10, 102, 20})});
  a.pads = {};
  a.output_shape = {4};  // one too many is cut at the beginning, as ONNX says
  expect(transpose(), {floats({1, 1, 4}, {10, 102, 20, 200})});
  a.auto_pad = P::same_upper;
  expect(transpose(), {floats({1, 1, 4}, {1, 10, 102, 20})});
  a.output_shape = {};
  expect(transpose(), {floats({1, 1, 4}, {1, 10, 102, 20})});
  a.output_shape = {6};
  expect(transpose(), {floats({1, 1, 6}, {1, 10, 102, 20, 200, 0})});
}

TEST(ReferenceConvTranspose, GroupsAndBias) {
  schema::ConvTransposeAttributesT a;
  a.group = 2;
  expect(node_case(Op::ConvTranspose, a,
                   {floats({1, 2, 1, 1}, {1, 2}), floats({2, 2, 1, 1}, {1, 2, 3, 4}), floats({4}, {0, 0, 0, 100})}, {}),
         {floats({1, 4, 1, 1}, {1, 2, 6, 108})});
}

NodeCase pool(schema::PoolAttributesT a, Value x) { return node_case(Op::Pool, std::move(a), {std::move(x)}, {}); }

TEST(ReferencePool, MaximumWithIndices) {
  schema::PoolAttributesT a;
  a.kernel_shape = {2, 2};
  a.strides = {2, 2};
  const Value x = floats({1, 1, 2, 4}, {1, 5, 2, 0, 3, 4, 9, 1});
  expect(pool(a, x), {floats({1, 1, 1, 2}, {5, 9})});
  NodeCase c = pool(a, x);
  c.outputs = {output_of<float>({1, 1, 1, 2}), output_of<int64_t>({1, 1, 1, 2})};
  expect(c, {floats({1, 1, 1, 2}, {5, 9}), longs({1, 1, 1, 2}, {1, 6})});
  c.attributes.AsPoolAttributes()->storage_order = 1;  // column-major: h + 2 w
  expect(c, {floats({1, 1, 1, 2}, {5, 9}), longs({1, 1, 1, 2}, {2, 5})});
}

TEST(ReferencePool, MaximumOfBytesAndPadding) {
  schema::PoolAttributesT a;
  a.kernel_shape = {3};
  a.pads = {1, 1};
  expect(pool(a, value<int8_t>({1, 1, 3}, {-5, -7, -9})), {value<int8_t>({1, 1, 3}, {-5, -5, -7})});
}

TEST(ReferencePool, AverageCountsPadsOnlyWhenAsked) {
  schema::PoolAttributesT a;
  a.function = schema::PoolFunction::average;
  a.kernel_shape = {2};
  a.pads = {1, 0};
  const Value x = floats({1, 1, 2}, {4, 8});
  expect(pool(a, x), {floats({1, 1, 2}, {4, 6})});
  a.count_include_pad = true;
  expect(pool(a, x), {floats({1, 1, 2}, {2, 6})});
}

TEST(ReferencePool, CeilModeDropsWindowsThatStartInThePadding) {
  schema::PoolAttributesT a;
  a.function = schema::PoolFunction::average;
  a.kernel_shape = {3};
  a.strides = {2};
  a.ceil_mode = true;
  // Length 4: windows at 0 and 2, the second with two elements.
  expect(pool(a, floats({1, 1, 4}, {1, 2, 3, 5})), {floats({1, 1, 2}, {2, 4})});
  // With pads the last window reaches one beyond the padding: that one does not count, the pad does.
  a.pads = {1, 1};
  a.count_include_pad = true;
  expect(pool(a, floats({1, 1, 3}, {3, 6, 9})), {floats({1, 1, 2}, {3, 5})});
  a = {};
  a.kernel_shape = {1};
  a.strides = {2};
  a.pads = {0, 1};
  a.ceil_mode = true;
  // A third window would begin at 4, in the padding.
  expect(pool(a, floats({1, 1, 4}, {1, 2, 3, 4})), {floats({1, 1, 2}, {1, 3})});
}

TEST(ReferencePool, NormsAndThreeDimensions) {
  schema::PoolAttributesT a;
  a.function = schema::PoolFunction::lp;
  a.kernel_shape = {2};
  expect(pool(a, floats({1, 1, 2}, {3, -4})), {floats({1, 1, 1}, {5})}, 1e-6);
  a.p = 1;
  expect(pool(a, floats({1, 1, 2}, {3, -4})), {floats({1, 1, 1}, {7})});
  a = {};
  a.kernel_shape = {2, 2, 2};
  a.dilations = {1, 1, 2};
  expect(pool(a, counting({1, 1, 2, 2, 3})), {floats({1, 1, 1, 1, 1}, {11})});
}

TEST(ReferencePool, RefusesWhatWouldNeverEnd) {
  schema::PoolAttributesT a;
  a.kernel_shape = {1 << 29, 1 << 29};
  a.pads = {1 << 29, 1 << 29, 0, 0};
  EXPECT_EQ(refusal(node_case(Op::Pool, a, {counting({1, 1, 2, 2})}, {output_of<float>({1, 1, 3, 3})})),
            "the kernel is too large");
  a = {};
  EXPECT_NE(refusal(node_case(Op::Pool, a, {counting({1, 1, 2})}, {output_of<float>({1, 1, 2})})).find("kernel_shape"),
            std::string::npos);
}

TEST(ReferenceDeformConv, OffsetsMoveTaps) {
  schema::DeformConvAttributesT a;
  const Value x = counting({1, 1, 2, 2}), w = floats({1, 1, 1, 1}, {2});
  // Every point reads half a row further down: between both rows, then half of the last.
  const Value offset = floats({1, 2, 2, 2}, {0.5f, 0.5f, 0.5f, 0.5f, 0, 0, 0, 0});
  expect(node_case(Op::DeformConv, a, {x, w, offset}, {}), {floats({1, 1, 2, 2}, {2, 4, 2, 3})});
  expect(node_case(Op::DeformConv, a, {x, w, offset, floats({1}, {1}), floats({1, 1, 2, 2}, {1, 0, 1, 2})}, {}),
         {floats({1, 1, 2, 2}, {3, 1, 3, 7})});
}

}  // namespace
}  // namespace motley::test
