// To and from quantized numbers. Convolutions and products on them are with their kind.
#include "io/tensor_pb.hpp"
#include "onnx/op_context.hpp"

namespace motley::convert {
namespace {

DataType output_type(OpContext& c) {
  const int64_t number = c.integer("output_dtype", 0);
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

// The result has the zero point's type; without one, the given type, else uint8.
void quantize(OpContext& c) {
  schema::QuantizeAttributesT attributes = quantize_attributes(c);
  attributes.to = output_type(c);
  if (c.in(2) != kNone) {
    const DataType zero = c.type(c.in(2));
    if (attributes.to != DataType::undefined && zero != DataType::undefined && attributes.to != zero)
      c.invalid("has an output_dtype (" + std::string(graph::to_string(attributes.to)) +
                ") that is not its zero point's type (" + graph::to_string(zero) + ")");
    if (attributes.to == DataType::undefined) attributes.to = zero;
  } else if (attributes.to == DataType::undefined) {
    attributes.to = DataType::uint8;
  }
  c.emit(Op::QuantizeLinear, c.inputs(), std::move(attributes));
}

// The result has the scale's type, or the given one.
void dequantize(OpContext& c) {
  schema::QuantizeAttributesT attributes = quantize_attributes(c);
  attributes.to = output_type(c);
  if (attributes.to == DataType::undefined) attributes.to = c.type(c.in(1));
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
