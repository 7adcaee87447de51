// An ONNX file as a protobuf message.
#pragma once

#include <onnx/onnx_pb.h>

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "motley/limits.hpp"

namespace motley::convert {

// Throws Error(invalid_model) for bytes that are no ModelProto with a graph, Error(limit) for more than 2 GiB. Messages
// nested deeper than `limits` allows graphs to be are refused while parsing, before they can exhaust the stack.
std::shared_ptr<const onnx::ModelProto> parse_model(std::span<const std::byte> bytes, const Limits& limits,
                                                    const std::string& what);

}  // namespace motley::convert
