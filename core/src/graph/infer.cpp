// Shape inference over a whole graph: checks, rule by rule inference, folding.
#include "graph/infer.hpp"

#include <algorithm>

#include "graph/infer/fold.hpp"
#include "graph/infer/rules.hpp"

namespace motley::graph {

namespace {

std::string quoted(const Graph& graph, TensorId id) { return '"' + graph.tensor(id).name + '"'; }

// Every index must be in range before anything follows it.
void check_indices(const Graph& graph) {
  const auto check = [&](const std::vector<TensorId>& ids, TensorId lowest, const std::string& where) {
    for (TensorId id : ids)
      if (id < lowest || id >= static_cast<TensorId>(graph.tensors.size()))
        throw Error(ErrorCode::invalid_model, where + " names tensor " + std::to_string(id) + ", and there are " +
                                                  std::to_string(graph.tensors.size()));
  };
  check(graph.inputs, 0, "the list of graph inputs");
  check(graph.outputs, 0, "the list of graph outputs");
  for (const Node& node : graph.nodes) {
    check(node.inputs, kNone, "node \"" + node.name + "\"");
    check(node.outputs, kNone, "node \"" + node.name + "\"");
  }
}

void check_constant(const Tensor& tensor) {
  const std::string where = "constant \"" + tensor.name + "\"";
  if (!tensor.shape_known())
    throw Error(ErrorCode::invalid_model, where + " has an unknown shape (" + to_string(tensor.shape) + ")");
  infer::check_shape(where, tensor.type, *tensor.shape);
  if (tensor.constant->bytes < tensor.bytes())
    throw Error(ErrorCode::invalid_model, where + " has " + std::to_string(tensor.constant->bytes) +
                                              " bytes (expected " + std::to_string(tensor.bytes()) + ")");
}

// Each tensor has exactly one source: an input, a constant, or a node; and what comes from outside has a type.
void check_sources(const Graph& graph) {
  std::vector<bool> has_source(graph.tensors.size(), false);
  for (TensorId id : graph.inputs) {
    const Tensor& tensor = graph.tensor(id);
    if (has_source[static_cast<size_t>(id)])
      throw Error(ErrorCode::invalid_model, "graph input " + quoted(graph, id) + " is listed twice");
    if (tensor.is_constant())
      throw Error(ErrorCode::invalid_model, "graph input " + quoted(graph, id) + " is a constant too");
    if (element_bytes(tensor.type) == 0)
      throw Error(ErrorCode::invalid_model, "graph input " + quoted(graph, id) + " has no type");
    if (tensor.shape) infer::check_shape("graph input " + quoted(graph, id), tensor.type, *tensor.shape);
    has_source[static_cast<size_t>(id)] = true;
  }
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    if (!graph.tensors[i].is_constant()) continue;
    check_constant(graph.tensors[i]);
    has_source[i] = true;
  }
  for (const Node& node : graph.nodes)
    for (TensorId id : node.outputs) {
      if (id == kNone) continue;
      if (has_source[static_cast<size_t>(id)])
        throw Error(ErrorCode::invalid_model, "node \"" + node.name + "\" writes tensor " + quoted(graph, id) +
                                                  ", which is an input or constant");
    }
  for (const Node& node : graph.nodes)
    for (TensorId id : node.outputs)
      if (id != kNone) has_source[static_cast<size_t>(id)] = true;
  for (const Node& node : graph.nodes)
    for (TensorId id : node.inputs)
      if (id != kNone && !has_source[static_cast<size_t>(id)])
        throw Error(ErrorCode::invalid_model, "node \"" + node.name + "\" (" + describe_op(node) + ") reads tensor " +
                                                  quoted(graph, id) + ", which nothing writes");
  for (TensorId id : graph.outputs)
    if (!has_source[static_cast<size_t>(id)])
      throw Error(ErrorCode::invalid_model, "graph output " + quoted(graph, id) + " is written by no node");
}

}  // namespace

void infer_node(Graph& graph, const Node& node) {
  infer::Context context(graph, node, nullptr);
  infer::apply_rule(context);
}

void infer_shapes(Module& module, const InferOptions& options) {
  if (module.graphs.empty()) throw Error(ErrorCode::invalid_model, "the model has no graph");
  Graph& graph = module.main();
  check_indices(graph);
  check_sources(graph);
  graph.sort_nodes();  // also refuses cycles and second writers

  infer::ValueTable values;
  std::vector<bool> folded(graph.nodes.size(), false);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    infer::Context context(graph, graph.nodes[i], &values);
    infer::apply_rule(context);
    folded[i] = infer::fold(graph, graph.nodes[i], values, options);
  }
  size_t kept = 0;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (folded[i]) continue;
    if (kept != i) graph.nodes[kept] = std::move(graph.nodes[i]);
    ++kept;
  }
  graph.nodes.resize(kept);
  graph.remove_dead();
}

}  // namespace motley::graph
