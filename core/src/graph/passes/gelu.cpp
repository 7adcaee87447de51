// GELU in its erf and tanh forms: 0.5·x·(1 + erf(x/√2)) and 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), in any order of
// factors and with the constants spread in any way.
#include <cmath>
#include <numbers>

#include "graph/passes/all.hpp"
#include "graph/passes/expression.hpp"

namespace motley::graph {
namespace {

// shift + factor · f(argument)
struct Step {
  double shift, factor;
  UnaryFunction function;
  TensorId argument;
  std::set<size_t> nodes;
};

std::optional<Step> step_of(const Rewriter& r, TensorId id) {
  const auto sum = binary_producer(r, id, schema::BinaryFunction::add);
  if (!sum) return std::nullopt;
  for (size_t side = 0; side < 2; ++side) {
    const auto shift = scalar_value(r.tensor(r.node(*sum).inputs[side]));
    if (!shift) continue;
    const Product product = product_of_tensor(r, r.node(*sum).inputs[1 - side]);
    if (product.factors.size() != 1) continue;
    for (UnaryFunction function : {UnaryFunction::erf, UnaryFunction::tanh}) {
      const auto i = unary_producer(r, product.factors[0], function);
      if (!i) continue;
      Step step{*shift, product.constant, function, r.node(*i).inputs[0], product.nodes};
      step.nodes.insert({*sum, *i});
      return step;
    }
  }
  return std::nullopt;
}

bool is_argument(const Polynomial& p, UnaryFunction function, DataType type) {
  if (function == UnaryFunction::erf) return nearly(p, {0, 1 / std::numbers::sqrt2}, type);
  const double scale = std::sqrt(2 / std::numbers::pi);
  return nearly(p, {0, scale, 0, scale * 0.044715}, type);
}

bool fuse_at(Rewriter& r, size_t root) {
  const auto product = product_of(r, root);
  if (!product || product->factors.empty()) return false;
  for (TensorId factor : product->factors) {
    const auto step = step_of(r, factor);
    if (!step || !nearly(step->shift, step->factor, r.tensor(factor).type)) continue;
    for (TensorId x : possible_variables(r, step->argument)) {
      const DataType type = r.tensor(x).type;
      std::set<size_t> nodes = product->nodes;
      nodes.insert(step->nodes.begin(), step->nodes.end());
      const auto argument = polynomial_of(r, step->argument, x, nodes);
      if (!argument || !is_argument(*argument, step->function, type)) continue;
      std::optional<Polynomial> rest = Polynomial{product->constant * step->shift};
      for (TensorId other : product->factors) {
        const auto p = other == factor ? std::optional(Polynomial{1}) : polynomial_of(r, other, x, nodes);
        rest = rest && p ? std::optional(times(*rest, *p)) : std::nullopt;
      }
      if (!rest || !nearly(*rest, {0, 0.5}, type)) continue;
      const TensorId result = r.node(root).outputs[0];
      if (!same_shape(r.tensor(x), r.tensor(result)) || !r.may_absorb(nodes, root)) continue;
      Node gelu;
      gelu.op = Op::Unary;
      gelu.inputs = {x};
      gelu.outputs = {result};
      schema::UnaryAttributesT attributes;
      attributes.function = step->function == UnaryFunction::erf ? UnaryFunction::gelu : UnaryFunction::gelu_tanh;
      gelu.attributes.Set(std::move(attributes));
      r.replace(root, std::move(gelu), nodes);
      return true;
    }
  }
  return false;
}

}  // namespace

size_t fuse_gelu(Graph& graph, const PassContext& context) { return fuse_each(graph, context, Op::Binary, fuse_at); }

}  // namespace motley::graph
