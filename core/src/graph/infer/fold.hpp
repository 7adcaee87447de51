// Replacing nodes by the constants they would compute.
#pragma once

#include "graph/infer.hpp"
#include "graph/infer/context.hpp"

namespace motley::graph::infer {

// Makes the node's outputs constants where that is possible before a run, and says whether it did: then the node can
// go. Otherwise what is known of small outputs is put into `values`. Call after the node's shapes were inferred.
bool fold(Graph& graph, const Node& node, ValueTable& values, const InferOptions& options);

}  // namespace motley::graph::infer
