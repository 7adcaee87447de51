// A graph as it crosses the plugin ABI: renumbered tables and pointers to the constants.
#include "model/serialize.hpp"

#include <algorithm>
#include <numeric>

#include "model/pack.hpp"

namespace motley::model {
namespace {

// Ascending numbers for the tensors that `nodes`, `inputs` and `outputs` name; -1 for the others.
Renumbering renumber(const graph::Graph& graph, const std::vector<uint32_t>& nodes,
                     const std::vector<graph::TensorId>& inputs, const std::vector<graph::TensorId>& outputs) {
  Renumbering renumbering(graph.tensors.size(), -1);
  const auto mark = [&](const std::vector<graph::TensorId>& ids) {
    for (graph::TensorId id : ids) {
      if (id >= 0) renumbering[static_cast<size_t>(id)] = 0;
    }
  };
  for (uint32_t i : nodes) {
    mark(graph.nodes[i].inputs);
    mark(graph.nodes[i].outputs);
  }
  mark(inputs);
  mark(outputs);
  int32_t next = 0;
  for (int32_t& index : renumbering) {
    if (index == 0) index = next++;
  }
  return renumbering;
}

SerializedGraph serialize_parts(const graph::Graph& graph, const Renumbering& renumbering, std::vector<uint32_t> nodes,
                                const std::vector<graph::TensorId>& inputs,
                                const std::vector<graph::TensorId>& outputs) {
  SerializedGraph result;
  BufferIndices buffers(graph.tensors.size(), -1);
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    const graph::Tensor& tensor = graph.tensors[i];
    if (renumbering[i] < 0 || !tensor.constant) continue;
    buffers[i] = static_cast<int32_t>(result.constants.size());
    result.constants.push_back({tensor.constant->data, tensor.constant->bytes});
    if (tensor.constant->owner) result.owners.push_back(tensor.constant->owner);
  }
  // What is handed in as an input is not a constant of the segment.
  for (graph::TensorId id : inputs) buffers[static_cast<size_t>(id)] = -1;

  flatbuffers::FlatBufferBuilder builder;
  const auto packed = pack(builder, GraphParts{graph, renumbering, buffers, std::move(nodes), inputs, outputs});
  const auto graphs = builder.CreateVector(&packed, 1);
  schema::ModelBuilder model(builder);
  model.add_graphs(graphs);
  schema::FinishModelBuffer(builder, model.Finish());
  result.model = builder.Release();
  return result;
}

}  // namespace

motley_graph SerializedGraph::view() const {
  motley_graph graph{};
  graph.struct_size = sizeof graph;
  graph.constant_count = static_cast<uint32_t>(constants.size());
  graph.model = {model.data(), model.size()};
  graph.constants = constants.data();
  return graph;
}

SerializedGraph serialize(const graph::Graph& graph) {
  std::vector<uint32_t> nodes(graph.nodes.size());
  std::iota(nodes.begin(), nodes.end(), 0u);
  return serialize_parts(graph, identity_renumbering(graph), std::move(nodes), graph.inputs, graph.outputs);
}

SerializedGraph serialize_segment(const graph::Graph& graph, const std::vector<uint32_t>& nodes,
                                  const std::vector<graph::TensorId>& inputs,
                                  const std::vector<graph::TensorId>& outputs) {
  return serialize_parts(graph, renumber(graph, nodes, inputs, outputs), nodes, inputs, outputs);
}

SerializedGraph serialize_node(const graph::Graph& graph, uint32_t index) {
  const graph::Node& node = graph.nodes[index];
  std::vector<graph::TensorId> inputs, outputs;
  for (graph::TensorId id : node.inputs)
    if (id != graph::kNone && !graph.tensor(id).is_constant() &&
        std::find(inputs.begin(), inputs.end(), id) == inputs.end())
      inputs.push_back(id);
  for (graph::TensorId id : node.outputs)
    if (id != graph::kNone) outputs.push_back(id);
  return serialize_segment(graph, {index}, inputs, outputs);
}

}  // namespace motley::model
