// The order in which the nodes of a graph can be imported.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

namespace motley::convert {

using NodeList = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

// "Conv_3" for the fourth node, where it has no name of its own.
std::string node_name(const onnx::NodeProto& node, int index);

// Indices of `nodes`, producers before consumers, otherwise as they stand. What nested graphs read from outside counts.
// Throws Error(invalid_model) where two nodes write a tensor or nodes depend on each other in a circle.
std::vector<int> topological_order(const NodeList& nodes);

}  // namespace motley::convert
