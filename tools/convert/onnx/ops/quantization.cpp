// To and from quantized numbers. Convolutions and products on them are with their kind.
#include <algorithm>

#include "io/tensor_pb.hpp"
#include "onnx/ops/build.hpp"

namespace motley::convert {
namespace {

// Undefined where the attribute is absent. `four_bit` is set where it names such a type.
DataType output_type(OpContext& c, bool& four_bit) {
  const int64_t number = c.integer("output_dtype", 0);
  four_bit |= io::is_four_bit(static_cast<int32_t>(number & INT32_MAX));
  if (number == 0) return DataType::undefined;
  const auto type = static_cast<DataType>(io::data_type_of_onnx(static_cast<int32_t>(number & INT32_MAX)));
  if (type == DataType::undefined)
    c.unsupported("type " + io::onnx_type_text(static_cast<int32_t>(number & INT32_MAX)));
  return type;
}

schema::QuantizeAttributesT quantize_attributes(OpContext& c) {
  schema::QuantizeAttributesT attributes;
  attributes.axis = c.integer("axis", 1);
  attributes.block_size = c.integer("block_size", 0);
  attributes.saturate = c.flag("saturate", true);
  c.ignore("precision");
  return attributes;
}

// Saturates further, to what four bits hold.
void emit_four_bit(OpContext& c, schema::QuantizeAttributesT attributes) {
  const DataType type = attributes.to;
  if (type != DataType::int8 && type != DataType::uint8) c.invalid("has an output_dtype that is not its zero point's");
  const TensorId bytes = c.temp("bytes", Op::QuantizeLinear, c.inputs(), std::move(attributes));
  const TensorId low = c.scalar("low", type, type == DataType::int8 ? -8 : 0);
  const TensorId high = c.scalar("high", type, type == DataType::int8 ? 7 : 15);
  c.emit(Op::Clip, {bytes, low, high}, schema::NoAttributesT());
  c.set_four_bit(c.out(0));
}

// The result has the zero point's type; without one, the given type, else uint8.
void quantize(OpContext& c) {
  schema::QuantizeAttributesT attributes = quantize_attributes(c);
  bool four_bit = c.is_four_bit(c.in(2));
  attributes.to = output_type(c, four_bit);
  if (c.in(2) != kNone) {
    const DataType zero = c.type(c.in(2));
    if (attributes.to != DataType::undefined && zero != DataType::undefined && attributes.to != zero)
      c.invalid("has an output_dtype (" + std::string(graph::to_string(attributes.to)) +
                ") that is not its zero point's type (" + graph::to_string(zero) + ")");
    if (attributes.to == DataType::undefined) attributes.to = zero;
  } else if (attributes.to == DataType::undefined) {
    attributes.to = DataType::uint8;
  }
  if (four_bit) return emit_four_bit(c, std::move(attributes));
  c.emit(Op::QuantizeLinear, c.inputs(), std::move(attributes));
}

// Of constants in an 8-bit floating-point type, which are float32 here already: times the scale, of which there is one,
// or one per slice of an axis.
void dequantize_float8(OpContext& c, const schema::QuantizeAttributesT& attributes) {
  if (attributes.block_size != 0) c.unsupported("blocks of 8-bit floating-point numbers");
  if (c.in(2) != kNone) {
    const auto zeros = c.constant_floats(c.in(2));
    if (!zeros || std::any_of(zeros->begin(), zeros->end(), [](float z) { return z != 0; }))
      c.unsupported("a zero point of 8-bit floating-point numbers that is not 0");
  }
  Build b(c);
  const TensorId x = attributes.to == DataType::float32 ? c.in(0) : b.cast(c.in(0), attributes.to);
  TensorId scale = c.type(c.in(1)) == attributes.to ? c.in(1) : b.cast(c.in(1), attributes.to);
  if (known_extents(c, c.in(1), "the scale").size() == 1 && known_extent(c, c.in(1), 0) != 1) {
    const auto rank = static_cast<int64_t>(known_extents(c, c.in(0), "the input").size());
    const int64_t axis = attributes.axis < 0 ? attributes.axis + rank : attributes.axis;
    if (axis < 0 || axis >= rank) c.invalid("has an axis (" + std::to_string(attributes.axis) + ") beyond its input");
    std::vector<int64_t> shape(static_cast<size_t>(rank), 1);
    shape[static_cast<size_t>(axis)] = -1;
    scale = b.reshape(scale, shape);
  }
  c.connect(b.mul(x, scale), c.out(0));
}

// The result has the scale's type, or the given one.
void dequantize(OpContext& c) {
  schema::QuantizeAttributesT attributes = quantize_attributes(c);
  bool four_bit = false;
  attributes.to = output_type(c, four_bit);
  if (attributes.to == DataType::undefined) attributes.to = c.type(c.in(1));
  if (c.is_float8(c.in(0))) return dequantize_float8(c, attributes);
  c.emit(Op::DequantizeLinear, c.inputs(), std::move(attributes));
}

void dynamic_quantize(OpContext& c) {
  c.emit(Op::DynamicQuantizeLinear, c.inputs(), c.outputs(), schema::NoAttributesT());
}

constexpr OpRule kRules[] = {
    {"QuantizeLinear", 10, 2, 3, 1, quantize},
    {"DequantizeLinear", 10, 2, 3, 1, dequantize},
    {"DynamicQuantizeLinear", 11, 1, 1, 3, dynamic_quantize},
    {"QuantizeLinear", 1, 2, 3, 1, quantize, 0, nullptr, 0, nullptr, 0, "com.microsoft"},
    {"DequantizeLinear", 1, 2, 3, 1, dequantize, 0, nullptr, 0, nullptr, 0, "com.microsoft"},
};

}  // namespace

std::span<const OpRule> ops::quantization() { return kRules; }

}  // namespace motley::convert
