// TensorProtos as constants of the IR.
#pragma once

#include <onnx/onnx_pb.h>

#include <memory>
#include <string>
#include <unordered_map>

#include "graph/graph.hpp"
#include "motley/limits.hpp"
#include "onnx/external_data.hpp"

namespace motley::convert {

struct ImportedConstant {
  graph::DataType type = graph::DataType::undefined;
  std::vector<int64_t> extents;
  graph::Constant constant;
  bool four_bit = false;  // of bytes: ONNX has INT4 or UINT4
  bool float8 = false;    // of float32: ONNX has an 8-bit floating-point type
};

// Large data stays in the message, which `owner` keeps alive; small or badly aligned data is copied.
class ConstantReader {
 public:
  ConstantReader(std::shared_ptr<const void> owner, std::filesystem::path folder, const Limits& limits)
      : owner_(std::move(owner)), external_(std::move(folder)), limits_(limits) {}

  // `what` begins error sentences. Throws as io::decode() and ExternalData::read(), and Error(limit).
  // A message that is read again, in the body of an unrolled loop, gives the same constant.
  const ImportedConstant& read(const onnx::TensorProto& proto, const std::string& what);

 private:
  ImportedConstant read_float8(const onnx::TensorProto& proto, const std::string& what);
  ImportedConstant read_new(const onnx::TensorProto& proto, const std::string& what);

  std::unordered_map<const onnx::TensorProto*, ImportedConstant> known_;
  std::shared_ptr<const void> owner_;
  ExternalData external_;
  Limits limits_;
};

}  // namespace motley::convert
