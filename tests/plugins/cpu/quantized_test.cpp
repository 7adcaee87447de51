// QuantizeLinear, DequantizeLinear and QLinearConv: every integer as the reference has it.
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
