// How far apart neighbouring values of an output are, where it comes from quantized numbers.
#include "quantization_step.hpp"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <vector>

#include "io/file.hpp"
#include "io/tensor_pb.hpp"

namespace motley::conformance {
namespace {

double largest_float(const onnx::TensorProto& proto) {
  const io::DecodedTensor decoded = io::decode(proto, "the scale \"" + proto.name() + "\"");
  if (decoded.type != DataType::float32) return 0;
  double largest = 0;
  for (size_t i = 0; i + sizeof(float) <= decoded.bytes.size(); i += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, decoded.bytes.data() + i, sizeof value);
    largest = std::max(largest, static_cast<double>(value));
  }
  return largest;
}

}  // namespace

double quantization_step(const std::filesystem::path& path, const std::string& output) {
  const io::MappedFile file(path);
  onnx::ModelProto model;
  if (!model.ParseFromArray(file.bytes().data(), static_cast<int>(file.bytes().size()))) return 0;
  std::map<std::string, const onnx::NodeProto*> producers;
  for (const auto& node : model.graph().node())
    for (const std::string& name : node.output()) producers[name] = &node;
  std::map<std::string, const onnx::TensorProto*> constants;
  for (const auto& initializer : model.graph().initializer()) constants[initializer.name()] = &initializer;

  double step = 0;
  std::set<std::string> seen;
  std::vector<std::string> pending{output};
  while (!pending.empty()) {
    const std::string name = pending.back();
    pending.pop_back();
    const auto producer = producers.find(name);
    if (producer == producers.end() || !seen.insert(name).second) continue;
    const onnx::NodeProto& node = *producer->second;
    if (node.op_type() == "DequantizeLinear") {
      const auto scale = node.input_size() > 1 ? constants.find(node.input(1)) : constants.end();
      if (scale != constants.end()) step = std::max(step, largest_float(*scale->second));
    } else {
      pending.insert(pending.end(), node.input().begin(), node.input().end());
    }
  }
  return step;
}

}  // namespace motley::conformance
