// Emitting primitives, each with the type and shape of its result.
#include "graph/lower/lowering.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace motley::graph {

Extents broadcast(const Extents& a, const Extents& b) {
  const Extents& longer = a.size() >= b.size() ? a : b;
  const Extents& shorter = a.size() >= b.size() ? b : a;
  Extents result = longer;
  const size_t shift = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    int64_t& extent = result[shift + i];
    if (extent == shorter[i] || shorter[i] == 1) continue;
    if (extent != 1)
      base::fail(ErrorCode::invalid_model, "shapes do not broadcast (% and %)",
                 {to_string(Dims(a.begin(), a.end())), to_string(Dims(b.begin(), b.end()))});
    extent = shorter[i];
  }
  return result;
}

TensorId Lowering::in(size_t i) const {
  if (!has_input(i)) invalid("its input % is missing", {i});
  return node_.input(i);
}

TensorId Lowering::out(size_t i) const {
  if (!has_output(i)) invalid("its output % is missing", {i});
  return node_.output(i);
}

std::vector<int64_t> Lowering::integer_input(size_t i) const {
  auto values = integers(tensor(in(i)));
  if (!values) unsupported("its input \"%\" is not a constant of integers", {tensor(in(i)).name});
  return *std::move(values);
}

size_t Lowering::axis(int64_t axis, size_t rank) const {
  const auto limit = static_cast<int64_t>(rank);
  if (axis < -limit || axis >= limit) invalid("its axis (%) is not one of % dimensions", {axis, rank});
  return static_cast<size_t>(axis < 0 ? axis + limit : axis);
}

void Lowering::unsupported(const char* format, std::initializer_list<base::Piece> values) const {
  base::fail(ErrorCode::unsupported, "node \"%\" (%) cannot be expressed by primitives: %",
             {node_.name, describe_op(node_), base::text(format, values)});
}

void Lowering::invalid(const char* format, std::initializer_list<base::Piece> values) const {
  base::fail(ErrorCode::invalid_model, "node \"%\" (%) is not valid: %",
             {node_.name, describe_op(node_), base::text(format, values)});
}

TensorId Lowering::temporary(DataType type, const Extents& extents) {
  if (extents.size() > static_cast<size_t>(sdk::kMaxRank))
    unsupported("an intermediate has % dimensions, and tensors have 8 at most", {extents.size()});
  Tensor tensor;
  // The number of tensors so far makes the name unique in the graph.
  const TensorId first = node_.outputs.empty() || node_.outputs[0] == kNone ? kNone : node_.outputs[0];
  tensor.name = base::text("%:%", {(first == kNone ? node_.name : graph_.tensor(first).name), graph_.tensors.size()});
  tensor.type = type;
  tensor.shape = Dims(extents.begin(), extents.end());
  return graph_.add_tensor(std::move(tensor));
}

TensorId Lowering::constant(DataType type, const Extents& extents, const std::vector<double>& values) {
  const TensorId id = temporary(type, extents);
  graph_.tensor(id).constant = encode_constant(type, values);
  return id;
}

TensorId Lowering::or_temporary(TensorId out, DataType type, const Extents& extents) {
  return out == kNone ? temporary(type, extents) : out;
}

AttributesUnion& Lowering::new_node(Op op, TensorList inputs, TensorId out) {
  Node& node = nodes_.emplace_back();
  node.op = op;
  node.inputs = inputs;
  node.outputs.push_back(out);
  node.origins = node_.origins;
  return node.attributes;
}

TensorId Lowering::emit_as(Op op, TensorList inputs, TensorId out, const AttributesUnion& attributes) {
  new_node(op, inputs, out) = attributes;
  return out;
}

TensorId Lowering::unary(UnaryFunction function, TensorId x, TensorId out, float alpha, float beta) {
  schema::UnaryAttributesT attributes;
  attributes.function = function;
  attributes.alpha = alpha;
  attributes.beta = beta;
  return emit(Op::Unary, {x}, or_temporary(out, type(x), shape(x)), attributes);
}

TensorId Lowering::binary(schema::BinaryFunction function, TensorId a, TensorId b, TensorId out) {
  schema::BinaryAttributesT attributes;
  attributes.function = function;
  return emit(Op::Binary, {a, b}, or_temporary(out, type(a), broadcast(shape(a), shape(b))), attributes);
}

TensorId Lowering::compare(schema::CompareFunction function, TensorId a, TensorId b) {
  schema::CompareAttributesT attributes;
  attributes.function = function;
  return emit(Op::Compare, {a, b}, temporary(DataType::bool_, broadcast(shape(a), shape(b))), attributes);
}

TensorId Lowering::where(TensorId condition, TensorId yes, TensorId no, TensorId out) {
  const Extents extents = broadcast(broadcast(shape(condition), shape(yes)), shape(no));
  return emit(Op::Where, {condition, yes, no}, or_temporary(out, type(yes), extents), schema::NoAttributesT{});
}

TensorId Lowering::cast(TensorId x, DataType to, TensorId out) {
  if (out == kNone && type(x) == to) return x;
  schema::CastAttributesT attributes;
  attributes.to = to;
  return emit(Op::Cast, {x}, or_temporary(out, to, shape(x)), attributes);
}

TensorId Lowering::reshape(TensorId x, const Extents& extents, TensorId out) {
  if (out == kNone && shape(x) == extents) return x;
  return emit(Op::Reshape, {x}, or_temporary(out, type(x), extents), schema::ReshapeAttributesT{});
}

TensorId Lowering::transpose(TensorId x, const AxisList& perm, TensorId out) {
  const Extents extents = shape(x);
  Extents permuted;
  for (size_t axis : perm) permuted.push_back(extents[axis]);
  return copy({x}, permuting_region(extents, perm), or_temporary(out, type(x), permuted));
}

TensorId Lowering::reduce(schema::ReduceFunction function, TensorId x, const Extents& axes, TensorId out) {
  schema::ReduceAttributesT attributes;
  attributes.function = function;
  attributes.noop_with_empty_axes = true;
  Extents extents = shape(x);
  for (int64_t a : axes) extents[axis(a, extents.size())] = 1;
  attributes.axes = axes;
  return emit(Op::Reduce, {x}, or_temporary(out, type(x), extents), attributes);
}

TensorId Lowering::normalize(TensorId x, TensorId scale, TensorId bias, size_t axis, float epsilon, bool center,
                             TensorId out) {
  schema::NormalizeAttributesT attributes;
  attributes.axis = static_cast<int64_t>(axis);
  attributes.epsilon = epsilon;
  attributes.center = center;
  std::vector<TensorId> inputs{x};
  if (scale != kNone || bias != kNone) inputs.push_back(scale);
  if (bias != kNone) inputs.push_back(bias);
  return emit(Op::Normalize, inputs, or_temporary(out, type(x), shape(x)), attributes);
}

TensorId Lowering::matmul(TensorId a, TensorId b, bool transpose_b, float alpha, TensorId out) {
  schema::MatMulAttributesT attributes;
  attributes.transpose_b = transpose_b;
  attributes.alpha = alpha;
  const Extents left = shape(a), right = shape(b);
  Extents extents = broadcast(Extents(left.begin(), left.end() - 2), Extents(right.begin(), right.end() - 2));
  extents.push_back(left[left.size() - 2]);
  extents.push_back(right[right.size() - (transpose_b ? 2 : 1)]);
  return emit(Op::MatMul, {a, b}, or_temporary(out, type(a), extents), attributes);
}

TensorId Lowering::softmax(TensorId x, int64_t axis, TensorId out) {
  schema::SoftmaxAttributesT attributes;
  attributes.axis = axis;
  return emit(Op::Softmax, {x}, or_temporary(out, type(x), shape(x)), attributes);
}

TensorId Lowering::copy(TensorList inputs, RegionT region, TensorId out) {
  std::vector<RegionT> regions;
  regions.push_back(std::move(region));
  return copy(inputs, std::move(regions), out);
}

TensorId Lowering::copy(TensorList inputs, std::vector<RegionT> regions, TensorId out, std::vector<uint8_t> fill) {
  const int64_t elements = tensor(out).elements();
  regions = normalized(std::move(regions));
  for (const RegionT& region : regions)
    check_bounds(region, tensor(inputs[static_cast<size_t>(region.input)]).elements(), elements, node_.name);
  if (elements > 0 && is_plain_copy(regions, elements)) {
    const TensorId source = inputs[static_cast<size_t>(regions.front().input)];
    if (tensor(source).elements() == elements) return reshape(source, shape(out), out);
  }
  return emit(Op::StridedCopy, inputs, out, strided_copy(regions, std::move(fill)));
}

std::vector<Node> Lowering::take() {
  for (size_t i = 0; i < nodes_.size(); ++i)
    nodes_[i].name = nodes_.size() == 1 ? node_.name : base::text("%/%", {node_.name, i});
  return std::move(nodes_);
}

}  // namespace motley::graph
