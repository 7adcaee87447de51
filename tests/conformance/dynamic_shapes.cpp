// A network with symbolic dimensions over many shapes: the same numbers on cpu and reference, plans for each shape once,
// and none the second time. dynamic_shapes MODEL [--states]: of the dimensions with a name, the first is a batch and
// others a length. With --states, a network that is run frame by frame: float inputs get noise, and an output of the
// shape of an input that is no frame comes back as that input. Code 77: the model is not there.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>

#include "convert/convert.hpp"
#include "data_root.hpp"
#include "motley/motley.hpp"

namespace {

struct Size {
  int64_t batch, length;
};
constexpr Size kSizes[] = {{1, 1}, {1, 2}, {1, 7}, {2, 3}, {1, 16}, {3, 5}, {2, 16}, {1, 33}, {4, 8}, {1, 64}};

void fill_float(motley::TensorRef input, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 0.5f);
  std::vector<float> values(static_cast<size_t>(input.elements()));
  for (float& v : values) v = normal(random);
  input.copy_from(values);
}

void fill(motley::Session& session, const std::string& name, unsigned seed) {
  motley::TensorRef input = session.input(name);
  if (input.type() == motley::DataType::float32) return fill_float(input, seed);
  // The only whole number that is a parameter in these networks: a sample rate.
  if (input.shape().empty()) return input.copy_from(std::vector<int64_t>{16000});
  std::mt19937 random(seed);
  std::vector<int64_t> values(static_cast<size_t>(input.elements()));
  // Small enough for every vocabulary; a mask of ones and zeros in which no row is empty.
  const bool binary = name.find("mask") != std::string::npos || name.find("type") != std::string::npos;
  for (int64_t& v : values) v = static_cast<int64_t>(random() % (binary ? 2 : 30));
  if (name.find("mask") != std::string::npos)
    for (size_t i = 0; i < values.size(); i += static_cast<size_t>(input.shape()[1])) values[i] = 1;
  input.copy_from(values);
}

motley::InputShapes shapes_for(const motley::Model& model, Size size) {
  motley::InputShapes shapes;
  std::string batch;
  for (const motley::TensorInfo& input : model.inputs()) {
    std::vector<int64_t>& shape = shapes[input.name] = input.shape;
    for (size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] >= 0) continue;
      if (batch.empty()) batch = input.symbols[i];
      shape[i] = input.symbols[i] == batch ? size.batch : size.length;
    }
  }
  return shapes;
}

// The largest difference of any output, relative to its range.
double difference(motley::Session& a, motley::Session& b) {
  double worst = 0;
  for (const std::string& name : a.output_names()) {
    const auto x = a.output(name).as<float>(), y = b.output(name).as<float>();
    if (x.size() != y.size()) return INFINITY;
    double range = 1;
    for (float v : x) range = std::max<double>(range, std::fabs(v));
    for (size_t i = 0; i < x.size(); ++i)
      worst = std::max(worst, std::isnan(x[i]) ? INFINITY : std::fabs(double(x[i]) - y[i]) / range);
  }
  return worst;
}

int check(const motley::Model& model) {
  const motley::Runtime rt;
  motley::Session cpu = rt.compile(model, {.devices = {"cpu"}, .input_shapes = shapes_for(model, kSizes[0])});
  motley::Session reference =
      rt.compile(model, {.devices = {"reference"}, .input_shapes = shapes_for(model, kSizes[0])});
  int failed = 0, passed = 0;
  for (int round = 0; round < 2; ++round) {
    for (const Size& size : kSizes) {
      for (motley::Session* session : {&cpu, &reference}) {
        session->resize(shapes_for(model, size));
        unsigned seed = 1;
        for (const std::string& name : session->input_names()) fill(*session, name, seed++);
        session->run();
      }
      const double worst = difference(cpu, reference);
      const bool good = worst <= 1e-3;
      std::printf("round %d  batch %lld length %2lld  plans %2zu  difference %.1e  %s\n", round + 1,
                  static_cast<long long>(size.batch), static_cast<long long>(size.length), cpu.plans_made(), worst,
                  good ? "ok" : "FAILED");
      ++(good ? passed : failed);
    }
  }
  const bool one_plan_each = cpu.plans_made() == std::size(kSizes);
  std::printf("%zu plans for %zu shapes seen twice: %s\n", cpu.plans_made(), std::size(kSizes),
              one_plan_each ? "ok" : "FAILED");
  ++(one_plan_each ? passed : failed);
  std::printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed ? 1 : 0;
}

// Sizes of a network that is run frame by frame: three frames of each, with what it gives out fed back.
constexpr Size kFrames[] = {{1, 576}, {2, 576}, {1, 576}, {3, 576}, {2, 576}};

// Outputs that come back as inputs: those of an input's shape, but the first of each.
std::vector<std::pair<std::string, std::string>> states(motley::Session& session) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const auto outputs = session.output_names(), inputs = session.input_names();
  for (size_t o = 1; o < outputs.size(); ++o)
    for (size_t i = 1; i < inputs.size(); ++i) {
      const auto a = session.output(outputs[o]).shape(), b = session.input(inputs[i]).shape();
      if (std::equal(a.begin(), a.end(), b.begin(), b.end())) pairs.emplace_back(outputs[o], inputs[i]);
    }
  return pairs;
}

int check_frames(const motley::Model& model) {
  const motley::Runtime rt;
  motley::Session cpu = rt.compile(model, {.devices = {"cpu"}, .input_shapes = shapes_for(model, kFrames[0])});
  motley::Session reference =
      rt.compile(model, {.devices = {"reference"}, .input_shapes = shapes_for(model, kFrames[0])});
  int failed = 0, passed = 0;
  size_t plans = 0;
  for (int round = 0; round < 2; ++round) {
    for (const Size& size : kFrames) {
      for (motley::Session* session : {&cpu, &reference}) {
        session->resize(shapes_for(model, size));
        unsigned seed = 1;
        for (const std::string& name : session->input_names()) fill(*session, name, seed++);
      }
      double worst = 0, moved = 0;
      for (unsigned frame = 0; frame < 3; ++frame) {
        for (motley::Session* session : {&cpu, &reference}) {
          fill(*session, session->input_names()[0], 100 + frame);
          session->run();
          const auto pairs = states(*session);
          if (pairs.empty()) throw motley::Error(motley::ErrorCode::invalid_argument, "the model has no states");
          for (const auto& [output, input] : pairs) {
            const auto before = session->input(input).as<float>(), after = session->output(output).as<float>();
            for (size_t i = 0; i < before.size(); ++i) moved = std::max<double>(moved, std::fabs(before[i] - after[i]));
            session->input(input).copy_from(std::vector<float>(after.begin(), after.end()));
          }
        }
        worst = std::max(worst, difference(cpu, reference));
      }
      const bool good = worst <= 1e-3 && moved > 0;
      std::printf("round %d  batch %lld  plans %2zu  states moved by %.2f  difference %.1e  %s\n", round + 1,
                  static_cast<long long>(size.batch), cpu.plans_made(), moved, worst, good ? "ok" : "FAILED");
      ++(good ? passed : failed);
    }
    if (round == 0) plans = cpu.plans_made();
  }
  const bool none_new = cpu.plans_made() == plans;
  std::printf("%zu plans, %zu in the second round: %s\n", plans, cpu.plans_made() - plans, none_new ? "ok" : "FAILED");
  ++(none_new ? passed : failed);
  std::printf("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const bool frames = argc == 3 && std::string(argv[2]) == "--states";
    if (argc != 2 && !frames) {
      std::fprintf(stderr, "usage: dynamic_shapes MODEL.onnx [--states]\n");
      return 2;
    }
    const std::string path = argv[1];
    const size_t slash = path.rfind('/');
    const auto folder = motley::conformance::resolve(path.substr(0, slash));
    if (!folder) {
      std::printf("%s is not there: skipped\n", argv[1]);
      return motley::conformance::kNoData;
    }
    const auto model = motley::Model::from_module(motley::convert::import_onnx(*folder / path.substr(slash + 1)));
    return frames ? check_frames(model) : check(model);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "dynamic_shapes: %s\n", e.what());
    return 1;
  }
}
