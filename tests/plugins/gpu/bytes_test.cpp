// Convolutions and products of bytes with constant weights, which GPU plugins compute four bytes at a time.
#include <span>

#include "tested_plugin.hpp"

namespace motley::test {

namespace {

struct Form {
  std::vector<int64_t> x, w, strides, dilations, pads;
};
const std::vector<Form>& forms() {
  static const std::vector<Form> list{{{1, 4, 6, 5}, {6, 4, 3, 3}, {}, {}, {1, 1, 1, 1}},
                                      {{2, 3, 9, 11}, {5, 3, 3, 2}, {2, 1}, {1, 2}, {2, 1, 0, 1}},
                                      {{1, 17, 7, 7}, {33, 17, 1, 1}, {}, {}, {}},
                                      {{1, 1, 5, 5}, {4, 1, 5, 5}, {}, {}, {4, 4, 4, 4}},
                                      {{1, 2, 40}, {7, 2, 7}, {3}, {}, {3, 3}},
                                      {{1, 2, 4, 5, 6}, {4, 2, 2, 3, 2}, {1, 2, 1}, {}, {0, 1, 1, 0, 1, 0}},
                                      {{3, 8, 13, 13}, {16, 8, 3, 3}, {}, {}, {1, 1, 1, 1}}};
  return list;
}
std::vector<int64_t> output_shape(const Form& f) {
  std::vector<int64_t> y{f.x[0], f.w[0]};
  const size_t rank = f.x.size() - 2;
  for (size_t i = 0; i < rank; ++i) {
    const int64_t d = f.dilations.empty() ? 1 : f.dilations[i], s = f.strides.empty() ? 1 : f.strides[i];
    const int64_t pads = f.pads.empty() ? 0 : f.pads[i] + f.pads[rank + i];
    y.push_back((f.x[2 + i] + pads - (f.w[2 + i] - 1) * d - 1) / s + 1);
  }
  return y;
}
schema::ConvAttributesT attributes_of(const Form& f) {
  schema::ConvAttributesT a;
  a.strides = f.strides;
  a.dilations = f.dilations;
  a.pads = f.pads;
  return a;
}

template <class T>
Value scalar_of(T v) {
  return value<T, T>({}, {v});
}
// The whole range, both ends included.
template <class T>
Value bytes(std::vector<int64_t> shape, uint64_t seed, bool is_constant = false) {
  Value v = random_integers<T>(std::move(shape), seed, std::is_signed_v<T> ? -128.99 : 0, std::is_signed_v<T> ? 127.99 : 255.99);
  v.constant = is_constant;
  return v;
}

template <class X, class W>
void check_conv_integer(size_t count) {
  for (const Form& f : std::span(forms()).first(count))
    for (const bool zeros : {true, false}) {
      if (!zeros && f.x != forms()[0].x) continue;
      const Value per_channel = constant(bytes<W>({f.w[0]}, 5));
      expect_like_reference(node_case(Op::ConvInteger, attributes_of(f),
                                      {bytes<X>(f.x, 1), bytes<W>(f.w, 2, true), zeros ? scalar_of(X{7}) : none(), zeros ? per_channel : none()},
                                      {output_of<int32_t>(output_shape(f))}),
                            {0, 0});
    }
}

template <class X, class W>
void check_qlinear_conv(size_t count) {
  for (const Form& f : std::span(forms()).first(count))
    for (const auto function : {schema::UnaryFunction::identity, schema::UnaryFunction::relu}) {
      if (function == schema::UnaryFunction::relu && f.x != forms()[0].x) continue;
      schema::ConvAttributesT a = attributes_of(f);
      a.activation = schema::Activation(0, 0, function);
      const int64_t m = f.w[0];
      // One step where a tie falls the other way.
      expect_like_reference(node_case(Op::QLinearConv, a,
                                      {bytes<X>(f.x, 1), scalar_of(0.02f), scalar_of(X{99}), bytes<W>(f.w, 2, true), random_value({m}, 3, 0.005, 0.02),
                                       constant(bytes<W>({m}, 6)), scalar_of(0.4f), scalar_of(X{50}), random_integers<int32_t>({m}, 4, -500, 500)},
                                      {output_of<X>(output_shape(f))}),
                            {1, 0});
    }
}

template <class A, class B>
void check_products() {
  const struct {
    std::vector<int64_t> a, b, y;
  } shapes[] = {{{5, 7}, {7, 9}, {5, 9}}, {{2, 3, 16}, {16, 33}, {2, 3, 33}}, {{64, 31}, {31, 100}, {64, 100}}, {{1, 8}, {8, 5}, {1, 5}}};
  for (const auto& s : shapes) {
    const int64_t n = s.b[1];
    expect_like_reference(node_case(Op::MatMulInteger, schema::NoAttributesT(),
                                    {bytes<A>(s.a, 1), bytes<B>(s.b, 2, true), scalar_of(A{3}), constant(bytes<B>({n}, 3))}, {output_of<int32_t>(s.y)}),
                          {0, 0});
    expect_like_reference(node_case(Op::MatMulInteger, schema::NoAttributesT(), {bytes<A>(s.a, 1), bytes<B>(s.b, 2, true), none(), none()},
                                    {output_of<int32_t>(s.y)}),
                          {0, 0});
    expect_like_reference(node_case(Op::QLinearMatMul, schema::NoAttributesT(),
                                    {bytes<A>(s.a, 1), scalar_of(0.02f), scalar_of(A{3}), bytes<B>(s.b, 2, true), random_value({n}, 4, 0.01, 0.03),
                                     constant(bytes<B>({n}, 5)), scalar_of(0.2f), scalar_of(A{5})},
                                    {output_of<A>(s.y)}),
                          {1, 0});
  }
}

}  // namespace

TEST(GpuBytes, ConvolutionToIntegers) {
  SKIP_WITHOUT_DEVICE();
  check_conv_integer<uint8_t, int8_t>(forms().size());
  check_conv_integer<int8_t, uint8_t>(1);
}

TEST(GpuBytes, QuantizedConvolution) {
  SKIP_WITHOUT_DEVICE();
  check_qlinear_conv<uint8_t, int8_t>(forms().size());
  check_qlinear_conv<int8_t, uint8_t>(2);
}

TEST(GpuBytes, Products) {
  SKIP_WITHOUT_DEVICE();
  check_products<uint8_t, int8_t>();
  check_products<int8_t, uint8_t>();
}

// Rows with parameters of their own, in a batch too.
TEST(GpuBytes, ProductsWithParametersPerRow) {
  SKIP_WITHOUT_DEVICE();
  const NodeCase c = node_case(Op::QLinearMatMul, schema::NoAttributesT(),
                               {bytes<int8_t>({6, 12}, 1), random_value({6}, 7, 0.01, 0.03), bytes<int8_t>({6}, 8), bytes<int8_t>({12, 20}, 2, true),
                                scalar_of(0.02f), scalar_of(int8_t{1}), scalar_of(0.2f), scalar_of(int8_t{-5})},
                               {output_of<int8_t>({6, 20})});
  const NodeResult defined = run_node(*reference_plugin(), c);
  if (defined.status != MOTLEY_OK) GTEST_SKIP() << defined.text;
  expect_like_reference(c, {1, 0});
}

}  // namespace motley::test
