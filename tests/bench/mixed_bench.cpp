// A network of two branches on one device, on another, and a branch on each: does the time go down, and what do the
// moves cost?
//
//   mixed_bench [--device opencl] [--cpu cpu] [--length 8] [--channels 32] [--size 56] [--runs 30] [--plugin FILE]
//
// Columns: the median of interleaved runs; then, of the traced runs, how long each device was at work, how long the
// host moved tensors and how long it waited, and work divided by time: 1 is one after another, 2 is both all the time.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "graph/infer.hpp"
#include "ir_builder.hpp"
#include "motley/motley.hpp"

namespace motley::test {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string device = "opencl", cpu = "cpu", plugin;
  int length = 8, runs = 30;
  int64_t channels = 32, size = 56;
};

Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string word = argv[i], value = argv[i + 1];
    if (word == "--device") o.device = value;
    else if (word == "--cpu") o.cpu = value;
    else if (word == "--plugin") o.plugin = value;
    else if (word == "--length") o.length = std::stoi(value);
    else if (word == "--channels") o.channels = std::stoi(value);
    else if (word == "--size") o.size = std::stoi(value);
    else if (word == "--runs") o.runs = std::stoi(value);
    else std::printf("%s is no option\n", word.c_str());
  }
  return o;
}

// x → "left0" … and x → "right0" …, convolutions of 3 x 3, then their sum.
Model network(const Options& o) {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(1), Dim(o.channels), Dim(o.size), Dim(o.size)});
  g.inputs = {x};
  const std::vector<float> weights(static_cast<size_t>(o.channels * o.channels * 9), 0.01f);
  const auto branch = [&](const std::string& name) {
    TensorId at = x;
    for (int i = 0; i < o.length; ++i) {
      schema::ConvAttributesT a;
      a.pads = {1, 1, 1, 1};
      const std::string here = name + std::to_string(i);
      at = node(g, here, Op::Conv,
                {at, constant(g, here + "_w", DataType::float32, {o.channels, o.channels, 3, 3}, weights)},
                DataType::float32, a);
    }
    return at;
  };
  const TensorId left = branch("left"), right = branch("right");
  g.outputs = {node(g, "y", Op::Binary, {left, right}, DataType::float32, binary(schema::BinaryFunction::add))};
  graph::infer_shapes(module);
  return Model::from_module(std::move(module));
}

struct Contestant {
  std::string name;
  Session session;
  std::vector<double> ms = {};
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void print(Contestant& c, const Options& o, double first) {
  constexpr int kTraced = 5;
  c.session.set_tracing(true);
  for (int i = 0; i < kTraced; ++i) c.session.run();
  std::map<std::string, double> busy;
  double moves = 0, waits = 0, total = 0;
  for (const TraceEvent& e : c.session.trace()) {
    const double ms = static_cast<double>(e.end_ns - e.begin_ns) / 1e6 / kTraced;
    if (e.kind == TraceEvent::Kind::segment) busy[e.device] += ms;
    if (e.kind == TraceEvent::Kind::transfer) moves += ms;
    if (e.kind == TraceEvent::Kind::wait) waits += ms;
    if (e.kind == TraceEvent::Kind::run) total += ms;
  }
  c.session.set_tracing(false);
  std::string ways;
  for (const Transfer& t : c.session.explain().transfers) ways += (ways.empty() ? "" : " ") + t.way;
  const double all = busy[o.cpu] + busy[o.device];
  std::printf("%-24s %9.2f %7.2fx %9.2f %9.2f %9.3f %9.2f %9.2f  %s\n", c.name.c_str(), median(c.ms),
              first / median(c.ms), busy[o.cpu], busy[o.device], moves, waits, total > 0 ? all / total : 0,
              ways.c_str());
}

void bench(const Options& o) {
  RuntimeOptions plugins;
  if (!o.plugin.empty()) plugins.plugin_files = {o.plugin};
  const Runtime runtime(plugins);
  const Model model = network(o);
  std::vector<Contestant> contestants;
  contestants.push_back({o.cpu, runtime.compile(model, {.devices = {o.cpu}})});
  contestants.push_back({o.device, runtime.compile(model, {.devices = {o.device}})});
  contestants.push_back(
      {"a branch on each", runtime.compile(model, {.devices = {o.cpu, o.device}, .pins = {{"left*", o.device}}})});
  contestants.push_back(
      {"in turn, op by op", runtime.compile(model, {.devices = {o.cpu, o.device}, .pins = {{"*[02468]", o.device}}})});
  for (int run = -3; run < o.runs; ++run)
    for (Contestant& c : contestants) {
      const auto start = Clock::now();
      c.session.run();
      if (run >= 0) c.ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    }
  std::printf("two branches of %d convolutions, %lld channels, %lld x %lld, %u threads\n", o.length,
              static_cast<long long>(o.channels), static_cast<long long>(o.size), static_cast<long long>(o.size),
              thread_count());
  std::printf("%-24s %9s %8s %9s %9s %9s %9s %9s  %s\n", "placement", "ms", "speed", "cpu", "device", "moves", "waits",
              "work/time", "ways of the moves");
  for (Contestant& c : contestants) print(c, o, median(contestants.front().ms));
}

}  // namespace
}  // namespace motley::test

int main(int argc, char** argv) {
  try {
    motley::test::bench(motley::test::parse(argc, argv));
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
