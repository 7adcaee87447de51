// Gather, GatherElements, GatherND, ScatterElements, ScatterND. An index outside of its dimension is an error that a
// GPU can't report in time: gathers read the nearest element, scatters leave it out.
#include "checks.hpp"
#include "shapes.hpp"

namespace motley::gpu {

namespace {

constexpr size_t kTuple = 8;  // most indices of a tuple, as in the kernels

void check_any(const NodeView&, const Capabilities&) {}

size_t axis_of(int64_t axis, const Shape& shape) { return static_cast<size_t>(axis < 0 ? axis + shape.rank() : axis); }

std::string index_variant(const char* kernel, const NodeView& node) {
  return std::string(kernel) + "." + size_name(node.input(0)->type) + "." + type_name(node.input(1)->type);
}

void emit_gather(Emitter& e) {
  const Shape& x = e.node.input(0)->shape;
  const auto axis = static_cast<int>(axis_of(e.node.attributes<schema::AxisAttributes>().axis(), x));
  const int64_t count = e.node.output(0)->elements();
  if (count == 0) return;
  require(x.elements() > 0, "nothing to gather from");
  Call call = elementwise(e, index_variant("gather", e.node), count);
  call.params = Params(count, x[static_cast<size_t>(axis)], e.node.input(1)->elements(), x.elements(axis + 1, x.rank()));
  call.uses = {in(e.input(0)), in(e.input(1)), out(e.output(0))};
  e.launch(std::move(call));
}

Merged merged_elements(const NodeView& node) {
  const Shape& x = node.input(0)->shape;
  const size_t axis = axis_of(node.attributes<schema::AxisAttributes>().axis(), x);
  std::vector<int64_t> strides = row_major(x);
  strides[axis] = 0;
  return merge_dimensions(list(node.input(1)->shape), {strides, row_major(node.input(1)->shape)});
}
void check_elements(const NodeView& node, const Capabilities&) { check_rank(merged_elements(node)); }

void emit_gather_elements(Emitter& e) {
  const Shape& x = e.node.input(0)->shape;
  const size_t axis = axis_of(e.node.attributes<schema::AxisAttributes>().axis(), x);
  const Merged m = merged_elements(e.node);
  const int64_t count = e.node.output(0)->elements();
  require(count == 0 || x.elements() > 0, "nothing to gather from");
  Call call = elementwise(e, index_variant("gather_elements", e.node), count);
  call.constants = {static_cast<int32_t>(m.extents.size())};
  call.params = Params(count, x[axis], row_major(x)[axis]);
  call.params.add_all(m.extents, 6, 1).add_all(m.strides[0], 6, 0);
  call.uses = {in(e.input(0)), in(e.input(1)), out(e.output(0))};
  e.launch(std::move(call));
}

void emit_gather_nd(Emitter& e) {
  const Shape &x = e.node.input(0)->shape, &indices = e.node.input(1)->shape;
  const auto batch = static_cast<int>(e.node.attributes<schema::BatchDimsAttributes>().batch_dims());
  const auto tuple = static_cast<int>(indices[indices.size() - 1]);
  const int64_t count = e.node.output(0)->elements();
  require(count == 0 || x.elements() > 0, "nothing to gather from");
  const std::vector<int64_t> strides = row_major(x);
  std::vector<int64_t> tuple_extents(x.begin() + batch, x.begin() + batch + tuple);
  std::vector<int64_t> tuple_strides(strides.begin() + batch, strides.begin() + batch + tuple);
  Call call = elementwise(e, index_variant("gather_nd", e.node), count);
  call.params = Params(count, x.elements(batch + tuple, x.rank()), indices.elements(batch, indices.rank() - 1),
                       x.elements(batch, x.rank()), tuple);
  call.params.add_all(tuple_extents, kTuple, 1).add_all(tuple_strides, kTuple, 0);
  call.uses = {in(e.input(0)), in(e.input(1)), out(e.output(0))};
  e.launch(std::move(call));
}

// The indices' dimensions without the axis; views: y, indices.
Merged scatter_lines(const NodeView& node) {
  const Shape &x = node.input(0)->shape, &indices = node.input(1)->shape;
  const size_t axis = axis_of(node.attributes<schema::ScatterAttributes>().axis(), x);
  std::vector<int64_t> extents = list(indices), to = row_major(x), from = row_major(indices);
  for (auto* v : {&extents, &to, &from}) v->erase(v->begin() + static_cast<int64_t>(axis));
  return merge_dimensions(extents, {to, from});
}
void check_scatter_type(const NodeView& node) {
  const bool plain = node.attributes<schema::ScatterAttributes>().reduction() == schema::ScatterReduction::none;
  if (plain) require_type(*node.input(0), {DataType::float32, DataType::int32, DataType::int64, DataType::int8, DataType::uint8,
                                           DataType::bool_, DataType::float16}, "input 0");
  else require_type(*node.input(0), {DataType::float32, DataType::int32, DataType::int64}, "input 0");
}
void check_scatter_elements(const NodeView& node, const Capabilities&) {
  check_scatter_type(node);
  check_rank(scatter_lines(node));
}
void check_scatter_nd(const NodeView& node, const Capabilities&) { check_scatter_type(node); }

std::string scatter_variant(const char* kernel, const NodeView& node) {
  return std::string(kernel) + "." + type_name(node.input(0)->type) + "." + type_name(node.input(1)->type);
}

void emit_scatter_elements(Emitter& e) {
  const Shape &x = e.node.input(0)->shape, &indices = e.node.input(1)->shape;
  emit_bytes_copy(e, e.input(0), e.output(0), x.elements(), e.node.input(0)->type);
  if (indices.elements() == 0 || x.elements() == 0) return;
  const auto& a = e.node.attributes<schema::ScatterAttributes>();
  const size_t axis = axis_of(a.axis(), x);
  const Merged m = scatter_lines(e.node);
  const int64_t lines = indices.elements() / indices[axis];
  Call call = elementwise(e, scatter_variant("scatter_elements", e.node), lines);
  call.constants = {static_cast<int32_t>(m.extents.size()), static_cast<int32_t>(a.reduction())};
  call.params = Params(lines, indices[axis], x[axis], row_major(x)[axis], row_major(indices)[axis]);
  call.params.add_all(m.extents, 6, 1).add_all(m.strides[0], 6, 0).add_all(m.strides[1], 6, 0);
  call.uses = {in(e.input(1)), in(e.input(2)), out(e.output(0))};
  e.launch(std::move(call));
}

void emit_scatter_nd(Emitter& e) {
  const Shape &x = e.node.input(0)->shape, &indices = e.node.input(1)->shape;
  emit_bytes_copy(e, e.input(0), e.output(0), x.elements(), e.node.input(0)->type);
  const auto tuple = static_cast<int>(indices[indices.size() - 1]);
  const int64_t tuples = indices.elements(0, indices.rank() - 1), slice = x.elements(tuple, x.rank());
  if (tuples == 0 || slice == 0) return;
  const std::vector<int64_t> strides = row_major(x);
  Call call = elementwise(e, scatter_variant("scatter_nd", e.node), slice);
  call.constants = {static_cast<int32_t>(e.node.attributes<schema::ScatterAttributes>().reduction())};
  call.params = Params(slice, tuples, tuple);
  call.params.add_all(std::vector<int64_t>(x.begin(), x.begin() + tuple), kTuple, 1)
      .add_all(std::vector<int64_t>(strides.begin(), strides.begin() + tuple), kTuple, 0);
  call.uses = {in(e.input(1)), in(e.input(2)), out(e.output(0))};
  e.launch(std::move(call));
}

}  // namespace

const std::vector<OpEntry>& indexing_ops() {
  static const auto* table = new std::vector<OpEntry>{
      op<reference::gather_kernel, check_any>(emit_gather),
      op<reference::gather_elements_kernel, check_elements>(emit_gather_elements),
      op<reference::gather_nd_kernel, check_any>(emit_gather_nd),
      op<reference::scatter_elements_kernel, check_scatter_elements>(emit_scatter_elements),
      op<reference::scatter_nd_kernel, check_scatter_nd>(emit_scatter_nd)};
  return *table;
}

}  // namespace motley::gpu
