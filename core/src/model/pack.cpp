// The IR as FlatBuffer tables, for files and for the plugin ABI.
#include "model/pack.hpp"

#include <numeric>

namespace motley::model {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
using flatbuffers::String;

Offset<String> pack_text(FlatBufferBuilder& builder, const std::string& text) {
  return text.empty() ? Offset<String>() : builder.CreateString(text);
}

Offset<schema::Quantization> pack(FlatBufferBuilder& builder, const graph::Quantization& quantization) {
  if (quantization.empty()) return {};
  return schema::CreateQuantization(builder, builder.CreateVector(quantization.scales),
                                    builder.CreateVector(quantization.zero_points), quantization.axis);
}

Offset<schema::Tensor> pack(FlatBufferBuilder& builder, const graph::Tensor& tensor, int32_t buffer) {
  const auto name = pack_text(builder, tensor.name);
  const auto quantization = pack(builder, tensor.quantization);
  std::vector<Offset<schema::Dimension>> dims;
  if (tensor.shape) {
    for (const graph::Dim& dim : *tensor.shape) {
      dims.push_back(schema::CreateDimension(builder, dim.known() ? dim.value : -1, pack_text(builder, dim.symbol)));
    }
  }
  return schema::CreateTensor(builder, name, tensor.type, builder.CreateVector(dims), tensor.shape.has_value(), buffer,
                              quantization);
}

Offset<schema::Node> pack(FlatBufferBuilder& builder, const graph::Node& node, const Renumbering& renumbering) {
  const auto ids = [&](const std::vector<graph::TensorId>& list) {
    std::vector<int32_t> renumbered;
    for (graph::TensorId id : list) renumbered.push_back(id < 0 ? -1 : renumbering[static_cast<size_t>(id)]);
    return builder.CreateVector(renumbered);
  };
  const auto name = pack_text(builder, node.name);
  const auto inputs = ids(node.inputs), outputs = ids(node.outputs);
  const auto attributes = node.attributes.Pack(builder);
  return schema::CreateNode(builder, name, node.op, inputs, outputs, node.attributes.type, attributes);
}

}  // namespace

Renumbering identity_renumbering(const graph::Graph& graph) {
  Renumbering renumbering(graph.tensors.size());
  std::iota(renumbering.begin(), renumbering.end(), 0);
  return renumbering;
}

GraphParts whole(const graph::Graph& graph, const Renumbering& renumbering, const BufferIndices& buffers) {
  std::vector<uint32_t> nodes(graph.nodes.size());
  std::iota(nodes.begin(), nodes.end(), 0u);
  return {graph, renumbering, buffers, std::move(nodes), graph.inputs, graph.outputs};
}

Offset<schema::Graph> pack(FlatBufferBuilder& builder, const GraphParts& parts) {
  std::vector<Offset<schema::Tensor>> tensors;
  for (size_t i = 0; i < parts.graph.tensors.size(); ++i) {
    if (parts.renumbering[i] >= 0) tensors.push_back(pack(builder, parts.graph.tensors[i], parts.buffers[i]));
  }
  std::vector<Offset<schema::Node>> nodes;
  for (uint32_t i : parts.nodes) nodes.push_back(pack(builder, parts.graph.nodes[i], parts.renumbering));
  const auto ids = [&](const std::vector<graph::TensorId>& list) {
    std::vector<int32_t> renumbered;
    for (graph::TensorId id : list) renumbered.push_back(parts.renumbering[static_cast<size_t>(id)]);
    return builder.CreateVector(renumbered);
  };
  const auto name = pack_text(builder, parts.graph.name);
  const auto packed_tensors = builder.CreateVector(tensors);
  const auto packed_nodes = builder.CreateVector(nodes);
  const auto inputs = ids(parts.inputs), outputs = ids(parts.outputs);
  return schema::CreateGraph(builder, name, packed_tensors, packed_nodes, inputs, outputs);
}

}  // namespace motley::model
