// A network of two branches on one device, on another, and a branch on each: does the time go down, and what do the
// moves cost?
//
// Both branches are rows of convolutions, their lengths in proportion to how fast the devices are, so that each device
// has the same time's worth of work. Then "a branch on each" takes at best as long as the longer branch alone, which is
// the column "bound".
//
// Times are medians of runs that take turns. Of traced runs: how long each device was at work, how long the host moved
// tensors and how long it waited, and work divided by time: 1 is one after another, 2 is both all the time.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "graph/infer.hpp"
#include "ir_builder.hpp"
#include "motley/motley.hpp"

namespace motley::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kHelp =
    "usage: mixed_bench [options]\n"
    "\n"
    "  --device ID      the device that works in the background (default opencl; see motley devices)\n"
    "  --cpu ID         the other device (default cpu); it may be a GPU too\n"
    "  --length N       convolutions in the shorter branch (default 8)\n"
    "  --longest N      convolutions in the longer branch at most (default 128)\n"
    "  --even           both branches are of --length, however fast the devices are\n"
    "  --channels N     of each convolution (default 32)\n"
    "  --size N         height and width (default 56)\n"
    "  --runs N         of each placement (default 30)\n"
    "  --plugin FILE    only this plugin, in place of those that are found\n"
    "\n"
    "Where both devices compute on the same cores, give each its own: on two cores, with PoCL,\n"
    "  POCL_MAX_PTHREAD_COUNT=1 MOTLEY_THREADS=1 mixed_bench\n"
    "On a machine with a GPU nothing is to be set:\n"
    "  mixed_bench --device vulkan --channels 128\n";

struct Options {
  std::string device = "opencl", cpu = "cpu", plugin;
  int length = 8, longest = 128, runs = 30;
  int64_t channels = 32, size = 56;
  bool even = false, help = false;
};

int count_of(const std::string& option, const std::string& text) {
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end || value < 1 || value > 100000)
    throw std::invalid_argument(option + " takes a number from 1 on (got \"" + text + "\")");
  return static_cast<int>(value);
}

Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&]() -> std::string {
      if (++i >= argc) throw std::invalid_argument("option " + word + " needs a value; see --help");
      return argv[i];
    };
    if (word == "--help" || word == "-h") o.help = true;
    else if (word == "--even") o.even = true;
    else if (word == "--device") o.device = value();
    else if (word == "--cpu") o.cpu = value();
    else if (word == "--plugin") o.plugin = value();
    else if (word == "--length") o.length = count_of(word, value());
    else if (word == "--longest") o.longest = count_of(word, value());
    else if (word == "--channels") o.channels = count_of(word, value());
    else if (word == "--size") o.size = count_of(word, value());
    else if (word == "--runs") o.runs = count_of(word, value());
    else throw std::invalid_argument("there is no option \"" + word + "\"; see --help");
  }
  return o;
}

// x → "left0" … and x → "right0" …, convolutions of 3 x 3, then their sum. With 0 of one kind, the other branch alone.
Model network(const Options& o, int left, int right) {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(1), Dim(o.channels), Dim(o.size), Dim(o.size)});
  g.inputs = {x};
  const std::vector<float> weights(static_cast<size_t>(o.channels * o.channels * 9), 0.01f);
  const auto branch = [&](const std::string& name, int length) {
    TensorId at = x;
    for (int i = 0; i < length; ++i) {
      schema::ConvAttributesT a;
      a.pads = {1, 1, 1, 1};
      const std::string here = name + std::to_string(i);
      at = node(g, here, Op::Conv,
                {at, constant(g, here + "_w", DataType::float32, {o.channels, o.channels, 3, 3}, weights)},
                DataType::float32, a);
    }
    return at;
  };
  if (left == 0 || right == 0) {
    g.outputs = {branch(left ? "left" : "right", left + right)};
  } else {
    const TensorId one = branch("left", left), other = branch("right", right);
    g.outputs = {node(g, "y", Op::Binary, {one, other}, DataType::float32, binary(schema::BinaryFunction::add))};
  }
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

void race(std::vector<Contestant>& contestants, int runs) {
  for (int run = -3; run < runs; ++run)
    for (Contestant& c : contestants) {
      const auto start = Clock::now();
      c.session.run();
      if (run >= 0) c.ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    }
}

struct Lengths {
  int left, right;  // on the device, on the CPU
};

// Branches that take the two devices equally long, as far as whole convolutions and the longest allow.
Lengths lengths_for(const Runtime& runtime, const Options& o) {
  if (o.even) return {o.length, o.length};
  std::vector<Contestant> alone;
  const Model model = network(o, o.length, 0);
  alone.push_back({o.device, runtime.compile(model, {.devices = {o.device}})});
  alone.push_back({o.cpu, runtime.compile(model, {.devices = {o.cpu}})});
  race(alone, 10);
  const double ratio = median(alone[1].ms) / median(alone[0].ms);  // how much faster the device is
  const auto longer = [&](double times) {
    return std::clamp(static_cast<int>(std::lround(o.length * times)), o.length, std::max(o.length, o.longest));
  };
  return ratio >= 1 ? Lengths{longer(ratio), o.length} : Lengths{o.length, longer(1 / ratio)};
}

void print(Contestant& c, const Options& o, double best, double bound) {
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
  std::map<std::string, int> ways;
  for (const Transfer& t : c.session.explain().transfers) ++ways[t.way];
  std::string moved;
  for (const auto& [way, count] : ways) moved += (moved.empty() ? "" : ", ") + std::to_string(count) + " " + way;
  const double all = busy[o.cpu] + busy[o.device];
  std::printf("%-24s %9.3f %9.3f %6.2fx", c.name.c_str(), *std::min_element(c.ms.begin(), c.ms.end()), median(c.ms),
              best / median(c.ms));
  if (bound > 0) std::printf(" %6.2fx", best / bound);
  else std::printf(" %7s", "");
  std::printf(" %9.3f %9.3f %9.3f %9.3f %9.2f  %s\n", busy[o.cpu], busy[o.device], moves, waits,
              total > 0 ? all / total : 0, moved.c_str());
}

void bench(const Options& o) {
  RuntimeOptions plugins;
  if (!o.plugin.empty()) plugins.plugin_files = {o.plugin};
  const Runtime runtime(plugins);
  const Lengths length = lengths_for(runtime, o);
  const Model model = network(o, length.left, length.right);
  const CompileOptions both{.devices = {o.cpu, o.device}, .pins = {{"left*", o.device}, {"right*", o.cpu}}};
  const CompileOptions in_turn{.devices = {o.cpu, o.device}, .pins = {{"*[02468]", o.device}, {"*[13579]", o.cpu}}};
  std::vector<Contestant> contestants;
  contestants.push_back({"all on " + o.cpu, runtime.compile(model, {.devices = {o.cpu}})});
  contestants.push_back({"all on " + o.device, runtime.compile(model, {.devices = {o.device}})});
  contestants.push_back({"a branch on each", runtime.compile(model, both)});
  contestants.push_back({"in turn, op by op", runtime.compile(model, in_turn)});
  contestants.push_back({"branch alone, " + o.cpu, runtime.compile(network(o, 0, length.right), {.devices = {o.cpu}})});
  contestants.push_back(
      {"branch alone, " + o.device, runtime.compile(network(o, length.left, 0), {.devices = {o.device}})});
  race(contestants, o.runs);
  const double best = std::min(median(contestants[0].ms), median(contestants[1].ms));
  const double bound = std::max(median(contestants[4].ms), median(contestants[5].ms));
  std::printf("branches of %d convolutions for %s and %d for %s, %lld channels, %lld x %lld; %u threads\n", length.left,
              o.device.c_str(), length.right, o.cpu.c_str(), static_cast<long long>(o.channels),
              static_cast<long long>(o.size), static_cast<long long>(o.size), thread_count());
  std::printf("%-24s %9s %9s %7s %7s %9s %9s %9s %9s %9s  %s\n", "placement", "least ms", "median", "speed", "bound",
              o.cpu.c_str(), o.device.c_str(), "moves", "waits", "work/time", "moves by way");
  for (size_t i = 0; i < contestants.size(); ++i) print(contestants[i], o, best, i == 2 ? bound : 0);
}

}  // namespace
}  // namespace motley::test

int main(int argc, char** argv) {
  try {
    const motley::test::Options options = motley::test::parse(argc, argv);
    if (options.help) std::fputs(motley::test::kHelp, stdout);
    else motley::test::bench(options);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "mixed_bench: %s\n", e.what());
    return 1;
  }
}
