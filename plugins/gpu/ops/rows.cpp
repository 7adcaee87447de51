// Along axes: Softmax, Normalize, Reduce, ArgReduce, CumSum, TopK.
#include "checks.hpp"
#include "indexing.hpp"
#include "shapes.hpp"

namespace motley::gpu {

void emit_reduced_rows(Emitter& e, schema::ReduceFunction function, int64_t rows, int64_t length) {
  Call call = group_per_row("reduce_group", rows, length);
  call.constants = {static_cast<int32_t>(function)};
  call.params = Params(rows, length);
  call.uses = {in(e.input(0)), out(e.output(0))};
  e.launch(std::move(call));
}

namespace {

using reference::AxisView;
using schema::ReduceFunction;

void check_float(const NodeView& node, const Capabilities&) { require_type(*node.input(0), {DataType::float32}, "input 0"); }
void check_numbers(const NodeView& node, const Capabilities&) {
  require_type(*node.input(0), {DataType::float32, DataType::int32, DataType::int64}, "input 0");
}

// Lines are work items: few per group, so that few lines still make several groups.
Call by_line(const Emitter& e, std::string variant, int64_t lines) {
  Call call = elementwise(e, std::move(variant), lines);
  const uint32_t most = e.device.device_class == DeviceClass::cpu ? 4 : 32;
  call.group[0] = std::min(call.group[0], most);
  call.groups[0] = groups_for(lines, call.group[0]);
  return call;
}

void emit_softmax(Emitter& e) {
  const auto& a = e.node.attributes<schema::SoftmaxAttributes>();
  const Shape& x = e.node.input(0)->shape;
  const int64_t axis = a.flatten() && a.axis() == x.rank() ? x.rank() : reference::checked_axis(a.axis(), x.rank());
  const auto split = static_cast<int>(axis);
  const AxisView view = a.flatten() ? AxisView(Shape{x.elements(0, split), x.elements(split, x.rank())}, 1) : AxisView(x, axis);
  const int64_t lines = view.outer * view.inner;
  const bool shared = view.inner == 1 && a.function() != schema::SoftmaxFunction::hardmax && lines > 0 &&
                      shares_rows(e.device, lines, view.length);
  Call call =
      shared ? group_per_row("softmax_group", lines, view.length) : by_line(e, "softmax", view.length ? lines : 0);
  call.constants = {static_cast<int32_t>(a.function())};
  call.params = Params(lines, view.length);
  if (!shared) call.params.add(view.inner);
  call.uses = {in(e.input(0)), out(e.output(0))};
  call.operations = static_cast<double>(x.elements()) * 30;
  e.launch(std::move(call));
}

Shape inner_shape(const NodeView& node) {
  const Shape& x = node.input(0)->shape;
  const int64_t axis = reference::checked_axis(node.attributes<schema::NormalizeAttributes>().axis(), x.rank());
  return Shape({x.begin() + axis, x.end()});
}
Merged normalize_views(const NodeView& node) {
  const Shape inner = inner_shape(node);
  std::vector<std::vector<int64_t>> strides;
  for (size_t i = 1; i < 3; ++i)
    strides.push_back(node.input(i) ? broadcast(node.input(i)->shape, inner) : std::vector<int64_t>(inner.size()));
  strides.push_back(row_major(inner));
  return merge_dimensions(list(inner), strides);
}
void check_normalize(const NodeView& node, const Capabilities& device) {
  check_float(node, device);
  check_rank(normalize_views(node));
}

void emit_normalize(Emitter& e) {
  const auto& a = e.node.attributes<schema::NormalizeAttributes>();
  const int64_t length = inner_shape(e.node).elements(), all = e.node.input(0)->elements();
  if (all == 0) return;
  const Merged m = normalize_views(e.node);
  const bool plain = m.extents.size() == 1 && (!e.has_input(1) || m.strides[0][0] == 1) && (!e.has_input(2) || m.strides[1][0] == 1);
  // Work groups share a row where local memory is worth it and rows are long.
  const int64_t rows = all / length;
  const bool shared = plain && shares_rows(e.device, rows, length);
  Call call = shared ? group_per_row("normalize_group", rows, length) : by_line(e, "normalize_rows", rows);
  call.constants = {a.center() ? 1 : 0, e.has_input(1) ? 1 : 0, e.has_input(2) ? 1 : 0};
  call.params = Params(rows, length, a.epsilon());
  if (!shared) {
    call.constants.push_back(static_cast<int32_t>(m.extents.size()));
    call.params.add_all(m.extents, 6, 1).add_all(m.strides[0], 6, 0).add_all(m.strides[1], 6, 0);
  }
  call.uses = {in(e.input(0)), in(e.input(e.has_input(1) ? 1 : 0)), in(e.input(e.has_input(2) ? 2 : 0)), out(e.output(0))};
  call.operations = static_cast<double>(all) * 8;
  e.launch(std::move(call));
}

struct Parts {
  Merged kept, inner;
  int64_t length = 1;
};
Parts reduce_parts(const NodeView& node) {
  const auto& a = node.attributes<schema::ReduceAttributes>();
  const Shape& x = node.input(0)->shape;
  std::vector<int64_t> axes = reference::list_of(a.axes());
  if (node.input(1)) {
    require(node.input(1)->is_constant() || node.input(1)->elements() == 0, "axes must be constant");
    axes = node.input(1)->elements() ? reference::constant_integers(*node.input(1), "axes") : std::vector<int64_t>();
  }
  std::vector<bool> reduced(x.size(), axes.empty() && !a.noop_with_empty_axes());
  for (int64_t axis : axes) reduced[static_cast<size_t>(reference::checked_axis(axis, x.rank()))] = true;
  const std::vector<int64_t> strides = row_major(x);
  std::vector<int64_t> kept, kept_strides, inner, inner_strides;
  for (size_t i = 0; i < x.size(); ++i) {
    (reduced[i] ? inner : kept).push_back(x[i]);
    (reduced[i] ? inner_strides : kept_strides).push_back(strides[i]);
  }
  Parts p{merge_dimensions(kept, {kept_strides}), merge_dimensions(inner, {inner_strides}), 1};
  for (int64_t extent : inner) p.length *= extent;
  return p;
}

void check_reduce(const NodeView& node, const Capabilities& device) {
  check_numbers(node, device);
  const ReduceFunction f = node.attributes<schema::ReduceAttributes>().function();
  const bool real = node.input(0)->type == DataType::float32;
  require(real || (f != ReduceFunction::mean && f != ReduceFunction::l2 && f != ReduceFunction::log_sum &&
                   f != ReduceFunction::log_sum_exp), "this reduction of integers not supported");
  const Parts p = reduce_parts(node);
  require(real || p.length > 0, "a reduction of no integers not supported");
  require(p.kept.extents.size() <= 5 && p.inner.extents.size() <= 4, "more dimensions than the kernel has room for");
}

// The elements of each group lie side by side, one group behind the other.
bool is_rows(const Parts& p) {
  const bool one = p.kept.extents.empty() || (p.kept.extents.size() == 1 && p.kept.strides[0][0] == p.length);
  return one && p.inner.extents.size() == 1 && p.inner.strides[0][0] == 1;
}

void emit_reduce(Emitter& e) {
  const Parts p = reduce_parts(e.node);
  const int64_t count = e.node.output(0)->elements();
  const ReduceFunction function = e.node.attributes<schema::ReduceAttributes>().function();
  const bool real = e.node.input(0)->type == DataType::float32 && function != ReduceFunction::log_sum_exp;
  if (real && count > 0 && is_rows(p) && shares_rows(e.device, count, p.length))
    return emit_reduced_rows(e, function, count, p.length);
  Call call = by_line(e, std::string("reduce.") + type_name(e.node.input(0)->type), count);
  call.constants = {static_cast<int32_t>(function), static_cast<int32_t>(p.kept.extents.size()),
                    static_cast<int32_t>(p.inner.extents.size())};
  call.params = Params(count, p.length);
  call.params.add_all(p.kept.extents, 5, 1).add_all(p.kept.strides[0], 5, 0);
  call.params.add_all(p.inner.extents, 4, 1).add_all(p.inner.strides[0], 4, 0);
  call.uses = {in(e.input(0)), out(e.output(0))};
  call.operations = static_cast<double>(count) * static_cast<double>(p.length) * 3;
  e.launch(std::move(call));
}

void emit_arg_reduce(Emitter& e) {
  const auto& a = e.node.attributes<schema::ArgReduceAttributes>();
  const Shape& x = e.node.input(0)->shape;
  const AxisView view(x, reference::checked_axis(a.axis(), x.rank()));
  Call call = by_line(e, std::string("arg_reduce.") + type_name(e.node.input(0)->type), view.outer * view.inner);
  call.constants = {a.take_max() ? 1 : 0, a.select_last_index() ? 1 : 0};
  call.params = Params(view.outer * view.inner, view.length, view.inner);
  call.uses = {in(e.input(0)), out(e.output(0))};
  call.operations = static_cast<double>(x.elements()) * 3;
  e.launch(std::move(call));
}

void check_cumsum(const NodeView& node, const Capabilities& device) {
  check_numbers(node, device);
  require(node.input(1)->is_constant(), "axis must be constant");
}
void emit_cumsum(Emitter& e) {
  const auto& a = e.node.attributes<schema::CumSumAttributes>();
  const Shape& x = e.node.input(0)->shape;
  const AxisView view(x, reference::checked_axis(reference::constant_integers(*e.node.input(1), "axis")[0], x.rank()));
  Call call = by_line(e, std::string("cumsum.") + type_name(e.node.input(0)->type), view.outer * view.inner);
  call.constants = {a.exclusive() ? 1 : 0, a.reverse() ? 1 : 0};
  call.params = Params(view.outer * view.inner, view.length, view.inner);
  call.uses = {in(e.input(0)), out(e.output(0))};
  call.operations = static_cast<double>(x.elements()) * 3;
  e.launch(std::move(call));
}

void emit_topk(Emitter& e) {
  const auto& a = e.node.attributes<schema::TopKAttributes>();
  const Shape& x = e.node.input(0)->shape;
  const auto axis = reference::checked_axis(a.axis(), x.rank());
  const AxisView view(x, axis);
  const TensorView& y = e.has_output(0) ? *e.node.output(0) : *e.node.output(1);
  const int64_t count = x.elements();
  Call call = elementwise(e, std::string("topk.") + type_name(e.node.input(0)->type), count);
  call.group[0] = std::min(call.group[0], 64u);
  call.groups[0] = groups_for(count, call.group[0]);
  call.constants = {a.largest() ? 1 : 0, e.has_output(0) ? 1 : 0, e.has_output(1) ? 1 : 0};
  call.params = Params(count, view.length, view.inner, y.shape[static_cast<size_t>(axis)]);
  const Operand values = e.output(e.has_output(0) ? 0 : 1), indices = e.output(e.has_output(1) ? 1 : 0);
  call.uses = {in(e.input(0)), out(values), out(indices)};
  call.operations = static_cast<double>(count) * static_cast<double>(view.length) * 4;
  e.launch(std::move(call));
}

}  // namespace

const std::vector<OpEntry>& row_ops() {
  static const auto* table = new std::vector<OpEntry>{
      op<reference::softmax_kernel, check_float>(emit_softmax),     op<reference::normalize_kernel, check_normalize>(emit_normalize),
      op<reference::reduce_kernel, check_reduce>(emit_reduce),      op<reference::arg_reduce_kernel, check_numbers>(emit_arg_reduce),
      op<reference::cumsum_kernel, check_cumsum>(emit_cumsum),      op<reference::topk_kernel, check_numbers>(emit_topk)};
  return *table;
}

}  // namespace motley::gpu
