// The table of ops, and what their emitters share.
#include "ops.hpp"

#include <cmath>

#include "types.hpp"

namespace motley::gpu {

namespace {
constexpr float kLargestHalf = 65504;
}

const OpEntry* find_op(Op op) {
  static const std::vector<OpEntry>* all = [] {
    auto* table = new std::vector<OpEntry>;
    for (const auto* list :
         {&elementwise_ops(), &movement_ops(), &indexing_ops(), &row_ops(), &window_ops(), &product_ops(), &conv_ops(),
          &sampling_ops(), &quantized_ops(), &recurrent_ops(), &data_dependent_ops()})
      table->insert(table->end(), list->begin(), list->end());
    return table;
  }();
  for (const OpEntry& entry : *all)
    if (entry.op == op) return &entry;
  return nullptr;
}

Operand Emitter::weights(const float* items, size_t count) {
  if (!keeps_half()) return constant(items, count * sizeof *items);
  std::vector<uint16_t> halves(count);
  for (size_t i = 0; i < count; ++i) {
    // Beyond float16 the result would be infinite, which no error budget allows.
    if (std::fabs(items[i]) > kLargestHalf && std::isfinite(items[i]))
      throw sdk::StatusError(MOTLEY_UNSUPPORTED, "a weight of " + std::to_string(items[i]) + " is too large for float16");
    halves[i] = reference::Half(static_cast<double>(items[i])).bits;
  }
  Operand o = constant(halves);
  o.half = true;
  return o;
}

bool has_weights(const NodeView& node) {
  const auto is_weights = [&](size_t i) {
    return node.input(i) && node.input(i)->is_constant() && node.input(i)->type == DataType::float32;
  };
  if (node.op() == Op::Conv) return is_weights(1);
  if (node.op() != Op::MatMul) return false;
  const TensorView *a = node.input(0), *b = node.input(1);
  return is_weights(1) || (is_weights(0) && a && b && a->shape.rank() == 2 && b->shape.rank() <= 2 &&
                           !node.attributes<schema::MatMulAttributes>().transpose_a());
}

const char* type_name(DataType type) {
  switch (type) {
    case DataType::float32: return "f32";
    case DataType::float16: return "f16";
    case DataType::int8: return "i8";
    case DataType::uint8: return "u8";
    case DataType::int16: return "i16";
    case DataType::uint16: return "u16";
    case DataType::int32: return "i32";
    case DataType::uint32: return "u32";
    case DataType::int64: return "i64";
    case DataType::uint64: return "u64";
    case DataType::bool_: return "b8";
    default: return "";
  }
}

const char* size_name(DataType type) {
  switch (sdk::element_bytes(type)) {
    case 1: return "u8";
    case 2: return "u16";
    case 4: return "u32";
    default: return "u64";
  }
}

void check_tensors(const NodeView& node, const Capabilities& device) {
  const auto check = [&](const TensorView* t) {
    if (!t) return;
    require(t->elements() < (int64_t{1} << 31), "a tensor has 2^31 elements or more");
    require(device.max_buffer_bytes == 0 || t->bytes() <= device.max_buffer_bytes, "a tensor is larger than a buffer may be");
    const size_t width = sdk::element_bytes(t->type);
    require(width != 1 || device.storage_8bit, "the device can't store 8-bit elements");
    require(width != 2 || device.storage_16bit, "the device can't store 16-bit elements");
    require(width != 8 || device.int64, "the device has no 64-bit integers");
  };
  for (size_t i = 0; i < node.input_count(); ++i) check(node.input(i));
  for (size_t i = 0; i < node.output_count(); ++i) check(node.output(i));
}

void require_type(const TensorView& tensor, std::initializer_list<DataType> types, const char* what) {
  for (DataType t : types)
    if (t == tensor.type) return;
  const char* name = schema::EnumNameDataType(tensor.type);
  require(false, std::string(what) + " of type " + (tensor.type == DataType::bool_ ? "bool" : name) + " not supported");
}

Call elementwise(const Emitter& e, std::string variant, int64_t count) {
  Call call;
  call.variant = std::move(variant);
  // On a CPU a work group is a loop on one core: a long one, so that the loop is worth its start.
  uint32_t group = e.device.device_class == DeviceClass::cpu ? 1024 : 64;
  group = std::min({group, e.device.max_group_size, e.device.max_group[0]});
  while (group > 16 && count <= group / 2) group /= 2;
  // Fewer and larger groups where the device can't count so many.
  const uint32_t most = std::min(e.device.max_group_size, e.device.max_group[0]);
  while (groups_for(count, group) > e.device.max_groups[0] && group * 2 <= most) group *= 2;
  call.group = {group, 1, 1};
  call.groups = {groups_for(count, group), 1, 1};
  call.operations = static_cast<double>(count) * 4;
  return call;
}

namespace {
constexpr int64_t kRowGroup = 64;
}
bool shares_rows(const Capabilities& device, int64_t rows, int64_t length) {
  return device.local_is_fast && device.device_class != DeviceClass::cpu && length >= kRowGroup &&
         rows <= device.max_groups[0] && kRowGroup <= device.max_group_size && kRowGroup <= device.max_group[0];
}
Call group_per_row(std::string variant, int64_t rows, int64_t length) {
  Call call;
  call.variant = std::move(variant);
  call.group = {static_cast<uint32_t>(kRowGroup), 1, 1};
  call.groups = {static_cast<uint32_t>(rows), 1, 1};
  call.operations = static_cast<double>(rows) * static_cast<double>(length) * 4;
  return call;
}

Call four_columns(const Emitter& e, std::string variant, int64_t columns, int64_t lines, int64_t planes) {
  Call call;
  call.variant = std::move(variant);
  const int64_t fours = (columns + 3) / 4;
  const uint32_t wide = fours > 4 ? 8 : fours > 2 ? 4 : fours > 1 ? 2 : 1;
  uint32_t high = 16 / wide;
  while (high > 1 && high / 2 >= lines) high /= 2;
  call.group = {std::min(wide, e.device.max_group[0]), std::min(high, e.device.max_group[1]), 1};
  call.groups = {groups_for(fours, call.group[0]), groups_for(lines, call.group[1]), static_cast<uint32_t>(planes)};
  return call;
}

bool takes_four_columns(const Emitter& e, int64_t planes) { return e.device.texel_loads && planes <= e.device.max_groups[2]; }

void emit_bytes_copy(Emitter& e, const Operand& from, const Operand& to, int64_t count, DataType type) {
  Call call = elementwise(e, std::string("strided_copy.") + size_name(type), count);
  call.constants = {1, 1};
  call.uses = {in(from), out(to)};
  const std::vector<int64_t> extents{count}, ones{1};
  call.params = Params(count, 0, 0);
  call.params.add_all(extents, 6, 1).add_all(ones, 6, 0).add_all(ones, 6, 0);
  e.launch(std::move(call));
}

bool is_float_function(schema::UnaryFunction f) {
  using F = schema::UnaryFunction;
  return f <= F::swish && f != F::logical_not && f != F::bitwise_not && f != F::is_nan && f != F::is_inf;
}

}  // namespace motley::gpu
