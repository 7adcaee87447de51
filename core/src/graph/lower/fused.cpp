// A primitive with an activation or a residual, as its plain form and the ops that were fused into it.
#include "graph/lower/rules.hpp"

namespace motley::graph {
namespace {

const Activation* activation_of(const Node& node) {
  const AttributesUnion& a = node.attributes;
  if (const auto* binary = a.AsBinaryAttributes()) return &binary->activation;
  if (const auto* matmul = a.AsMatMulAttributes()) return &matmul->activation;
  if (const auto* conv = a.AsConvAttributes()) return &conv->activation;
  if (const auto* conv = a.AsConvTransposeAttributes()) return &conv->activation;
  return nullptr;
}

bool has_residual(const Node& node) {
  return (node.op == Op::Conv || node.op == Op::ConvTranspose) && node.input(3) != kNone;
}

AttributesUnion without_activation(const Node& node) {
  AttributesUnion plain = node.attributes;
  if (auto* binary = plain.AsBinaryAttributes()) binary->activation = {};
  if (auto* matmul = plain.AsMatMulAttributes()) matmul->activation = {};
  if (auto* conv = plain.AsConvAttributes()) conv->activation = {};
  if (auto* conv = plain.AsConvTransposeAttributes()) conv->activation = {};
  return plain;
}

}  // namespace

bool is_fused(const Node& node) {
  const Activation* activation = activation_of(node);
  return has_residual(node) || (activation && activation->function() != UnaryFunction::identity);
}

void lower_fused(Lowering& l) {
  const Node& node = l.node();
  const Activation activation = *activation_of(node);
  const bool residual = has_residual(node), activated = activation.function() != UnaryFunction::identity;
  std::vector<TensorId> inputs = node.inputs;
  if (residual) inputs.resize(inputs[2] == kNone ? 2 : 3);

  const DataType type = l.type(l.out());
  TensorId y = l.temporary(type, l.shape(l.out()));
  l.emit_as(node.op, std::move(inputs), y, without_activation(node));
  if (residual) y = l.add(y, node.input(3), activated ? kNone : l.out());
  if (activated) l.unary(activation.function(), y, l.out(), activation.alpha(), activation.beta());
}

}  // namespace motley::graph
