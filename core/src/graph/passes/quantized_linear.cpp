// Scales and zero points around QuantizeLinear and DequantizeLinear.
#include "graph/passes/quantized_linear.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/lower/scalars.hpp"

namespace motley::graph {
namespace {

// Rounding a bias to the accumulator's unit may move a result by this much of an output step.
constexpr double kBiasError = 1.0 / 128;

double lowest(DataType type) { return type == DataType::int8 ? -128 : 0; }
double highest(DataType type) { return type == DataType::int8 ? 127 : 255; }

}  // namespace

std::optional<Linear> read_linear(const Rewriter& r, const Node& node) {
  const bool quantizes = node.op == Op::QuantizeLinear;
  const auto& attributes = graph::attributes<schema::QuantizeAttributesT>(node);
  Linear linear;
  linear.integers = quantizes ? node.outputs[0] : node.inputs[0];
  linear.scale = node.inputs[1], linear.zero = node.input(2);
  linear.type = r.tensor(linear.integers).type;
  const Tensor &real = r.tensor(quantizes ? node.inputs[0] : node.outputs[0]), &scale = r.tensor(linear.scale);
  if (real.type != DataType::float32 || attributes.block_size != 0) return std::nullopt;
  if (scale.type != DataType::float32 || !scale.is_constant() || !scale.shape_known()) return std::nullopt;
  linear.scales = decode_constant(scale);
  linear.zeros.assign(linear.scales.size(), 0);
  if (linear.zero != kNone) {
    const Tensor& zero = r.tensor(linear.zero);
    if (!zero.is_constant() || zero.elements() != scale.elements()) return std::nullopt;
    linear.zeros = decode_constant(zero);
  }
  const auto good = [](double s) { return std::isfinite(s) && s > 0; };
  if (linear.scales.empty() || !std::all_of(linear.scales.begin(), linear.scales.end(), good)) return std::nullopt;
  if (!real.shape) return std::nullopt;
  linear.axis = attributes.axis < 0 ? attributes.axis + static_cast<int64_t>(real.shape->size()) : attributes.axis;
  return linear;
}

namespace {

std::optional<Linear> dequantized(const Rewriter& r, TensorId id) {
  const auto producer = id == kNone ? std::nullopt : r.producer(id, Op::DequantizeLinear);
  return producer ? read_linear(r, r.node(*producer)) : std::nullopt;
}

// The integer that `linear` has for a real.
double quantized(const Linear& linear, double real) {
  if (std::isnan(real)) return std::numeric_limits<double>::quiet_NaN();
  const double rounded =
      std::isfinite(real) ? std::nearbyint(static_cast<float>(real) / static_cast<float>(linear.scales[0])) : real;
  return std::clamp(rounded + linear.zeros[0], lowest(linear.type), highest(linear.type));
}

}  // namespace

std::optional<Linear> dequantized_bytes(const Rewriter& r, TensorId id) {
  auto linear = dequantized(r, id);
  return linear && linear->is_byte() ? linear : std::nullopt;
}

bool saturation_does(const Linear& linear, UnaryFunction function, double low, double high) {
  if (function == UnaryFunction::identity) return true;
  if (function == UnaryFunction::relu) low = 0, high = std::numeric_limits<double>::infinity();
  else if (function != UnaryFunction::clip) return false;
  return quantized(linear, low) == lowest(linear.type) && quantized(linear, high) == highest(linear.type);
}
TensorId zero_point(Rewriter& r, const Linear& linear) {
  if (linear.zero != kNone) return linear.zero;
  return r.add_constant(linear.scale, "_zero", linear.type, r.tensor(linear.scale).extents(), linear.zeros);
}

std::optional<std::vector<double>> integer_bias(const Rewriter& r, TensorId id, const Linear& x, const Linear& w,
                                                const Linear& y, int64_t channels) {
  std::vector<double> values, factors{1}, zeros{0};
  if (const auto bias = dequantized(r, id)) {
    if (!r.tensor(bias->integers).is_constant()) return std::nullopt;
    values = decode_constant(r.tensor(bias->integers));
    factors = bias->scales, zeros = bias->zeros;
  } else {
    if (!r.tensor(id).is_constant()) return std::nullopt;
    values = decode_constant(r.tensor(id));
  }
  const auto n = static_cast<size_t>(channels);
  if (values.size() != n || (factors.size() != 1 && factors.size() != n)) return std::nullopt;
  for (size_t c = 0; c < n; ++c) {
    const double unit = x.scales[0] * w.scales[w.per_tensor() ? 0 : c], last = factors.size() == 1 ? 0 : 1;
    const size_t at = last != 0 ? c : 0;
    const double exact = (values[c] - zeros[at]) * factors[at] / unit, rounded = std::nearbyint(exact);
    if (!(std::fabs(rounded) < 0x1p30) || !(std::fabs(rounded - exact) * unit <= kBiasError * y.scales[0]))
      return std::nullopt;
    values[c] = rounded;
  }
  return values;
}

}  // namespace motley::graph
