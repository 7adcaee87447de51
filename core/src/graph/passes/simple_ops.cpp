// Composites that are a primitive under another name, written as that primitive, so that later passes know one form.
#include <algorithm>
#include <limits>

#include "graph/passes/all.hpp"

namespace motley::graph {
namespace {

bool clip_to_unary(Rewriter& r, size_t i) {
  const Node& node = r.node(i);
  const DataType type = r.tensor(node.inputs[0]).type;
  if (!is_floating(type) || type == DataType::float64) return false;  // Unary keeps its bounds as float32
  const auto bound = [&](size_t input, double absent) -> std::optional<double> {
    return node.input(input) == kNone ? absent : scalar_value(r.tensor(node.input(input)));
  };
  const auto low = bound(1, -std::numeric_limits<double>::infinity());
  const auto high = bound(2, std::numeric_limits<double>::infinity());
  if (!low || !high) return false;
  schema::UnaryAttributesT attributes;
  attributes.function =
      *low == 0 && *high == std::numeric_limits<double>::infinity() ? UnaryFunction::relu : UnaryFunction::clip;
  if (attributes.function == UnaryFunction::clip) {
    attributes.alpha = static_cast<float>(std::min(*low, *high));
    attributes.beta = static_cast<float>(*high);
  }
  r.change(i, [&](Node& n) {
    n.op = Op::Unary;
    n.inputs.resize(1);
    n.attributes.Set(std::move(attributes));
  });
  return true;
}

bool gelu_to_unary(Rewriter& r, size_t i) {
  schema::UnaryAttributesT attributes;
  const bool tanh = graph::attributes<schema::GeluAttributesT>(r.node(i)).tanh_approximation;
  attributes.function = tanh ? UnaryFunction::gelu_tanh : UnaryFunction::gelu;
  r.change(i, [&](Node& n) {
    n.op = Op::Unary;
    n.attributes.Set(std::move(attributes));
  });
  return true;
}

bool variadic_to_binary(Rewriter& r, size_t i) {
  using schema::BinaryFunction;
  using schema::VariadicFunction;
  const auto function = attributes<schema::VariadicAttributesT>(r.node(i)).function;
  if (r.node(i).inputs.size() != 2 || function == VariadicFunction::mean) return false;
  schema::BinaryAttributesT binary;
  binary.function = function == VariadicFunction::max   ? BinaryFunction::max
                    : function == VariadicFunction::min ? BinaryFunction::min
                                                        : BinaryFunction::add;
  r.change(i, [&](Node& n) {
    n.op = Op::Binary;
    n.attributes.Set(std::move(binary));
  });
  return true;
}

bool gemm_to_matmul(Rewriter& r, size_t i) {
  r.change(i, [](Node& n) { n.op = Op::MatMul; });  // the attributes are the same
  return true;
}

}  // namespace

size_t bring_to_simple_ops(Graph& graph, const PassContext& context) {
  Rewriter r(graph, context);
  size_t count = 0;
  for (size_t i = 0; i < r.size(); ++i) {
    switch (r.node(i).op) {
      case Op::Clip: count += clip_to_unary(r, i); break;
      case Op::Gelu: count += gelu_to_unary(r, i); break;
      case Op::Variadic: count += variadic_to_binary(r, i); break;
      case Op::Gemm: count += gemm_to_matmul(r, i); break;
      default: break;
    }
  }
  return count;
}

}  // namespace motley::graph
