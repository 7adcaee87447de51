// Transposes in a row become one, and move behind elementwise ops where another transpose waits.
#include "graph/passes/all.hpp"

namespace motley::graph {
namespace {

using Perm = std::vector<int64_t>;

// Empty where the rank is not known.
Perm perm_of(const Rewriter& r, const Node& node) {
  Perm perm = attributes<schema::TransposeAttributesT>(node).perm;
  const auto& shape = r.tensor(node.inputs[0]).shape;
  if (perm.empty() && shape)
    for (size_t i = shape->size(); i-- > 0;) perm.push_back(static_cast<int64_t>(i));
  return perm;
}

// An op of one tensor, element by element; its tensor's place among the inputs.
std::optional<size_t> elementwise_input(const Rewriter& r, const Node& node) {
  if (node.op == Op::Unary || node.op == Op::Cast) return 0;
  if (node.op == Op::Binary && node.inputs.size() == 2) {
    for (size_t i = 0; i < 2; ++i) {
      const Tensor& other = r.tensor(node.inputs[1 - i]);
      if (scalar_value(other) && other.shape->size() <= 1) return i;
    }
  }
  return std::nullopt;
}

// Whether a transpose follows node i behind elementwise ops that nothing else reads.
bool leads_to_transpose(const Rewriter& r, size_t i) {
  for (int steps = 0; steps < 16 && r.may_absorb(i); ++steps) {
    i = r.consumers(r.node(i).outputs[0])[0];
    if (r.node(i).op == Op::Transpose) return true;
    if (!elementwise_input(r, r.node(i))) return false;
  }
  return false;
}

}  // namespace

size_t cancel_transposes(Graph& graph, const PassContext& context) {
  Rewriter r(graph, context);
  size_t count = 0;
  for (size_t i = 0; i < r.size(); ++i) {
    if (r.node(i).op != Op::Transpose) continue;
    const auto before = r.producer(r.node(i).inputs[0], Op::Transpose);
    if (!before) continue;
    const Perm first = perm_of(r, r.node(*before)), second = perm_of(r, r.node(i));
    if (first.empty() || first.size() != second.size()) continue;
    schema::TransposeAttributesT joined;
    for (int64_t axis : second) joined.perm.push_back(first.at(static_cast<size_t>(axis)));
    const TensorId source = r.node(*before).inputs[0];
    r.change(i, [&](Node& node) {
      append_origins(node, r.node(*before));
      node.inputs[0] = source;
      node.attributes.Set(std::move(joined));
    });
    ++count;
  }
  return count;
}

// Transpose, op → op, transpose, where another transpose follows. One sweep carries it all the way, as the nodes behind
// are looked at later.
size_t sink_transposes(Graph& graph, const PassContext& context) {
  Rewriter r(graph, context);
  size_t count = 0;
  for (size_t i = 0; i < r.size(); ++i) {
    const auto place = elementwise_input(r, r.node(i));
    if (!place || !leads_to_transpose(r, i)) continue;
    const TensorId moved = r.node(i).inputs[*place];
    const auto before = r.producer(moved, Op::Transpose);
    if (!before || !r.may_absorb(*before)) continue;

    const TensorId source = r.node(*before).inputs[0], result = r.node(i).outputs[0];
    const DataType type = r.tensor(result).type;
    const TensorId between = r.add_tensor_like(source, ":");
    graph.tensor(between).type = type;
    // The two nodes change places: what stood first now computes, what stood second transposes.
    Node op = r.node(i), transpose = r.node(*before);
    op.inputs[*place] = source;
    op.outputs = {between};
    transpose.inputs = {between};
    transpose.outputs = {result};
    r.change(i, [&](Node& node) { node = std::move(transpose); });
    r.change(*before, [&](Node& node) { node = std::move(op); });
    ++count;
  }
  return count;
}

}  // namespace motley::graph
