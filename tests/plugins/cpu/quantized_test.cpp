// Quantized ops: every integer as the reference has it, of composites by what they lower to.
#include "against_reference.hpp"

namespace motley::test {
namespace {

constexpr Tolerance kExact{0, 0};

template <class T>
Value bytes_of(std::vector<int64_t> shape, uint64_t seed) {
  Dice dice(seed);
  std::vector<T> values(static_cast<size_t>(sdk::Shape(shape).elements()));
  for (T& v : values) v = static_cast<T>(dice.between(std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
  return value<T>(std::move(shape), values);
}

struct Conv {
  std::vector<int64_t> x{1, 3, 7, 9};
  int64_t out = 5, kernel = 3, stride = 1, pad = 1, dilation = 1, group = 1;
  bool per_channel = false, bias = true;
};

template <class X, class W>
void expect_conv(const Conv& s) {
  schema::ConvAttributesT a;
  a.group = s.group;
  a.strides = {s.stride, s.stride}, a.dilations = {s.dilation, s.dilation}, a.pads = {s.pad, s.pad, s.pad, s.pad};
  const auto extent = [&](int64_t in) { return (in + 2 * s.pad - (s.kernel - 1) * s.dilation - 1) / s.stride + 1; };
  const std::vector<int64_t> per = s.per_channel ? std::vector<int64_t>{s.out} : std::vector<int64_t>{};
  Value bias;
  if (s.bias) {
    Dice dice(9);
    std::vector<int32_t> values(static_cast<size_t>(s.out));
    for (int32_t& v : values) v = static_cast<int32_t>(dice.between(-30000, 30000));
    bias = value<int32_t>({s.out}, values);
  }
  for (bool constant : {false, true}) {
    Value w = bytes_of<W>({s.out, s.x[1] / s.group, s.kernel, s.kernel}, 2), zero = bytes_of<W>(per, 3);
    w.constant = zero.constant = constant;
    expect_like_reference(
        node_case(Op::QLinearConv, a,
                  {bytes_of<X>(s.x, 1), value<float>({}, {0.02f}), bytes_of<X>({}, 4), w,
                   random_value(per, 5, 0.01, 0.03), zero, value<float>({}, {0.37f}), bytes_of<X>({}, 6), bias},
                  {output_of<X>({s.x[0], s.out, extent(s.x[2]), extent(s.x[3])})}),
        kExact);
  }
}

TEST(QuantizedConv, Grid) {
  for (int64_t channels : {1, 3, 17})
    for (int64_t out : {1, 2, 6, 17})
      for (bool per_channel : {false, true}) {
        const Conv s{.x = {2, channels, 7, 9}, .out = out, .per_channel = per_channel, .bias = out != 6};
        expect_conv<uint8_t, int8_t>(s);
        expect_conv<int8_t, int8_t>(s);
        expect_conv<uint8_t, uint8_t>(s);
      }
}

TEST(QuantizedConv, WindowsAndGroups) {
  expect_conv<uint8_t, int8_t>({.kernel = 1, .pad = 0});
  expect_conv<uint8_t, int8_t>({.kernel = 1, .stride = 2, .pad = 0});
  expect_conv<uint8_t, int8_t>({.x = {1, 3, 11, 12}, .stride = 2, .pad = 2, .dilation = 2});
  expect_conv<int8_t, int8_t>({.x = {1, 6, 9, 40}, .out = 6, .group = 6, .per_channel = true});
  expect_conv<int8_t, uint8_t>({.x = {1, 6, 5, 6}, .out = 12, .group = 3});
  expect_conv<uint8_t, int8_t>({.x = {1, 2, 2, 2}, .kernel = 2, .stride = 3, .pad = 3});
  expect_conv<uint8_t, int8_t>({.x = {0, 2, 5, 5}});
}

template <class X, class W>
void expect_conv_integer(std::vector<int64_t> x, int64_t out, int64_t kernel, int64_t stride, int64_t pad,
                         int64_t group, bool zeros) {
  schema::ConvAttributesT a;
  a.group = group;
  a.strides = {stride, stride}, a.pads = {pad, pad, pad, pad};
  const auto extent = [&](int64_t in) { return (in + 2 * pad - kernel) / stride + 1; };
  const Value image = bytes_of<X>(x, 1), w = bytes_of<W>({out, x[1] / group, kernel, kernel}, 2);
  for (bool fixed : {false, true}) {
    Value weights = w, zero = zeros ? bytes_of<W>({out}, 4) : none();
    weights.constant = zero.constant = fixed;
    expect_like_reference(node_case(Op::ConvInteger, a, {image, weights, zeros ? bytes_of<X>({}, 3) : none(), zero},
                                    {output_of<int32_t>({x[0], out, extent(x[2]), extent(x[3])})}),
                          kExact);
  }
}

TEST(QuantizedConv, Integer) {
  expect_conv_integer<uint8_t, int8_t>({2, 3, 7, 9}, 5, 3, 1, 1, 1, true);
  expect_conv_integer<uint8_t, uint8_t>({1, 17, 1, 1}, 3, 1, 1, 0, 1, true);
  expect_conv_integer<int8_t, int8_t>({1, 6, 9, 40}, 9, 2, 3, 1, 3, false);
  expect_conv_integer<int8_t, uint8_t>({1, 1, 5, 5}, 1, 3, 1, 2, 1, false);
}

struct Product {
  std::vector<int64_t> a, b, y;
  std::vector<int64_t> per = {};  // scales of B
  bool addend = false;
};

template <class A, class B>
void expect_product(const Product& s) {
  const int64_t columns = s.b.size() < 2 ? 1 : s.b.back();
  std::vector<int32_t> values(static_cast<size_t>(columns));
  Dice dice(11);
  for (int32_t& v : values) v = static_cast<int32_t>(dice.between(-50000, 50000));
  for (bool constant : {false, true}) {
    Value b = bytes_of<B>(s.b, 2), zero = bytes_of<B>(s.per, 3);
    b.constant = zero.constant = constant;
    std::vector<Value> inputs{bytes_of<A>(s.a, 1),
                              value<float>({}, {0.02f}),
                              bytes_of<A>({}, 4),
                              b,
                              random_value(s.per, 5, 0.01, 0.03),
                              zero,
                              value<float>({}, {1.37f}),
                              bytes_of<A>({}, 6)};
    if (s.addend) inputs.push_back(value<int32_t>({columns}, values));
    expect_like_reference(node_case(Op::QLinearMatMul, schema::NoAttributesT{}, inputs, {output_of<A>(s.y)}), kExact);
    const bool per_row = !constant && s.a.size() == 2;
    Value a_zero = per_row ? bytes_of<A>({s.a[0]}, 7) : bytes_of<A>({}, 7);
    if (s.a.size() < 2 || s.b.size() < 2) a_zero = none();
    expect_like_reference(node_case(Op::MatMulInteger, schema::NoAttributesT{}, {bytes_of<A>(s.a, 1), b, a_zero, zero},
                                    {output_of<int32_t>(s.y)}),
                          kExact);
  }
}

TEST(QuantizedMatMul, Grid) {
  for (int64_t rows : {1, 3, 8, 17})
    for (int64_t columns : {1, 5, 32, 70})
      for (int64_t depth : {1, 4, 7, 66}) {
        const Product s{{rows, depth}, {depth, columns}, {rows, columns}, {}, depth == 7};
        expect_product<uint8_t, int8_t>(s);
        Product per = s;
        per.per = {columns};
        per.addend = rows == 3;
        expect_product<int8_t, int8_t>(per);
        expect_product<uint8_t, uint8_t>(per);
      }
}

TEST(QuantizedMatMul, BatchesAndVectors) {
  expect_product<uint8_t, int8_t>({{2, 3, 5, 9}, {9, 7}, {2, 3, 5, 7}, {7}});
  expect_product<int8_t, uint8_t>({{2, 1, 5, 9}, {3, 9, 7}, {2, 3, 5, 7}, {7}, true});
  expect_product<uint8_t, uint8_t>({{4, 5, 9}, {4, 9, 7}, {4, 5, 7}});
  expect_product<uint8_t, int8_t>({{9}, {9, 7}, {7}});
  expect_product<uint8_t, int8_t>({{5, 9}, {9}, {5}});
  expect_product<int8_t, int8_t>({{9}, {9}, {}});
  expect_product<int8_t, int8_t>({{0, 9}, {9, 4}, {0, 4}});
}

// The largest sums that are claimed: any step on the way that saturates shows.
TEST(QuantizedMatMul, LongestSums) {
  const int64_t depth = 33000;
  const auto all = [&](std::vector<int64_t> shape, int64_t v, auto type) {
    using T = decltype(type);
    return value<T>(std::move(shape), std::vector<T>(static_cast<size_t>(depth), static_cast<T>(v)));
  };
  for (bool low : {false, true})
    expect_like_reference(
        node_case(Op::MatMulInteger, schema::NoAttributesT{},
                  {all({1, depth}, low ? 0 : 255, uint8_t{}), all({depth, 1}, low ? 127 : -128, int8_t{}),
                   value<uint8_t>({}, {static_cast<uint8_t>(low ? 255 : 0)}),
                   value<int8_t>({}, {static_cast<int8_t>(low ? -128 : 127)})},
                  {output_of<int32_t>({1, 1})}),
        kExact);
  EXPECT_NE(reason_of(node_case(Op::MatMulInteger, schema::NoAttributesT{},
                                {output_of<uint8_t>({1, depth + 1}), output_of<uint8_t>({depth + 1, 1})},
                                {output_of<int32_t>({1, 1})})),
            "");
}

// Runs the chain that a quantized composite stands for on the reference.
Value on_reference(Op op, schema::AttributesUnion attributes, std::vector<Value> inputs, Value output) {
  NodeCase c;
  c.op = op;
  c.attributes = std::move(attributes);
  c.inputs = std::move(inputs);
  c.outputs = {std::move(output)};
  const NodeResult r = run_node(*reference_plugin(), c);
  EXPECT_EQ(r.status, MOTLEY_OK) << r.text;
  return r.status == MOTLEY_OK ? r.outputs[0] : Value{};
}
schema::AttributesUnion linear() {
  schema::AttributesUnion any;
  any.Set(schema::QuantizeAttributesT{});
  return any;
}
Value reals(const Value& x, const Value& scale, const Value& zero) {
  return on_reference(Op::DequantizeLinear, linear(), {x, scale, zero}, output_of<float>(x.shape));
}

// A composite with `operands` quantized inputs against `op` on their reals.
template <class T, class AttributesT>
void expect_composite(Op composite, Op op, const AttributesT& attributes, const std::vector<Value>& operands,
                      const std::vector<int64_t>& shape, float y_scale, bool constant) {
  if (!reference_plugin()) GTEST_SKIP() << "libmotley_reference.so is not built";
  schema::AttributesUnion any;
  any.Set(AttributesT(attributes));
  std::vector<Value> inputs, x;
  float scale = 0.0173f;
  for (const Value& operand : operands) {
    Value s = value<float>({}, {scale}), z = bytes_of<T>({}, inputs.size() + 5);
    s.constant = z.constant = constant;
    scale *= 1.9f;
    inputs.insert(inputs.end(), {operand, s, z});
    x.push_back(reals(operand, s, z));
  }
  Value s = value<float>({}, {y_scale}), z = bytes_of<T>({}, 77);
  s.constant = z.constant = constant;
  const Value y = on_reference(op, any, x, output_of<float>(shape));
  const Value want = on_reference(Op::QuantizeLinear, linear(), {y, s, z}, output_of<T>(shape));
  inputs.insert(inputs.end(), {s, z});
  expect_outputs(node_case(composite, attributes, inputs, {output_of<T>(shape)}), {want}, kExact);
}

template <class T>
void expect_unary(schema::UnaryFunction function, float alpha, float beta) {
  std::vector<T> values(256);
  for (size_t i = 0; i < 256; ++i) values[i] = static_cast<T>(i);
  schema::UnaryAttributesT a;
  a.function = function, a.alpha = alpha, a.beta = beta;
  for (float y_scale : {0.0043f, 0.01f, 0.3f})
    for (bool constant : {false, true})
      expect_composite<T>(Op::QLinearUnary, Op::Unary, a, {value<T>({256}, values)}, {256}, y_scale, constant);
}

TEST(QuantizedElements, UnaryOfEveryByte) {
  using F = schema::UnaryFunction;
  for (F f : {F::identity, F::abs, F::neg, F::sqrt, F::square, F::exp, F::tanh, F::relu, F::leaky_relu, F::elu,
              F::sigmoid, F::hard_sigmoid, F::hard_swish, F::swish, F::gelu, F::clip}) {
    SCOPED_TRACE(schema::EnumNameUnaryFunction(f));
    expect_unary<uint8_t>(f, 0.1f, 0.7f);
    expect_unary<int8_t>(f, 0.25f, 0.5f);
  }
}

template <class T>
void expect_binary(std::vector<int64_t> a, std::vector<int64_t> b, std::vector<int64_t> y) {
  using F = schema::BinaryFunction;
  for (F f : {F::add, F::sub, F::mul, F::div}) {
    SCOPED_TRACE(schema::EnumNameBinaryFunction(f));
    schema::BinaryAttributesT attributes;
    attributes.function = f;
    expect_composite<T>(Op::QLinearBinary, Op::Binary, attributes, {bytes_of<T>(a, 1), bytes_of<T>(b, 2)}, y, 0.021f,
                        false);
  }
}

TEST(QuantizedElements, BinaryBroadcasts) {
  expect_binary<uint8_t>({2, 17, 5, 7}, {2, 17, 5, 7}, {2, 17, 5, 7});
  expect_binary<int8_t>({1, 3, 40, 40}, {3, 1, 1}, {1, 3, 40, 40});
  expect_binary<uint8_t>({4, 1, 5}, {1, 7, 1}, {4, 7, 5});
  expect_binary<int8_t>({}, {33}, {33});
  expect_binary<uint8_t>({0, 3}, {3}, {0, 3});
}

template <class T>
void expect_pool(std::vector<int64_t> x, std::vector<int64_t> y, schema::PoolAttributesT a) {
  a.function = schema::PoolFunction::average;
  expect_composite<T>(Op::QLinearPool, Op::Pool, a, {bytes_of<T>(x, 3)}, y, 0.0131f, true);
}

TEST(QuantizedElements, AveragePool) {
  schema::PoolAttributesT a;
  a.kernel_shape = {3, 3}, a.strides = {2, 2}, a.pads = {1, 1, 1, 1};
  for (bool count_pads : {false, true})
    for (bool ceil : {false, true}) {
      a.count_include_pad = count_pads, a.ceil_mode = ceil;
      expect_pool<uint8_t>({2, 3, 8, 7}, {2, 3, ceil ? 5 : 4, 4}, a);
      expect_pool<int8_t>({1, 17, 6, 9}, {1, 17, ceil ? 4 : 3, 5}, a);
    }
  schema::PoolAttributesT wide;
  wide.kernel_shape = {13, 130};
  expect_pool<uint8_t>({1, 17, 13, 130}, {1, 17, 1, 1}, wide);
  schema::PoolAttributesT far;
  far.kernel_shape = {2}, far.strides = {5}, far.dilations = {3};
  expect_pool<int8_t>({1, 3, 14}, {1, 3, 3}, far);
  expect_pool<int8_t>({0, 3, 14}, {0, 3, 3}, far);
}

template <class T>
void expect_max(std::vector<int64_t> x, std::vector<int64_t> y, schema::PoolAttributesT a) {
  expect_like_reference(node_case(Op::Pool, a, {bytes_of<T>(x, 3)}, {output_of<T>(y)}), kExact);
}

TEST(QuantizedElements, MaxPoolOfBytes) {
  schema::PoolAttributesT a;
  a.kernel_shape = {3, 2}, a.strides = {2, 1}, a.pads = {1, 1, 1, 0};
  expect_max<uint8_t>({2, 3, 8, 70}, {2, 3, 4, 70}, a);
  expect_max<int8_t>({1, 17, 1, 1}, {1, 17, 1, 1}, a);
  a.ceil_mode = true;
  expect_max<int8_t>({1, 3, 6, 9}, {1, 3, 4, 9}, a);
  schema::PoolAttributesT far;
  far.kernel_shape = {2}, far.strides = {5}, far.dilations = {3};
  expect_max<int8_t>({1, 3, 14}, {1, 3, 3}, far);
  expect_max<uint8_t>({0, 3, 14}, {0, 3, 3}, far);
}

TEST(Quantized, DynamicQuantizeLinear) {
  const auto expect = [](const Value& x) {
    expect_like_reference(node_case(Op::DynamicQuantizeLinear, schema::NoAttributesT{}, {x},
                                    {output_of<uint8_t>(x.shape), output_of<float>({}), output_of<uint8_t>({})}),
                          kExact);
  };
  for (int64_t n : {1, 3, 17, 1000}) {
    expect(random_value({n}, 1, -3, 5));
    expect(random_value({n}, 2, 1, 5));
    expect(random_value({1, n}, 3, -5, -1));
  }
  expect(value<float>({3}, {0, 0, 0}));
  expect(value<float>({0}, {}));
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> odd(40, 1.5f);
  odd[3] = nan, odd[20] = -2;
  expect(value<float>({40}, odd));
  odd[7] = inf;
  expect(value<float>({40}, odd));
}

template <class T>
void expect_linear(std::vector<int64_t> shape, int64_t axis, std::vector<int64_t> per) {
  schema::QuantizeAttributesT a;
  a.axis = axis;
  a.to = schema::DataType::undefined;
  const Value scale = random_value(per, 1, 0.01, 0.1), zero = bytes_of<T>(per, 2);
  Value x = random_value(shape, 3, -9, 9);
  const float special[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                           -std::numeric_limits<float>::infinity(), 1e30f};
  if (x.bytes.size() >= sizeof special) std::memcpy(x.bytes.data(), special, sizeof special);
  expect_like_reference(node_case(Op::QuantizeLinear, a, {x, scale, zero}, {output_of<T>(shape)}), kExact);
  expect_like_reference(
      node_case(Op::QuantizeLinear, a, {x, value<float>({}, {0.5f}), bytes_of<T>({}, 5)}, {output_of<T>(shape)}),
      kExact);
  expect_like_reference(
      node_case(Op::DequantizeLinear, a, {bytes_of<T>(shape, 4), scale, zero}, {output_of<float>(shape)}), kExact);
}

TEST(Quantized, LinearPerTensorAndPerAxis) {
  for (int64_t channels : {1, 3, 17}) {
    expect_linear<uint8_t>({2, channels, 5, 7}, 1, {});
    expect_linear<int8_t>({2, channels, 5, 7}, 1, {channels});
    expect_linear<uint8_t>({2, 3, channels}, -1, {channels});
    expect_linear<int8_t>({channels, 40}, 0, {channels});
  }
  expect_linear<uint8_t>({0, 4}, 1, {});
}

}  // namespace
}  // namespace motley::test
