// Layer and RMS normalization, as exporters without such an op write it: (x - mean(x)) / sqrt(mean(square) + epsilon),
// then a scale and a bias.
#include <algorithm>

#include "base/sort.hpp"
#include "graph/passes/all.hpp"
#include "graph/passes/expression.hpp"

namespace motley::graph {
namespace {

using schema::BinaryFunction;

struct Mean {
  size_t node;
  TensorId of;
  size_t axis;  // the first of those it runs over, up to the last
};

// A mean over the last dimensions that keeps them as 1.
std::optional<Mean> mean_of(const Rewriter& r, TensorId id) {
  const auto i = r.producer(id, Op::Reduce);
  if (!i) return std::nullopt;
  const Node& node = r.node(*i);
  const auto& attributes = graph::attributes<schema::ReduceAttributesT>(node);
  const auto& shape = r.tensor(node.inputs[0]).shape;
  if (attributes.function != schema::ReduceFunction::mean || !attributes.keepdims || !shape) return std::nullopt;
  std::vector<int64_t> axes = attributes.axes;
  if (node.input(1) != kNone) {
    const auto given = integers(r.tensor(node.input(1)));
    if (!given) return std::nullopt;
    axes = *given;
  }
  const auto rank = static_cast<int64_t>(shape->size());
  for (int64_t& axis : axes) axis += axis < 0 ? rank : 0;
  base::sort_short(axes);
  for (size_t k = 0; k < axes.size(); ++k)
    if (axes[k] != rank - static_cast<int64_t>(axes.size() - k)) return std::nullopt;
  if (axes.empty()) return std::nullopt;
  return Mean{*i, node.inputs[0], static_cast<size_t>(axes[0])};
}

// mean(of²) + epsilon
struct Variance {
  Mean mean;
  TensorId of;
  double epsilon;
  std::set<size_t> nodes;
};

std::optional<Variance> variance_of(const Rewriter& r, TensorId id) {
  const auto sum = binary_producer(r, id, BinaryFunction::add);
  if (!sum) return std::nullopt;
  for (size_t side = 0; side < 2; ++side) {
    const auto epsilon = scalar_value(r.tensor(r.node(*sum).inputs[side]));
    const auto mean = epsilon ? mean_of(r, r.node(*sum).inputs[1 - side]) : std::nullopt;
    const auto square = mean ? r.producer(mean->of) : std::nullopt;
    if (!square) continue;
    const Node& node = r.node(*square);
    const bool squares = is_unary(node, UnaryFunction::square) ||
                         (is_binary(node, BinaryFunction::mul) && node.inputs[0] == node.inputs[1]) ||
                         (is_binary(node, BinaryFunction::pow) && scalar_value(r.tensor(node.inputs[1])) == 2.0);
    if (squares) return Variance{*mean, node.inputs[0], *epsilon, {*sum, mean->node, *square}};
  }
  return std::nullopt;
}

bool is_power(const Rewriter& r, const Node& node, double exponent) {
  return is_binary(node, BinaryFunction::pow) && scalar_value(r.tensor(node.inputs[1])) == exponent;
}

// The variance whose square root the tensor is.
std::optional<Variance> deviation_of(const Rewriter& r, TensorId id) {
  const auto i = r.producer(id);
  if (!i || !(is_unary(r.node(*i), UnaryFunction::sqrt) || is_power(r, r.node(*i), 0.5))) return std::nullopt;
  auto variance = variance_of(r, r.node(*i).inputs[0]);
  if (variance) variance->nodes.insert(*i);
  return variance;
}

// The variance whose inverse square root the tensor is.
std::optional<Variance> inverse_deviation_of(const Rewriter& r, TensorId id) {
  const auto i = r.producer(id);
  if (!i) return std::nullopt;
  const Node& node = r.node(*i);
  std::optional<Variance> variance;
  if (is_unary(node, UnaryFunction::reciprocal)) variance = deviation_of(r, node.inputs[0]);
  else if (is_unary(node, UnaryFunction::rsqrt) || is_power(r, node, -0.5)) variance = variance_of(r, node.inputs[0]);
  else if (is_binary(node, BinaryFunction::div) && scalar_value(r.tensor(node.inputs[0])) == 1.0)
    variance = deviation_of(r, node.inputs[1]);
  if (variance) variance->nodes.insert(*i);
  return variance;
}

bool fuse_core(Rewriter& r, size_t root) {
  const Node& node = r.node(root);
  std::optional<Variance> variance;
  TensorId numerator = kNone;
  if (is_binary(node, BinaryFunction::div)) {
    numerator = node.inputs[0];
    variance = deviation_of(r, node.inputs[1]);
  } else if (is_binary(node, BinaryFunction::mul)) {
    for (size_t side = 0; side < 2 && !variance; ++side) {
      numerator = node.inputs[side];
      variance = inverse_deviation_of(r, node.inputs[1 - side]);
    }
  }
  if (!variance || variance->of != numerator || !(variance->epsilon >= 0)) return false;

  std::set<size_t> nodes = variance->nodes;
  nodes.insert(root);
  TensorId x = numerator;
  bool center = false;
  if (const auto difference = binary_producer(r, numerator, BinaryFunction::sub)) {
    const auto mean = mean_of(r, r.node(*difference).inputs[1]);
    if (mean && mean->of == r.node(*difference).inputs[0] && mean->axis == variance->mean.axis) {
      x = mean->of;
      center = true;
      nodes.insert({*difference, mean->node});
    }
  }
  if (!same_shape(r.tensor(x), r.tensor(node.outputs[0])) || !is_floating(r.tensor(x).type)) return false;
  if (!r.may_absorb(nodes, root)) return false;
  schema::NormalizeAttributesT attributes;
  attributes.axis = static_cast<int64_t>(variance->mean.axis) - static_cast<int64_t>(r.tensor(x).shape->size());
  attributes.epsilon = static_cast<float>(variance->epsilon);
  attributes.center = center;
  Node normalize;
  normalize.op = Op::Normalize;
  normalize.inputs = {x};
  normalize.outputs = node.outputs;
  normalize.attributes.Set(std::move(attributes));
  r.replace(root, std::move(normalize), nodes);
  return true;
}

// `factor` as Normalize wants it, in exactly the shape of the dimensions it runs over; kNone where it is not so.
TensorId in_inner_shape(Rewriter& r, TensorId factor, const Node& normalize) {
  const Tensor& x = r.tensor(normalize.inputs[0]);
  const Tensor& tensor = r.tensor(factor);
  if (!x.shape || !tensor.shape_known() || tensor.type != x.type) return kNone;
  const int64_t axis = attributes<schema::NormalizeAttributesT>(normalize).axis;
  const auto rank = static_cast<int64_t>(x.shape->size());
  Extents inner;
  for (int64_t i = axis < 0 ? axis + rank : axis; i < rank; ++i) {
    const Dim& dim = (*x.shape)[static_cast<size_t>(i)];
    if (!dim.known()) return kNone;
    inner.push_back(dim.value);
  }
  Extents extents = tensor.extents();
  if (extents == inner) return factor;
  if (!tensor.constant || extents.size() > x.shape->size() || extents.size() < inner.size()) return kNone;
  while (extents.size() > inner.size() && extents.front() == 1) extents.erase(extents.begin());
  if (extents != inner) return kNone;
  const Constant constant = *tensor.constant;
  const TensorId view = r.add_tensor_like(factor, ":");
  r.graph().tensor(view).shape = Dims(inner.begin(), inner.end());
  r.graph().tensor(view).constant = constant;
  return view;
}

// A multiplication behind a bare Normalize is its scale, and an addition behind one with a scale its bias.
bool fuse_affine(Rewriter& r, size_t i) {
  const bool scale = is_binary(r.node(i), BinaryFunction::mul);
  if (!scale && !is_binary(r.node(i), BinaryFunction::add)) return false;
  for (size_t side = 0; side < 2; ++side) {
    const auto before = r.producer(r.node(i).inputs[side], Op::Normalize);
    if (!before || !r.may_absorb(*before) || r.node(*before).inputs.size() != (scale ? 1u : 2u)) continue;
    if (!same_shape(r.tensor(r.node(*before).outputs[0]), r.tensor(r.node(i).outputs[0]))) continue;
    const TensorId factor = in_inner_shape(r, r.node(i).inputs[1 - side], r.node(*before));
    if (factor == kNone) continue;
    Node widened = r.node(*before);
    widened.inputs.push_back(factor);
    widened.outputs = r.node(i).outputs;
    r.replace(i, std::move(widened), {*before});
    return true;
  }
  return false;
}

}  // namespace

size_t fuse_layer_norm(Graph& graph, const PassContext& context) {
  return fuse_each(graph, context, Op::Binary,
                   [](Rewriter& r, size_t i) { return fuse_core(r, i) || fuse_affine(r, i); });
}

}  // namespace motley::graph
