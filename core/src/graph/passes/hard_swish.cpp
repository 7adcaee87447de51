// Hard-sigmoid, clip(x + 3, 0, 6) / 6; hard-swish, x times that; and swish, x · sigmoid(a · x). The constants may stand
// in any place.
#include <algorithm>
#include <cmath>

#include "graph/passes/all.hpp"
#include "graph/passes/expression.hpp"

namespace motley::graph {
namespace {

// A factor that bends: where it stands, and what it is a function of.
struct Gate {
  size_t node;
  schema::UnaryAttributesT attributes;
  TensorId argument;
};

std::optional<Gate> gate_of(const Rewriter& r, TensorId id) {
  const auto i = r.producer(id, Op::Unary);
  if (!i) return std::nullopt;
  const auto& attributes = graph::attributes<schema::UnaryAttributesT>(r.node(*i));
  if (attributes.function != UnaryFunction::clip && attributes.function != UnaryFunction::hard_sigmoid &&
      attributes.function != UnaryFunction::sigmoid)
    return std::nullopt;
  return Gate{*i, attributes, r.node(*i).inputs[0]};
}

// The op that rest(x) · gate(argument(x)) is.
std::optional<schema::UnaryAttributesT> meaning(const Gate& gate, const Polynomial& argument, const Polynomial& rest,
                                                DataType type) {
  const auto at = [](const Polynomial& p, size_t i) { return i < p.size() ? p[i] : 0.0; };
  for (const Polynomial* p : {&argument, &rest})
    for (size_t i = 2; i < p->size(); ++i)
      if ((*p)[i] != 0) return std::nullopt;
  const double slope = at(argument, 1), offset = at(argument, 0);
  const bool constant = at(rest, 1) == 0, linear = at(rest, 0) == 0 && !constant;
  if (!constant && !linear) return std::nullopt;
  const double factor = constant ? at(rest, 0) : at(rest, 1);

  schema::UnaryAttributesT result;
  if (gate.attributes.function == UnaryFunction::sigmoid) {
    if (!linear || offset != 0 || !nearly(factor, 1, type)) return std::nullopt;
    result.function = UnaryFunction::swish;
    result.alpha = static_cast<float>(slope);
    return result;
  }
  // In the form max(0, min(1, alpha · x + beta)) · factor.
  double alpha = slope, beta = offset, scale = factor;
  if (gate.attributes.function == UnaryFunction::clip) {
    const double top = static_cast<double>(gate.attributes.beta);
    if (gate.attributes.alpha != 0.0f || !(top > 0) || std::isinf(top)) return std::nullopt;
    alpha /= top;
    beta /= top;
    scale *= top;
  } else {
    alpha = static_cast<double>(gate.attributes.alpha) * slope;
    beta = static_cast<double>(gate.attributes.alpha) * offset + static_cast<double>(gate.attributes.beta);
  }
  if (!nearly(scale, 1, type)) return std::nullopt;
  if (constant) {
    result.function = UnaryFunction::hard_sigmoid;
    result.alpha = static_cast<float>(alpha);
    result.beta = static_cast<float>(beta);
  } else {
    if (!nearly(alpha, 1.0 / 6, type) || !nearly(beta, 0.5, type)) return std::nullopt;
    result.function = UnaryFunction::hard_swish;
  }
  return result;
}

bool fuse_at(Rewriter& r, size_t root) {
  const auto product = product_of(r, root);
  if (!product) return false;
  for (TensorId factor : product->factors) {
    const auto gate = gate_of(r, factor);
    if (!gate) continue;
    // Farthest first: the x of a bare gate is what its additions and multiplications start from.
    std::vector<TensorId> variables = possible_variables(r, gate->argument);
    std::reverse(variables.begin(), variables.end());
    for (TensorId x : variables) {
      const DataType type = r.tensor(x).type;
      std::set<size_t> nodes = product->nodes;
      nodes.insert(gate->node);
      const auto argument = polynomial_of(r, gate->argument, x, nodes);
      std::optional<Polynomial> rest = Polynomial{product->constant};
      for (TensorId other : product->factors) {
        const auto p = other == factor ? std::optional(Polynomial{1}) : polynomial_of(r, other, x, nodes);
        rest = rest && p ? std::optional(times(*rest, *p)) : std::nullopt;
      }
      const auto attributes = argument && rest ? meaning(*gate, *argument, *rest, type) : std::nullopt;
      const TensorId result = r.node(root).outputs[0];
      if (!attributes || !same_shape(r.tensor(x), r.tensor(result)) || !r.may_absorb(nodes, root)) continue;
      Node node;
      node.op = Op::Unary;
      node.inputs = {x};
      node.outputs = {result};
      node.attributes.Set(schema::UnaryAttributesT(*attributes));
      r.replace(root, std::move(node), nodes);
      return true;
    }
  }
  return false;
}

}  // namespace

size_t fuse_hard_swish(Graph& graph, const PassContext& context) {
  return fuse_each(graph, context, Op::Binary, fuse_at);
}

}  // namespace motley::graph
