// LayerNormalization, RMSNormalization and MeanVarianceNormalization.
#include "graph/lower/rules.hpp"

namespace motley::graph {
namespace {

Extents axes_from(size_t axis, size_t rank) {
  Extents axes;
  for (size_t i = axis; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
  return axes;
}

// Normalize takes scale and bias only in the very shape of the dimensions it runs over; others are applied after it.
void emit_normalize(Lowering& l, size_t axis, float epsilon, bool center) {
  const TensorId x = l.in(0);
  const Extents in = l.shape(x), inner(in.begin() + static_cast<std::ptrdiff_t>(axis), in.end());
  const TensorId scale = l.has_input(1) ? l.cast(l.in(1), l.type(x)) : kNone;
  const TensorId bias = l.has_input(2) ? l.cast(l.in(2), l.type(x)) : kNone;
  const auto fits = [&](TensorId id) { return id == kNone || l.shape(id) == inner; };
  if (fits(scale) && fits(bias)) {
    l.normalize(x, scale, bias, axis, epsilon, center, l.out());
    return;
  }
  TensorId y = l.normalize(x, kNone, kNone, axis, epsilon, center);
  if (scale != kNone) y = l.mul(y, scale, bias == kNone ? l.out() : kNone);
  if (bias != kNone) l.add(y, bias, l.out());
}

// With the mean or the inverse deviation as a further output, step by step in the type of these.
void emit_with_statistics(Lowering& l, size_t axis, float epsilon) {
  using schema::ReduceFunction;
  const TensorId second = l.has_output(1) ? l.out(1) : l.out(2);
  const DataType type = l.type(second) == DataType::undefined ? DataType::float32 : l.type(second);
  const TensorId x = l.cast(l.in(0), type);
  const Extents axes = axes_from(axis, l.shape(x).size());
  const TensorId mean = l.reduce(ReduceFunction::mean, x, axes, l.node().output(1));
  const TensorId difference = l.sub(x, mean);
  const TensorId variance = l.reduce(ReduceFunction::mean, l.unary(UnaryFunction::square, difference), axes);
  const TensorId deviation =
      l.unary(UnaryFunction::sqrt, l.add(variance, l.scalar(type, static_cast<double>(epsilon))));
  const TensorId inverse = l.unary(UnaryFunction::reciprocal, deviation, l.node().output(2));
  if (!l.has_output(0)) return;
  TensorId y = l.mul(difference, inverse);
  if (l.has_input(1)) y = l.mul(y, l.cast(l.in(1), type));
  if (l.has_input(2)) y = l.add(y, l.cast(l.in(2), type));
  if (l.type(y) == l.type(l.out())) l.reshape(y, l.shape(l.out()), l.out());
  else l.cast(y, l.type(l.out()), l.out());
}

}  // namespace

void lower_layer_normalization(Lowering& l) {
  const auto& attributes = l.attr<schema::LayerNormalizationAttributesT>();
  const size_t axis = l.axis(attributes.axis, l.shape(l.in(0)).size());
  if (l.has_output(1) || l.has_output(2)) emit_with_statistics(l, axis, attributes.epsilon);
  else emit_normalize(l, axis, attributes.epsilon, true);
}

void lower_rms_normalization(Lowering& l) {
  const auto& attributes = l.attr<schema::LayerNormalizationAttributesT>();
  emit_normalize(l, l.axis(attributes.axis, l.shape(l.in(0)).size()), attributes.epsilon, false);
}

// (x - mean) / (deviation + 1e-9), over any axes.
void lower_mean_variance_normalization(Lowering& l) {
  using schema::ReduceFunction;
  const TensorId x = l.in(0);
  const DataType type = l.type(x);
  Extents axes = l.attr<schema::AxesAttributesT>().axes;
  if (axes.empty()) axes = {0, 2, 3};
  const TensorId difference = l.sub(x, l.reduce(ReduceFunction::mean, x, axes));
  const TensorId variance = l.reduce(ReduceFunction::mean, l.unary(UnaryFunction::square, difference), axes);
  // Where the type has no 1e-9 (float16), its smallest number keeps 0 / 0 away.
  const TensorId tiny = l.scalar(type, type == DataType::float16 ? 6e-8 : 1e-9);
  l.div(difference, l.add(l.unary(UnaryFunction::sqrt, variance), tiny), l.out());
}

}  // namespace motley::graph
