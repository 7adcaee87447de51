// What remains of a network, and the values it goes on with.
#include "run/rest.hpp"

#include "base/text.hpp"
#include "graph/nested.hpp"
#include "graph/steering.hpp"

namespace motley::run {

using graph::Graph;
using graph::kNone;
using graph::Module;
using graph::Node;
using graph::TensorId;

std::string list_nodes(const std::vector<Node>& nodes) {
  std::string text;
  for (size_t i = 0; i < nodes.size() && i < 8; ++i) text += base::text("%%\"", {(i ? ", \"" : "\""), nodes[i].name});
  if (nodes.size() > 8) text += base::text(", and % more", {nodes.size() - 8});
  return text;
}

std::vector<bool> steering_tensors(const Graph& graph) {
  std::vector<bool> steering(graph.tensors.size());
  for (const Node& node : graph.nodes)
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (node.inputs[i] != kNone && graph::steers(node.op, i)) steering[static_cast<size_t>(node.inputs[i])] = true;
  return steering;
}

std::string key_of(const Graph& rest, const Values& values, const std::vector<bool>& fixed) {
  std::string key;
  for (TensorId id : rest.inputs) {
    const graph::Tensor& tensor = rest.tensor(id);
    const Value& value = values.at(tensor.name);
    key += base::text("%:", {tensor.name});
    for (int64_t d : value.shape) key += base::text("%x", {d});
    if (fixed[static_cast<size_t>(id)]) key.append(static_cast<const char*>(value.data.data), value.data.bytes);
    key += ";";
  }
  return key;
}

void fix_inputs(Graph& rest, const Values& values, const std::vector<bool>& fixed) {
  std::vector<TensorId> inputs;
  for (TensorId id : rest.inputs) {
    graph::Tensor& tensor = rest.tensor(id);
    const Value& value = values.at(tensor.name);
    tensor.type = value.type;
    tensor.shape.emplace(value.shape.begin(), value.shape.end());
    // Copied: the value's memory may be the caller's, who changes it before the next run.
    if (fixed[static_cast<size_t>(id)]) tensor.constant = graph::Constant::copy_of(value.data.data, value.data.bytes);
    else inputs.push_back(id);
  }
  rest.inputs = std::move(inputs);
  for (const Node& node : rest.nodes)
    for (TensorId id : node.outputs)
      if (id != kNone) rest.tensor(id).shape.reset();
}

Module body_module(const Module& module, const Graph& around, int32_t number) {
  Module body = module;
  Graph& graph = body.main();
  graph = module.graphs[static_cast<size_t>(number)];
  for (const std::string& name : graph::captured_names(module, number)) {
    TensorId id = graph.find_tensor(name);
    if (id == kNone) {  // only a graph within the body reads it
      graph::Tensor tensor;
      tensor.name = name;
      id = graph.add_tensor(std::move(tensor));
    }
    const TensorId source = around.find_tensor(name);
    if (source != kNone && around.tensor(source).is_constant()) graph.tensor(id) = around.tensor(source);
    else graph.inputs.push_back(id);
  }
  return body;
}

}  // namespace motley::run
