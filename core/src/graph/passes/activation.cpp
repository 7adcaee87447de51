// An activation behind a convolution, matrix product or addition is applied there, before the result is stored.
#include <algorithm>
#include <iterator>

#include "graph/passes/all.hpp"

namespace motley::graph {
namespace {

constexpr UnaryFunction kActivations[] = {
    UnaryFunction::relu,  UnaryFunction::clip, UnaryFunction::leaky_relu, UnaryFunction::sigmoid,
    UnaryFunction::tanh,  UnaryFunction::elu,  UnaryFunction::hard_swish, UnaryFunction::hard_sigmoid,
    UnaryFunction::swish, UnaryFunction::mish, UnaryFunction::gelu,       UnaryFunction::gelu_tanh,
};

Activation* free_activation(Node& node) {
  AttributesUnion& a = node.attributes;
  Activation* activation = nullptr;
  if (node.op == Op::Conv) activation = &a.AsConvAttributes()->activation;
  if (node.op == Op::ConvTranspose) activation = &a.AsConvTransposeAttributes()->activation;
  if (node.op == Op::MatMul) activation = &a.AsMatMulAttributes()->activation;
  if (node.op == Op::Binary && a.AsBinaryAttributes()->function == schema::BinaryFunction::add)
    activation = &a.AsBinaryAttributes()->activation;
  return activation && activation->function() == UnaryFunction::identity ? activation : nullptr;
}

bool fuse_at(Rewriter& r, size_t i) {
  const auto& unary = attributes<schema::UnaryAttributesT>(r.node(i));
  if (std::find(std::begin(kActivations), std::end(kActivations), unary.function) == std::end(kActivations))
    return false;
  const auto before = r.producer(r.node(i).inputs[0]);
  if (!before || !r.may_absorb(*before) || !is_floating(r.tensor(r.node(i).inputs[0]).type)) return false;
  Node widened = r.node(*before);
  Activation* activation = free_activation(widened);
  if (!activation) return false;
  *activation = Activation(unary.alpha, unary.beta, unary.function);
  widened.outputs = r.node(i).outputs;
  r.replace(i, std::move(widened), {*before});
  return true;
}

}  // namespace

size_t fuse_activation(Graph& graph, const PassContext& context) {
  return fuse_each(graph, context, Op::Unary, fuse_at);
}

}  // namespace motley::graph
