// The IR as FlatBuffer tables, for files and for the plugin ABI.
#pragma once

#include <vector>

#include "graph/graph.hpp"

namespace motley::model {

// What of a graph is packed. Tensors are numbered anew, as they stand in `tensors`.
struct GraphParts {
  const graph::Graph& graph;
  std::vector<graph::TensorId> tensors;  // ascending
  std::vector<int32_t> buffers;          // per tensor: which one of Model.buffers its bytes become; -1: none
  std::vector<uint32_t> nodes;           // ascending
  const std::vector<graph::TensorId>&inputs, &outputs;

  // The new number of a tensor of `tensors`; -1 for graph::kNone.
  int32_t number_of(graph::TensorId id) const;
};
// All of a graph, without buffers.
GraphParts whole(const graph::Graph& graph);

flatbuffers::Offset<schema::Graph> pack(flatbuffers::FlatBufferBuilder& builder, const GraphParts& parts);

}  // namespace motley::model
