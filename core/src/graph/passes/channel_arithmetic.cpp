// Additions and multiplications by per-channel constants behind a convolution, folded into its weights and bias.
#include "graph/passes/conv_channels.hpp"
#include "graph/passes/expression.hpp"

namespace motley::graph {
namespace {

// One number per output channel from a constant that broadcasts along all dimensions but the channels'.
std::optional<std::vector<double>> per_channel(const Tensor& tensor, size_t rank, int64_t channels) {
  if (!tensor.is_constant() || !tensor.shape_known() || tensor.shape->size() > rank) return std::nullopt;
  const Extents extents = tensor.extents();
  const size_t shift = rank - extents.size();
  for (size_t i = 0; i < extents.size(); ++i)
    if (extents[i] != 1 && !(i + shift == 1 && extents[i] == channels)) return std::nullopt;
  std::vector<double> values = decode_constant(tensor);
  if (values.size() == 1) values.resize(static_cast<size_t>(channels), values[0]);
  return values;
}

bool fold_at(Rewriter& r, size_t i) {
  using schema::BinaryFunction;
  const Node& node = r.node(i);
  const bool add = is_binary(node, BinaryFunction::add), sub = is_binary(node, BinaryFunction::sub);
  const bool mul = is_binary(node, BinaryFunction::mul), div = is_binary(node, BinaryFunction::div);
  if (!add && !sub && !mul && !div) return false;
  for (size_t side = 0; side < (add || mul ? 2u : 1u); ++side) {
    const auto conv = r.producer(node.inputs[side]);
    if (!conv || !is_bare_convolution(r.node(*conv)) || !r.may_absorb(*conv)) continue;
    const auto channels = output_channels(r, r.node(*conv));
    const size_t rank = channels ? r.tensor(r.node(*conv).inputs[1]).shape->size() : 0;
    auto values = channels ? per_channel(r.tensor(node.inputs[1 - side]), rank, *channels) : std::nullopt;
    if (!values) continue;
    for (double& value : *values) value = sub ? -value : div ? 1 / value : value;
    const std::vector<double> none;
    auto folded = with_channels(r, r.node(*conv), mul || div ? *values : none, mul || div ? none : *values);
    if (!folded) continue;
    folded->outputs = {r.node(i).outputs[0]};
    r.replace(i, *std::move(folded), {*conv});
    return true;
  }
  return false;
}

}  // namespace

size_t fold_channel_arithmetic(Graph& graph, const PassContext& context) {
  return fuse_each(graph, context, Op::Binary, fold_at);
}

}  // namespace motley::graph
