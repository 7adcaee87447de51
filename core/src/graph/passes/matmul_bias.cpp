// An addition behind a matrix product becomes its C, also a residual of the full shape.
#include "graph/passes/all.hpp"
#include "graph/passes/expression.hpp"

namespace motley::graph {
namespace {

bool takes_bias(const Rewriter& r, size_t i) {
  const Node& node = r.node(i);
  if (node.op != Op::MatMul || node.input(2) != kNone || node.inputs.size() > 3) return false;
  const auto& attributes = graph::attributes<schema::MatMulAttributesT>(node);
  return attributes.activation.function() == UnaryFunction::identity && is_floating(r.tensor(node.outputs[0]).type);
}

// `other` broadcasts to the product's shape without changing it.
bool broadcasts_to(const Tensor& other, const Tensor& product) {
  if (!other.shape || !product.shape || other.type != product.type || other.shape->size() > product.shape->size())
    return false;
  const size_t shift = product.shape->size() - other.shape->size();
  for (size_t i = 0; i < other.shape->size(); ++i) {
    const Dim& dim = (*other.shape)[i];
    if (dim.value != 1 && !(dim == (*product.shape)[shift + i])) return false;
  }
  return true;
}

bool fuse_at(Rewriter& r, size_t i) {
  if (!is_binary(r.node(i), schema::BinaryFunction::add)) return false;
  std::optional<size_t> best;
  TensorId addend = kNone;
  for (size_t side = 0; side < 2; ++side) {
    const auto product = r.producer(r.node(i).inputs[side], Op::MatMul);
    const TensorId other = r.node(i).inputs[1 - side];
    if (!product || !takes_bias(r, *product) || !r.may_absorb(*product) || other == r.node(i).inputs[side]) continue;
    if (!broadcasts_to(r.tensor(other), r.tensor(r.node(*product).outputs[0]))) continue;
    if (best && *best > *product) continue;  // of two products the later one: the other is then ready before it
    best = product;
    addend = other;
  }
  if (!best) return false;
  Node widened = r.node(*best);
  widened.inputs.resize(2);
  widened.inputs.push_back(addend);
  widened.outputs = r.node(i).outputs;
  graph::attributes<schema::MatMulAttributesT>(widened).beta = 1;
  r.replace(i, std::move(widened), {*best});
  return true;
}

}  // namespace

size_t fuse_matmul_bias(Graph& graph, const PassContext& context) {
  return fuse_each(graph, context, Op::Binary, fuse_at);
}

}  // namespace motley::graph
