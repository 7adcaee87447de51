// softmax(scale · Q·Kᵀ + mask) · V as one Attention over four dimensions.
#include <cmath>

#include "graph/passes/all.hpp"
#include "graph/passes/expression.hpp"

namespace motley::graph {
namespace {

using schema::BinaryFunction;

// A product of two tensors and nothing else.
const schema::MatMulAttributesT* plain_matmul(const Node& node) {
  if (node.op != Op::MatMul || node.inputs.size() != 2) return nullptr;
  const auto& attributes = graph::attributes<schema::MatMulAttributesT>(node);
  return attributes.activation.function() == UnaryFunction::identity && !attributes.transpose_a ? &attributes : nullptr;
}

struct Pattern {
  TensorId query = kNone, key = kNone, value = kNone, mask = kNone;
  double scale = 1;
  std::set<size_t> nodes;
  std::optional<size_t> key_transpose;  // its result is Kᵀ; rewritten to give K
};

// Takes multiplications by constants off a tensor.
TensorId unscaled(const Rewriter& r, TensorId id, Pattern& p) {
  const Product product = product_of_tensor(r, id);
  if (product.nodes.empty() || product.factors.size() != 1) return id;
  p.scale *= product.constant;
  p.nodes.insert(product.nodes.begin(), product.nodes.end());
  return product.factors[0];
}

bool has_rank_4(const Rewriter& r, TensorId id) { return r.tensor(id).shape && r.tensor(id).shape->size() == 4; }

bool match_key(const Rewriter& r, TensorId id, bool transposed_already, Pattern& p) {
  if (transposed_already) {
    p.key = unscaled(r, id, p);
    return true;
  }
  const TensorId transposed = unscaled(r, id, p);
  const auto i = r.producer(transposed, Op::Transpose);
  if (!i || !r.may_absorb(*i) || !has_rank_4(r, r.node(*i).inputs[0])) return false;
  const auto& perm = attributes<schema::TransposeAttributesT>(r.node(*i)).perm;
  if (perm.size() != 4) return false;
  if (perm == std::vector<int64_t>{0, 1, 3, 2}) {
    p.key = unscaled(r, r.node(*i).inputs[0], p);
    p.nodes.insert(*i);
  } else {
    p.key_transpose = i;
  }
  return true;
}

bool match_scores(const Rewriter& r, TensorId id, Pattern& p) {
  TensorId scores = id;
  if (const auto sum = binary_producer(r, scores, BinaryFunction::add)) {
    for (size_t side = 0; side < 2; ++side) {
      const TensorId candidate = r.node(*sum).inputs[side];
      const Product product = product_of_tensor(r, candidate);
      if (product.factors.size() != 1 || !r.producer(product.factors[0], Op::MatMul)) continue;
      if (!same_shape(r.tensor(candidate), r.tensor(id))) continue;
      scores = candidate;
      p.mask = r.node(*sum).inputs[1 - side];
      p.nodes.insert(*sum);
      break;
    }
  }
  const auto matmul = r.producer(unscaled(r, scores, p), Op::MatMul);
  const auto* attributes = matmul ? plain_matmul(r.node(*matmul)) : nullptr;
  if (!attributes) return false;
  p.scale *= static_cast<double>(attributes->alpha);
  p.nodes.insert(*matmul);
  p.query = unscaled(r, r.node(*matmul).inputs[0], p);
  return match_key(r, r.node(*matmul).inputs[1], attributes->transpose_b, p);
}

std::optional<Pattern> match(const Rewriter& r, size_t root) {
  const auto* last = plain_matmul(r.node(root));
  if (!last || last->transpose_b || last->alpha != 1.0f) return std::nullopt;
  const auto softmax = r.producer(r.node(root).inputs[0], Op::Softmax);
  if (!softmax || !has_rank_4(r, r.node(*softmax).inputs[0])) return std::nullopt;
  const auto& attributes = graph::attributes<schema::SoftmaxAttributesT>(r.node(*softmax));
  // Over the last axis, flattening what follows it changes nothing.
  const bool last_axis = attributes.axis == -1 || attributes.axis == 3;
  if (attributes.function != schema::SoftmaxFunction::softmax || !last_axis) return std::nullopt;
  Pattern p;
  p.value = r.node(root).inputs[1];
  p.nodes = {root, *softmax};
  return match_scores(r, r.node(*softmax).inputs[0], p) ? std::optional(p) : std::nullopt;
}

// Shapes that Attention takes as the products did: no broadcasting over batch or heads, floats of one type.
bool shapes_fit(const Rewriter& r, const Pattern& p, size_t root) {
  const TensorId key = p.key_transpose ? r.node(*p.key_transpose).inputs[0] : p.key;
  for (TensorId id : {p.query, key, p.value})
    if (!has_rank_4(r, id) || r.tensor(id).type != r.tensor(p.query).type) return false;
  if (!is_floating(r.tensor(p.query).type)) return false;
  Dims key_shape = *r.tensor(key).shape;
  if (p.key_transpose) {  // as it will be after the rewritten transpose
    const auto& perm = attributes<schema::TransposeAttributesT>(r.node(*p.key_transpose)).perm;
    const Dims before = key_shape;
    for (size_t i = 0; i < 4; ++i) key_shape[i] = before[static_cast<size_t>(perm[i == 2 ? 3 : i == 3 ? 2 : i])];
  }
  const Dims &query = *r.tensor(p.query).shape, &value = *r.tensor(p.value).shape;
  for (size_t i = 0; i < 2; ++i)
    if (!(query[i] == key_shape[i]) || !(query[i] == value[i])) return false;
  if (!(query[3] == key_shape[3]) || !(key_shape[2] == value[2])) return false;
  if (p.mask != kNone) {
    const Tensor& mask = r.tensor(p.mask);
    // Fewer dimensions than two, or one that is stretched along the keys, mean something else to Attention.
    if (!mask.shape || mask.shape->size() < 2 || mask.shape->size() > 4 || mask.type != r.tensor(p.query).type)
      return false;
    if (!(mask.shape->back() == key_shape[2])) return false;
  }
  return r.tensor(r.node(root).outputs[0]).shape && r.tensor(r.node(root).outputs[0]).shape->size() == 4;
}

// The transpose that gave Kᵀ gives K instead.
TensorId retransposed(Rewriter& r, size_t i) {
  const TensorId transposed = r.node(i).outputs[0];
  const TensorId key = r.add_tensor_like(transposed, ":");
  std::swap((*r.graph().tensor(key).shape)[2], (*r.graph().tensor(key).shape)[3]);
  r.change(i, [key](Node& node) {
    auto& perm = attributes<schema::TransposeAttributesT>(node).perm;
    std::swap(perm[2], perm[3]);
    node.outputs = {key};
  });
  return key;
}

bool fuse_at(Rewriter& r, size_t root) {
  auto p = match(r, root);
  if (!p || !shapes_fit(r, *p, root) || p->scale == 0 || !std::isfinite(p->scale)) return false;
  if (!r.may_absorb(p->nodes, root)) return false;
  if (p->key_transpose) {
    if (!r.tensor(r.node(*p->key_transpose).outputs[0]).shape) return false;
    p->key = retransposed(r, *p->key_transpose);
  }
  schema::AttentionAttributesT attributes;
  attributes.scale = static_cast<float>(p->scale);
  Node node;
  node.op = Op::Attention;
  node.inputs = {p->query, p->key, p->value};
  if (p->mask != kNone) node.inputs.push_back(p->mask);
  node.outputs = r.node(root).outputs;
  node.attributes.Set(std::move(attributes));
  r.replace(root, std::move(node), p->nodes);
  return true;
}

}  // namespace

size_t fuse_attention(Graph& graph, const PassContext& context) {
  return fuse_each(graph, context, Op::MatMul, fuse_at);
}

}  // namespace motley::graph
