// Operations between DequantizeLinear and QuantizeLinear, done on the integers.
//
// A convolution becomes QLinearConv (a product stays: no device has a fast integer one yet); data movement between equal scales and zero points
// moves the integers. The dequantized tensor stays for whoever else reads it.
#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/passes/all.hpp"

namespace motley::graph {
namespace {

// Rounding a bias to the accumulator's unit may move a result by this much of an output step.
constexpr double kBiasError = 1.0 / 128;

// A constant scale and zero point, one or one per slice of an axis, of a tensor of bytes.
struct Linear {
  TensorId integers = kNone, scale = kNone, zero = kNone;  // zero: kNone where absent, which means 0
  DataType type = DataType::undefined;
  int64_t axis = 0;
  std::vector<double> scales, zeros;

  bool per_tensor() const { return scales.size() == 1; }
  bool same_parameters(const Linear& o) const { return type == o.type && scales == o.scales && zeros == o.zeros; }
};

bool is_byte(DataType type) { return type == DataType::int8 || type == DataType::uint8; }
double lowest(DataType type) { return type == DataType::int8 ? -128 : 0; }
double highest(DataType type) { return type == DataType::int8 ? 127 : 255; }

// Reads a QuantizeLinear (integers: its output) or DequantizeLinear (its input) node.
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

std::optional<Linear> dequantized(const Rewriter& r, TensorId id) {
  const auto producer = id == kNone ? std::nullopt : r.producer(id, Op::DequantizeLinear);
  return producer ? read_linear(r, r.node(*producer)) : std::nullopt;
}
std::optional<Linear> dequantized_bytes(const Rewriter& r, TensorId id) {
  auto linear = dequantized(r, id);
  return linear && is_byte(linear->type) ? linear : std::nullopt;
}

// The integers that `linear` has for a real.
double quantized(const Linear& linear, double real) {
  if (std::isnan(real)) return std::numeric_limits<double>::quiet_NaN();
  const double rounded =
      std::isfinite(real) ? std::nearbyint(static_cast<float>(real) / static_cast<float>(linear.scales[0])) : real;
  return std::clamp(rounded + linear.zeros[0], lowest(linear.type), highest(linear.type));
}

// Quantizing saturates at or inside of what the activation cuts off, so the activation changes nothing.
bool saturation_does(const Linear& linear, UnaryFunction function, double low, double high) {
  if (function == UnaryFunction::identity) return true;
  if (function == UnaryFunction::relu) low = 0, high = std::numeric_limits<double>::infinity();
  else if (function != UnaryFunction::clip) return false;
  return quantized(linear, low) == lowest(linear.type) && quantized(linear, high) == highest(linear.type);
}
bool saturation_does(const Linear& linear, const Activation& a) {
  return saturation_does(linear, a.function(), static_cast<double>(a.alpha()), static_cast<double>(a.beta()));
}

// What computes the tensor that node q quantizes: the node itself, behind an activation that saturation does.
struct Source {
  size_t node = 0;
  std::set<size_t> vanishing;
};
std::optional<Source> source_of(const Rewriter& r, size_t q, const Linear& y) {
  auto at = r.producer(r.node(q).inputs[0]);
  if (!at || !r.may_absorb(*at)) return std::nullopt;
  Source source{*at, {*at}};
  if (r.node(*at).op != Op::Unary) return source;
  const auto& unary = attributes<schema::UnaryAttributesT>(r.node(*at));
  if (!saturation_does(y, unary.function, static_cast<double>(unary.alpha), static_cast<double>(unary.beta)))
    return std::nullopt;
  at = r.producer(r.node(*at).inputs[0]);
  if (!at || !r.may_absorb(*at)) return std::nullopt;
  source.node = *at;
  source.vanishing.insert(*at);
  return source;
}

TensorId zero_point(Rewriter& r, const Linear& linear) {
  if (linear.zero != kNone) return linear.zero;
  return r.add_constant(linear.scale, "_zero", linear.type, r.tensor(linear.scale).extents(), linear.zeros);
}

// The bias in units of x's scale times w's, as int32; nothing where rounding would show.
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

bool convolution(Rewriter& r, size_t q, const Linear& y, const Source& source) {
  const Node conv = r.node(source.node);
  auto attributes = graph::attributes<schema::ConvAttributesT>(conv);
  if (conv.input(3) != kNone || !saturation_does(y, attributes.activation)) return false;
  const auto x = dequantized_bytes(r, conv.inputs[0]), w = dequantized_bytes(r, conv.inputs[1]);
  if (!x || !w || !x->per_tensor() || !r.tensor(w->integers).is_constant()) return false;
  const int64_t channels = r.tensor(w->integers).extents()[0];
  if (!w->per_tensor() && (w->axis != 0 || static_cast<int64_t>(w->scales.size()) != channels)) return false;
  std::optional<std::vector<double>> bias;
  if (conv.input(2) != kNone) {
    bias = integer_bias(r, conv.inputs[2], *x, *w, y, channels);
    if (!bias) return false;
  }
  Node node;
  node.op = Op::QLinearConv;
  node.inputs = {x->integers, x->scale,          zero_point(r, *x), w->integers,
                 w->scale,    zero_point(r, *w), y.scale,           zero_point(r, y)};
  if (bias) node.inputs.push_back(r.add_constant(conv.inputs[2], "_int32", DataType::int32, {channels}, *bias));
  node.outputs = r.node(q).outputs;
  attributes.activation = Activation();
  node.attributes.Set(std::move(attributes));
  r.replace(q, std::move(node), source.vanishing);
  return true;
}

bool only_moves(const Node& node) {
  switch (node.op) {
    case Op::Reshape:
    case Op::Squeeze:
    case Op::Unsqueeze:
    case Op::Flatten:
    case Op::Identity:
    case Op::Transpose:
    case Op::Slice:
    case Op::Expand:
    case Op::Tile:
    case Op::DepthToSpace:
    case Op::SpaceToDepth:
    case Op::Concat: return true;
    default: return false;
  }
}

// Quantizing what was dequantized with the same scale gives the same integer, so only the movement remains.
bool movement(Rewriter& r, size_t q, const Linear& y, const Source& source) {
  Node node = r.node(source.node);
  if (!only_moves(node) || !y.per_tensor() || source.vanishing.size() != 1) return false;
  const size_t count = node.op == Op::Concat ? node.inputs.size() : 1;
  for (size_t i = 0; i < count; ++i) {
    const auto x = dequantized_bytes(r, node.inputs[i]);
    if (!x || !x->same_parameters(y)) return false;
    node.inputs[i] = x->integers;
  }
  node.outputs = r.node(q).outputs;
  r.replace(q, std::move(node), source.vanishing);
  return true;
}

bool quantize_at(Rewriter& r, size_t q) {
  const auto y = read_linear(r, r.node(q));
  if (!y || !is_byte(y->type) || !y->per_tensor()) return false;
  const auto x = dequantized_bytes(r, r.node(q).inputs[0]);
  if (x && x->same_parameters(*y)) return r.bypass(q, x->integers);
  const auto source = source_of(r, q, *y);
  if (!source) return false;
  const Op op = r.node(source->node).op;
  if (op == Op::Conv) return convolution(r, q, *y, *source);
  return movement(r, q, *y, *source);
}

}  // namespace

size_t form_integer_segments(Graph& graph, const PassContext& context) {
  Rewriter r(graph, context);
  size_t count = 0;
  for (size_t i = 0; i < r.size(); ++i)
    if (!r.removed(i) && r.node(i).op == Op::QuantizeLinear) count += quantize_at(r, i);
  return count;
}

}  // namespace motley::graph
