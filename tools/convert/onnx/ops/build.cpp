// Ops by short names, for handlers that make one ONNX op from several of the IR's.
#include "onnx/ops/build.hpp"

#include <algorithm>

namespace motley::convert {

TensorId Build::binary(schema::BinaryFunction f, TensorId x, TensorId y) {
  schema::BinaryAttributesT attributes;
  attributes.function = f;
  return c.temp(schema::EnumNameBinaryFunction(f), Op::Binary, {x, y}, std::move(attributes));
}

TensorId Build::unary(schema::UnaryFunction f, TensorId x, float alpha, float beta) {
  schema::UnaryAttributesT attributes;
  attributes.function = f;
  attributes.alpha = alpha;
  attributes.beta = beta;
  return c.temp(schema::EnumNameUnaryFunction(f), Op::Unary, {x}, std::move(attributes));
}

TensorId Build::compare(schema::CompareFunction f, TensorId x, TensorId y) {
  schema::CompareAttributesT attributes;
  attributes.function = f;
  return c.temp(schema::EnumNameCompareFunction(f), Op::Compare, {x, y}, std::move(attributes));
}

TensorId Build::both(TensorId x, TensorId y) {
  schema::LogicalAttributesT attributes;
  attributes.function = schema::LogicalFunction::and_;
  return c.temp("and", Op::Logical, {x, y}, std::move(attributes));
}

TensorId Build::where(TensorId condition, TensorId x, TensorId y) {
  return c.temp("where", Op::Where, {condition, x, y}, schema::NoAttributesT());
}

TensorId Build::gelu(TensorId x, bool tanh_approximation) {
  schema::GeluAttributesT attributes;
  attributes.tanh_approximation = tanh_approximation;
  return c.temp("gelu", Op::Gelu, {x}, std::move(attributes));
}

TensorId Build::reshape(TensorId x, const std::vector<int64_t>& shape) {
  return reshape_to(x, c.ints("reshape/shape", shape));
}

TensorId Build::reshape_to(TensorId x, TensorId shape) {
  return c.temp("reshape", Op::Reshape, {x, shape}, schema::ReshapeAttributesT());
}

TensorId Build::transpose(TensorId x, std::vector<int64_t> perm) {
  schema::TransposeAttributesT attributes;
  attributes.perm = std::move(perm);
  return c.temp("transpose", Op::Transpose, {x}, std::move(attributes));
}

TensorId Build::unsqueeze(TensorId x, const std::vector<int64_t>& axes) {
  return c.temp("unsqueeze", Op::Unsqueeze, {x, c.ints("unsqueeze/axes", axes)}, schema::AxesAttributesT());
}

TensorId Build::squeeze(TensorId x, const std::vector<int64_t>& axes) {
  return c.temp("squeeze", Op::Squeeze, {x, c.ints("squeeze/axes", axes)}, schema::AxesAttributesT());
}

TensorId Build::slice(TensorId x, int64_t axis, int64_t start, int64_t end) {
  return c.temp("slice", Op::Slice,
                {x, c.ints("slice/start", {start}), c.ints("slice/end", {end}), c.ints("slice/axis", {axis})},
                schema::NoAttributesT());
}

TensorId Build::concat(std::vector<TensorId> parts, int64_t axis) {
  schema::AxisAttributesT attributes;
  attributes.axis = axis;
  return c.temp("concat", Op::Concat, std::move(parts), std::move(attributes));
}

std::vector<TensorId> Build::split(TensorId x, int64_t axis, const std::vector<int64_t>& sizes) {
  std::vector<TensorId> parts;
  int64_t at = 0;
  for (int64_t size : sizes) {
    parts.push_back(slice(x, axis, at, at + size));
    at += size;
  }
  return parts;
}

TensorId Build::expand(TensorId x, TensorId shape) {
  return c.temp("expand", Op::Expand, {x, shape}, schema::NoAttributesT());
}

TensorId Build::pad(TensorId x, TensorId pads, TensorId value) {
  return c.temp("pad", Op::Pad, {x, pads, value}, schema::PadAttributesT());
}

TensorId Build::shape(TensorId x) { return c.temp("shape", Op::Shape, {x}, schema::ShapeAttributesT()); }

TensorId Build::extent(TensorId x, int64_t axis) {
  schema::ShapeAttributesT attributes;
  attributes.start = axis;
  attributes.end = axis + 1;
  return c.temp("extent", Op::Shape, {x}, std::move(attributes));
}

TensorId Build::count_to(TensorId limit) {
  const TensorId end = reshape(limit, {});
  return c.temp("count", Op::Range, {scalar(DataType::int64, 0), end, scalar(DataType::int64, 1)},
                schema::NoAttributesT());
}

TensorId Build::matmul(TensorId a, TensorId b, bool transpose_b) {
  schema::MatMulAttributesT attributes;
  attributes.transpose_b = transpose_b;
  return c.temp("matmul", Op::MatMul, {a, b}, std::move(attributes));
}

TensorId Build::reduce(schema::ReduceFunction f, TensorId x, std::vector<int64_t> axes, bool keepdims) {
  schema::ReduceAttributesT attributes;
  attributes.function = f;
  attributes.axes = std::move(axes);
  attributes.keepdims = keepdims;
  return c.temp(schema::EnumNameReduceFunction(f), Op::Reduce, {x}, std::move(attributes));
}

TensorId Build::gather(TensorId x, TensorId indices, int64_t axis) {
  schema::AxisAttributesT attributes;
  attributes.axis = axis;
  return c.temp("gather", Op::Gather, {x, indices}, std::move(attributes));
}

TensorId Build::gather_elements(TensorId x, TensorId indices, int64_t axis) {
  schema::AxisAttributesT attributes;
  attributes.axis = axis;
  return c.temp("gather_elements", Op::GatherElements, {x, indices}, std::move(attributes));
}

TensorId Build::scatter_elements(TensorId x, TensorId indices, TensorId updates, int64_t axis) {
  schema::ScatterAttributesT attributes;
  attributes.axis = axis;
  return c.temp("scatter_elements", Op::ScatterElements, {x, indices, updates}, std::move(attributes));
}

TensorId Build::cum_sum(TensorId x, int64_t axis) {
  return c.temp("cum_sum", Op::CumSum, {x, scalar(DataType::int64, static_cast<double>(axis))},
                schema::CumSumAttributesT());
}

TensorId Build::nonzero(TensorId x) { return c.temp("nonzero", Op::NonZero, {x}, schema::NoAttributesT()); }

TensorId Build::softmax(schema::SoftmaxFunction f, TensorId x, int64_t axis, bool flatten) {
  schema::SoftmaxAttributesT attributes;
  attributes.function = f;
  attributes.axis = axis;
  attributes.flatten = flatten;
  return c.temp("softmax", Op::Softmax, {x}, std::move(attributes));
}

TensorId Build::layer_norm(TensorId x, TensorId scale, TensorId bias, float epsilon) {
  schema::LayerNormalizationAttributesT attributes;
  attributes.epsilon = epsilon;
  attributes.stash_type = DataType::float32;
  return c.temp("normalized", Op::LayerNormalization, {x, scale, bias}, std::move(attributes));
}

TensorId Build::rms_norm(TensorId x, TensorId scale, float epsilon) {
  schema::LayerNormalizationAttributesT attributes;
  attributes.epsilon = epsilon;
  attributes.stash_type = DataType::float32;
  return c.temp("normalized", Op::RMSNormalization, {x, scale}, std::move(attributes));
}

std::vector<int64_t> known_extents(OpContext& c, TensorId id, const char* what) {
  const auto& shape = c.shape(id);
  if (!shape || std::any_of(shape->begin(), shape->end(), [](const graph::Dim& d) { return !d.known(); }))
    c.unsupported(std::string(what) + " whose shape is not known; fix the shapes of the model's inputs");
  std::vector<int64_t> result;
  for (const graph::Dim& dim : *shape) result.push_back(dim.value);
  return result;
}

namespace {

const graph::Dim* dim_at(const OpContext& c, TensorId id, int64_t axis) {
  if (id == kNone || !c.shape(id)) return nullptr;
  const graph::Dims& dims = *c.shape(id);
  const int64_t at = axis < 0 ? axis + static_cast<int64_t>(dims.size()) : axis;
  return at < 0 || at >= static_cast<int64_t>(dims.size()) ? nullptr : &dims[static_cast<size_t>(at)];
}

}  // namespace

int64_t known_extent(const OpContext& c, TensorId id, int64_t axis) {
  const graph::Dim* dim = dim_at(c, id, axis);
  return dim && dim->known() ? dim->value : -1;
}

bool same_extent(const OpContext& c, TensorId x, int64_t axis_x, TensorId y, int64_t axis_y) {
  const graph::Dim *a = dim_at(c, x, axis_x), *b = dim_at(c, y, axis_y);
  return a && b && *a == *b;
}

bool is_floating(DataType type) {
  return type == DataType::float32 || type == DataType::float16 || type == DataType::bfloat16 ||
         type == DataType::float64;
}

}  // namespace motley::convert
