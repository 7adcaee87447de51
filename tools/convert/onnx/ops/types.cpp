// Ops that change or pass on a type: Cast, CastLike, Identity, Dropout, Constant.
#include <algorithm>

#include "io/tensor_pb.hpp"
#include "onnx/op_context.hpp"

namespace motley::convert {
namespace {

DataType type_of_number(OpContext& c, int64_t number) {
  const bool fits = number >= 0 && number <= INT32_MAX;
  const auto type =
      fits ? static_cast<DataType>(io::data_type_of_onnx(static_cast<int32_t>(number))) : DataType::undefined;
  if (type == DataType::undefined)
    c.unsupported("type " + (fits ? io::onnx_type_text(static_cast<int32_t>(number)) : std::to_string(number)));
  return type;
}

schema::CastAttributesT to(DataType type, bool saturate = true) {
  schema::CastAttributesT attributes;
  attributes.to = type;
  attributes.saturate = saturate;
  return attributes;
}

schema::BinaryAttributesT function(schema::BinaryFunction f) {
  schema::BinaryAttributesT attributes;
  attributes.function = f;
  return attributes;
}

// To INT4 or UINT4, in a byte: whole numbers toward zero, of which the low four bits stay, as of all narrow integers.
void emit_four_bit(OpContext& c, DataType type) {
  using F = schema::BinaryFunction;
  c.set_four_bit(c.out(0));
  if (c.is_four_bit(c.in(0)) && c.type(c.in(0)) == type) return c.connect(c.in(0), c.out(0));
  const TensorId wide = c.cast("wide", c.in(0), DataType::int32);
  const TensorId byte = c.cast("byte", wide, type), mask = c.scalar("mask", type, 15);
  if (type == DataType::uint8) return c.emit(Op::Binary, {byte, mask}, function(F::bitwise_and));
  const TensorId low = c.temp("low", Op::Binary, {byte, mask}, function(F::bitwise_and));
  const TensorId sign = c.scalar("sign", type, 8);
  const TensorId moved = c.temp("moved", Op::Binary, {low, sign}, function(F::bitwise_xor));
  c.emit(Op::Binary, {moved, sign}, function(F::sub));
}

void emit_cast(OpContext& c, DataType type, bool four_bit, bool saturate) {
  if (four_bit) return emit_four_bit(c, type);
  c.emit(Op::Cast, {c.in(0)}, to(type, saturate));
}

// Until opset 6 the type was given by name.
void cast_by_name(OpContext& c) {
  const std::string name = c.text("to", "");
  int32_t number = 1;
  while (number <= 16 && io::onnx_type_text(number) != name) ++number;
  c.emit(Op::Cast, {c.in(0)}, to(type_of_number(c, number)));
}

void cast(OpContext& c) {
  const bool saturate = c.flag("saturate", true);
  c.ignore("round_mode");  // of 8-bit floats only
  const int64_t number = c.integer("to");
  const DataType type = type_of_number(c, number);
  emit_cast(c, type, io::is_four_bit(static_cast<int32_t>(number)), saturate);
}

void cast_like(OpContext& c) {
  const bool saturate = c.flag("saturate", true);
  c.ignore("round_mode");
  const DataType type = c.type(c.in(1));
  if (type == DataType::undefined) c.unsupported("the type of its second input is not known");
  emit_cast(c, type, c.is_four_bit(c.in(1)), saturate);
}

void identity(OpContext& c) {
  if (c.sequence(c.in(0)) || c.is_empty_optional(c.in(0))) return c.connect(c.in(0), c.out(0));
  c.emit(Op::Identity, {c.in(0)}, schema::NoAttributesT());
}

// Of the shape of `like`, every element one.
void emit_ones(OpContext& c, TensorId like, TensorId out, DataType type) {
  if (out == kNone) return;
  if (type == DataType::undefined) c.unsupported("the type of its mask is not known");
  const TensorId shape = c.temp("shape", Op::Shape, {like}, schema::ShapeAttributesT());
  schema::FillAttributesT fill;
  fill.type = DataType::bool_;
  fill.value = {1};
  if (type == DataType::bool_) return c.emit(Op::ConstantOfShape, {shape}, {out}, std::move(fill));
  const TensorId ones = c.temp("ones", Op::ConstantOfShape, {shape}, std::move(fill));
  c.emit(Op::Cast, {ones}, {out}, to(type));
}

// Nothing is dropped in inference, nor with a ratio of 0: the output is the input, and the mask is all ones.
void dropout(OpContext& c) {
  for (const char* name : {"ratio", "seed", "is_test", "consumed_inputs"}) c.ignore(name);
  if (c.in(2) != kNone) {
    const auto& training = c.in(2);
    const auto ratio = c.constant_floats(c.in(1));
    const bool drops = !ratio || ratio->size() != 1 || (*ratio)[0] != 0;
    if (drops && !c.is_constant_false(training)) c.unsupported("training_mode is not constant false");
  }
  if (c.out(0) != kNone) c.emit(Op::Identity, {c.in(0)}, schema::NoAttributesT());
  // The mask had the data's type until opset 10.
  emit_ones(c, c.in(0), c.out(1), c.version() < 10 ? c.type(c.in(0)) : DataType::bool_);
}

void constant(OpContext& c) {
  for (const char* name : {"sparse_value", "value_string", "value_strings"})
    if (c.has(name)) c.unsupported("attribute " + std::string(name));
  if (const onnx::TensorProto* tensor = c.tensor("value")) return c.set_constant(c.out(0), *tensor);
  if (c.has("value_float")) {
    const float value = c.number("value_float", 0);
    return c.set_constant(c.out(0), DataType::float32, {}, graph::Constant::copy_of(&value, sizeof value));
  }
  if (c.has("value_int")) {
    const int64_t value = c.integer("value_int", 0);
    return c.set_constant(c.out(0), DataType::int64, {}, graph::Constant::copy_of(&value, sizeof value));
  }
  if (c.has("value_floats")) {
    const std::vector<float> values = c.numbers("value_floats");
    return c.set_constant(c.out(0), DataType::float32, {static_cast<int64_t>(values.size())},
                          graph::Constant::of(values));
  }
  if (c.has("value_ints")) {
    const std::vector<int64_t> values = c.integers("value_ints");
    return c.set_constant(c.out(0), DataType::int64, {static_cast<int64_t>(values.size())},
                          graph::Constant::of(values));
  }
  c.invalid("has no value");
}

constexpr OpRule kRules[] = {
    {"Cast", 1, 1, 1, 1, cast_by_name},   {"Cast", 6, 1, 1, 1, cast},
    {"CastLike", 15, 2, 2, 1, cast_like}, {"Identity", 1, 1, 1, 1, identity, 0, nullptr, 0, nullptr, 0, "", true},
    {"Dropout", 1, 1, 1, 2, dropout},     {"Dropout", 12, 1, 3, 2, dropout},
    {"Constant", 1, 0, 0, 1, constant},
};

}  // namespace

std::span<const OpRule> ops::types() { return kRules; }

}  // namespace motley::convert
