// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear, QLinearConv, ConvInteger, QLinearMatMul, MatMulInteger.
#include <algorithm>

#include "checks.hpp"
#include "conv.hpp"
#include "indexing.hpp"
#include "matrix.hpp"
#include "quantized_words.hpp"
#include "shapes.hpp"

namespace motley::gpu {

namespace {

using reference::MatrixProduct;

int32_t is_signed(const TensorView* t) { return t && t->type == DataType::int8 ? 1 : 0; }
// 0 none, 1 one value, 2 one per channel, row or column.
int32_t value_count(const TensorView* t) { return !t || t->elements() == 0 ? 0 : t->elements() == 1 ? 1 : 2; }
Operand or_first(const Emitter& e, size_t i) { return e.has_input(i) ? e.input(i) : e.input(0); }

// ---- quantize and dequantize ----

void check_quantize(const NodeView& node, const Capabilities&) {
  require_type(*node.input(0), {DataType::float32}, "input 0");
  require_type(*node.input(1), {DataType::float32}, "scale");
  require_type(*node.output(0), {DataType::int8, DataType::uint8, DataType::int16, DataType::uint16}, "output 0");
}
void check_dequantize(const NodeView& node, const Capabilities&) {
  require_type(*node.input(0), {DataType::int8, DataType::uint8, DataType::int16, DataType::uint16, DataType::int32}, "input 0");
  require_type(*node.input(1), {DataType::float32}, "scale");
  require_type(*node.output(0), {DataType::float32}, "output 0");
}

struct Range {
  float low, high;
};
Range range_of(DataType type) {
  switch (type) {
    case DataType::int8: return {-128, 127};
    case DataType::uint8: return {0, 255};
    case DataType::int16: return {-32768, 32767};
    default: return {0, 65535};
  }
}

Call linear_call(const Emitter& e, const char* kernel, DataType integer) {
  const auto& a = e.node.attributes<schema::QuantizeAttributes>();
  const Shape &x = e.node.input(0)->shape, &scale = e.node.input(1)->shape;
  const int64_t count = x.elements();
  Call call = elementwise(e, std::string(kernel) + "." + type_name(integer), count);
  int32_t mode = 0;
  int64_t length = 1, inner = 1, block = 1, blocks = 1;
  if (!(scale.elements() == 1 && scale.rank() <= 1)) {
    const reference::AxisView view(x, reference::checked_axis(a.axis(), x.rank()));
    length = view.length;
    inner = view.inner;
    mode = scale.rank() == 1 && a.block_size() == 0 ? 1 : 2;
    if (mode == 2) block = a.block_size(), blocks = (length + block - 1) / block;
  }
  call.constants = {mode, e.has_input(2) ? 1 : 0};
  call.params = Params(count, length, inner, block, blocks);
  call.uses = {in(e.input(0)), in(e.input(1)), in(e.has_input(2) ? e.input(2) : e.input(1)), out(e.output(0))};
  return call;
}
void emit_quantize(Emitter& e) {
  const DataType type = e.node.output(0)->type;
  Call call = linear_call(e, "quantize", type);
  call.params.add(range_of(type).low).add(range_of(type).high);
  e.launch(std::move(call));
}
void emit_dequantize(Emitter& e) { e.launch(linear_call(e, "dequantize", e.node.input(0)->type)); }

void check_any(const NodeView&, const Capabilities&) {}

void emit_dynamic(Emitter& e) {
  const int64_t count = e.node.input(0)->elements();
  const int64_t per_part = 4096, parts = std::max<int64_t>(1, (count + per_part - 1) / per_part);
  const Operand ranges = e.scratch(static_cast<uint64_t>(parts) * 8);
  for (int32_t finish : {0, 1}) {
    Call call = elementwise(e, "dynamic_range", finish ? 1 : parts);
    call.group[0] = 1;
    call.groups[0] = static_cast<uint32_t>(finish ? 1 : parts);
    call.constants = {finish};
    call.params = Params(finish ? parts : count, finish ? 1 : parts, per_part);
    call.uses = {in(e.input(0)), out(ranges), out(e.output(1)), out(e.output(2))};
    e.launch(std::move(call));
  }
  Call call = elementwise(e, "quantize.u8", count);
  call.constants = {0, 1};
  call.params = Params(count, 1, 1, 1, 1, 0.0f, 255.0f);
  call.uses = {in(e.input(0)), in(e.output(1)), in(e.output(2)), out(e.output(0))};
  e.launch(std::move(call));
}

// ---- convolution ----

void require_float_scales(const NodeView& node, std::initializer_list<size_t> inputs) {
  for (size_t i : inputs) require_type(*node.input(i), {DataType::float32}, "a scale");
}
void check_qlinear_conv(const NodeView& node, const Capabilities&) { require_float_scales(node, {1, 4, 6}); }

void emit_conv(Emitter& e, bool to_bytes) {
  const NodeView& node = e.node;
  const auto& a = node.attributes<schema::ConvAttributes>();
  const size_t w = to_bytes ? 3 : 1, x_zero = 2, w_zero = to_bytes ? 5 : 3;
  const reference::Convolution c = reference::make_convolution(*node.input(0), *node.input(w), *node.output(0), a);
  if (emit_conv_words(e, c, to_bytes)) return;
  const Epilogue epilogue(a.activation());
  const int64_t count = node.output(0)->elements();
  Call call = elementwise(e, to_bytes ? "conv_bytes.quantized" : "conv_bytes.integer", count);
  call.constants = {is_signed(node.input(0)), is_signed(node.input(w)), is_signed(node.output(0)), value_count(node.input(x_zero)),
                    value_count(node.input(w_zero)), to_bytes ? value_count(node.input(4)) : 1,
                    to_bytes && e.has_input(8) ? 1 : 0, epilogue.function};
  call.params = Params(count, c.in_channels, c.out_channels, c.group_inputs(), c.out_channels / c.group);
  for (const auto& axis : c.window.axes) call.params.add(axis.input);
  for (const auto& axis : c.window.axes) call.params.add(axis.output);
  for (const auto& axis : c.window.axes) call.params.add(axis.kernel);
  for (const auto& axis : c.window.axes) call.params.add(axis.stride);
  for (const auto& axis : c.window.axes) call.params.add(axis.dilation);
  for (const auto& axis : c.window.axes) call.params.add(axis.pad_begin);
  call.params.add(epilogue.alpha).add(epilogue.beta);
  call.uses = {in(e.input(0)), in(e.input(w)), in(or_first(e, x_zero)), in(or_first(e, w_zero))};
  if (to_bytes)
    call.uses.insert(call.uses.end(), {in(e.input(1)), in(e.input(4)), in(e.input(6)), in(e.input(7)), in(or_first(e, 8))});
  call.uses.push_back(out(e.output(0)));
  call.operations = 4.0 * static_cast<double>(count) * static_cast<double>(c.group_inputs() * c.window.taps());
  e.launch(std::move(call));
}
void emit_qlinear_conv(Emitter& e) { emit_conv(e, true); }
void emit_conv_integer(Emitter& e) { emit_conv(e, false); }

// ---- products ----

Merged batch_of(const MatrixProduct& p) {
  const auto rank = p.batch.rank();
  std::vector<int64_t> y = row_major(p.batch);
  return merge_dimensions(list(p.batch), {{p.a_batch.begin(), p.a_batch.begin() + rank}, {p.b_batch.begin(), p.b_batch.begin() + rank}, y});
}
void check_product(const NodeView& node, size_t b) {
  const MatrixProduct p = reference::make_product(*node.input(0), *node.input(b), *node.output(0));
  require(batch_of(p).extents.size() <= 2, "more than two batch dimensions that can't be merged");
}
void check_qlinear_matmul(const NodeView& node, const Capabilities&) {
  require_float_scales(node, {1, 4, 6});
  check_product(node, 3);
}
void check_matmul_integer(const NodeView& node, const Capabilities&) { check_product(node, 1); }

void emit_product(Emitter& e, bool to_bytes) {
  const NodeView& node = e.node;
  const size_t b = to_bytes ? 3 : 1, a_zero = 2, b_zero = to_bytes ? 5 : 3;
  const MatrixProduct p = reference::make_product(*node.input(0), *node.input(b), *node.output(0));
  if (emit_matmul_words(e, p, to_bytes)) return;
  const Merged batch = batch_of(p);
  const size_t d = batch.extents.size();
  const int64_t count = node.output(0)->elements();
  Call call = elementwise(e, to_bytes ? "matmul_bytes.quantized" : "matmul_bytes.integer", count);
  call.constants = {is_signed(node.input(0)), is_signed(node.input(b)), is_signed(node.output(0)), value_count(node.input(a_zero)),
                    value_count(node.input(b_zero))};
  for (size_t i : {1, 4, 6, 7}) call.constants.push_back(to_bytes ? value_count(node.input(i)) : 1);
  call.constants.push_back(to_bytes ? value_count(node.input(8)) : 0);
  call.params = Params(count, p.rows, p.columns, p.depth, p.a_row, p.a_depth, p.b_depth, p.b_column, batch.extents[d - 1]);
  call.params.add(d == 2 ? batch.strides[0][0] : 0).add(batch.strides[0][d - 1]);
  call.params.add(d == 2 ? batch.strides[1][0] : 0).add(batch.strides[1][d - 1]);
  call.uses = {in(e.input(0)), in(e.input(b)), in(or_first(e, a_zero)), in(or_first(e, b_zero))};
  if (to_bytes)
    call.uses.insert(call.uses.end(), {in(e.input(1)), in(e.input(4)), in(e.input(6)), in(e.input(7)), in(or_first(e, 8))});
  call.uses.push_back(out(e.output(0)));
  call.operations = 4.0 * static_cast<double>(count) * static_cast<double>(p.depth);
  e.launch(std::move(call));
}
void emit_qlinear_matmul(Emitter& e) { emit_product(e, true); }
void emit_matmul_integer(Emitter& e) { emit_product(e, false); }

}  // namespace

const std::vector<OpEntry>& quantized_ops() {
  static const auto* table = new std::vector<OpEntry>{
      op<reference::quantize_kernel, check_quantize>(emit_quantize),
      op<reference::dequantize_kernel, check_dequantize>(emit_dequantize),
      op<reference::dynamic_quantize_kernel, check_any>(emit_dynamic),
      op<reference::qlinear_conv_kernel, check_qlinear_conv>(emit_qlinear_conv),
      op<reference::conv_integer_kernel, check_any>(emit_conv_integer),
      op<reference::qlinear_matmul_kernel, check_qlinear_matmul>(emit_qlinear_matmul),
      op<reference::matmul_integer_kernel, check_matmul_integer>(emit_matmul_integer)};
  return *table;
}

}  // namespace motley::gpu
