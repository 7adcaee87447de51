// Inputs of a model that steer shapes.
#include "shape_inputs.hpp"

#include <onnx/onnx_pb.h>

#include <map>
#include <vector>

#include "io/file.hpp"

namespace motley::conformance {
namespace {

// Positions of the inputs whose values decide how large outputs are, or how data moves.
const std::map<std::string, std::vector<int>>& steering() {
  static const std::map<std::string, std::vector<int>> positions = {{"Reshape", {1}},
                                                                    {"Expand", {1}},
                                                                    {"Tile", {1, 2}},
                                                                    {"Pad", {1, 3}},
                                                                    {"Slice", {1, 2, 3, 4}},
                                                                    {"Squeeze", {1}},
                                                                    {"Unsqueeze", {1}},
                                                                    {"TopK", {1}},
                                                                    {"Resize", {1, 2, 3}},
                                                                    {"Upsample", {1}},
                                                                    {"Range", {0, 1, 2}},
                                                                    {"ConstantOfShape", {0}},
                                                                    {"OneHot", {1}},
                                                                    {"CumSum", {1}},
                                                                    {"CumProd", {1}},
                                                                    {"DFT", {1, 2}},
                                                                    {"STFT", {1, 3}},
                                                                    {"HannWindow", {0}},
                                                                    {"HammingWindow", {0}},
                                                                    {"BlackmanWindow", {0}},
                                                                    {"MelWeightMatrix", {0, 1, 2, 3, 4}},
                                                                    {"MaxUnpool", {2}},
                                                                    {"SequenceAt", {1}},
                                                                    {"SequenceErase", {1}},
                                                                    {"SequenceInsert", {2}},
                                                                    {"SplitToSequence", {1}},
                                                                    {"Split", {1}},
                                                                    {"CenterCropPad", {1}},
                                                                    {"Trilu", {1}},
                                                                    {"AffineGrid", {1}},
                                                                    {"Col2Im", {1, 2}},
                                                                    {"Compress", {1}},
                                                                    {"ReverseSequence", {1}},
                                                                    {"Dropout", {1, 2}},
                                                                    {"NonMaxSuppression", {2}},
                                                                    {"Loop", {0}},
                                                                    {"If", {0}},
                                                                    {"ReduceSum", {1}},
                                                                    {"ReduceMean", {1}},
                                                                    {"ReduceMax", {1}},
                                                                    {"ReduceMin", {1}},
                                                                    {"ReduceProd", {1}},
                                                                    {"ReduceL1", {1}},
                                                                    {"ReduceL2", {1}},
                                                                    {"ReduceLogSum", {1}},
                                                                    {"ReduceLogSumExp", {1}},
                                                                    {"ReduceSumSquare", {1}}};
  return positions;
}

onnx::ModelProto parse(const std::filesystem::path& path) {
  const io::MappedFile file(path);
  onnx::ModelProto model;
  if (!model.ParseFromArray(file.bytes().data(), static_cast<int>(file.bytes().size()))) model.Clear();
  return model;
}

}  // namespace

std::vector<std::string> model_inputs(const std::filesystem::path& path) {
  const onnx::ModelProto model = parse(path);
  std::set<std::string> constants;
  for (const auto& initializer : model.graph().initializer()) constants.insert(initializer.name());
  std::vector<std::string> names;
  for (const auto& input : model.graph().input())
    if (!constants.contains(input.name())) names.push_back(input.name());
  return names;
}

std::set<std::string> shape_inputs(const std::filesystem::path& path) {
  const onnx::ModelProto model = parse(path);
  std::set<std::string> wanted;
  const auto& nodes = model.graph().node();
  for (const auto& node : nodes) {
    const auto known = steering().find(node.op_type());
    if (known == steering().end()) continue;
    for (int i : known->second)
      if (i < node.input_size() && !node.input(i).empty()) wanted.insert(node.input(i));
  }
  // Backwards through what computes them, up to the shapes of tensors, whose values don't matter.
  for (int i = nodes.size() - 1; i >= 0; --i) {
    const auto& node = nodes[i];
    if (node.op_type() == "Shape" || node.op_type() == "Size") continue;
    bool steers = false;
    for (const std::string& output : node.output()) steers |= wanted.contains(output);
    if (!steers) continue;
    for (const std::string& input : node.input())
      if (!input.empty()) wanted.insert(input);
  }
  std::set<std::string> inputs;
  for (const auto& input : model.graph().input())
    if (wanted.contains(input.name())) inputs.insert(input.name());
  return inputs;
}

}  // namespace motley::conformance
