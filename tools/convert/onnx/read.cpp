// An ONNX file as a protobuf message.
#include "onnx/read.hpp"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <climits>

#include "motley/error.hpp"

namespace motley::convert {

std::shared_ptr<const onnx::ModelProto> parse_model(std::span<const std::byte> bytes, const Limits& limits,
                                                    const std::string& what) {
  if (bytes.size() > INT_MAX)
    throw Error(ErrorCode::limit, what + " is over 2 GiB (" + std::to_string(bytes.size()) +
                                      " bytes); save it with its weights as external data");
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t*>(bytes.data()),
                                                static_cast<int>(bytes.size()));
  // A graph within a graph is three messages deeper: node, attribute, graph. The rest is for tensors and types.
  stream.SetRecursionLimit(static_cast<int>(std::min<uint32_t>(limits.max_nesting, 1000)) * 3 + 16);
  auto model = std::make_shared<onnx::ModelProto>();
  if (!model->ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    throw Error(ErrorCode::invalid_model,
                what + " is not a readable ONNX model: it is damaged, cut off, or has graphs nested " +
                    "deeper than the limit (" + std::to_string(limits.max_nesting) + ")");
  if (!model->has_graph())
    throw Error(ErrorCode::invalid_model, what + " has no graph; it is damaged or not an ONNX model");
  return model;
}

}  // namespace motley::convert
