// Chains of views (Reshape, Squeeze, Unsqueeze, Flatten): only the last one's shape matters.
#include <algorithm>

#include "base/text.hpp"
#include "graph/passes/all.hpp"

namespace motley::graph {
namespace {

bool is_view(const Node& node) {
  return node.op == Op::Reshape || node.op == Op::Squeeze || node.op == Op::Unsqueeze || node.op == Op::Flatten;
}

// The target may stay as it is where it says all without its input: no 0, which copies the input's dimension.
bool target_stands_alone(const Rewriter& r, const Node& node) {
  if (node.op != Op::Reshape || node.input(1) == kNone) return false;
  const auto target = integers(r.tensor(node.input(1)));
  return target && std::find(target->begin(), target->end(), 0) == target->end();
}

}  // namespace

size_t join_reshapes(Graph& graph, const PassContext& context) {
  Rewriter r(graph, context);
  size_t count = 0;
  for (size_t i = 0; i < r.size(); ++i) {
    if (!is_view(r.node(i))) continue;
    const auto before = r.producer(r.node(i).input(0));
    if (!before || !is_view(r.node(*before))) continue;
    const Tensor& result = r.tensor(r.node(i).outputs[0]);
    const bool known = result.shape_known();
    if (!known && !target_stands_alone(r, r.node(i))) continue;
    TensorId target = r.node(i).input(1);
    if (known) {
      const Extents extents = result.extents();
      const std::string name = base::text("%:shape%", {result.name, graph.tensors.size()});
      target = graph.add_int64(name, extents);
    }
    schema::ReshapeAttributesT attributes;
    attributes.allow_zero = known;  // a 0 in a concrete shape is a dimension without elements
    const TensorId source = r.node(*before).inputs[0];
    r.change(i, [&](Node& node) {
      append_origins(node, r.node(*before));
      node.op = Op::Reshape;
      node.inputs = {source, target};
      node.attributes.Set(std::move(attributes));
    });
    // The first may still serve others; if not, it is dead now.
    ++count;
  }
  return count;
}

}  // namespace motley::graph
