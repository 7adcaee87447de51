// A network with symbolic batch and length over many shapes: the same numbers on cpu and reference, one plan per shape,
// and none the second time. dynamic_shapes MODEL: its inputs are int64 of two symbolic dimensions. Code 77: the model
// is not there.
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

void fill(motley::Session& session, const std::string& name, unsigned seed) {
  motley::TensorRef input = session.input(name);
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
  for (const motley::TensorInfo& input : model.inputs()) shapes[input.name] = {size.batch, size.length};
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

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) {
      std::fprintf(stderr, "usage: dynamic_shapes MODEL.onnx\n");
      return 2;
    }
    const std::string path = argv[1];
    const size_t slash = path.rfind('/');
    const auto folder = motley::conformance::resolve(path.substr(0, slash));
    if (!folder) {
      std::printf("%s is not there: skipped\n", argv[1]);
      return motley::conformance::kNoData;
    }
    return check(motley::Model::from_module(motley::convert::import_onnx(*folder / path.substr(slash + 1))));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "dynamic_shapes: %s\n", e.what());
    return 1;
  }
}
