// Measures a GPU plugin: products of matrices under many configs, whole networks, and how long a session takes to make.
//
//   gpu_bench [--device opencl] [--gemm 512] [--config mr=4,nv=1,…]… [--small] [--model FILE.motley]… [--layers]
//
// --small: convolutions with weights as float16, and of bytes, beside float32. --slice: networks in slices of at most
// so many us.
//
// Times are the least of several runs, because the machine does other things too; medians stand beside them, and how
// many processors were busy meanwhile: on a CPU device, what others take is missing to the kernels. "made" is the first
// session of the process, so kernels come from the caches on disk or are compiled; "again" finds them in the process.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "graph/graph.hpp"
#include "graph/infer.hpp"
#include "motley/motley.hpp"
#include "plugin_library.hpp"
#include "single_node.hpp"

namespace {

using namespace motley;
using Clock = std::chrono::steady_clock;
using graph::TensorId;
using schema::Op;

double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

// Seconds of processor time, summed over processors: of this process, and of the machine (0 where /proc/stat is not
// there).
struct Load {
  double own = 0, all = 0;
};
Load load() {
  Load l;
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  l.own = seconds(use.ru_utime) + seconds(use.ru_stime);
  // user, nice, system, idle, waiting for input and output, interrupts (2), stolen
  std::ifstream stat("/proc/stat");
  std::string cpu;
  stat >> cpu;
  double ticks = 0;
  for (int i = 0; i < 8 && stat >> ticks; ++i)
    if (i != 3 && i != 4) l.all += ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
  return l;
}
// Processors that were busy since `begin`, for this process and for others.
struct Busy {
  double own, others;
};
Busy busy_since(const Load& begin, Clock::time_point start) {
  const Load end = load();
  const double seconds = ms_since(start) * 1e-3;
  return {(end.own - begin.own) / seconds, std::max(0.0, (end.all - begin.all) - (end.own - begin.own)) / seconds};
}

struct Times {
  double least = 0, median = 0;
};
template <class Fn>
Times measure(int runs, Fn&& fn) {
  std::vector<double> ms;
  for (int i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    fn();
    ms.push_back(ms_since(start));
  }
  std::sort(ms.begin(), ms.end());
  return {ms.front(), ms[ms.size() / 2]};
}

// ---- products of matrices, through the C functions ----

void copy_in(const motley_plugin& plugin, motley_buffer* buffer, const std::vector<uint8_t>& bytes) {
  void* host = nullptr;
  if (plugin.buffer_map(buffer, &host, nullptr) != MOTLEY_OK) std::abort();
  std::memcpy(host, bytes.data(), bytes.size());
  plugin.buffer_unmap(buffer);
}
std::vector<uint8_t> copy_out(const motley_plugin& plugin, motley_buffer* buffer, uint64_t bytes) {
  void* host = nullptr;
  if (plugin.buffer_map(buffer, &host, nullptr) != MOTLEY_OK) std::abort();
  std::vector<uint8_t> copy(static_cast<uint8_t*>(host), static_cast<uint8_t*>(host) + bytes);
  plugin.buffer_unmap(buffer);
  return copy;
}

// A node compiled and run on memory of the device. 0: the config is refused, with the reason printed. `result` gets the
// bytes of output 0.
Times time_node(const motley_plugin& plugin, motley_device* device, const test::NodeCase& c, const std::string& config,
                int runs = 20, std::vector<uint8_t>* result = nullptr) {
  const test::NodeGraph node(c);
  const motley_node_config chosen{0, config.c_str()};
  const motley_compile_options options{sizeof options, config.empty() ? 0u : 1u, &chosen, 0};
  motley_executable* executable = nullptr;
  test::ErrorText e;
  if (plugin.compile(device, &node.graph(), &options, &executable, &e.error) != MOTLEY_OK) {
    std::printf("%-40s %s\n", config.c_str(), e.text);
    return {};
  }
  std::vector<motley_buffer*> buffers;
  const auto bind = [&](uint64_t bytes) {
    motley_buffer* buffer = nullptr;
    if (bytes && plugin.buffer_alloc(device, bytes, &buffer, nullptr) != MOTLEY_OK) std::abort();
    if (buffer) buffers.push_back(buffer);
    return motley_binding{buffer, nullptr, 0, bytes};
  };
  motley_exec_requirements need{};
  need.struct_size = sizeof need;
  plugin.exec_requirements(executable, &need);
  std::vector<motley_binding> in, out;
  for (const test::Value& v : c.inputs)
    if (!v.absent() && !v.constant) {
      in.push_back(bind(v.byte_size()));
      if (in.back().buffer) copy_in(plugin, in.back().buffer, v.bytes);
    }
  for (const test::Value& v : c.outputs) out.push_back(bind(v.byte_size()));
  motley_submission s{};
  s.struct_size = sizeof s;
  s.inputs = in.data(), s.input_count = static_cast<uint32_t>(in.size());
  s.outputs = out.data(), s.output_count = static_cast<uint32_t>(out.size());
  s.scratch = bind(need.scratch_bytes);
  motley_queue* queue = nullptr;
  plugin.queue_create(device, &queue, nullptr);
  const auto run = [&] {
    ++s.signal_value;
    if (plugin.submit(device, queue, executable, &s, nullptr) != MOTLEY_OK ||
        plugin.fence_wait(queue, s.signal_value, UINT64_MAX, nullptr) != MOTLEY_OK)
      std::abort();
  };
  run();
  const Times t = measure(runs, run);
  if (result && out[0].buffer) *result = copy_out(plugin, out[0].buffer, out[0].size);
  plugin.queue_destroy(queue);
  plugin.exec_release(executable);
  for (motley_buffer* buffer : buffers) plugin.buffer_release(buffer);
  return t;
}

test::Value noise_of(std::vector<int64_t> shape, uint64_t seed) {
  const auto count = static_cast<size_t>(sdk::Shape(shape).elements());
  return test::value<float>(std::move(shape), test::noise(count, seed));
}

// Some elements of a product, all tiles of 61 x 67 touched, beside sums in double: a config that is fast because it
// leaves work out would look good otherwise.
bool is_product(const test::NodeCase& c, const std::vector<uint8_t>& result, int64_t size, double tolerance) {
  const std::vector<float> a = c.inputs[0].as<float>(), b = c.inputs[1].as<float>();
  for (int64_t row = 0; row < size; row += 61)
    for (int64_t column = row % 67; column < size; column += 67) {
      double sum = 0, scale = 0;
      for (int64_t k = 0; k < size; ++k) {
        const double term = static_cast<double>(a[static_cast<size_t>(row * size + k)]) *
                            static_cast<double>(b[static_cast<size_t>(k * size + column)]);
        sum += term;
        scale += std::fabs(term);
      }
      float got;
      std::memcpy(&got, result.data() + static_cast<size_t>(row * size + column) * sizeof got, sizeof got);
      if (!(std::fabs(static_cast<double>(got) - sum) <= tolerance * scale)) return false;
    }
  return true;
}

void gemm(const motley_plugin& plugin, int64_t size, std::vector<std::string> configs) {
  if (configs.empty())
    configs = {"",
               "precision=f16",
               "mr=8,nv=2,vw=16",
               "mr=12,nv=2,vw=16",
               "mr=6,nv=4,vw=16",
               "mr=4,nv=4,vw=16",
               "mr=8,nv=2,vw=8",
               "mr=4,nv=1,vw=4,lx=8,ly=8",
               "mr=4,nv=1,vw=4,lx=8,ly=8,local_k=8",
               "mr=1,nv=1,vw=1,lx=16,ly=4"};
  const test::OpenDevice device(plugin);
  const test::NodeCase c = test::node_case(Op::MatMul, schema::MatMulAttributesT(),
                                           {test::constant(noise_of({size, size}, 1)), noise_of({size, size}, 2)},
                                           {test::output_of<float>({size, size})});
  const double giga = 2e-9 * static_cast<double>(size) * static_cast<double>(size) * static_cast<double>(size);
  std::printf("%-40s %10s %10s %10s %10s\n", "matrix product, config", "least ms", "median", "GFLOP/s", "median");
  for (const std::string& config : configs) {
    std::vector<uint8_t> result;
    const Times t = time_node(plugin, device.get(), c, config, 20, &result);
    if (t.least <= 0) continue;
    const double tolerance = config.find("f16") == std::string::npos ? 1e-5 : 1e-3;
    std::printf("%-40s %10.3f %10.3f %10.1f %10.1f%s\n", config.empty() ? "(default)" : config.c_str(), t.least,
                t.median, 1e3 * giga / t.least, 1e3 * giga / t.median,
                is_product(c, result, size, tolerance) ? "" : "  WRONG RESULT");
  }
}

// ---- smaller numbers: convolutions of floats, with weights as float16, and of bytes ----

struct Layer {
  const char* name;
  int64_t in, out, size, kernel;
};
constexpr Layer kLayers[] = {{"3x3 64-64 56", 64, 64, 56, 3}, {"3x3 256-256 14", 256, 256, 14, 3}, {"1x1 256-256 28", 256, 256, 28, 1}, {"1x1 64-256 56", 64, 256, 56, 1}};

test::NodeCase float_layer(const Layer& l) {
  schema::ConvAttributesT a;
  a.pads.assign(4, l.kernel / 2);
  return test::node_case(Op::Conv, a, {noise_of({1, l.in, l.size, l.size}, 1), test::constant(noise_of({l.out, l.in, l.kernel, l.kernel}, 2)), {}, {}},
                         {test::output_of<float>({1, l.out, l.size, l.size})});
}

// With computed weights bytes are read one at a time.
test::NodeCase byte_layer(const Layer& l, bool constant_weights) {
  schema::ConvAttributesT a;
  a.pads.assign(4, l.kernel / 2);
  const auto bytes = [](std::vector<int64_t> shape) {
    const auto count = static_cast<size_t>(sdk::Shape(shape).elements());
    return test::value<int8_t, int8_t>(std::move(shape), std::vector<int8_t>(count, 3));
  };
  const auto scalar = [](float v) { return test::constant(test::value<float>({}, {v})); };
  const test::Value zero = test::constant(test::value<int8_t, int8_t>({}, {int8_t{1}}));
  test::Value w = bytes({l.out, l.in, l.kernel, l.kernel});
  w.constant = constant_weights;
  return test::node_case(Op::QLinearConv, a, {bytes({1, l.in, l.size, l.size}), scalar(0.02f), zero, w, scalar(0.01f), zero, scalar(0.1f), zero, {}},
                         {test::output_of<int8_t>({1, l.out, l.size, l.size})});
}

void small_numbers(const motley_plugin& plugin) {
  const test::OpenDevice device(plugin);
  std::printf("%-20s %10s %14s %10s %14s   least ms\n", "convolution", "float32", "float16 weights", "bytes", "bytes, singly");
  for (const Layer& l : kLayers) {
    const Times f = time_node(plugin, device.get(), float_layer(l), ""), h = time_node(plugin, device.get(), float_layer(l), "precision=f16");
    const Times words = time_node(plugin, device.get(), byte_layer(l, true), ""), single = time_node(plugin, device.get(), byte_layer(l, false), "", 3);
    std::printf("%-20s %10.3f %14.3f %10.3f %14.3f\n", l.name, f.least, h.least, words.least, single.least);
  }
}

// ---- networks ----

// MobileNet v2's layers at 224 x 224 with random weights.
class MobileNet {
 public:
  Model build() {
    module_.graphs.emplace_back();
    const TensorId image = tensor("image", graph::Dims{graph::Dim(1), graph::Dim(3), graph::Dim(224), graph::Dim(224)});
    g().inputs = {image};
    TensorId x = conv(image, 3, 32, 3, 2, 1, true);
    int64_t channels = 32;
    const struct {
      int64_t expand, out, repeat, stride;
    } blocks[] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    for (const auto& b : blocks)
      for (int64_t i = 0; i < b.repeat; ++i) {
        const int64_t stride = i == 0 ? b.stride : 1, inner = channels * b.expand;
        const TensorId start = x;
        if (b.expand > 1) x = conv(x, channels, inner, 1, 1, 1, true);
        x = conv(x, inner, inner, 3, stride, inner, true);
        x = conv(x, inner, b.out, 1, 1, 1, false);
        if (stride == 1 && channels == b.out) {
          const TensorId sum = tensor(next());
          g().add_node(next(), Op::Binary, {start, x}, {sum}, schema::BinaryAttributesT());
          x = sum;
        }
        channels = b.out;
      }
    x = conv(x, channels, 1280, 1, 1, 1, true);
    const TensorId pooled = tensor(next()), flat = tensor(next()), out = tensor("scores");
    schema::GlobalPoolAttributesT pool;
    pool.function = schema::PoolFunction::average;
    g().add_node(next(), Op::GlobalPool, {x}, {pooled}, pool);
    schema::AxisAttributesT axis;
    axis.axis = 1;
    g().add_node(next(), Op::Flatten, {pooled}, {flat}, axis);
    schema::MatMulAttributesT fc;
    fc.transpose_b = true;
    g().add_node(next(), Op::Gemm, {flat, weights({1000, 1280}, 0.03), weights({1000}, 0.1)}, {out}, fc);
    g().outputs = {out};
    graph::infer_shapes(module_);
    return Model::from_module(std::move(module_));
  }

 private:
  graph::Graph& g() { return module_.main(); }
  std::string next() { return "n" + std::to_string(names_++); }
  TensorId tensor(const std::string& name, std::optional<graph::Dims> shape = std::nullopt) {
    graph::Tensor t;
    t.name = name;
    t.type = schema::DataType::float32;
    t.shape = std::move(shape);
    return g().add_tensor(std::move(t));
  }
  TensorId weights(std::vector<int64_t> shape, double range) {
    int64_t n = 1;
    for (int64_t d : shape) n *= d;
    std::vector<float> values;
    for (double v : test::noise(static_cast<size_t>(n), static_cast<uint64_t>(names_), -range, range))
      values.push_back(static_cast<float>(v));
    return g().add_constant(next(), schema::DataType::float32, shape, graph::Constant::of(values));
  }
  TensorId conv(TensorId x, int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t group, bool activated) {
    schema::ConvAttributesT a;
    a.strides = {stride, stride};
    a.group = group;
    if (kernel == 3) a.pads = {1, 1, 1, 1};
    const double range = 1.7 / std::sqrt(static_cast<double>(in / group * kernel * kernel));
    const TensorId y = tensor(next());
    g().add_node(next(), Op::Conv, {x, weights({out, in / group, kernel, kernel}, range), weights({out}, 0.1)}, {y}, a);
    if (!activated) return y;
    schema::UnaryAttributesT clip;
    clip.function = schema::UnaryFunction::clip;
    clip.alpha = 0;
    clip.beta = 6;
    const TensorId z = tensor(next());
    g().add_node(next(), Op::Unary, {y}, {z}, clip);
    return z;
  }

  graph::Module module_;
  int names_ = 0;
};

void network(Runtime& runtime, const Model& model, const std::string& name, const std::string& device, bool layers) {
  CompileOptions options;
  options.devices = {device};
  options.fallback = false;
  const auto start = Clock::now();
  Session session = runtime.compile(model, options);
  const double created = ms_since(start);
  const auto first = Clock::now();
  session.run();
  const double first_ms = ms_since(first);
  const Times again = measure(3, [&] { Session second = runtime.compile(model, options); });
  for (int i = 0; i < 3; ++i) session.run();
  const Load before = load();
  const auto begin = Clock::now();
  const Times t = measure(60, [&] { session.run(); });
  const Busy busy = busy_since(before, begin);
  std::printf(
      "%-24s %-10s made %8.1f ms, again %6.1f ms, first run %8.1f ms, run %7.2f ms (median %.2f), %.1f processors "
      "busy, and %.1f for others\n",
      name.c_str(), device.c_str(), created, again.least, first_ms, t.least, t.median, busy.own, busy.others);
  if (!layers) return;
  session.set_profiling(true);
  session.run();
  session.run();
  for (const NodeTime& n : session.node_times())
    std::printf("    %-14s %-20s %8.1f us  %s\n", n.op.c_str(), n.kernel.c_str(), static_cast<double>(n.end_ns - n.begin_ns) * 1e-3,
                n.node.c_str());
}

// How pieces of kernels keep a limit from the first run on, and what the gaps between them cost. Profiled, so a
// launch's pieces are known.
void slices(Runtime& runtime, const Model& model, const std::string& name, const std::string& device, long slice_us) {
  CompileOptions options;
  options.devices = {device};
  options.fallback = false;
  options.slice = std::chrono::microseconds(0);
  Session whole = runtime.compile(model, options);
  options.slice = std::chrono::microseconds(slice_us);
  Session session = runtime.compile(model, options);
  whole.run();
  session.set_profiling(true);
  std::printf("%s on %s, slices of %ld us\n%6s %8s %12s %12s %10s\n", name.c_str(), device.c_str(), slice_us, "run",
              "pieces", "longest us", "over limit", "run ms");
  for (int i = 1; i <= 48; ++i) {
    const auto start = Clock::now();
    session.run();
    const double ms = ms_since(start);
    double longest = 0;
    size_t over = 0;
    const std::vector<NodeTime> times = session.node_times();
    for (const NodeTime& n : times) {
      const double us = static_cast<double>(n.end_ns - n.begin_ns) * 1e-3;
      longest = std::max(longest, us);
      over += us > static_cast<double>(slice_us);
    }
    if (i <= 4 || i % 8 == 0) std::printf("%6d %8zu %12.0f %12zu %10.2f\n", i, times.size(), longest, over, ms);
  }
  session.set_profiling(false);
  std::vector<double> with, without;
  for (int i = 0; i < 20; ++i) {
    with.push_back(measure(1, [&] { session.run(); }).least);
    without.push_back(measure(1, [&] { whole.run(); }).least);
  }
  std::sort(with.begin(), with.end());
  std::sort(without.begin(), without.end());
  std::printf("a run in slices %.2f ms, whole %.2f ms (medians)\n", with[10], without[10]);
}

}  // namespace

int main(int argc, char** argv) {
  std::string device = "opencl";
  int64_t size = 512;
  bool layers = false, small = false;
  long slice_us = 0;
  std::vector<std::string> models, configs;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--layers") layers = true;
    else if (option == "--small") small = true;
    else if (option == "--device" && i + 1 < argc) device = argv[++i];
    else if (option == "--gemm" && i + 1 < argc) size = std::atoll(argv[++i]);
    else if (option == "--slice" && i + 1 < argc) slice_us = std::atol(argv[++i]);
    else if (option == "--config" && i + 1 < argc) configs.push_back(argv[++i]);
    else if (option == "--model" && i + 1 < argc) models.push_back(argv[++i]);
    else {
      std::fprintf(stderr,
                   "usage: gpu_bench [--device NAME] [--gemm SIZE] [--config CONFIG]… [--small] [--model FILE.motley]… "
                   "[--layers] [--slice US]\n");
      return 2;
    }
  }
  try {
    const std::string id = device.substr(0, device.find(':'));
    if (const motley_plugin* plugin = size > 0 || small ? test::built_plugin(id, test::test_host()) : nullptr) {
      if (size > 0) gemm(*plugin, size, configs);
      if (small) small_numbers(*plugin);
    }
    Runtime runtime;
    if (slice_us > 0) {
      for (const std::string& file : models)
        slices(runtime, Model::load(file), std::filesystem::path(file).stem().string(), device, slice_us);
      slices(runtime, MobileNet().build(), "mobilenet_v2", device, slice_us);
      return 0;
    }
    for (const std::string& file : models)
      network(runtime, Model::load(file), std::filesystem::path(file).stem().string(), device, layers);
    network(runtime, MobileNet().build(), "mobilenet_v2", device, layers);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "gpu_bench: %s\n", e.what());
    return 1;
  }
}
