// Nodes that return their input as it is: identities, casts to the same type, views and movements that change nothing.
#include <algorithm>

#include "graph/passes/all.hpp"

namespace motley::graph {
namespace {

bool all_equal(const Rewriter& r, TensorId id, int64_t value) {
  const auto values = id == kNone ? std::nullopt : integers(r.tensor(id));
  return values && std::all_of(values->begin(), values->end(), [value](int64_t v) { return v == value; });
}

bool is_identity_perm(const Node& node) {
  const auto& perm = attributes<schema::TransposeAttributesT>(node).perm;
  for (size_t i = 0; i < perm.size(); ++i)
    if (perm[i] != static_cast<int64_t>(i)) return false;
  return !perm.empty();
}

// x * 1 and x / 1; `operand` is the other factor's place.
bool is_neutral(const Rewriter& r, const Node& node, size_t operand) {
  using schema::BinaryFunction;
  const auto& attributes = graph::attributes<schema::BinaryAttributesT>(node);
  if (attributes.activation.function() != UnaryFunction::identity) return false;
  if (attributes.function != BinaryFunction::mul && !(attributes.function == BinaryFunction::div && operand == 1))
    return false;
  return scalar_value(r.tensor(node.inputs[operand])) == 1.0;
}

// The input that the node returns; kNone where it does something. Types and shapes are compared by the caller.
TensorId returned_input(const Rewriter& r, const Node& node) {
  const TensorId first = node.input(0);
  switch (node.op) {
    case Op::Identity:
    case Op::Cast:
    case Op::Reshape:
    case Op::Flatten:
    case Op::Squeeze:
    case Op::Unsqueeze:
    case Op::Expand:
    case Op::Tile: return first;
    case Op::Unary:
      return attributes<schema::UnaryAttributesT>(node).function == UnaryFunction::identity ? first : kNone;
    case Op::Binary:
      if (node.inputs.size() != 2) return kNone;
      return is_neutral(r, node, 1) ? first : is_neutral(r, node, 0) ? node.inputs[1] : kNone;
    case Op::Transpose: return is_identity_perm(node) ? first : kNone;
    // A full shape may also come from a negative step or from pads that shift.
    case Op::Slice: return node.input(4) == kNone || all_equal(r, node.input(4), 1) ? first : kNone;
    case Op::Pad: return all_equal(r, node.input(1), 0) ? first : kNone;
    case Op::Concat:
    case Op::Variadic: return node.inputs.size() == 1 ? first : kNone;
    case Op::Split: return node.outputs.size() == 1 ? first : kNone;
    default: return kNone;
  }
}

}  // namespace

size_t remove_no_ops(Graph& graph, const PassContext& context) {
  Rewriter r(graph, context);
  size_t count = 0;
  for (size_t i = 0; i < r.size(); ++i) {
    const Node& node = r.node(i);
    const TensorId input = returned_input(r, node);
    if (input == kNone || node.output(0) == kNone) continue;
    const Tensor& from = r.tensor(input);
    const Tensor& to = r.tensor(node.outputs[0]);
    if (from.type != to.type || from.type == DataType::undefined) continue;
    // Identity keeps a shape even where it is not known.
    if (node.op != Op::Identity && node.op != Op::Cast && !same_shape(from, to)) continue;
    if (from.quantization.scales != to.quantization.scales) continue;
    count += r.bypass(i, input);
  }
  return count;
}

}  // namespace motley::graph
