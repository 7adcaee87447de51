// NonZero and NonMaxSuppression, which say by a second output how much of the first is valid.
#include "checks.hpp"

namespace motley::gpu {

namespace {

// ---- NonZero: count by parts, add up, write ----

void check_nonzero(const NodeView& node, const Capabilities&) {
  require(node.input(0)->shape.rank() <= 8, "more than 8 dimensions not supported");
}

bool has_sign_bit(DataType type) {
  return type == DataType::float16 || type == DataType::bfloat16 || type == DataType::float32 ||
         type == DataType::float64;
}

void emit_nonzero(Emitter& e) {
  const TensorView& x = *e.node.input(0);
  const int64_t count = x.elements(), per_part = 1024, parts = (count + per_part - 1) / per_part;
  const Operand starts = e.scratch(static_cast<uint64_t>(std::max<int64_t>(parts, 1)) * sizeof(int32_t));
  const std::string type = size_name(x.type);
  Call find = elementwise(e, "nonzero_count." + type, parts);
  find.constants = {has_sign_bit(x.type) ? 1 : 0};
  find.params = Params(count, parts, per_part);
  find.uses = {in(e.input(0)), out(starts)};
  find.operations = static_cast<double>(count) * 2;
  Call add = elementwise(e, "nonzero_starts", 1);
  add.params = Params(parts);
  add.uses = {out(starts), out(e.output(1))};
  Call write = find;
  write.variant = "nonzero_write." + type;
  write.params = Params(count, parts, per_part, x.shape.rank());
  write.params.add_all(x.shape, 8, 1);
  write.uses = {in(e.input(0)), in(starts), out(e.output(0))};
  e.launch(std::move(find));
  e.launch(std::move(add));
  if (x.shape.rank() > 0) e.launch(std::move(write));  // a scalar has no coordinates
}

// ---- NonMaxSuppression: pick per class, then bring the classes together ----

void check_nms(const NodeView& node, const Capabilities& device) {
  const Shape& scores = node.input(1)->shape;
  require(scores[0] * scores[1] < device.max_groups[0], "more classes than the device can start work groups");
}

void emit_nms(Emitter& e) {
  const Shape& scores = e.node.input(1)->shape;
  const int64_t classes = scores[1], boxes = scores[2], room = e.node.output(0)->shape[0];
  // Without a largest count nothing is picked.
  const int64_t lines = e.has_input(2) && boxes > 0 ? scores[0] * classes : 0;
  const uint64_t words = static_cast<uint64_t>(std::max<int64_t>(lines * boxes, 1)) * sizeof(int32_t);
  const Operand left = e.scratch(words), picks = e.scratch(words);
  const Operand counts = e.scratch(static_cast<uint64_t>(std::max<int64_t>(lines, 1)) * sizeof(int32_t));
  const auto given = [&](size_t i) { return in(e.has_input(i) ? e.input(i) : e.input(1)); };
  if (lines > 0) {
    Call pick;
    pick.variant = "nms_pick";
    // Where a work item is a loop on a core, barriers only cost.
    const uint32_t wanted = e.device.native_vector > 1 ? 1 : e.device.device_class == DeviceClass::cpu ? 8 : 64;
    pick.group[0] = std::min({wanted, e.device.max_group_size, e.device.max_group[0]});
    pick.groups[0] = static_cast<uint32_t>(lines);
    pick.constants = {e.node.attributes<schema::NonMaxSuppressionAttributes>().center_point_box() ? 1 : 0,
                      e.has_input(3) ? 1 : 0, e.has_input(4) ? 1 : 0};
    pick.params = Params(lines, classes, boxes);
    pick.uses = {in(e.input(0)), in(e.input(1)), given(2), given(3), given(4), out(left), out(picks), out(counts)};
    pick.operations = static_cast<double>(scores.elements()) * 200;
    e.launch(std::move(pick));
  }
  Call rows = elementwise(e, "nms_rows", lines + 1);
  rows.params = Params(lines, classes, boxes, room);
  rows.uses = {in(picks), in(counts), out(room > 0 ? e.output(0) : left), out(e.output(1))};
  e.launch(std::move(rows));
}

}  // namespace

const std::vector<OpEntry>& data_dependent_ops() {
  static const auto* table = new std::vector<OpEntry>{op<reference::nonzero_kernel, check_nonzero>(emit_nonzero),
                                                      op<reference::non_max_suppression_kernel, check_nms>(emit_nms)};
  return *table;
}

}  // namespace motley::gpu
