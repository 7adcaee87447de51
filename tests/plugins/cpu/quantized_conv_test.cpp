// Convolution of bytes over windows, strides and groups of all kinds: every integer as the reference has it.
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

struct Axis {
  int64_t input = 1, kernel = 1, stride = 1, dilation = 1, begin = 0, end = 0;
  int64_t output() const { return (input + begin + end - (kernel - 1) * dilation - 1) / stride + 1; }
  bool fits() const { return input + begin + end > (kernel - 1) * dilation; }
};

struct Case {
  Axis y = {}, x = {};
  int64_t batch = 1, group = 1, channels_in = 1, channels_out = 1;  // per group
  bool line = false;                                                // one spatial dimension
  bool constant = true, per_channel = false, zeros = true, bias = true;
  // Powers of two make sums that lie exactly between two integers; large ones saturate.
  float scale = 0.0007f;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  for (const Axis* a : {&c.y, &c.x})
    out << a->input << " k" << a->kernel << " s" << a->stride << " d" << a->dilation << " p" << a->begin << ','
        << a->end << "; ";
  return out << "n" << c.batch << " g" << c.group << ' ' << c.channels_in << "->" << c.channels_out;
}

std::vector<int64_t> with_space(const Case& c, std::vector<int64_t> shape, int64_t y, int64_t x) {
  if (!c.line) shape.push_back(y);
  shape.push_back(x);
  return shape;
}

schema::ConvAttributesT attributes_of(const Case& c) {
  schema::ConvAttributesT a;
  a.group = c.group;
  if (c.line) a.strides = {c.x.stride}, a.dilations = {c.x.dilation}, a.pads = {c.x.begin, c.x.end};
  else {
    a.strides = {c.y.stride, c.x.stride};
    a.dilations = {c.y.dilation, c.x.dilation};
    a.pads = {c.y.begin, c.x.begin, c.y.end, c.x.end};
  }
  return a;
}

template <class X, class W>
void expect_case(const Case& c) {
  SCOPED_TRACE(testing::Message() << c);
  const int64_t out = c.group * c.channels_out;
  const Value x = bytes_of<X>(with_space(c, {c.batch, c.group * c.channels_in}, c.y.input, c.x.input), 1);
  Value w = bytes_of<W>(with_space(c, {out, c.channels_in}, c.y.kernel, c.x.kernel), 2);
  const std::vector<int64_t> per = c.per_channel ? std::vector<int64_t>{out} : std::vector<int64_t>{};
  Value zero = c.zeros ? bytes_of<W>(per, 3) : value<W>(per, std::vector<W>(c.per_channel ? size_t(out) : 1));
  w.constant = zero.constant = c.constant;
  std::vector<float> scales(c.per_channel ? static_cast<size_t>(out) : 1);
  for (size_t i = 0; i < scales.size(); ++i) scales[i] = c.scale * static_cast<float>(1 + i % 3);
  std::vector<int32_t> biases(static_cast<size_t>(out));
  Dice dice(9);
  for (int32_t& b : biases) b = static_cast<int32_t>(dice.between(-30000, 30000));
  const std::vector<int64_t> y = with_space(c, {c.batch, out}, c.y.output(), c.x.output());
  expect_like_reference(
      node_case(Op::QLinearConv, attributes_of(c),
                {x, value<float>({}, {0.5f}), bytes_of<X>({}, 4), w, value<float>(per, scales), zero,
                 value<float>({}, {0.5f}), bytes_of<X>({}, 6), c.bias ? value<int32_t>({out}, biases) : none()},
                {output_of<X>(y)}),
      kExact);
  if (!c.per_channel)
    expect_like_reference(
        node_case(Op::ConvInteger, attributes_of(c), {x, w, bytes_of<X>({}, 4), zero}, {output_of<int32_t>(y)}),
        kExact);
}

void expect_all_types(const Case& c) {
  expect_case<uint8_t, int8_t>(c);
  expect_case<int8_t, int8_t>(c);
  expect_case<uint8_t, uint8_t>(c);
}

Axis random_axis(Dice& dice) {
  while (true) {
    const Axis a{dice.between(1, 20),
                 dice.one_of<int64_t>({1, 1, 2, 3, 3, 4, 5, 7, 9}),
                 dice.one_of<int64_t>({1, 1, 1, 2, 2, 3, 5}),
                 dice.one_of<int64_t>({1, 1, 1, 2, 3}),
                 dice.between(0, 3),
                 dice.between(0, 3)};
    if (a.fits()) return a;
  }
}

TEST(QuantizedConvWindows, OfAllKinds) {
  Dice dice(20);
  for (int round = 0; round < 150; ++round) {
    Case c;
    c.y = random_axis(dice), c.x = random_axis(dice);
    c.batch = dice.one_of<int64_t>({1, 1, 2});
    c.group = dice.one_of<int64_t>({1, 1, 2, 5, 9});
    c.channels_in = dice.one_of<int64_t>({1, 1, 2, 3, 4, 5, 8, 11});
    c.channels_out = dice.one_of<int64_t>({1, 1, 2, 3, 4, 8, 9, 13});
    c.line = dice.between(0, 5) == 0;
    if (c.line) c.y = Axis();
    c.constant = dice.between(0, 2) > 0, c.per_channel = dice.between(0, 1), c.bias = dice.between(0, 1);
    c.zeros = dice.between(0, 1);
    c.scale = dice.one_of({0.0007f, 0.015625f, 0.125f, 0.5f, 0.003f});
    expect_all_types(c);
  }
}

// Rows longer than a vector, and more outputs than are computed at once.
TEST(QuantizedConvWindows, WideImages) {
  const Axis wide{150, 5, 1, 1, 2, 2}, strided{301, 7, 2, 1, 3, 3}, far{200, 3, 4, 9, 9, 9};
  expect_all_types({.y = {5, 3, 1, 1, 1, 1}, .x = wide, .group = 3});
  expect_all_types({.y = {7, 3, 2, 1, 1, 1}, .x = strided, .channels_in = 3, .channels_out = 10});
  expect_all_types({.y = {4, 2, 1, 2, 1, 1}, .x = far, .group = 2, .channels_in = 2});
  expect_all_types({.y = {40, 1}, .x = {40, 1}, .channels_in = 9, .channels_out = 4});
  expect_all_types({.y = {20, 1, 2}, .x = {33, 1, 2}, .channels_in = 8, .channels_out = 70, .per_channel = true});
  expect_all_types({.x = {2000, 25, 1, 1, 12, 12}, .channels_in = 1, .channels_out = 5, .line = true});
  expect_all_types({.x = {600, 80, 37, 1}, .channels_in = 2, .channels_out = 9, .line = true});
}

// Sums of so many words that columns are taken tile by tile.
TEST(QuantizedConvWindows, DeepSums) {
  expect_all_types({.y = {6, 3, 1, 1, 1, 1}, .x = {9, 3, 1, 1, 1, 1}, .channels_in = 130, .channels_out = 19});
  expect_all_types({.y = {3, 1}, .x = {5, 1}, .channels_in = 1100, .channels_out = 1, .scale = 0.0001f});
}

// Totals near the ends of 32 bits are not rounded in a hurry.
TEST(QuantizedConvWindows, LargeBiases) {
  for (int32_t bias : {INT32_MAX, INT32_MIN, 2000000000}) {
    const std::vector<int32_t> biases(3, bias);
    for (float scale : {1e-7f, 1.0f, std::numeric_limits<float>::infinity()})
      expect_like_reference(node_case(Op::QLinearConv, schema::ConvAttributesT(),
                                      {bytes_of<uint8_t>({1, 5, 3, 3}, 1), value<float>({}, {1}),
                                       value<uint8_t>({}, {7}), constant(bytes_of<int8_t>({3, 5, 1, 1}, 2)),
                                       value<float>({}, {scale}), constant(value<int8_t>({}, {0})),
                                       value<float>({}, {1}), value<uint8_t>({}, {100}), value<int32_t>({3}, biases)},
                                      {output_of<uint8_t>({1, 3, 3, 3})}),
                            kExact);
  }
}

}  // namespace
}  // namespace motley::test
