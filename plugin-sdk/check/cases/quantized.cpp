// Ops on quantized numbers: QuantizeLinear and back, products, convolutions, functions and averages.
#include "../cases.hpp"

namespace motley::check {

using schema::DataType;
using schema::Op;
using Input = CaseList::Input;

namespace {

// Every byte.
Input bytes(std::vector<int64_t> shape, DataType type, bool constant = false) {
  const bool is_signed = type == DataType::int8;
  return {std::move(shape), type, is_signed ? Fill{-128, 127} : Fill{0, 255}, constant};
}
Input zero(DataType type, std::vector<int64_t> per = {}) { return bytes(std::move(per), type, true); }
Input scale(double low, double high, std::vector<int64_t> per = {}) {
  return {std::move(per), DataType::float32, {low, high}, true};
}

constexpr DataType kTypes[] = {DataType::uint8, DataType::int8};
std::string name(DataType type) { return type == DataType::int8 ? "int8" : "uint8"; }

void linear(CaseList& list) {
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{}, {1}, {17}, {2, 3, 5, 7}, {1, 17, 1, 1}, {0, 3}, {3, 1000}})
    for (DataType type : kTypes) {
      const std::string detail = shape_text(shape) + ", " + name(type);
      schema::QuantizeAttributesT a;
      list.add(Op::QuantizeLinear, a, {{shape, DataType::float32, {-40, 40}}, scale(0.1, 0.2), zero(type)}, 1, detail);
      list.add(Op::DequantizeLinear, a, {bytes(shape, type), scale(0.1, 0.2), zero(type)}, 1, detail);
      if (shape.size() < 2) continue;
      const std::vector<int64_t> per{shape[1]};
      list.add(Op::QuantizeLinear, a, {{shape, DataType::float32, {-40, 40}}, scale(0.1, 0.2, per), zero(type, per)}, 1,
               detail + ", per slice");
      list.add(Op::DequantizeLinear, a, {bytes(shape, type), scale(0.1, 0.2, per), zero(type, per)}, 1,
               detail + ", per slice");
    }
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{1}, {17}, {3, 40}, {0}})
    list.add(Op::DynamicQuantizeLinear, schema::NoAttributesT{}, {{shape, DataType::float32, {-3, 5}}}, 3,
             shape_text(shape));
}

struct Product {
  std::vector<int64_t> a, b;
};

void products(CaseList& list) {
  const Product shapes[] = {
      {{1, 1}, {1, 1}},          {{3, 17}, {17, 5}},    {{17, 3}, {3, 33}}, {{8, 64}, {64, 64}}, {{2, 3, 5, 9}, {9, 7}},
      {{2, 1, 5, 9}, {3, 9, 7}}, {{1, 300}, {300, 40}}, {{0, 4}, {4, 3}},   {{9}, {9, 7}},       {{5, 9}, {9}}};
  for (const Product& p : shapes)
    for (DataType a : kTypes)
      for (DataType b : kTypes)
        for (bool constant : {false, true}) {
          const std::string detail = shape_text(p.a) + " by " + shape_text(p.b) + ", " + name(a) + " by " + name(b) +
                                     (constant ? ", constant B" : "");
          const schema::NoAttributesT none;
          const Input left = bytes(p.a, a), right = bytes(p.b, b, constant);
          list.add(Op::MatMulInteger, none, {left, right, zero(a), zero(b)}, 1, detail);
          list.add(Op::QLinearMatMul, none,
                   {left, scale(0.01, 0.02), zero(a), right, scale(0.01, 0.02), zero(b), scale(0.3, 0.9), zero(a)}, 1,
                   detail);
          if (p.b.size() < 2) continue;
          const std::vector<int64_t> per{p.b.back()};
          const Input addend{per, DataType::int32, {-9000, 9000}, true};
          list.add(Op::QLinearMatMul, none,
                   {left, scale(0.01, 0.02), zero(a), right, scale(0.01, 0.02, per), zero(b, per), scale(0.3, 0.9),
                    zero(a), addend},
                   1, detail + ", a scale and an addend per column");
        }
}

struct Shape2d {
  std::vector<int64_t> x;
  int64_t outputs, kernel, stride, pad, dilation, group;
};

void convolutions(CaseList& list) {
  const Shape2d shapes[] = {
      {{1, 3, 9, 7}, 17, 3, 1, 1, 1, 1},  {{2, 17, 8, 8}, 16, 1, 1, 0, 1, 1}, {{1, 17, 1, 1}, 3, 1, 1, 0, 1, 1},
      {{1, 1, 5, 5}, 1, 3, 1, 1, 1, 1},   {{1, 3, 11, 13}, 8, 2, 5, 0, 1, 1}, {{1, 17, 9, 9}, 17, 3, 1, 1, 1, 17},
      {{1, 16, 7, 7}, 24, 3, 2, 1, 1, 4}, {{1, 3, 12, 12}, 5, 3, 1, 2, 2, 1}, {{0, 3, 5, 5}, 4, 3, 1, 1, 1, 1}};
  for (const Shape2d& s : shapes)
    for (DataType x : kTypes)
      for (DataType w : kTypes) {
        schema::ConvAttributesT a;
        a.strides = {s.stride, s.stride}, a.dilations = {s.dilation, s.dilation};
        a.pads = {s.pad, s.pad, s.pad, s.pad}, a.group = s.group;
        const std::vector<int64_t> per{s.outputs};
        const Input image = bytes(s.x, x);
        const Input weights = bytes({s.outputs, s.x[1] / s.group, s.kernel, s.kernel}, w, true);
        const std::string detail = shape_text(s.x) + " to " + std::to_string(s.outputs) + ", kernel " +
                                   std::to_string(s.kernel) + ", stride " + std::to_string(s.stride) + ", group " +
                                   std::to_string(s.group) + ", " + name(x) + " by " + name(w);
        list.add(Op::ConvInteger, a, {image, weights, zero(x), zero(w)}, 1, detail);
        list.add(Op::QLinearConv, a,
                 {image, scale(0.01, 0.02), zero(x), weights, scale(0.01, 0.02), zero(w), scale(0.3, 0.9), zero(x)}, 1,
                 detail);
        list.add(Op::QLinearConv, a,
                 {image,
                  scale(0.01, 0.02),
                  zero(x),
                  weights,
                  scale(0.01, 0.02, per),
                  zero(w, per),
                  scale(0.3, 0.9),
                  zero(x),
                  {per, DataType::int32, {-9000, 9000}, true}},
                 1, detail + ", per channel, bias");
      }
}

void elements(CaseList& list) {
  using U = schema::UnaryFunction;
  using B = schema::BinaryFunction;
  for (DataType type : kTypes) {
    for (U f :
         {U::identity, U::relu, U::leaky_relu, U::sigmoid, U::tanh, U::hard_sigmoid, U::hard_swish, U::clip, U::exp}) {
      schema::UnaryAttributesT a;
      a.function = f, a.alpha = 0.1f, a.beta = 0.6f;
      for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {17}, {2, 3, 5, 7}, {0, 3}})
        list.add(Op::QLinearUnary, a,
                 {bytes(shape, type), scale(0.01, 0.05), zero(type), scale(0.004, 0.02), zero(type)}, 1,
                 std::string(schema::EnumNameUnaryFunction(f)) + " " + shape_text(shape) + ", " + name(type));
    }
    const Product pairs[] = {
        {{2, 17, 5, 7}, {2, 17, 5, 7}}, {{1, 3, 9, 9}, {3, 1, 1}}, {{4, 1, 5}, {1, 7, 1}}, {{}, {33}}, {{0, 3}, {3}}};
    for (B f : {B::add, B::sub, B::mul, B::div})
      for (const Product& p : pairs) {
        schema::BinaryAttributesT a;
        a.function = f;
        list.add(Op::QLinearBinary, a,
                 {bytes(p.a, type), scale(0.01, 0.05), zero(type), bytes(p.b, type), scale(0.01, 0.05), zero(type),
                  scale(0.02, 0.04), zero(type)},
                 1,
                 std::string(schema::EnumNameBinaryFunction(f)) + " " + shape_text(p.a) + " and " + shape_text(p.b) +
                     ", " + name(type));
      }
  }
}

void pools(CaseList& list) {
  for (DataType type : kTypes)
    for (int64_t kernel : {1, 2, 3})
      for (int64_t stride : {1, 2, 4})
        for (int variant = 0; variant < 4; ++variant) {
          schema::PoolAttributesT a;
          const int64_t pad = variant & 1 ? kernel / 2 : 0;
          a.kernel_shape = {kernel, kernel}, a.strides = {stride, stride}, a.pads = {pad, pad, pad, pad};
          a.ceil_mode = (variant & 2) != 0, a.count_include_pad = variant == 3;
          for (const std::vector<int64_t>& shape : {std::vector<int64_t>{1, 3, 8, 7}, {2, 17, 5, 5}, {0, 1, 3, 3}}) {
            const std::string detail = shape_text(shape) + ", kernel " + std::to_string(kernel) + ", stride " +
                                       std::to_string(stride) + ", " + name(type);
            a.function = schema::PoolFunction::average;
            list.add(Op::QLinearPool, a,
                     {bytes(shape, type), scale(0.01, 0.05), zero(type), scale(0.01, 0.05), zero(type)}, 1, detail);
            a.function = schema::PoolFunction::max;
            list.add(Op::Pool, a, {bytes(shape, type)}, 1, "max of " + detail);
          }
        }
}

}  // namespace

void quantized_cases(CaseList& list) {
  linear(list);
  products(list);
  convolutions(list);
  elements(list);
  pools(list);
}

}  // namespace motley::check
