// Graphs within nodes.
#include "graph/nested.hpp"

#include "base/text.hpp"
#include "motley/limits.hpp"

namespace motley::graph {

std::vector<int32_t> nested_graphs(const Node& node) {
  switch (node.op) {
    case Op::If: return {node.attributes.AsIfAttributes()->then_graph, node.attributes.AsIfAttributes()->else_graph};
    case Op::Loop: return {node.attributes.AsLoopAttributes()->body_graph};
    case Op::Scan: return {node.attributes.AsScanAttributes()->body_graph};
    default: return {};
  }
}

std::vector<bool> sourced_tensors(const Graph& graph) {
  std::vector<bool> sourced(graph.tensors.size());
  for (size_t i = 0; i < sourced.size(); ++i) sourced[i] = graph.tensors[i].is_constant();
  for (TensorId id : graph.inputs) sourced[static_cast<size_t>(id)] = true;
  for (const Node& node : graph.nodes)
    for (TensorId id : node.outputs)
      if (id != kNone) sourced[static_cast<size_t>(id)] = true;
  return sourced;
}

namespace {

// Walks graphs within graphs; `seen` says which, so that what is no tree ends too.
std::set<std::string> captured_of_node(const Module& module, const Node& node, std::vector<bool>& seen, uint32_t depth);

std::set<std::string> captured_of_graph(const Module& module, int32_t number, std::vector<bool>& seen, uint32_t depth) {
  std::set<std::string> names;
  if (number <= 0 || static_cast<size_t>(number) >= module.graphs.size()) return names;
  const Graph& graph = module.graphs[static_cast<size_t>(number)];
  if (seen[static_cast<size_t>(number)] || depth > Limits().max_nesting)
    base::fail(ErrorCode::invalid_model, "graph % (\"%\") stands in two nodes, within itself, or nested deeper than %",
               {number, graph.name, Limits().max_nesting});
  seen[static_cast<size_t>(number)] = true;
  for (const Node& node : graph.nodes) names.merge(captured_of_node(module, node, seen, depth));
  const std::vector<bool> sourced = sourced_tensors(graph);
  for (size_t i = 0; i < sourced.size(); ++i)
    if (sourced[i]) names.erase(graph.tensors[i].name);
  for (size_t i = 0; i < sourced.size(); ++i)
    if (!sourced[i]) names.insert(graph.tensors[i].name);
  return names;
}

std::set<std::string> captured_of_node(const Module& module, const Node& node, std::vector<bool>& seen,
                                       uint32_t depth) {
  std::set<std::string> names;
  for (int32_t graph : nested_graphs(node)) names.merge(captured_of_graph(module, graph, seen, depth + 1));
  return names;
}

}  // namespace

std::set<std::string> captured_names(const Module& module, int32_t graph) {
  std::vector<bool> seen(module.graphs.size());
  return captured_of_graph(module, graph, seen, 1);
}

std::set<std::string> captured_names(const Module& module, const Node& node) {
  std::vector<bool> seen(module.graphs.size());
  return captured_of_node(module, node, seen, 0);
}

}  // namespace motley::graph
