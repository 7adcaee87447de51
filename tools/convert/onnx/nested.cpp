// Nested graphs: as graphs of their own, or as part of the graph around them.
#include <algorithm>

#include "graph/infer.hpp"
#include "onnx/graph_import.hpp"

namespace motley::convert {

using graph::Graph;
using graph::kNone;
using graph::Tensor;
using graph::TensorId;

int32_t GraphImporter::import_nested(const onnx::GraphProto& proto, const std::string& what) {
  if (++depth_ >= options_.limits.max_nesting)
    throw Error(ErrorCode::limit, what + " has graphs nested deeper than the limit (" +
                                      std::to_string(options_.limits.max_nesting) + ")");
  const auto index = static_cast<int32_t>(graphs_.size());
  Scope scope;
  scope.outer = scope_;
  scope.opsets = scope_->opsets;
  scope.graph = &graphs_.emplace_back();
  import_graph(proto, scope);
  --depth_;
  return index;
}

std::vector<TensorId> GraphImporter::inline_graph(const onnx::GraphProto& proto, const std::vector<TensorId>& inputs,
                                                  const std::string& name, const std::string& what) {
  if (static_cast<size_t>(proto.input_size()) != inputs.size())
    throw Error(ErrorCode::invalid_model, what + " has a nested graph of " + std::to_string(proto.input_size()) +
                                              " inputs (expected " + std::to_string(inputs.size()) + ")");
  if (++depth_ >= options_.limits.max_nesting)
    throw Error(ErrorCode::limit, what + " has graphs nested deeper than the limit (" +
                                      std::to_string(options_.limits.max_nesting) + ")");
  Scope scope;
  scope.outer = scope_;
  scope.opsets = scope_->opsets;
  scope.graph = scope_->graph;
  scope.prefix = name + "/";
  for (size_t i = 0; i < inputs.size(); ++i) scope.names[proto.input(static_cast<int>(i)).name()] = inputs[i];
  Scope* const around = scope_;
  scope_ = &scope;
  ++inlining_;
  import_initializers(proto, scope);
  import_nodes(proto.node(), scope);
  std::vector<TensorId> outputs;
  for (const auto& output : proto.output()) {
    const std::optional<TensorId> id = look_up(output.name(), scope);
    if (!id || *id == kNone)
      throw Error(ErrorCode::invalid_model,
                  what + " has a nested graph that never produces its output \"" + output.name() + "\"");
    outputs.push_back(*id);
  }
  --inlining_;
  scope_ = around;
  --depth_;
  return outputs;
}

void GraphImporter::connect(TensorId from, TensorId to, const std::string& name) {
  if (from == to) return;
  graph::Node node;
  node.name = unique_node_name(name);
  node.op = graph::Op::Identity;
  node.inputs = {from};
  node.outputs = {to};
  node.attributes.Set(schema::NoAttributesT());
  node.origins = {name};
  add_node(std::move(node));
}

// Infers a graph of just the tensor's ancestors. Work is bounded over the whole import: a file full of conditions must
// not make it quadratic.
std::optional<Tensor> GraphImporter::fold(TensorId id) {
  constexpr uint64_t kMaxWork = 500'000;  // nodes looked at
  const Graph& graph = *scope_->graph;
  if (id == kNone) return std::nullopt;
  if (graph.tensor(id).is_constant()) return graph.tensor(id);
  fold_work_ += graph.nodes.size();
  if (fold_work_ > kMaxWork) return std::nullopt;

  std::vector<bool> needed(graph.tensors.size(), false);
  std::vector<const graph::Node*> ancestors;
  needed[static_cast<size_t>(id)] = true;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    if (std::none_of(node->outputs.begin(), node->outputs.end(),
                     [&](TensorId out) { return out != kNone && needed[static_cast<size_t>(out)]; }))
      continue;
    ancestors.push_back(&*node);
    for (TensorId in : node->inputs)
      if (in != kNone) needed[static_cast<size_t>(in)] = true;
    for (TensorId out : node->outputs)
      if (out != kNone) needed[static_cast<size_t>(out)] = true;
  }
  graph::Module part;
  Graph& copy = part.graphs.emplace_back();
  std::vector<TensorId> renumbered(graph.tensors.size(), kNone);
  for (size_t i = 0; i < needed.size(); ++i)
    if (needed[i]) renumbered[i] = copy.add_tensor(graph.tensors[i]);
  const auto renumber = [&](std::vector<TensorId>& ids) {
    for (TensorId& each : ids)
      if (each != kNone) each = renumbered[static_cast<size_t>(each)];
  };
  for (auto node = ancestors.rbegin(); node != ancestors.rend(); ++node) {
    renumber(copy.nodes.emplace_back(**node).inputs);
    renumber(copy.nodes.back().outputs);
  }
  for (TensorId input : graph.inputs)
    if (renumbered[static_cast<size_t>(input)] != kNone) copy.inputs.push_back(renumbered[static_cast<size_t>(input)]);
  copy.outputs = {renumbered[static_cast<size_t>(id)]};
  try {
    graph::infer_shapes(part);
  } catch (const Error&) {
    return std::nullopt;  // what is wrong comes up when the whole module is inferred
  }
  const Tensor& result = part.main().tensor(part.main().outputs[0]);
  return result.is_constant() ? std::optional<Tensor>(result) : std::nullopt;
}

}  // namespace motley::convert
