// Dispatch from composite ops to their lowering rules.
#include "graph/lower.hpp"

#include <stdexcept>

#include "graph/lower/rules.hpp"

namespace motley::graph {
namespace {

struct Rule {
  Op op;
  void (*lower)(Lowering&);
};

constexpr Rule kRules[] = {
#define MOTLEY_COMPOSITE(op, kind, min_in, max_in, min_out, max_out, infer_rule, lower_rule, ...) {Op::op, lower_rule},
#include "graph/ops.inc"
};

const Rule* find_rule(Op op) {
  for (const Rule& rule : kRules)
    if (rule.op == op) return &rule;
  return nullptr;
}

bool writes_nothing(const Graph& graph, const Node& node) {
  for (TensorId id : node.outputs)
    if (id == kNone || graph.tensor(id).type == DataType::undefined || graph.tensor(id).elements() != 0) return false;
  return !node.outputs.empty();
}

// Empty results need no rule, whose arithmetic on sizes would meet those of dimensions beside the 0, which may be huge.
void write_empty(Lowering& lowering) {
  for (size_t i = 0; i < lowering.node().outputs.size(); ++i) {
    schema::FillAttributesT attributes;
    attributes.type = lowering.type(lowering.out(i));
    attributes.value = encode_scalar(attributes.type, 0);
    lowering.emit(Op::Fill, {}, lowering.out(i), attributes);
  }
}

void apply(const Rule& rule, const Graph& graph, Lowering& lowering) {
  if (writes_nothing(graph, lowering.node())) return write_empty(lowering);
  try {
    rule.lower(lowering);
  } catch (const std::out_of_range&) {  // from at(): inference did not see this node, or its shapes were changed since
    lowering.invalid("its shapes have fewer dimensions than its attributes name");
  } catch (const std::length_error& error) {
    lowering.unsupported("an intermediate has %", {error.what()});
  }
}

}  // namespace

bool is_plain_primitive(const Node& node) { return node.op < Op::Transpose && !is_fused(node); }

std::vector<Node> lower(Graph& graph, const Node& node) {
  Lowering lowering(graph, node);
  if (is_fused(node)) {
    lower_fused(lowering);
  } else if (const Rule* rule = find_rule(node.op)) {
    apply(*rule, graph, lowering);
  } else if (node.op < Op::Transpose) {
    lowering.unsupported("it is a primitive already");
  } else {
    lowering.unsupported("there is no rule for it");
  }
  return lowering.take();
}

}  // namespace motley::graph
