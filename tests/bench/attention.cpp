// Prints what attention costs in the cpu plugin as one op, beside MatMul, Softmax, MatMul: time and memory.
//
// usage: attention [--threads N] [--rounds N] [--heads N] [--size N]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "graph/graph.hpp"
#include "motley/motley.hpp"

namespace motley::bench {
namespace {

using graph::Dim;
using graph::Dims;
using graph::Graph;
using graph::TensorId;
using schema::Op;

struct Shape {
  int64_t heads, steps, size;
};

TensorId tensor(Graph& g, const char* name, Dims shape) {
  graph::Tensor t;
  t.name = name;
  t.type = schema::DataType::float32;
  t.shape = std::move(shape);
  return g.add_tensor(std::move(t));
}

// Queries, keys and values of (1, heads, steps, size); the scale is part of the first product in both forms.
Model model_of(const Shape& s, bool one_op) {
  graph::Module module;
  Graph& g = module.graphs.emplace_back();
  const Dims matrix{Dim(1), Dim(s.heads), Dim(s.steps), Dim(s.size)}, scores{Dim(1), Dim(s.heads), Dim(s.steps), Dim(s.steps)};
  const TensorId q = tensor(g, "q", matrix), k = tensor(g, "k", matrix), v = tensor(g, "v", matrix);
  const TensorId y = tensor(g, "y", matrix);
  g.inputs = {q, k, v};
  g.outputs = {y};
  const float scale = 1 / std::sqrt(static_cast<float>(s.size));
  if (one_op) {
    schema::AttentionAttributesT a;
    a.scale = scale;
    g.add_node("attention", Op::Attention, {q, k, v}, {y}, a);
    return Model::from_module(std::move(module));
  }
  const TensorId product = tensor(g, "product", scores), weights = tensor(g, "weights", scores);
  schema::MatMulAttributesT a;
  a.transpose_b = true;
  a.alpha = scale;
  g.add_node("scores", Op::MatMul, {q, k}, {product}, a);
  g.add_node("softmax", Op::Softmax, {product}, {weights}, schema::SoftmaxAttributesT());
  g.add_node("sum", Op::MatMul, {weights, v}, {y}, schema::MatMulAttributesT());
  return Model::from_module(std::move(module));
}

double seconds(Session& session) {
  const auto start = std::chrono::steady_clock::now();
  session.run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void print_row(const Runtime& runtime, const Shape& shape, int rounds) {
  std::vector<Session> forms;
  for (bool one_op : {true, false}) {
    forms.push_back(runtime.compile(model_of(shape, one_op), {.devices = {"cpu"}, .fallback = false, .optimize = false}));
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (const char* name : {"q", "k", "v"}) {
      std::vector<float> values(static_cast<size_t>(shape.heads * shape.steps * shape.size));
      for (float& x : values) x = normal(random);
      forms.back().input(name).copy_from(values);
    }
    forms.back().run();
  }
  double difference = 0;
  const auto a = forms[0].output("y").as<float>(), b = forms[1].output("y").as<float>();
  for (size_t i = 0; i < a.size(); ++i) difference = std::max(difference, std::fabs(double(a[i]) - double(b[i])));
  // The forms take turns, so that what changes the clock hits both.
  std::vector<double> times[2];
  for (int round = 0; round < rounds; ++round)
    for (size_t f : {0u, 1u}) times[f].push_back(seconds(forms[f]));
  const double one = median(times[0]), three = median(times[1]);
  const auto bytes = [&](size_t f) { return double(forms[f].explain().activation_bytes) / 1e6; };
  std::printf("| %lld | %.3f | %.3f | %.2f | %.2f | %.2f | %.1f | %.0e |\n", static_cast<long long>(shape.steps),
              one * 1e3, three * 1e3, three / one, bytes(0), bytes(1), bytes(1) / bytes(0), difference);
  std::fflush(stdout);
}

int option(int argc, char** argv, const char* name, int fallback) {
  for (int i = 1; i + 1 < argc; ++i)
    if (std::strcmp(argv[i], name) == 0) return std::max(1, std::atoi(argv[i + 1]));
  return fallback;
}

int run(int argc, char** argv) {
  const int threads = option(argc, argv, "--threads", 1), rounds = option(argc, argv, "--rounds", 11);
  const int heads = option(argc, argv, "--heads", 12), size = option(argc, argv, "--size", 64);
  set_thread_count(static_cast<uint32_t>(threads));
  const Runtime runtime;
  std::printf("%d heads of size %d, %d thread(s), medians of %d rounds\n\n", heads, size, threads, rounds);
  std::printf("| steps | one op, ms | three ops, ms | times as fast | one op, MB | three ops, MB | times as small | "
              "difference |\n|---|---|---|---|---|---|---|---|\n");
  for (int64_t steps : {1, 16, 128, 512, 2048}) print_row(runtime, {heads, steps, size}, rounds);
  return 0;
}

}  // namespace
}  // namespace motley::bench

int main(int argc, char** argv) {
  try {
    return motley::bench::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "attention: %s\n", e.what());
    return 1;
  }
}
