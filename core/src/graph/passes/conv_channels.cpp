// Scaling and shifting a convolution's output channels by way of its weights and bias.
#include "graph/passes/conv_channels.hpp"

namespace motley::graph {
namespace {

int64_t group_of(const Node& conv) {
  return conv.op == Op::Conv ? attributes<schema::ConvAttributesT>(conv).group
                             : attributes<schema::ConvTransposeAttributesT>(conv).group;
}

// Weights are (M, C/group, kernel…) for Conv and (C, M/group, kernel…) for ConvTranspose.
std::vector<double> scaled_weights(const Tensor& weights, const Node& conv, const std::vector<double>& factor) {
  const Extents extents = weights.extents();
  std::vector<double> values = decode_constant(weights);
  const auto first = static_cast<size_t>(extents[0]), second = static_cast<size_t>(extents[1]);
  const size_t kernel = first * second == 0 ? 0 : values.size() / (first * second);
  const size_t inputs_per_group = std::max<size_t>(first / static_cast<size_t>(group_of(conv)), 1);
  double* value = values.data();
  for (size_t a = 0; a < first; ++a)
    for (size_t b = 0; b < second; ++b) {
      const double by = factor[conv.op == Op::Conv ? a : a / inputs_per_group * second + b];
      for (size_t k = 0; k < kernel; ++k) *value++ *= by;
    }
  return values;
}

}  // namespace

bool is_bare_convolution(const Node& node) {
  if (node.op != Op::Conv && node.op != Op::ConvTranspose) return false;
  if (node.input(3) != kNone || group_of(node) <= 0) return false;
  const Activation& activation = node.op == Op::Conv ? attributes<schema::ConvAttributesT>(node).activation
                                                     : attributes<schema::ConvTransposeAttributesT>(node).activation;
  return activation.function() == UnaryFunction::identity;
}

std::optional<int64_t> output_channels(const Rewriter& r, const Node& conv) {
  const Tensor& weights = r.tensor(conv.inputs[1]);
  if (!weights.shape_known() || weights.shape->size() < 3) return std::nullopt;
  const Extents extents = weights.extents();
  if (conv.op == Op::Conv) return extents[0];
  if (extents[0] % group_of(conv) != 0) return std::nullopt;
  return extents[1] * group_of(conv);
}

std::optional<Node> with_channels(Rewriter& r, const Node& conv, const std::vector<double>& factor,
                                  const std::vector<double>& shift) {
  const auto channels = output_channels(r, conv);
  const TensorId weights = conv.inputs[1], bias = conv.input(2);
  const DataType type = r.tensor(weights).type;
  if (!channels || !is_floating(type) || (!factor.empty() && !r.tensor(weights).is_constant())) return std::nullopt;
  if (bias != kNone && (!r.tensor(bias).is_constant() || r.tensor(bias).elements() != *channels)) return std::nullopt;

  Node result = conv;
  if (!factor.empty())
    result.inputs[1] = r.add_constant(weights, ":", type, r.tensor(weights).extents(),
                                      scaled_weights(r.tensor(weights), conv, factor));
  if (bias == kNone && shift.empty()) return result;
  std::vector<double> values =
      bias == kNone ? std::vector<double>(static_cast<size_t>(*channels), 0.0) : decode_constant(r.tensor(bias));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = values[i] * (factor.empty() ? 1 : factor[i]) + (shift.empty() ? 0 : shift[i]);
  result.inputs.resize(2);
  result.inputs.push_back(r.add_constant(weights, ":bias", type, {*channels}, values));
  return result;
}

}  // namespace motley::graph
