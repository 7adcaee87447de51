// A graph as it crosses the plugin ABI.
#pragma once

#include <vector>

#include "graph/graph.hpp"
#include "motley/plugin.h"

namespace motley::model {

// The FlatBuffer and the constants it refers to. Constants are not copied: they live as long as `owners`.
struct SerializedGraph {
  flatbuffers::DetachedBuffer model;
  std::vector<motley_bytes> constants;
  std::vector<std::shared_ptr<const void>> owners;

  // Valid as long as this object stays where it is.
  motley_graph view() const;
};

SerializedGraph serialize(const graph::Graph& graph);

// As `serialize`, with only the nodes at `nodes` (ascending), `inputs` and `outputs` (ids of `graph`), and the tensors
// these name, renumbered.
SerializedGraph serialize_segment(const graph::Graph& graph, const std::vector<uint32_t>& nodes,
                                  const std::vector<graph::TensorId>& inputs,
                                  const std::vector<graph::TensorId>& outputs);

// One node alone, with what it reads, constants apart, as inputs.
SerializedGraph serialize_node(const graph::Graph& graph, uint32_t node);

}  // namespace motley::model
