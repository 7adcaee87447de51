// Shapes as data, and tensors made from a shape.
#include "io/tensor_pb.hpp"
#include "onnx/op_context.hpp"

namespace motley::convert {
namespace {

void shape(OpContext& c) {
  schema::ShapeAttributesT attributes;
  if (c.version() >= 15) {
    attributes.start = c.integer("start", 0);
    attributes.end = c.integer("end", INT64_MAX);
  }
  c.emit(Op::Shape, {c.in(0)}, std::move(attributes));
}

void size(OpContext& c) { c.emit(Op::Size, {c.in(0)}, schema::NoAttributesT()); }

void constant_of_shape(OpContext& c) {
  schema::FillAttributesT attributes;
  attributes.type = DataType::float32;
  attributes.value = {0, 0, 0, 0};
  if (const onnx::TensorProto* value = c.tensor("value")) {
    const io::DecodedTensor decoded = io::decode(*value, c.describe() + ": its value");
    attributes.type = static_cast<DataType>(decoded.type);
    if (decoded.bytes.size() != graph::element_bytes(attributes.type)) c.invalid("has a value that is not one element");
    const auto* bytes = reinterpret_cast<const uint8_t*>(decoded.bytes.data());
    attributes.value.assign(bytes, bytes + decoded.bytes.size());
  }
  c.emit(Op::ConstantOfShape, {c.in(0)}, std::move(attributes));
}

void eye_like(OpContext& c) {
  schema::EyeLikeAttributesT attributes;
  attributes.k = c.integer("k", 0);
  attributes.to = c.type(c.in(0));
  if (c.has("dtype")) {
    const int64_t number = c.integer("dtype");
    attributes.to = static_cast<DataType>(io::data_type_of_onnx(static_cast<int32_t>(number & INT32_MAX)));
  }
  if (attributes.to == DataType::undefined) c.unsupported("a type of its result that is not known");
  c.emit(Op::EyeLike, {c.in(0)}, std::move(attributes));
}

void range(OpContext& c) {
  c.ignore("stash_type");  // of 16-bit types: how their sums are kept
  c.emit(Op::Range, c.inputs(), schema::NoAttributesT());
}

constexpr OpRule kRules[] = {
    {"Shape", 1, 1, 1, 1, shape},      {"Shape", 15, 1, 1, 1, shape},
    {"Size", 1, 1, 1, 1, size},        {"ConstantOfShape", 9, 1, 1, 1, constant_of_shape},
    {"EyeLike", 9, 1, 1, 1, eye_like}, {"Range", 11, 3, 3, 1, range},
};

}  // namespace

std::span<const OpRule> ops::shape() { return kRules; }

}  // namespace motley::convert
