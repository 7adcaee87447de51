// Batch normalization behind a convolution, folded into its weights and bias.
#include <cmath>

#include "graph/passes/conv_channels.hpp"

namespace motley::graph {
namespace {

bool fold_at(Rewriter& r, size_t i) {
  const Node& norm = r.node(i);
  for (size_t o = 1; o < norm.outputs.size(); ++o)
    if (norm.outputs[o] != kNone) return false;  // training
  const auto conv = r.producer(norm.inputs[0]);
  if (!conv || !is_bare_convolution(r.node(*conv)) || !r.may_absorb(*conv)) return false;
  const auto channels = output_channels(r, r.node(*conv));
  std::vector<std::vector<double>> parameters;  // scale, bias, mean, variance
  for (size_t p = 1; p < 5; ++p) {
    const Tensor& tensor = r.tensor(norm.inputs[p]);
    if (!channels || !tensor.is_constant() || tensor.elements() != *channels) return false;
    parameters.push_back(decode_constant(tensor));
  }
  const auto epsilon = static_cast<double>(attributes<schema::BatchNormalizationAttributesT>(norm).epsilon);
  std::vector<double> factor, shift;
  for (size_t c = 0; c < parameters[0].size(); ++c) {
    factor.push_back(parameters[0][c] / std::sqrt(parameters[3][c] + epsilon));
    shift.push_back(parameters[1][c] - parameters[2][c] * factor[c]);
  }
  auto folded = with_channels(r, r.node(*conv), factor, shift);
  if (!folded) return false;
  folded->outputs = {r.node(i).outputs[0]};
  r.replace(i, *std::move(folded), {*conv});
  return true;
}

}  // namespace

size_t fold_batch_norm(Graph& graph, const PassContext& context) {
  return fuse_each(graph, context, Op::BatchNormalization, fold_at);
}

}  // namespace motley::graph
