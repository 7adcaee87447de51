// To and from quantized integers, and functions of quantized elements.
#include "graph/infer/dims.hpp"
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

namespace {

// A scale or zero point: one for all, one per slice along the axis, or one per block along it.
void check_parameters(const Context& c, size_t i, const char* what) {
  const auto& a = c.attributes<schema::QuantizeAttributesT>();
  const Dims *x = c.shape(0), *parameters = c.shape(i);
  if (a.block_size < 0) c.fail("block_size (%) is negative", {a.block_size});
  if (!x || !parameters) return;
  if (a.block_size > 0) {
    Dims blocks = *x;
    const size_t axis = c.axis(a.axis, x->size());
    if (blocks[axis].known()) {
      const int64_t extent = blocks[axis].value;
      blocks[axis] = Dim(extent / a.block_size + (extent % a.block_size != 0));
    } else {
      blocks[axis] = Dim();
    }
    c.require_shape(i, blocks, what);
    return;
  }
  const bool single =
      parameters->empty() || (parameters->size() == 1 && (*parameters)[0].known() && (*parameters)[0].value == 1);
  if (!single) c.require_shape(i, Dims{(*x)[c.axis(a.axis, x->size())]}, what);
}

void require_single(const Context& c, size_t i, const char* what) {
  const Dims* shape = c.shape(i);
  if (!shape || shape->empty()) return;
  if (shape->size() > 1 || differ((*shape)[0], Dim(1))) c.fail("% (input %) is not a single number", {what, i});
}

}  // namespace

// x, scale, zero point
void quantize_linear(Context& c) {
  const auto& a = c.attributes<schema::QuantizeAttributesT>();
  c.require_type(0, kNumeric, "the input");
  c.require_type(1, kNumeric, "the scale");
  check_parameters(c, 1, "the scale");
  DataType type = a.to == DataType::undefined ? DataType::uint8 : a.to;
  if (c.has(2)) {
    check_parameters(c, 2, "the zero point");
    if (a.to != DataType::undefined && a.to != c.type(2))
      c.fail("the zero point is of type % (expected %)", {graph::to_string(c.type(2)), graph::to_string(a.to)});
    type = c.type(2);
  }
  if (!is_integer(type)) c.unsupported("quantizing to %", {graph::to_string(type)});
  c.set(0, type, c.input(0).shape);
}

void dequantize_linear(Context& c) {
  const auto& a = c.attributes<schema::QuantizeAttributesT>();
  c.require_type(0, kInteger, "the input");
  c.require_type(1, kFloat, "the scale");
  check_parameters(c, 1, "the scale");
  if (c.has(2)) {
    c.require_same_type(2);
    check_parameters(c, 2, "the zero point");
  }
  c.set(0, a.to == DataType::undefined ? c.type(1) : a.to, c.input(0).shape);
}

// x -> y, scale, zero point
void dynamic_quantize_linear(Context& c) {
  c.require_type_is(0, DataType::float32, "the input");
  c.set(0, DataType::uint8, c.input(0).shape);
  c.set(1, DataType::float32, Dims{});
  c.set(2, DataType::uint8, Dims{});
}

// x, its scale and zero point, from input i on.
void require_quantized(const Context& c, size_t i, const char* what) {
  c.require_type(i, kInteger, what);
  require_quantization(c, i + 1);
  c.require_same_type(i + 2, i);
}

// scale, zero point, from input i on.
void require_quantization(const Context& c, size_t i) {
  c.require_type_is(i, DataType::float32, "a scale");
  c.require_type(i + 1, kInteger, "a zero point");
  require_single(c, i, "a scale");
  require_single(c, i + 1, "a zero point");
}

void qlinear_unary(Context& c) {
  require_quantized(c, 0, "the input");
  require_quantization(c, 3);
  const UnaryFunction function = c.attributes<schema::UnaryAttributesT>().function;
  if (function == UnaryFunction::is_nan || function == UnaryFunction::is_inf ||
      function == UnaryFunction::logical_not || function == UnaryFunction::bitwise_not)
    c.fail("its function is none of real numbers");
  c.set(0, c.type(4), c.input(0).shape);
}

void qlinear_binary(Context& c) {
  require_quantized(c, 0, "the first input");
  require_quantized(c, 3, "the second input");
  require_quantization(c, 6);
  const auto& a = c.attributes<schema::BinaryAttributesT>();
  if (a.function >= schema::BinaryFunction::shift_left) c.fail("its function is none of real numbers");
  if (a.activation.function() != UnaryFunction::identity)
    c.fail("it has an activation, which belongs in a node of its own");
  if (a.function == schema::BinaryFunction::prelu && c.shape(0)) {
    c.require_broadcasts_to(3, *c.shape(0), "the slope");
    return c.set(0, c.type(7), *c.shape(0));
  }
  c.set(0, c.type(7), broadcast(c, c.shape(0), c.shape(3)));
}

}  // namespace motley::graph::infer
