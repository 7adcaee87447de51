// Nested graphs: as graphs of their own, or as part of the graph around them.
#include <set>

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
  if (const ListValue* list = list_value(from)) return set_list_value(to, ListValue(*list));
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
  constexpr uint64_t kMaxWork = 500'000;  // ancestors looked at
  const Graph& graph = *scope_->graph;
  if (id == kNone) return std::nullopt;
  if (graph.tensor(id).is_constant()) return graph.tensor(id);
  const std::unordered_map<TensorId, size_t>& producers = producers_[&graph];

  graph::Module part;
  Graph& copy = part.graphs.emplace_back();
  std::unordered_map<TensorId, TensorId> renumbered;
  std::set<size_t> ancestors;  // in the order of the graph
  std::vector<TensorId> pending{id};
  while (!pending.empty()) {
    const TensorId at = pending.back();
    pending.pop_back();
    if (at == kNone || !renumbered.emplace(at, kNone).second) continue;
    if (++fold_work_ > kMaxWork) return std::nullopt;
    renumbered[at] = copy.add_tensor(graph.tensor(at));
    const auto producer = producers.find(at);
    if (producer == producers.end() || !ancestors.insert(producer->second).second) continue;
    const graph::Node& node = graph.nodes[producer->second];
    pending.insert(pending.end(), node.inputs.begin(), node.inputs.end());
    pending.insert(pending.end(), node.outputs.begin(), node.outputs.end());
  }
  const auto renumber = [&](std::vector<TensorId>& ids) {
    for (TensorId& each : ids)
      if (each != kNone) each = renumbered.at(each);
  };
  for (size_t index : ancestors) {
    graph::Node& node = copy.nodes.emplace_back(graph.nodes[index]);
    renumber(node.inputs);
    renumber(node.outputs);
  }
  for (TensorId input : graph.inputs)
    if (const auto it = renumbered.find(input); it != renumbered.end()) copy.inputs.push_back(it->second);
  copy.outputs = {renumbered.at(id)};
  try {
    graph::infer_shapes(part);
  } catch (const Error&) {
    return std::nullopt;  // what is wrong comes up when the whole module is inferred
  }
  const Tensor& result = part.main().tensor(part.main().outputs[0]);
  return result.is_constant() ? std::optional<Tensor>(result) : std::nullopt;
}

}  // namespace motley::convert
