// Functions of one element, and of several tensors that broadcast.
#include "graph/infer/dims.hpp"
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

namespace {

std::optional<Dims> copy(const Dims* dims) { return dims ? std::optional<Dims>(*dims) : std::nullopt; }

unsigned accepted_types(UnaryFunction function) {
  switch (function) {
    case UnaryFunction::identity: return kAny;
    case UnaryFunction::logical_not: return kBool;
    case UnaryFunction::bitwise_not: return kInteger;
    case UnaryFunction::abs:
    case UnaryFunction::neg:
    case UnaryFunction::sign:
    case UnaryFunction::square:
    case UnaryFunction::relu:
    case UnaryFunction::clip:
    case UnaryFunction::shrink: return kNumeric;
    default: return kFloat;
  }
}

unsigned accepted_types(schema::BinaryFunction function) {
  using F = schema::BinaryFunction;
  switch (function) {
    case F::shift_left:
    case F::shift_right:
    case F::bitwise_and:
    case F::bitwise_or:
    case F::bitwise_xor: return kInteger;
    default: return kNumeric;
  }
}

}  // namespace

void unary(Context& c) {
  const UnaryFunction function = c.attributes<schema::UnaryAttributesT>().function;
  c.require_type(0, accepted_types(function), "the input");
  const bool tests = function == UnaryFunction::is_nan || function == UnaryFunction::is_inf;
  c.set(0, tests ? DataType::bool_ : c.type(0), copy(c.shape(0)));
}

void binary(Context& c) {
  const schema::BinaryFunction function = c.attributes<schema::BinaryAttributesT>().function;
  c.require_type(0, accepted_types(function), "the first input");
  c.require_type(1, accepted_types(function), "the second input");
  if (function != schema::BinaryFunction::pow) c.require_same_type(1);  // an exponent has a type of its own
  if (function == schema::BinaryFunction::prelu && c.shape(0)) {
    c.require_broadcasts_to(1, *c.shape(0), "the slope");
    c.set(0, c.type(0), *c.shape(0));
    return;
  }
  c.set(0, c.type(0), broadcast(c, c.shape(0), c.shape(1)));
}

void compare(Context& c) {
  using F = schema::CompareFunction;
  const F function = c.attributes<schema::CompareAttributesT>().function;
  const unsigned types = function == F::equal || function == F::not_equal ? kAny : kNumeric;
  c.require_type(0, types, "the first input");
  c.require_type(1, types, "the second input");
  c.require_same_type(1);
  c.set(0, DataType::bool_, broadcast(c, c.shape(0), c.shape(1)));
}

void logical(Context& c) {
  c.require_type_is(0, DataType::bool_, "the first input");
  c.require_type_is(1, DataType::bool_, "the second input");
  c.set(0, DataType::bool_, broadcast(c, c.shape(0), c.shape(1)));
}

void where(Context& c) {
  c.require_type_is(0, DataType::bool_, "the condition");
  c.require_same_type(2, 1);
  std::optional<Dims> shape = broadcast(c, c.shape(1), c.shape(2));
  if (shape) shape = broadcast(c, c.shape(0), &*shape);
  c.set(0, c.type(1), std::move(shape));
}

void cast(Context& c) {
  const DataType to = c.attributes<schema::CastAttributesT>().to;
  if (element_bytes(to) == 0) c.fail("the target type is not given");
  c.require_type(0, kAny, "the input");
  c.set(0, to, copy(c.shape(0)));
}

void variadic(Context& c) {
  std::optional<Dims> shape = copy(c.shape(0));
  for (size_t i = 0; i < c.input_count(); ++i) {
    c.require_type(i, kNumeric, "an input");
    c.require_same_type(i);
    shape = broadcast(c, shape ? &*shape : nullptr, c.shape(i));
  }
  c.set(0, c.type(0), std::move(shape));
}

void clip(Context& c) {
  c.require_type(0, kNumeric, "the input");
  for (size_t i = 1; i < 3; ++i) {
    if (!c.has(i)) continue;
    c.require_same_type(i);
    c.require_broadcasts_to(i, Dims{1}, i == 1 ? "the lower bound" : "the upper bound");
  }
  c.set(0, c.type(0), copy(c.shape(0)));
}

void prelu(Context& c) {
  c.require_type(0, kNumeric, "the input");
  c.require_same_type(1);
  if (c.shape(0)) c.require_broadcasts_to(1, *c.shape(0), "the slope");
  c.set(0, c.type(0), copy(c.shape(0)));
}

void gelu(Context& c) {
  c.require_type(0, kFloat, "the input");
  c.set(0, c.type(0), copy(c.shape(0)));
}

}  // namespace motley::graph::infer
