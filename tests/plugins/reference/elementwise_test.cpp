// Unary, Binary, Compare, Logical, Where, Cast.
#include "reference.hpp"

namespace motley::test {
namespace {

using U = schema::UnaryFunction;
using B = schema::BinaryFunction;

NodeCase unary(U f, Value x, float alpha = 0, float beta = 0) {
  schema::UnaryAttributesT a;
  a.function = f;
  a.alpha = alpha;
  a.beta = beta;
  return node_case(Op::Unary, a, {std::move(x)}, {});
}
NodeCase binary(B f, Value x, Value y) {
  schema::BinaryAttributesT a;
  a.function = f;
  return node_case(Op::Binary, a, {std::move(x), std::move(y)}, {});
}

TEST(ReferenceUnary, FunctionsOfFloats) {
  const float inf = INFINITY;
  expect(unary(U::abs, floats({2}, {-1, 2})), {floats({2}, {1, 2})});
  expect(unary(U::sign, floats({3}, {-5, 0, 2})), {floats({3}, {-1, 0, 1})});
  expect(unary(U::round, floats({5}, {0.5f, 1.5f, -2.5f, 2.7f, inf})), {floats({5}, {0, 2, -2, 3, inf})});
  expect(unary(U::leaky_relu, floats({2}, {-2, 3}), 0.5f), {floats({2}, {-1, 3})});
  expect(unary(U::thresholded_relu, floats({3}, {0.5f, 1, 2}), 1), {floats({3}, {0, 0, 2})});
  expect(unary(U::clip, floats({3}, {-3, 0, 9}), -1, 2), {floats({3}, {-1, 0, 2})});
  expect(unary(U::clip, floats({3}, {-3, 0, 9}), 2, 1), {floats({3}, {1, 1, 1})});
  expect(unary(U::hard_swish, floats({3}, {-4, 0, 3}), 0, 0), {floats({3}, {0, 0, 3})});
  expect(unary(U::hard_sigmoid, floats({3}, {-9, 0, 9}), 0.2f, 0.5f), {floats({3}, {0, 0.5f, 1})});
  expect(unary(U::shrink, floats({3}, {-2, 0, 2}), 1, 0.5f), {floats({3}, {-1.5f, 0, 1.5f})});
  expect(unary(U::softplus, floats({3}, {-1000, 0, 1000})), {floats({3}, {0, 0.693147f, 1000})}, 1e-5);
  expect(unary(U::sigmoid, floats({3}, {-1000, 0, 1000})), {floats({3}, {0, 0.5f, 1})});
  expect(unary(U::gelu, floats({2}, {1, -1})), {floats({2}, {0.8413447f, -0.1586553f})}, 1e-6);
  expect(unary(U::elu, floats({2}, {-1, 2}), 1), {floats({2}, {-0.6321206f, 2})}, 1e-6);
  expect(unary(U::selu, floats({2}, {-1, 2}), 2, 3), {floats({2}, {-3.7927234f, 6})}, 1e-6);
  expect(unary(U::swish, floats({1}, {1}), 1), {floats({1}, {0.7310586f})}, 1e-6);
  expect(unary(U::relu, floats({2}, {NAN, -1})), {floats({2}, {NAN, 0})});
}

TEST(ReferenceUnary, TestsGiveBools) {
  expect(unary(U::is_nan, floats({2}, {NAN, 1})), {bools({2}, {true, false})});
  expect(unary(U::is_inf, floats({3}, {-INFINITY, INFINITY, 1}), 1, 1), {bools({3}, {true, true, false})});
  expect(unary(U::is_inf, floats({2}, {-INFINITY, INFINITY}), 0, 1), {bools({2}, {false, true})});
  expect(unary(U::logical_not, bools({2}, {true, false})), {bools({2}, {false, true})});
}

TEST(ReferenceUnary, EveryNumberTypeCanBeNegated) {
  for (DataType type : kNumberTypes) {
    SCOPED_TRACE(schema::EnumNameDataType(type));
    if (schema::EnumNameDataType(type)[0] == 'u') continue;
    expect(unary(U::neg, value_of(type, {3}, {-1, 0, 5})), {value_of(type, {3}, {1, 0, -5})});
  }
}

TEST(ReferenceUnary, IntegersStayExact) {
  expect(unary(U::abs, value<int8_t>({2}, {-128, -3})), {value<int8_t>({2}, {-128, 3})});
  expect(unary(U::clip, longs({2}, {INT64_MAX, INT64_MIN}), -INFINITY, INFINITY), {longs({2}, {INT64_MAX, INT64_MIN})});
  expect(unary(U::bitwise_not, value<uint16_t>({1}, {1})), {value<uint16_t>({1}, {65534})});
}

TEST(ReferenceUnary, RefusesWhatHasNoMeaning) {
  NodeCase c = unary(U::sqrt, longs({1}, {4}));
  c.outputs = {output_of<int64_t>({1})};
  EXPECT_EQ(refusal(c), "sqrt of int64 not supported");
  c = unary(U::relu, floats({2}, {1, 2}));
  c.outputs = {output_of<float>({3})};
  EXPECT_NE(refusal(c).find("has shape (3), expected (2)"), std::string::npos);
}

TEST(ReferenceBinary, BroadcastsBothWays) {
  expect(binary(B::add, floats({2, 1}, {1, 2}), floats({3}, {10, 20, 30})), {floats({2, 3}, {11, 21, 31, 12, 22, 32})});
  expect(binary(B::sub, scalar<float>(1), floats({2}, {1, 2})), {floats({2}, {0, -1})});
}

TEST(ReferenceBinary, EveryNumberType) {
  for (DataType type : kNumberTypes) {
    SCOPED_TRACE(schema::EnumNameDataType(type));
    const Value a = value_of(type, {3}, {7, 9, 2}), b = value_of(type, {3}, {2, 3, 2});
    expect(binary(B::add, a, b), {value_of(type, {3}, {9, 12, 4})});
    expect(binary(B::sub, a, b), {value_of(type, {3}, {5, 6, 0})});
    expect(binary(B::mul, a, b), {value_of(type, {3}, {14, 27, 4})});
    expect(binary(B::max, a, b), {value_of(type, {3}, {7, 9, 2})});
    expect(binary(B::min, a, b), {value_of(type, {3}, {2, 3, 2})});
    expect(binary(B::pow, a, b), {value_of(type, {3},
                                           {49,
                                            type == DataType::int8       ? -39.
                                            : type == DataType::uint8    ? 217.
                                            : type == DataType::bfloat16 ? 728.
                                                                         : 729.,
                                            4})});
    expect(binary(B::mod, a, b), {value_of(type, {3}, {1, 0, 0})});
  }
}

TEST(ReferenceBinary, DivisionIsDefinedEverywhere) {
  expect(binary(B::div, value<int32_t>({4}, {7, -7, 5, INT32_MIN}), value<int32_t>({4}, {2, 2, 0, -1})),
         {value<int32_t>({4}, {3, -3, 0, INT32_MIN})});
  expect(binary(B::div, floats({2}, {1, 0}), floats({2}, {0, 0})), {floats({2}, {INFINITY, NAN})});
  expect(binary(B::mod, value<int8_t>({4}, {-7, 7, 5, -128}), value<int8_t>({4}, {3, -3, 0, -1})),
         {value<int8_t>({4}, {2, -2, 0, 0})});
  expect(binary(B::fmod, floats({2}, {-7.5f, 7}), floats({2}, {2, -3})), {floats({2}, {-1.5f, 1})});
}

TEST(ReferenceBinary, ShiftsPastTheWidth) {
  expect(binary(B::shift_left, value<uint8_t>({4}, {1, 255, 3, 3}), value<uint8_t>({4}, {7, 1, 8, 200})),
         {value<uint8_t>({4}, {128, 254, 0, 0})});
  expect(binary(B::shift_right, value<uint64_t>({2}, {UINT64_MAX, 4}), value<uint64_t>({2}, {64, 1})),
         {value<uint64_t>({2}, {0, 2})});
}

TEST(ReferenceBinary, PowersOfMixedTypes) {
  expect(binary(B::pow, value<int32_t>({3}, {1, 2, 3}), floats({3}, {4, 5, 6})), {value<int32_t>({3}, {1, 32, 729})});
  expect(binary(B::pow, floats({2}, {2, 4}), longs({2}, {-1, 2})), {floats({2}, {0.5f, 16})});
}

TEST(ReferenceBinary, FusedActivation) {
  NodeCase c = binary(B::add, floats({3}, {-5, 1, 9}), scalar<float>(1));
  auto* a = c.attributes.AsBinaryAttributes();
  a->activation = schema::Activation(0, 6, U::clip);
  expect(c, {floats({3}, {0, 2, 6})});
}

TEST(ReferenceBinary, RefusesShapesThatDoNotBroadcast) {
  NodeCase c = binary(B::add, counting({2}), counting({3}));
  c.outputs = {output_of<float>({3})};
  EXPECT_NE(refusal(c).find("do not broadcast"), std::string::npos);
}

TEST(ReferenceCompare, OrdersAllTypes) {
  const auto compare = [](schema::CompareFunction f, Value a, Value b) {
    schema::CompareAttributesT attributes;
    attributes.function = f;
    return node_case(Op::Compare, attributes, {std::move(a), std::move(b)}, {});
  };
  using C = schema::CompareFunction;
  for (DataType type : kNumberTypes) {
    SCOPED_TRACE(schema::EnumNameDataType(type));
    const Value a = value_of(type, {3}, {1, 2, 3}), b = value_of(type, {1}, {2});
    expect(compare(C::equal, a, b), {bools({3}, {false, true, false})});
    expect(compare(C::not_equal, a, b), {bools({3}, {true, false, true})});
    expect(compare(C::less, a, b), {bools({3}, {true, false, false})});
    expect(compare(C::less_or_equal, a, b), {bools({3}, {true, true, false})});
    expect(compare(C::greater, a, b), {bools({3}, {false, false, true})});
    expect(compare(C::greater_or_equal, a, b), {bools({3}, {false, true, true})});
  }
  expect(compare(C::less, longs({1}, {INT64_MAX - 1}), longs({1}, {INT64_MAX})), {bools({1}, {true})});
  expect(compare(C::equal, floats({1}, {NAN}), floats({1}, {NAN})), {bools({1}, {false})});
}

TEST(ReferenceLogical, TakesEveryByteButZeroAsTrue) {
  schema::LogicalAttributesT a;
  a.function = schema::LogicalFunction::xor_;
  Value odd = value<uint8_t>({2}, {2, 0});
  odd.type = DataType::bool_;
  expect(node_case(Op::Logical, a, {odd, bools({2}, {true, true})}, {}), {bools({2}, {false, true})});
}

TEST(ReferenceWhere, BroadcastsThreeInputs) {
  expect(node_case(Op::Where, schema::NoAttributesT(),
                   {bools({2, 1}, {true, false}), longs({2}, {1, 2}), scalar<int64_t>(9)}, {}),
         {longs({2, 2}, {1, 2, 9, 9})});
}

TEST(ReferenceCast, EveryPairOfTypes) {
  for (DataType from : kNumberTypes)
    for (DataType to : kNumberTypes) {
      schema::CastAttributesT a;
      a.to = to;
      expect(node_case(Op::Cast, a, {value_of(from, {3}, {0, 1, 100})}, {}), {value_of(to, {3}, {0, 1, 100})});
    }
}

TEST(ReferenceCast, FloatsToBoolAndBack) {
  schema::CastAttributesT a;
  a.to = DataType::bool_;
  expect(node_case(Op::Cast, a, {floats({4}, {0, 0.1f, NAN, -0.0f})}, {}), {bools({4}, {false, true, true, false})});
  a.to = DataType::float16;
  expect(node_case(Op::Cast, a, {bools({2}, {true, false})}, {}), {half_value({2}, {1, 0})});
  expect(node_case(Op::Cast, a, {value<double>({1}, {1.0004882812501})}, {}), {half_value({1}, {1.0009765625})});
}

}  // namespace
}  // namespace motley::test
