// A graph as it crosses the plugin ABI: renumbered tables and pointers to the constants.
#include "model/serialize.hpp"

#include <algorithm>
#include <set>

#include "model/pack.hpp"

namespace motley::model {
namespace {

// Fills in buffers and packs.
SerializedGraph serialize_parts(GraphParts parts) {
  SerializedGraph result;
  for (graph::TensorId id : parts.tensors) {
    const std::optional<graph::Constant>& constant = parts.graph.tensor(id).constant;
    parts.buffers.push_back(constant ? static_cast<int32_t>(result.constants.size()) : -1);
    if (!constant) continue;
    result.constants.push_back({constant->data, constant->bytes});
    if (constant->owner) result.owners.push_back(constant->owner);
  }
  // What is handed in as an input is not a constant of the segment.
  for (graph::TensorId id : parts.inputs) parts.buffers[static_cast<size_t>(parts.number_of(id))] = -1;

  flatbuffers::FlatBufferBuilder builder;
  const auto packed = pack(builder, parts);
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

SerializedGraph serialize(const graph::Graph& graph) { return serialize_parts(whole(graph)); }

// Takes time for what it packs alone, so that asking for each node of a graph is no matter of squares.
SerializedGraph serialize_segment(const graph::Graph& graph, const std::vector<uint32_t>& nodes,
                                  const std::vector<graph::TensorId>& inputs,
                                  const std::vector<graph::TensorId>& outputs) {
  std::set<graph::TensorId> tensors(inputs.begin(), inputs.end());
  tensors.insert(outputs.begin(), outputs.end());
  for (uint32_t i : nodes) {
    tensors.insert(graph.nodes[i].inputs.begin(), graph.nodes[i].inputs.end());
    tensors.insert(graph.nodes[i].outputs.begin(), graph.nodes[i].outputs.end());
  }
  tensors.erase(graph::kNone);
  return serialize_parts({graph, {tensors.begin(), tensors.end()}, {}, nodes, inputs, outputs});
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
