// Types and shapes of every tensor, known or symbolic, and the constants that follow from them.
#pragma once

#include <optional>
#include <vector>

#include "graph/graph.hpp"

namespace motley::graph {

// Computes a node whose inputs are all constants; the result has one constant per output. Nothing where it cannot.
// The core has no kernels: the implementation runs a device (run/evaluate.hpp).
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  virtual std::optional<std::vector<Constant>> evaluate(const Graph& graph, const Node& node) = 0;
};

struct InferOptions {
  Evaluator* evaluator = nullptr;            // null: only shape arithmetic is folded
  bool keep_dequantize = false;              // DequantizeLinear of constants stays, for passes that want the integers
  uint64_t fold_limit_bytes = 256u << 20;    // a node is not folded when its outputs are larger than this together
};

// Goes through the nodes in order: sets type and shape of every output, and replaces what is known by constants:
// Shape, Size and integer arithmetic on shapes (also element by element, where part of a shape is symbolic), and with
// an evaluator every node whose inputs are constants. Folded nodes are removed; dead ones too.
// Throws Error(invalid_model) where inputs break the op's rules (naming node, op, values), Error(unsupported) for an op
// or form without a rule. Shapes declared in the model are checked against what is inferred.
void infer_shapes(Module& module, const InferOptions& options = {});

// Type and shape of the outputs of one node, from its inputs; used by passes that add nodes.
void infer_node(Graph& graph, const Node& node);

}  // namespace motley::graph
