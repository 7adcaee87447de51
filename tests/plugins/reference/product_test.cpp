// MatMul and the quantized ops.
#include "reference.hpp"

namespace motley::test {
namespace {

NodeCase matmul(schema::MatMulAttributesT a, std::vector<Value> inputs) {
  return node_case(Op::MatMul, std::move(a), std::move(inputs), {});
}

TEST(ReferenceMatMul, MatricesVectorsAndBatches) {
  const Value a = floats({2, 2}, {1, 2, 3, 4}), b = floats({2, 2}, {5, 6, 7, 8});
  expect(matmul({}, {a, b}), {floats({2, 2}, {19, 22, 43, 50})});
  expect(matmul({}, {floats({2}, {1, 2}), b}), {floats({2}, {19, 22})});
  expect(matmul({}, {a, floats({2}, {1, 10})}), {floats({2}, {21, 43})});
  expect(matmul({}, {floats({2}, {1, 2}), floats({2}, {3, 4})}), {scalar<float>(11)});
  expect(matmul({}, {floats({2, 1, 2}, {1, 0, 0, 1}), floats({1, 2, 1}, {7, 9})}), {floats({2, 1, 1}, {7, 9})});
  expect(matmul({}, {floats({2, 1, 1, 1}, {1, 2}), floats({3, 1, 1}, {1, 10, 100})}),
         {floats({2, 3, 1, 1}, {1, 10, 100, 2, 20, 200})});
}

TEST(ReferenceMatMul, TransposesScalesAndAdds) {
  schema::MatMulAttributesT a;
  a.transpose_a = true;
  a.transpose_b = true;
  a.alpha = 2;
  a.beta = 0.5f;
  const Value x = floats({2, 1}, {1, 2}), w = floats({3, 2}, {1, 2, 3, 4, 5, 6});
  expect(matmul(a, {x, w}), {floats({1, 3}, {10, 22, 34})});
  expect(matmul(a, {x, w, floats({3}, {2, 4, 6})}), {floats({1, 3}, {11, 24, 37})});
  expect(matmul(a, {x, w, scalar<float>(2)}), {floats({1, 3}, {11, 23, 35})});
  a.activation = schema::Activation(0, 23, schema::UnaryFunction::clip);
  expect(matmul(a, {x, w}), {floats({1, 3}, {10, 22, 23})});
}

TEST(ReferenceMatMul, EveryNumberType) {
  for (DataType type : kNumberTypes)
    expect(matmul({}, {value_of(type, {1, 2}, {3, 4}), value_of(type, {2, 1}, {5, 6}), value_of(type, {1}, {1})}),
           {value_of(type, {1, 1}, {40})});
}

TEST(ReferenceMatMul, AnEmptySumIsZero) {
  expect(matmul({}, {value<float>({2, 0}, std::vector<float>{}), value<float>({0, 1}, std::vector<float>{})}),
         {floats({2, 1}, {0, 0})});
  NodeCase c = matmul({}, {counting({2, 3}), counting({2, 3})});
  c.outputs = {output_of<float>({2, 3})};
  EXPECT_EQ(refusal(c), "inner extents 3 and 2 differ");
}

NodeCase linear(Op op, schema::QuantizeAttributesT a, std::vector<Value> inputs) {
  return node_case(op, std::move(a), std::move(inputs), {});
}

TEST(ReferenceQuantize, RoundsHalvesToEvenAndSaturates) {
  expect(
      linear(Op::QuantizeLinear, {}, {floats({6}, {0, 1, 3, -3, 1000, -1000}), scalar<float>(2), scalar<uint8_t>(128)}),
      {value<uint8_t>({6}, {128, 128, 130, 126, 255, 0})});
  expect(linear(Op::QuantizeLinear, {}, {floats({2}, {NAN, INFINITY}), scalar<float>(1), scalar<int8_t>(3)}),
         {value<int8_t>({2}, {0, 127})});
}

TEST(ReferenceQuantize, PerAxisAndBlocked) {
  schema::QuantizeAttributesT a;
  a.axis = 0;
  expect(
      linear(Op::QuantizeLinear, a, {floats({2, 2}, {1, 2, 10, 20}), floats({2}, {1, 10}), value<int8_t>({2}, {0, 5})}),
      {value<int8_t>({2, 2}, {1, 2, 6, 7})});
  a.axis = 1;
  a.block_size = 2;
  expect(linear(Op::DequantizeLinear, a, {value<int8_t>({1, 3}, {1, 2, 3}), floats({1, 2}, {10, 100})}),
         {floats({1, 3}, {10, 20, 300})});
  expect(linear(Op::DequantizeLinear, {}, {value<int32_t>({2}, {-3, 4}), scalar<float>(0.5f)}),
         {floats({2}, {-1.5f, 2})});
  expect(linear(Op::DequantizeLinear, {}, {value<uint8_t>({2}, {0, 255}), half_value({}, {2}), scalar<uint8_t>(128)}),
         {half_value({2}, {-256, 254})});
}

TEST(ReferenceQuantize, Dynamically) {
  expect(node_case(Op::DynamicQuantizeLinear, schema::NoAttributesT(), {floats({3}, {0, 255, 2})}, {}),
         {value<uint8_t>({3}, {0, 255, 2}), scalar<float>(1), scalar<uint8_t>(0)});
  expect(node_case(Op::DynamicQuantizeLinear, schema::NoAttributesT(), {floats({2}, {-51, 0})}, {}),
         {value<uint8_t>({2}, {0, 255}), scalar<float>(0.2f), scalar<uint8_t>(255)});
  expect(node_case(Op::DynamicQuantizeLinear, schema::NoAttributesT(), {floats({1}, {0})}, {}),
         {value<uint8_t>({1}, {0}), scalar<float>(1), scalar<uint8_t>(0)});
}

TEST(ReferenceIntegerProducts, TakeZeroPointsOff) {
  const Value a = value<uint8_t>({2, 2}, {11, 7, 12, 8}), b = value<int8_t>({2, 1}, {1, -4});
  expect(node_case(Op::MatMulInteger, schema::NoAttributesT(), {a, b, scalar<uint8_t>(10)}, {}),
         {value<int32_t>({2, 1}, {13, 10})});
  expect(node_case(Op::MatMulInteger, schema::NoAttributesT(),
                   {a, b, value<uint8_t>({2}, {10, 12}), value<int8_t>({1}, {1})}, {}),
         {value<int32_t>({2, 1}, {15, 20})});
  schema::ConvAttributesT attributes;
  attributes.pads = {1, 0};
  // Padding counts as the zero point: it adds nothing.
  expect(node_case(Op::ConvInteger, attributes,
                   {value<uint8_t>({1, 1, 2}, {5, 7}), value<uint8_t>({1, 1, 2}, {1, 2}), scalar<uint8_t>(4)}, {}),
         {value<int32_t>({1, 1, 2}, {2, 7})});
}

TEST(ReferenceQLinear, ProductsAndConvolutions) {
  const Value x = value<uint8_t>({1, 2}, {12, 14}), w = value<int8_t>({2, 1}, {3, 5});
  expect(node_case(Op::QLinearMatMul, schema::NoAttributesT(),
                   {x, scalar<float>(0.5f), scalar<uint8_t>(10), w, scalar<float>(2), scalar<int8_t>(1),
                    scalar<float>(4), scalar<uint8_t>(100)},
                   {}),
         {value<uint8_t>({1, 1}, {105})});  // (2·2 + 4·4) · 0.5 · 2 / 4 + 100
  expect(node_case(Op::QLinearConv, schema::ConvAttributesT(),
                   {value<uint8_t>({1, 1, 2}, {12, 14}), scalar<float>(0.5f), scalar<uint8_t>(10),
                    value<int8_t>({2, 1, 1}, {3, -5}), floats({2}, {2, 1}), value<int8_t>({2}, {0, 0}),
                    scalar<float>(1), scalar<int8_t>(1), value<int32_t>({2}, {1, 0})},
                   {}),
         {value<int8_t>({1, 2, 2}, {8, 14, -4, -9})});
}

}  // namespace
}  // namespace motley::test
