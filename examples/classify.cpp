// Loads a classifier, lists the devices, runs it once, and prints the most likely class and where each node ran.
//
//     classify MODEL.motley [INPUT]
//
// INPUT holds the values of the model's first input as raw float32. Without it the program classifies the picture
// below, which fits the demo's network (tools/models/digits.onnx): 28x28, grey, 0 to 1.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "motley/motley.hpp"

namespace {

// Each character is two by two pixels.
// clang-format off
constexpr const char* kPicture[] = {
    "..............",
    "..............",
    "...########...",
    "...########...",
    "..........#...",
    ".........##...",
    ".........#....",
    "........##....",
    "........#.....",
    ".......##.....",
    ".......#......",
    "......##......",
    "..............",
    "..............",
};
// clang-format on

std::vector<float> draw_picture() {
  std::vector<float> pixels;
  for (const char* row : kPicture)
    for (int repeat = 0; repeat < 2; ++repeat)
      for (const char* c = row; *c; ++c) pixels.insert(pixels.end(), 2, *c == '#' ? 0.9f : 0.1f);
  return pixels;
}

std::vector<float> read_values(const char* path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw motley::Error(motley::ErrorCode::io, std::string("the input (") + path + ") cannot be opened");
  std::vector<float> values(static_cast<size_t>(file.tellg()) / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

// The label of a class: a line of the model's metadata, or the number.
std::string label_of(const motley::Model& model, size_t index) {
  const auto found = model.metadata().find("labels");
  if (found == model.metadata().end()) return std::to_string(index);
  std::istringstream lines(found->second);
  std::string line;
  for (size_t i = 0; std::getline(lines, line); ++i)
    if (i == index) return line;
  return std::to_string(index);
}

void classify(const char* model_path, const char* input_path) {
  const motley::Runtime runtime;  // discovers plugins
  for (const motley::DeviceInfo& device : runtime.devices())
    std::printf("device %s: %s (%s)\n", device.name.c_str(), device.description.c_str(), to_string(device.kind));

  const motley::Model model = motley::Model::load(model_path);
  motley::Session session = runtime.compile(model);
  session.input(model.inputs().at(0).name).copy_from(input_path ? read_values(input_path) : draw_picture());
  session.run();

  const std::span<const float> scores = session.output(model.outputs().at(0).name).as<float>();
  const auto best = static_cast<size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
  std::printf("top-1: %s (%.3f)\n", label_of(model, best).c_str(), static_cast<double>(scores[best]));
  std::printf("\n%s", session.explain().to_string().c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: classify MODEL.motley [INPUT]\n");
    return 2;
  }
  try {
    classify(argv[1], argc > 2 ? argv[2] : nullptr);
    return 0;
  } catch (const motley::Error& error) {
    std::fprintf(stderr, "classify: %s\n", error.what());
    return 1;
  }
}
