// Unary, Binary, Compare, Logical, Where, Cast.
#include "against_reference.hpp"

namespace motley::test {
namespace {

using schema::BinaryFunction;
using schema::UnaryFunction;

// Ordinary numbers of all magnitudes, and every special one.
Value awkward_numbers(double low, double high) {
  std::vector<double> items = noise(301, 5, low, high);
  for (double x : noise(60, 6, -1e-3, 1e-3)) items.push_back(x);
  for (double x : noise(40, 8, -1e-20, 1e-20)) items.push_back(x);
  const double infinity = std::numeric_limits<double>::infinity();
  for (double x :
       {0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -0.5, -1.5, infinity, -infinity, std::nan(""), 1e38, -1e38, 1e-40, -1e-40})
    items.push_back(x);
  const auto count = static_cast<int64_t>(items.size());
  return value<float>({count}, items);
}

NodeCase unary_case(UnaryFunction f, const Value& x, float alpha = 0, float beta = 0) {
  schema::UnaryAttributesT a;
  a.function = f;
  a.alpha = alpha;
  a.beta = beta;
  const bool test = f == UnaryFunction::is_nan || f == UnaryFunction::is_inf;
  return node_case(Op::Unary, a, {x}, {output_of(test ? DataType::bool_ : x.type, x.shape)});
}

TEST(Unary, AllFunctionsOfFloats) {
  for (UnaryFunction f : schema::EnumValuesUnaryFunction()) {
    if (f == UnaryFunction::logical_not || f == UnaryFunction::bitwise_not) continue;
    SCOPED_TRACE(schema::EnumNameUnaryFunction(f));
    // Sums near zero lose relative accuracy in float32, whoever computes them: the reference works in double.
    const bool sums = f == UnaryFunction::gelu || f == UnaryFunction::gelu_tanh || f == UnaryFunction::tan;
    const Tolerance t{sums ? 2e-6 : 2e-38, f == UnaryFunction::tan ? 1e-4 : 2e-6};
    Value x = awkward_numbers(-6, 6);
    // Differences of nearly equal numbers, again.
    if (f == UnaryFunction::hard_sigmoid || f == UnaryFunction::hard_swish || f == UnaryFunction::shrink) {
      expect_like_reference(unary_case(f, x, 0.2f, 0.5f), {1e-6, 2e-6});
      continue;
    }
    expect_like_reference(unary_case(f, x, 0.75f, 1.25f), t);
  }
}

TEST(Unary, LargeArguments) {
  for (UnaryFunction f :
       {UnaryFunction::exp, UnaryFunction::log, UnaryFunction::tanh, UnaryFunction::sigmoid, UnaryFunction::erf,
        UnaryFunction::elu, UnaryFunction::softplus, UnaryFunction::mish, UnaryFunction::swish, UnaryFunction::selu}) {
    SCOPED_TRACE(schema::EnumNameUnaryFunction(f));
    expect_like_reference(unary_case(f, awkward_numbers(-120, 120), 1, 1), {1e-36, 5e-6});
  }
}

TEST(Unary, EveryLength) {
  for (int64_t n = 0; n < 70; ++n) expect_like_reference(unary_case(UnaryFunction::exp, random_value({n}, 3)));
  expect_like_reference(unary_case(UnaryFunction::relu, random_value({}, 3)));
  expect_like_reference(unary_case(UnaryFunction::sigmoid, random_value({300, 301}, 3)), {0, 1e-6});
}

TEST(Unary, OtherTypes) {
  expect_like_reference(unary_case(UnaryFunction::logical_not, value<bool>({3}, std::vector<int>{0, 1, 0})));
  expect_like_reference(unary_case(UnaryFunction::identity, value<int64_t>({2}, {int64_t{1} << 60, int64_t{-3}})));
  EXPECT_NE(reason_of(unary_case(UnaryFunction::abs, value<int32_t>({1}, {3}))).find("int32"), std::string::npos);
}

NodeCase binary_case(BinaryFunction f, const Value& a, const Value& b, std::vector<int64_t> y,
                     UnaryFunction activation = UnaryFunction::identity) {
  schema::BinaryAttributesT attributes;
  attributes.function = f;
  attributes.activation = schema::Activation(0.25f, 0.5f, activation);
  return node_case(Op::Binary, std::move(attributes), {a, b}, {output_of(a.type, std::move(y))});
}

TEST(Binary, AllFunctions) {
  for (BinaryFunction f :
       {BinaryFunction::add, BinaryFunction::sub, BinaryFunction::mul, BinaryFunction::div, BinaryFunction::pow,
        BinaryFunction::fmod, BinaryFunction::min, BinaryFunction::max, BinaryFunction::prelu}) {
    SCOPED_TRACE(schema::EnumNameBinaryFunction(f));
    expect_like_reference(binary_case(f, random_value({5, 37}, 1, 0.1, 4), random_value({5, 37}, 2, -3, 3), {5, 37}),
                          {1e-6, 1e-5});
    expect_like_reference(binary_case(f, random_value({5, 37}, 1, 0.1, 4), random_value({}, 2, -3, 3), {5, 37}),
                          {1e-6, 1e-5});
    expect_like_reference(binary_case(f, random_value({1}, 1, 0.1, 4), random_value({5, 37}, 2, -3, 3), {5, 37}),
                          {1e-6, 1e-5});
  }
}

TEST(Binary, Broadcasting) {
  struct Shapes {
    std::vector<int64_t> a, b, y;
  };
  for (const Shapes& s : std::vector<Shapes>{{{}, {}, {}},
                                             {{2, 3, 4}, {4}, {2, 3, 4}},
                                             {{2, 3, 4}, {3, 1}, {2, 3, 4}},
                                             {{2, 3, 4}, {2, 1, 4}, {2, 3, 4}},
                                             {{2, 1, 4}, {3, 1}, {2, 3, 4}},
                                             {{1, 17, 5, 5}, {1, 17, 1, 1}, {1, 17, 5, 5}},
                                             {{3, 1}, {1, 3}, {3, 3}},
                                             {{0, 3}, {3}, {0, 3}},
                                             {{2, 1, 2, 1, 2, 1}, {1, 2, 1, 2, 1, 2}, {2, 2, 2, 2, 2, 2}},
                                             {{40, 1000}, {1000}, {40, 1000}}})
    for (UnaryFunction f : {UnaryFunction::identity, UnaryFunction::relu, UnaryFunction::tanh})
      expect_like_reference(binary_case(BinaryFunction::sub, random_value(s.a, 1), random_value(s.b, 2), s.y, f),
                            {1e-6, 1e-6});
}

TEST(Binary, NotANumber) {
  for (BinaryFunction f : {BinaryFunction::min, BinaryFunction::max, BinaryFunction::add, BinaryFunction::prelu}) {
    Value a = awkward_numbers(-2, 2), b = random_value(a.shape, 9);
    expect_like_reference(binary_case(f, a, b, a.shape), {0, 1e-6});
    expect_like_reference(binary_case(f, b, a, a.shape), {0, 1e-6});
  }
}

TEST(Binary, Integers) {
  for (BinaryFunction f :
       {BinaryFunction::add, BinaryFunction::sub, BinaryFunction::mul, BinaryFunction::min, BinaryFunction::max}) {
    expect_like_reference(
        binary_case(f, value<int64_t>({2, 2}, {1, -2, INT64_MAX, 4}), value<int64_t>({2}, {5, INT64_MIN}), {2, 2}));
    expect_like_reference(
        binary_case(f, value<int32_t>({2, 2}, {1, -2, INT32_MAX, 4}), value<int32_t>({}, {7}), {2, 2}));
  }
  EXPECT_NE(reason_of(binary_case(BinaryFunction::div, value<int32_t>({1}, {1}), value<int32_t>({1}, {1}), {1})), "");
}

TEST(Compare, AllFunctionsAndTypes) {
  for (schema::CompareFunction f : schema::EnumValuesCompareFunction()) {
    schema::CompareAttributesT a;
    a.function = f;
    const Value x = awkward_numbers(-1, 1), same = x;
    expect_like_reference(node_case(Op::Compare, a, {x, same}, {output_of<bool>(x.shape)}));
    expect_like_reference(node_case(Op::Compare, a, {x, scalar(0.5f)}, {output_of<bool>(x.shape)}));
    expect_like_reference(node_case(Op::Compare, a, {scalar(0.5f), x}, {output_of<bool>(x.shape)}));
    expect_like_reference(node_case(Op::Compare, a, {value<int64_t>({3}, {1, 2, 3}), value<int64_t>({2, 1}, {2, 3})},
                                    {output_of<bool>({2, 3})}));
    expect_like_reference(
        node_case(Op::Compare, a, {value<int32_t>({3}, {1, 2, 3}), value<int32_t>({}, {2})}, {output_of<bool>({3})}));
  }
}

TEST(Logical, AllFunctions) {
  for (schema::LogicalFunction f : schema::EnumValuesLogicalFunction()) {
    schema::LogicalAttributesT a;
    a.function = f;
    // Any byte but 0 is true.
    Value x = value<uint8_t>({4}, std::vector<int>{0, 1, 2, 0});
    x.type = DataType::bool_;
    expect_like_reference(
        node_case(Op::Logical, a, {x, value<bool>({2, 1}, std::vector<int>{0, 1})}, {output_of<bool>({2, 4})}));
  }
}

TEST(Where, TypesAndBroadcasting) {
  const Value condition = value<bool>({3, 1}, std::vector<int>{1, 0, 1});
  expect_like_reference(node_case(Op::Where, schema::NoAttributesT(),
                                  {condition, random_value({3, 20}, 1), random_value({20}, 2)},
                                  {output_of<float>({3, 20})}));
  expect_like_reference(node_case(Op::Where, schema::NoAttributesT(),
                                  {condition, value<int64_t>({}, {1}), value<int64_t>({2}, {5, 6})},
                                  {output_of<int64_t>({3, 2})}));
  expect_like_reference(node_case(Op::Where, schema::NoAttributesT(),
                                  {condition, value<uint8_t>({}, {1}), value<uint8_t>({2}, {5, 6})},
                                  {output_of<uint8_t>({3, 2})}));
}

TEST(Cast, AllPairs) {
  const std::vector<DataType> types{DataType::float32, DataType::int32, DataType::int64,
                                    DataType::uint8,   DataType::int8,  DataType::bool_};
  for (DataType from : types)
    for (DataType to : types) {
      schema::CastAttributesT a;
      a.to = to;
      const bool is_float = from == DataType::float32, is_signed = from != DataType::uint8 && from != DataType::bool_;
      std::vector<double> items =
          from == DataType::bool_ ? std::vector<double>{0, 1, 1} : std::vector<double>{0, 1, 2, 100, 127};
      if (is_signed) items.insert(items.end(), {-1, -2, -128});
      if (is_float)
        items.insert(items.end(), {0.5, -0.9, 1e10, -1e10, 1e30, -1e30, std::nan(""), INFINITY, -INFINITY, 300.7});
      const auto count = static_cast<int64_t>(items.size());
      SCOPED_TRACE(std::to_string(static_cast<int>(from)) + " to " + std::to_string(static_cast<int>(to)));
      expect_like_reference(node_case(Op::Cast, a, {value_of(from, {count}, items)}, {output_of(to, {count})}));
    }
}

}  // namespace
}  // namespace motley::test
