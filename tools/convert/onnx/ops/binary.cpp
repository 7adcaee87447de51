// Functions of two or more tensors that broadcast, Clip, PRelu and Where.
#include <limits>

#include "onnx/op_context.hpp"

namespace motley::convert {
namespace {

using F = schema::BinaryFunction;

schema::BinaryAttributesT function(F f) {
  schema::BinaryAttributesT attributes;
  attributes.function = f;
  return attributes;
}

// Up to opset 6, the second input was laid along the first one's dimensions from `axis` on.
TensorId aligned_second(OpContext& c) {
  c.ignore("consumed_inputs");
  const bool broadcast = c.flag("broadcast", false);
  const bool has_axis = c.has("axis");
  const int64_t axis = c.integer("axis", 0);
  if (!broadcast || !has_axis) return c.in(1);
  const std::optional<size_t> a = c.rank(c.in(0)), b = c.rank(c.in(1));
  if (!a || !b) c.unsupported("broadcasting along an axis of tensors whose rank is not known");
  const auto rank_a = static_cast<int64_t>(*a), rank_b = static_cast<int64_t>(*b);
  const int64_t first = axis < 0 ? axis + rank_a : axis;
  if (first < 0 || first > rank_a - rank_b)
    c.invalid("broadcasts its second input (rank " + std::to_string(rank_b) + ") along axis " + std::to_string(axis) +
              " of a first one of rank " + std::to_string(rank_a));
  const int64_t after = rank_a - first - rank_b;
  if (after == 0) return c.in(1);
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < after; ++i) axes.push_back(rank_b + i);
  return c.temp("aligned", Op::Unsqueeze, {c.in(1), c.ints("axes", axes)}, schema::AxesAttributesT());
}

TensorId second(OpContext& c) { return c.version() < 7 ? aligned_second(c) : c.in(1); }

void binary(OpContext& c) {
  const TensorId b = second(c);
  c.emit(Op::Binary, {c.in(0), b}, function(static_cast<F>(c.rule().function)));
}

void compare(OpContext& c) {
  schema::CompareAttributesT attributes;
  attributes.function = static_cast<schema::CompareFunction>(c.rule().function);
  const TensorId b = second(c);
  c.emit(Op::Compare, {c.in(0), b}, std::move(attributes));
}

void logical(OpContext& c) {
  schema::LogicalAttributesT attributes;
  attributes.function = static_cast<schema::LogicalFunction>(c.rule().function);
  const TensorId b = second(c);
  c.emit(Op::Logical, {c.in(0), b}, std::move(attributes));
}

bool is_floating(DataType type) {
  return type == DataType::float32 || type == DataType::float16 || type == DataType::bfloat16 ||
         type == DataType::float64;
}

// The result has the base's type. An exponent of another type is brought to it, except that an integer base with a
// fractional exponent is raised in double precision.
void power(OpContext& c) {
  const TensorId exponent = second(c);
  const DataType base_type = c.type(c.in(0)), exponent_type = c.type(exponent);
  const bool known = base_type != DataType::undefined && exponent_type != DataType::undefined;
  if (!known || base_type == exponent_type) return c.emit(Op::Binary, {c.in(0), exponent}, function(F::pow));
  if (is_floating(base_type) || !is_floating(exponent_type))
    return c.emit(Op::Binary, {c.in(0), c.cast("exponent", exponent, base_type)}, function(F::pow));
  const TensorId raised = c.temp(
      "raised", Op::Binary,
      {c.cast("base", c.in(0), DataType::float64), c.cast("exponent", exponent, DataType::float64)}, function(F::pow));
  schema::CastAttributesT back;
  back.to = base_type;
  c.emit(Op::Cast, {raised}, std::move(back));
}

void mod(OpContext& c) {
  const bool fmod = c.flag("fmod", false);
  c.emit(Op::Binary, {c.in(0), c.in(1)}, function(fmod ? F::fmod : F::mod));
}

void bit_shift(OpContext& c) {
  const F f = c.choice<F>("direction", "", {{"LEFT", F::shift_left}, {"RIGHT", F::shift_right}});
  c.emit(Op::Binary, {c.in(0), c.in(1)}, function(f));
}

// Sum, Max, Min, Mean of any number of tensors. Two of them are the common case, and an op of their own.
void variadic(OpContext& c) {
  using V = schema::VariadicFunction;
  c.ignore("consumed_inputs");
  const auto f = static_cast<V>(c.rule().function);
  for (TensorId id : c.inputs())
    if (id == kNone) c.invalid("has an absent input");
  if (c.input_count() == 1) return c.emit(Op::Identity, {c.in(0)}, schema::NoAttributesT());
  if (c.input_count() == 2 && f != V::mean)
    return c.emit(Op::Binary, {c.in(0), c.in(1)}, function(f == V::sum ? F::add : f == V::max ? F::max : F::min));
  schema::VariadicAttributesT attributes;
  attributes.function = f;
  c.emit(Op::Variadic, c.inputs(), std::move(attributes));
}

schema::UnaryAttributesT clip_between(float low, float high) {
  schema::UnaryAttributesT attributes;
  attributes.function = schema::UnaryFunction::clip;
  attributes.alpha = low;
  attributes.beta = high;
  return attributes;
}

void clip_attributes(OpContext& c) {
  c.ignore("consumed_inputs");
  constexpr float kMax = std::numeric_limits<float>::max();
  const float low = c.number("min", -kMax), high = c.number("max", kMax);
  c.emit(Op::Unary, {c.in(0)}, clip_between(low, high));
}

// Constant bounds make it a function of one element, which fuses; the type decides whether float holds them exactly.
void clip_inputs(OpContext& c) {
  constexpr float kMax = std::numeric_limits<float>::max();
  const auto bound = [&](TensorId id, float otherwise) -> std::optional<float> {
    if (id == kNone) return otherwise;
    const auto values = c.constant_floats(id);
    return values && values->size() == 1 ? std::optional<float>((*values)[0]) : std::nullopt;
  };
  const std::optional<float> low = bound(c.in(1), -kMax), high = bound(c.in(2), kMax);
  if (c.type(c.in(0)) == DataType::float32 && low && high && *low <= *high)
    return c.emit(Op::Unary, {c.in(0)}, clip_between(*low, *high));
  c.emit(Op::Clip, c.inputs(), schema::NoAttributesT());
}

// Up to opset 6 a slope per channel was a vector; it belongs to dimension 1.
void prelu(OpContext& c) {
  c.ignore("consumed_inputs");
  TensorId slope = c.in(1);
  const std::optional<size_t> rank = c.rank(c.in(0)), slope_rank = c.rank(slope);
  if (c.version() < 7 && slope_rank == 1u) {
    if (!rank) c.unsupported("a slope per channel for an input whose rank is not known");
    std::vector<int64_t> axes;
    for (size_t i = 2; i < *rank; ++i) axes.push_back(static_cast<int64_t>(i) - 1);
    if (!axes.empty()) slope = c.temp("slope", Op::Unsqueeze, {slope, c.ints("axes", axes)}, schema::AxesAttributesT());
  }
  c.emit(Op::PRelu, {c.in(0), slope}, schema::NoAttributesT());
}

void where(OpContext& c) { c.emit(Op::Where, c.inputs(), schema::NoAttributesT()); }

template <class E>
constexpr int code(E e) {
  return static_cast<int>(e);
}
using C = schema::CompareFunction;
using L = schema::LogicalFunction;
using V = schema::VariadicFunction;

constexpr OpRule kRules[] = {
    {"Add", 1, 2, 2, 1, binary, code(F::add)},
    {"Sub", 1, 2, 2, 1, binary, code(F::sub)},
    {"Mul", 1, 2, 2, 1, binary, code(F::mul)},
    {"Div", 1, 2, 2, 1, binary, code(F::div)},
    {"Pow", 1, 2, 2, 1, power},
    {"Mod", 10, 2, 2, 1, mod},
    {"BitShift", 11, 2, 2, 1, bit_shift},
    {"BitwiseAnd", 18, 2, 2, 1, binary, code(F::bitwise_and)},
    {"BitwiseOr", 18, 2, 2, 1, binary, code(F::bitwise_or)},
    {"BitwiseXor", 18, 2, 2, 1, binary, code(F::bitwise_xor)},
    {"Equal", 1, 2, 2, 1, compare, code(C::equal)},
    {"Less", 1, 2, 2, 1, compare, code(C::less)},
    {"LessOrEqual", 12, 2, 2, 1, compare, code(C::less_or_equal)},
    {"Greater", 1, 2, 2, 1, compare, code(C::greater)},
    {"GreaterOrEqual", 12, 2, 2, 1, compare, code(C::greater_or_equal)},
    {"And", 1, 2, 2, 1, logical, code(L::and_)},
    {"Or", 1, 2, 2, 1, logical, code(L::or_)},
    {"Xor", 1, 2, 2, 1, logical, code(L::xor_)},
    {"Sum", 1, 1, kAny, 1, variadic, code(V::sum)},
    {"Mean", 1, 1, kAny, 1, variadic, code(V::mean)},
    {"Max", 1, 1, kAny, 1, variadic, code(V::max)},
    {"Min", 1, 1, kAny, 1, variadic, code(V::min)},
    {"Clip", 1, 1, 1, 1, clip_attributes},
    {"Clip", 11, 1, 3, 1, clip_inputs},
    {"PRelu", 1, 2, 2, 1, prelu},
    {"Where", 9, 3, 3, 1, where},
};

}  // namespace

std::span<const OpRule> ops::binary() { return kRules; }

}  // namespace motley::convert
