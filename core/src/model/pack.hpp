// The IR as FlatBuffer tables, for files and for the plugin ABI.
#pragma once

#include <vector>

#include "graph/graph.hpp"

namespace motley::model {

// Where a graph's tensors go: new index of each, -1 for those left out.
using Renumbering = std::vector<int32_t>;
Renumbering identity_renumbering(const graph::Graph& graph);

// Which constant a tensor's bytes become in Model.buffers, by index of the (old) tensor; -1 for none.
using BufferIndices = std::vector<int32_t>;

struct GraphParts {
  const graph::Graph& graph;
  const Renumbering& renumbering;
  const BufferIndices& buffers;
  std::vector<uint32_t> nodes;  // ascending
  std::vector<graph::TensorId> inputs, outputs;
};
// All of a graph.
GraphParts whole(const graph::Graph& graph, const Renumbering& renumbering, const BufferIndices& buffers);

flatbuffers::Offset<schema::Graph> pack(flatbuffers::FlatBufferBuilder& builder, const GraphParts& parts);

}  // namespace motley::model
