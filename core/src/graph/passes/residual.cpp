// An addition of a tensor of the same shape behind a convolution becomes its residual.
#include "graph/passes/conv_channels.hpp"
#include "graph/passes/expression.hpp"

namespace motley::graph {
namespace {

bool fuse_at(Rewriter& r, size_t i) {
  if (!is_binary(r.node(i), schema::BinaryFunction::add)) return false;
  std::optional<size_t> best;
  TensorId residual = kNone;
  for (size_t side = 0; side < 2; ++side) {
    const auto conv = r.producer(r.node(i).inputs[side], Op::Conv);
    const TensorId other = r.node(i).inputs[1 - side];
    if (!conv || !is_bare_convolution(r.node(*conv)) || !r.may_absorb(*conv) || other == r.node(i).inputs[side])
      continue;
    const Tensor& result = r.tensor(r.node(*conv).outputs[0]);
    if (!same_shape(r.tensor(other), result) || r.tensor(other).type != result.type) continue;
    if (best && *best > *conv) continue;  // of two convolutions the later one: the other is then ready before it
    best = conv;
    residual = other;
  }
  if (!best) return false;
  Node widened = r.node(*best);
  widened.inputs.resize(3, kNone);
  widened.inputs.push_back(residual);
  widened.outputs = r.node(i).outputs;
  r.replace(i, std::move(widened), {*best});
  return true;
}

}  // namespace

size_t fuse_residual(Graph& graph, const PassContext& context) {
  return fuse_each(graph, context, Op::Binary, fuse_at);
}

}  // namespace motley::graph
