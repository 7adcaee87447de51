// If: the branch of a known condition takes the node's place; of an unknown one, what both branches agree on is
// inferred.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/graph.hpp"

namespace motley::graph::infer {

// Names that nested graphs may capture, those of inlined branches before those around them.
class Scopes {
 public:
  explicit Scopes(const Graph& main);
  // A scope inside `parent`; returns its number. 0 is the main graph.
  size_t open(size_t parent);
  void add(size_t scope, const std::string& name, TensorId id);
  // kNone where there is none of that name.
  TensorId find(size_t scope, const std::string& name) const;

 private:
  struct Scope {
    size_t parent;
    std::map<std::string, TensorId> names;
  };
  std::vector<Scope> scopes_;
};

// A node on its way through inference, and where it came from.
struct PendingNode {
  Node node;
  size_t scope = 0;
  uint32_t depth = 0;  // branches around it
};

// The condition of an If, where it is a constant.
std::optional<bool> known_condition(const Graph& graph, const Node& node);

// The nodes of the chosen branch, over tensors added to the main graph, in order; then one Identity per output.
std::vector<PendingNode> inline_branch(Module& module, Scopes& scopes, const PendingNode& branch, bool condition);

// Types and shapes of the outputs of an If whose condition is not known. Throws Error(unsupported) where a type is not.
void infer_undecided(Module& module, const Scopes& scopes, const PendingNode& pending);

// Types of the outputs of a branch or a body, from what it captures; undefined where one is not known. branch_types.cpp
std::vector<DataType> branch_types(const Module& module, const Scopes& scopes, size_t scope, int32_t branch);

// Types of the outputs of a Loop or Scan; their shapes depend on its run. Throws Error(unsupported) where a type is not
// known.
void infer_loop(Module& module, const Scopes& scopes, const PendingNode& pending);

// Whether a graph names only tensors that it has. Throws Error(invalid_model).
void check_tensor_ids(const Graph& graph);

}  // namespace motley::graph::infer
