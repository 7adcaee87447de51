// The IR as FlatBuffer tables, for files and for the plugin ABI.
#include "model/pack.hpp"

#include <algorithm>
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

// Copies know elements alone, so any device may bring tensors into a layout and back: those that nothing else among the
// nodes touches are not marked.
schema::Layout layout_of(const GraphParts& parts, graph::TensorId id) {
  const schema::Layout layout = parts.graph.tensor(id).layout;
  for (size_t i = 0; layout != schema::Layout::row_major && i < parts.nodes.size(); ++i) {
    const graph::Node& node = parts.graph.nodes[parts.nodes[i]];
    if (node.op != graph::Op::StridedCopy && (std::count(node.inputs.begin(), node.inputs.end(), id) ||
                                              std::count(node.outputs.begin(), node.outputs.end(), id)))
      return layout;
  }
  return schema::Layout::row_major;
}

Offset<schema::Tensor> pack(FlatBufferBuilder& builder, const graph::Tensor& tensor, int32_t buffer,
                            schema::Layout layout) {
  const auto name = pack_text(builder, tensor.name);
  const auto quantization = pack(builder, tensor.quantization);
  std::vector<Offset<schema::Dimension>> dims;
  if (tensor.shape) {
    for (const graph::Dim& dim : *tensor.shape) {
      dims.push_back(schema::CreateDimension(builder, dim.known() ? dim.value : -1, pack_text(builder, dim.symbol)));
    }
  }
  return schema::CreateTensor(builder, name, tensor.type, builder.CreateVector(dims), tensor.shape.has_value(), buffer,
                              quantization, layout);
}

Offset<flatbuffers::Vector<int32_t>> pack(FlatBufferBuilder& builder, const std::vector<graph::TensorId>& ids,
                                          const GraphParts& parts) {
  std::vector<int32_t> numbers;
  for (graph::TensorId id : ids) numbers.push_back(parts.number_of(id));
  return builder.CreateVector(numbers);
}

Offset<schema::Node> pack(FlatBufferBuilder& builder, const graph::Node& node, const GraphParts& parts) {
  const auto name = pack_text(builder, node.name);
  const auto inputs = pack(builder, node.inputs, parts), outputs = pack(builder, node.outputs, parts);
  const auto attributes = node.attributes.Pack(builder);
  return schema::CreateNode(builder, name, node.op, inputs, outputs, node.attributes.type, attributes);
}

}  // namespace

int32_t GraphParts::number_of(graph::TensorId id) const {
  if (id < 0) return -1;
  if (tensors.size() == graph.tensors.size()) return id;
  return static_cast<int32_t>(std::lower_bound(tensors.begin(), tensors.end(), id) - tensors.begin());
}

GraphParts whole(const graph::Graph& graph) {
  GraphParts parts{graph,        std::vector<graph::TensorId>(graph.tensors.size()),
                   {},           std::vector<uint32_t>(graph.nodes.size()),
                   graph.inputs, graph.outputs};
  std::iota(parts.tensors.begin(), parts.tensors.end(), 0);
  std::iota(parts.nodes.begin(), parts.nodes.end(), 0u);
  return parts;
}

Offset<schema::Graph> pack(FlatBufferBuilder& builder, const GraphParts& parts) {
  std::vector<Offset<schema::Tensor>> tensors;
  for (size_t i = 0; i < parts.tensors.size(); ++i)
    tensors.push_back(
        pack(builder, parts.graph.tensor(parts.tensors[i]), parts.buffers[i], layout_of(parts, parts.tensors[i])));
  std::vector<Offset<schema::Node>> nodes;
  for (uint32_t i : parts.nodes) nodes.push_back(pack(builder, parts.graph.nodes[i], parts));
  const auto name = pack_text(builder, parts.graph.name);
  const auto packed_tensors = builder.CreateVector(tensors);
  const auto packed_nodes = builder.CreateVector(nodes);
  const auto inputs = pack(builder, parts.inputs, parts), outputs = pack(builder, parts.outputs, parts);
  return schema::CreateGraph(builder, name, packed_tensors, packed_nodes, inputs, outputs);
}

}  // namespace motley::model
