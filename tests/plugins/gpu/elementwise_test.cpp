// Unary, Binary, Compare, Logical, Where, Cast against the reference.
#include "tested_plugin.hpp"

namespace motley::test {

namespace {

using schema::BinaryFunction;
using schema::UnaryFunction;

NodeCase unary(UnaryFunction f, Value x, float alpha = 0, float beta = 0) {
  schema::UnaryAttributesT a;
  a.function = f;
  a.alpha = alpha;
  a.beta = beta;
  const bool test = f == UnaryFunction::is_nan || f == UnaryFunction::is_inf || f == UnaryFunction::logical_not;
  const Value y = output_of(test ? DataType::bool_ : x.type, x.shape);
  return node_case(Op::Unary, a, {std::move(x)}, {y});
}

NodeCase binary(BinaryFunction f, Value a, Value b, std::vector<int64_t> shape, UnaryFunction activation = UnaryFunction::identity) {
  schema::BinaryAttributesT attributes;
  attributes.function = f;
  attributes.activation = schema::Activation(0.0f, 0.0f, activation);
  const DataType type = a.type;
  return node_case(Op::Binary, attributes, {std::move(a), std::move(b)}, {output_of(type, std::move(shape))});
}

constexpr float kInfinite = std::numeric_limits<float>::infinity();

}  // namespace

TEST(GpuElementwise, EveryUnaryFunctionOfFloats) {
  SKIP_WITHOUT_DEVICE();
  const Value wide = value<float>({23}, {-kInfinite, -1e4f, -88, -20, -6.5f, -3, -2.5f, -1.5f, -1, -0.5f, -0.3f, -1e-3f, 0, 1e-3f,
                                         0.3f, 0.5f, 1, 1.5f, 2.5f, 3, 20, 88, kInfinite});
  const Value unit = value<float>({7}, {-0.99f, -0.5f, -0.01f, 0, 0.01f, 0.5f, 0.99f});
  const Value above = value<float>({5}, {1.001f, 1.5f, 2, 10, 1e4f});
  for (int i = 0; i <= static_cast<int>(UnaryFunction::swish); ++i) {
    const auto f = static_cast<UnaryFunction>(i);
    if (f == UnaryFunction::logical_not || f == UnaryFunction::bitwise_not) continue;
    SCOPED_TRACE(schema::EnumNameUnaryFunction(f));
    const bool angle = f == UnaryFunction::sin || f == UnaryFunction::cos || f == UnaryFunction::tan;
    const bool arc = f == UnaryFunction::asin || f == UnaryFunction::acos || f == UnaryFunction::atanh;
    const bool test = f == UnaryFunction::is_inf;
    const Value x = f == UnaryFunction::acosh ? above : arc || angle ? unit : wide;
    expect_like_reference(unary(f, x, f == UnaryFunction::selu ? 1.67f : test ? 1.0f : 0.3f, f == UnaryFunction::selu ? 1.05f : 0.6f),
                          {2e-6, 2e-5});
  }
}

TEST(GpuElementwise, UnaryOnIntegersAndLongTensors) {
  SKIP_WITHOUT_DEVICE();
  for (UnaryFunction f : {UnaryFunction::abs, UnaryFunction::neg, UnaryFunction::sign, UnaryFunction::square,
                          UnaryFunction::bitwise_not, UnaryFunction::relu}) {
    expect_like_reference(unary(f, value<int32_t>({5}, {-70000, -1, 0, 3, INT32_MAX})));
    expect_like_reference(unary(f, value<int64_t>({4}, {-(int64_t{1} << 40), -1, 0, int64_t{1} << 33})));
  }
  expect_like_reference(unary(UnaryFunction::logical_not, value<bool>({3}, {true, false, true})));
  expect_like_reference(unary(UnaryFunction::relu, random_value({3, 1, 4099}, 1)));
  expect_like_reference(unary(UnaryFunction::relu, value<float>({0, 4}, std::vector<float>())));
  expect_like_reference(unary(UnaryFunction::sigmoid, half_value({5}, {-2, -0.5, 0, 1, 8})), {1e-3, 1e-3});
}

TEST(GpuElementwise, EveryBinaryFunctionBroadcasts) {
  SKIP_WITHOUT_DEVICE();
  for (int i = 0; i <= static_cast<int>(BinaryFunction::prelu); ++i) {
    const auto f = static_cast<BinaryFunction>(i);
    SCOPED_TRACE(schema::EnumNameBinaryFunction(f));
    const bool power = f == BinaryFunction::pow;
    expect_like_reference(binary(f, random_value({2, 3, 5}, 1, power ? 0.1 : -3, 3), random_value({3, 1}, 2, -3, 3), {2, 3, 5}),
                          {1e-5, 1e-5});
  }
  const std::vector<std::vector<int64_t>> shapes[] = {
      {{7}, {7}, {7}},           {{4, 5}, {}, {4, 5}},          {{}, {4, 5}, {4, 5}},   {{2, 1, 3}, {4, 1}, {2, 4, 3}},
      {{1, 3, 1, 1}, {2, 3, 4, 5}, {2, 3, 4, 5}}, {{2, 1, 3, 1, 2}, {1, 4, 1, 3, 1}, {2, 4, 3, 3, 2}}, {{0, 3}, {3}, {0, 3}}};
  for (const auto& s : shapes)
    expect_like_reference(binary(BinaryFunction::sub, random_value(s[0], 3), random_value(s[1], 4), s[2], UnaryFunction::relu));
}

TEST(GpuElementwise, BinaryOnIntegersWraps) {
  SKIP_WITHOUT_DEVICE();
  for (int i = 0; i <= static_cast<int>(BinaryFunction::bitwise_xor); ++i) {
    const auto f = static_cast<BinaryFunction>(i);
    SCOPED_TRACE(schema::EnumNameBinaryFunction(f));
    expect_like_reference(binary(f, value<int32_t>({8}, {INT32_MIN, -7, -1, 0, 1, 7, 100, INT32_MAX}),
                                 value<int32_t>({8}, {-1, 3, 2, 0, 31, -3, 5, 2}), {8}));
    expect_like_reference(binary(f, value<int64_t>({6}, {INT64_MIN, -7, 0, 7, 100, int64_t{1} << 40}),
                                 value<int64_t>({6}, {-1, 3, 0, -3, 5, 2}), {6}));
  }
}

TEST(GpuElementwise, ComparesAndSelects) {
  SKIP_WITHOUT_DEVICE();
  for (int i = 0; i <= static_cast<int>(schema::CompareFunction::greater_or_equal); ++i) {
    schema::CompareAttributesT a;
    a.function = static_cast<schema::CompareFunction>(i);
    expect_like_reference(node_case(Op::Compare, a, {value<float>({2, 2}, {1, 2, 3, NAN}), value<float>({2}, {2, 2})},
                                    {output_of<bool>({2, 2})}));
    expect_like_reference(node_case(Op::Compare, a, {value<int64_t>({3}, {-(int64_t{1} << 40), 5, 6}), value<int64_t>({}, {5})},
                                    {output_of<bool>({3})}));
  }
  for (int i = 0; i <= static_cast<int>(schema::LogicalFunction::xor_); ++i) {
    schema::LogicalAttributesT a;
    a.function = static_cast<schema::LogicalFunction>(i);
    expect_like_reference(node_case(Op::Logical, a, {value<bool>({4}, {0, 0, 1, 1}), value<bool>({4}, {0, 1, 0, 1})},
                                    {output_of<bool>({4})}));
  }
  const Value condition = value<bool>({3, 1}, {1, 0, 1});
  expect_like_reference(node_case(Op::Where, schema::NoAttributesT(), {condition, random_value({3, 4}, 1), random_value({4}, 2)},
                                  {output_of<float>({3, 4})}));
  expect_like_reference(node_case(Op::Where, schema::NoAttributesT(),
                                  {condition, value<int64_t>({}, {1}), value<int64_t>({2}, {int64_t{1} << 50, 3})},
                                  {output_of<int64_t>({3, 2})}));
  expect_like_reference(node_case(Op::Where, schema::NoAttributesT(),
                                  {condition, value<uint8_t>({}, {1}), value<uint8_t>({2}, {200, 3})}, {output_of<uint8_t>({3, 2})}));
}

TEST(GpuElementwise, CastsBetweenAllTypes) {
  SKIP_WITHOUT_DEVICE();
  const auto types = {DataType::float32, DataType::float16, DataType::int8, DataType::uint8, DataType::int32, DataType::int64, DataType::bool_};
  for (DataType from : types)
    for (DataType to : types) {
      schema::CastAttributesT a;
      a.to = to;
      const bool real = from == DataType::float32 || from == DataType::float16;
      const Value x = from == DataType::bool_ ? value<bool>({2}, {0, 1})
                      : from == DataType::uint8 ? value<uint8_t>({3}, {0, 7, 255})
                                              : value_of(from, {6}, real ? std::vector<double>{-300.5, -1.5, 0, 0.75, 100, 300}
                                                                         : std::vector<double>{-100, -1, 0, 1, 2, 100});
      SCOPED_TRACE(std::string(schema::EnumNameDataType(from)) + " to " + schema::EnumNameDataType(to));
      expect_like_reference(node_case(Op::Cast, a, {x}, {output_of(to, x.shape)}));
    }
}

}  // namespace motley::test
