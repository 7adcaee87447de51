// Prints how fast the cpu plugin multiplies and convolves: a table per op, algorithms side by side with a plain loop.
//
// usage: cpu_kernels [--threads N] [--rounds N] [--integers] [--target NAME]
//
// --integers: only products and convolutions of bytes beside those of floats.
// --target: an instruction set by Highway's name (AVX3_DL, AVX3, AVX2, SSE4, NEON) in place of the best.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <mutex>
#include <thread>

#include "device.hpp"
#include "hwy/targets.h"
#include "kernels/gemm_simd.hpp"
#include "single_node.hpp"

namespace motley::bench {
namespace {

using schema::Op;
using test::NodeCase;

// Threads that wait for work, as the runtime has them.
class Workers {
 public:
  explicit Workers(uint32_t count) : count_(count) {
    for (uint32_t w = 1; w < count; ++w) threads_.emplace_back([this, w] { wait_for_work(w); });
  }
  ~Workers() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& t : threads_) t.join();
  }
  uint32_t count() const { return count_; }
  void run(uint64_t count, void (*task)(void*, uint64_t, uint32_t), void* context) {
    {
      const std::lock_guard lock(mutex_);
      task_ = task, context_ = context, items_ = count, next_ = 0, busy_ = count_ - 1;
      ++generation_;
    }
    wake_.notify_all();
    work(0);
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
  }

 private:
  void work(uint32_t worker) {
    for (uint64_t i = next_++; i < items_; i = next_++) task_(context_, i, worker);
  }
  void wait_for_work(uint32_t worker) {
    for (uint64_t seen = 0;;) {
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return stop_ || generation_ != seen; });
        if (stop_) return;
        seen = generation_;
      }
      work(worker);
      const std::lock_guard lock(mutex_);
      if (--busy_ == 0) done_.notify_one();
    }
  }

  uint32_t count_, busy_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  bool stop_ = false;
  uint64_t generation_ = 0, items_ = 0;
  std::atomic<uint64_t> next_{0};
  void (*task_)(void*, uint64_t, uint32_t) = nullptr;
  void* context_ = nullptr;
  std::vector<std::thread> threads_;
};

motley_host host_of(Workers& workers) {
  motley_host host = test::test_host();
  host.context = &workers;
  host.parallel_for = [](void* w, uint64_t count, void (*task)(void*, uint64_t, uint32_t), void* context) {
    static_cast<Workers*>(w)->run(count, task, context);
  };
  host.worker_count = [](void* w) { return static_cast<Workers*>(w)->count(); };
  return host;
}

test::Value random_value(std::vector<int64_t> shape, uint64_t seed) {
  const auto count = static_cast<size_t>(sdk::Shape(shape).elements());
  return test::value<float>(std::move(shape), test::noise(count, seed));
}

// One way to compute a row of the table; run() does it once.
struct Contender {
  std::string name;
  std::function<void()> run;
  std::vector<double> seconds = {};
  double median() const {
    std::vector<double> sorted = seconds;
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() / 2];
  }
};

// With one thread, what this thread computes, so that other programs on the machine don't count; with more, time
// passed.
bool of_thread = false;
double now() {
  timespec t{};
  clock_gettime(of_thread ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double once(const std::function<void()>& fn) {
  const double start = now();
  fn();
  return now() - start;
}

// All contenders take turns, so that what changes the clock hits all of them.
void measure(std::vector<Contender>& contenders, int rounds) {
  for (Contender& c : contenders) c.run();
  for (int round = 0; round < rounds; ++round)
    for (Contender& c : contenders) c.seconds.push_back(once(c.run));
}

// A node prepared by the plugin's own device, with its operands.
class Prepared {
 public:
  Prepared(const NodeCase& c, const std::string& config, const sdk::Threads& threads)
      : case_(c), node_(c), view_(node_.graph()), threads_(threads) {
    const sdk::NodeView node = view_.node(0);
    for (const sdk::KernelEntry& entry : device_.kernels()) {
      if (entry.op != node.op() || !entry.supports(node).empty()) continue;
      kernel_ = entry.prepare(node, {threads, sdk::Config(config)});
      break;
    }
    // Aligned as the runtime's tensors are; elsewhere every load of a 64-byte vector touches two lines.
    for (size_t i = 0; i < node.input_count(); ++i) {
      const sdk::TensorView* t = node.input(i);
      if (t && !t->constant) std::memcpy(aligned(t->bytes()), c.inputs[i].bytes.data(), t->bytes());
      inputs_.push_back(!t ? nullptr : t->constant ? t->constant : last_);
    }
    outputs_.push_back(aligned(node.output(0)->bytes()));
    scratch_ = aligned(kernel_->scratch_bytes());
  }
  void run() { kernel_->run({inputs_.data(), outputs_.data(), scratch_, threads_}); }
  std::string name() const { return std::string(kernel_->name()); }

 private:
  void* aligned(size_t bytes) {
    memory_.emplace_back(bytes + 64);
    last_ = memory_.back().data() + (64 - reinterpret_cast<uintptr_t>(memory_.back().data()) % 64) % 64;
    return last_;
  }

  NodeCase case_;
  test::NodeGraph node_;
  sdk::GraphView view_;
  sdk::Threads threads_;
  cpu::CpuDevice device_;
  std::unique_ptr<sdk::Kernel> kernel_;
  std::vector<const void*> inputs_;
  std::vector<void*> outputs_;
  std::vector<std::vector<std::byte>> memory_;
  void* last_ = nullptr;
  void* scratch_ = nullptr;
};

void print_row(const char* title, double flops, std::vector<Contender>& contenders) {
  std::printf("%-34s", title);
  const double plain = contenders.back().median();
  for (const Contender& c : contenders)
    std::printf("  %s %.1f (%.1fx)", c.name.c_str(), flops / c.median() / 1e9, plain / c.median());
  std::printf("\n");
  std::fflush(stdout);
}

void plain_product(int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* y) {
  std::fill_n(y, m * n, 0.0f);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t l = 0; l < k; ++l)
      for (int64_t j = 0; j < n; ++j) y[i * n + j] += a[i * k + l] * b[l * n + j];
}

void bench_product(int64_t m, int64_t n, int64_t k, bool constant_b, const sdk::Threads& threads, int rounds) {
  test::Value a = random_value({m, k}, 1), b = random_value({k, n}, 2);
  b.constant = constant_b;
  const NodeCase c = test::node_case(Op::MatMul, schema::MatMulAttributesT(), {a, b}, {test::output_of<float>({m, n})});
  Prepared prepared(c, "", threads);
  std::vector<float> y(static_cast<size_t>(m * n));
  const double flops = 2.0 * static_cast<double>(m * n) * static_cast<double>(k);
  std::vector<Contender> contenders{{prepared.name(), [&] { prepared.run(); }},
                                    {"plain loop", [&] {
                                       plain_product(m, n, k, reinterpret_cast<const float*>(a.bytes.data()),
                                                     reinterpret_cast<const float*>(b.bytes.data()), y.data());
                                     }}};
  measure(contenders, flops > 5e8 ? std::min(rounds, 5) : rounds);
  const std::string title =
      std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k) + (constant_b ? " constant B" : "");
  print_row(title.c_str(), flops, contenders);
}

test::Value random_bytes(std::vector<int64_t> shape, uint64_t seed, test::DataType type) {
  test::Value v{type, std::move(shape), {}, false};
  for (double x : test::noise(v.elements(), seed)) v.bytes.push_back(static_cast<uint8_t>(static_cast<int>(x * 127)));
  return v;
}

// Inputs of a QLinear op: x, w with their scales and zero points, then those of the result.
std::vector<test::Value> quantized_inputs(test::Value x, test::Value w) {
  const auto scale = [](float s) { return test::constant(test::value<float>({}, {s})); };
  const test::Value zero = test::constant(test::value<uint8_t>({}, {100}));
  return {std::move(x), scale(0.02f),
          zero,         test::constant(std::move(w)),
          scale(0.01f), test::constant(test::value<int8_t>({}, {0})),
          scale(0.3f),  zero};
}

void bench_quantized_product(int64_t m, int64_t n, int64_t k, const sdk::Threads& threads, int rounds) {
  const test::Value b = test::constant(random_value({k, n}, 2));
  Prepared bytes(test::node_case(Op::QLinearMatMul, schema::NoAttributesT(),
                                 quantized_inputs(random_bytes({m, k}, 1, test::DataType::uint8),
                                                  random_bytes({k, n}, 2, test::DataType::int8)),
                                 {test::output_of<uint8_t>({m, n})}),
                 "", threads);
  Prepared floats(test::node_case(Op::MatMul, schema::MatMulAttributesT(), {random_value({m, k}, 1), b},
                                  {test::output_of<float>({m, n})}),
                  "", threads);
  std::vector<Contender> contenders{{"uint8 by int8", [&] { bytes.run(); }}, {"float32", [&] { floats.run(); }}};
  measure(contenders, rounds);
  const std::string title = std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k) + " of bytes";
  print_row(title.c_str(), 2.0 * static_cast<double>(m * n) * static_cast<double>(k), contenders);
}

struct Layer {
  const char* name;
  int64_t channels, size, outputs, kernel, stride, pad, group;
};

void plain_convolution(const Layer& l, int64_t out, const float* x, const float* w, float* y) {
  const int64_t in_channels = l.channels / l.group, out_channels = l.outputs / l.group;
  for (int64_t m = 0; m < l.outputs; ++m)
    for (int64_t oy = 0; oy < out; ++oy)
      for (int64_t ox = 0; ox < out; ++ox) {
        float sum = 0;
        for (int64_t c = 0; c < in_channels; ++c)
          for (int64_t ky = 0; ky < l.kernel; ++ky)
            for (int64_t kx = 0; kx < l.kernel; ++kx) {
              const int64_t iy = oy * l.stride + ky - l.pad, ix = ox * l.stride + kx - l.pad;
              if (iy < 0 || iy >= l.size || ix < 0 || ix >= l.size) continue;
              sum += x[((m / out_channels * in_channels + c) * l.size + iy) * l.size + ix] *
                     w[((m * in_channels + c) * l.kernel + ky) * l.kernel + kx];
            }
        y[(m * out + oy) * out + ox] = sum;
      }
}

void bench_layer(const Layer& l, const sdk::Threads& threads, int rounds) {
  const int64_t out = (l.size + 2 * l.pad - l.kernel) / l.stride + 1;
  schema::ConvAttributesT a;
  a.strides = {l.stride, l.stride};
  a.pads = {l.pad, l.pad, l.pad, l.pad};
  a.group = l.group;
  test::Value x = random_value({1, l.channels, l.size, l.size}, 1),
              w = random_value({l.outputs, l.channels / l.group, l.kernel, l.kernel}, 2);
  w.constant = true;
  const NodeCase c = test::node_case(Op::Conv, a, {x, w}, {test::output_of<float>({1, l.outputs, out, out})});
  const test::NodeGraph node(c);
  const sdk::GraphView view(node.graph());
  std::vector<std::unique_ptr<Prepared>> algorithms;
  std::vector<Contender> contenders;
  for (const sdk::Parameter& p : cpu::CpuDevice().tuning_space(view.node(0))) {
    if (p.name != "algorithm") continue;
    for (const std::string& value : p.values) {
      algorithms.push_back(std::make_unique<Prepared>(c, "algorithm=" + value, threads));
      contenders.push_back({value, [k = algorithms.back().get()] { k->run(); }});
    }
  }
  std::vector<float> y(static_cast<size_t>(l.outputs * out * out));
  contenders.push_back({"plain loop", [&] {
                          plain_convolution(l, out, reinterpret_cast<const float*>(x.bytes.data()),
                                            reinterpret_cast<const float*>(w.bytes.data()), y.data());
                        }});
  const double flops = 2.0 * static_cast<double>(l.outputs * out * out) *
                       static_cast<double>(l.channels / l.group * l.kernel * l.kernel);
  measure(contenders, flops > 2e8 ? std::min(rounds, 5) : rounds);
  print_row(l.name, flops, contenders);
}

void bench_quantized_layer(const Layer& l, const sdk::Threads& threads, int rounds) {
  const int64_t out = (l.size + 2 * l.pad - l.kernel) / l.stride + 1;
  schema::ConvAttributesT a;
  a.strides = {l.stride, l.stride};
  a.pads = {l.pad, l.pad, l.pad, l.pad};
  a.group = l.group;
  const std::vector<int64_t> x{1, l.channels, l.size, l.size}, w{l.outputs, l.channels / l.group, l.kernel, l.kernel};
  Prepared bytes(test::node_case(Op::QLinearConv, a,
                                 quantized_inputs(random_bytes(x, 1, test::DataType::uint8),
                                                  random_bytes(w, 2, test::DataType::int8)),
                                 {test::output_of<uint8_t>({1, l.outputs, out, out})}),
                 "", threads);
  Prepared floats(test::node_case(Op::Conv, a, {random_value(x, 1), test::constant(random_value(w, 2))},
                                  {test::output_of<float>({1, l.outputs, out, out})}),
                  "", threads);
  std::vector<Contender> contenders{{"uint8 by int8", [&] { bytes.run(); }}, {"float32", [&] { floats.run(); }}};
  measure(contenders, rounds);
  print_row((std::string(l.name) + " of bytes").c_str(),
            2.0 * static_cast<double>(l.outputs * out * out) *
                static_cast<double>(l.channels / l.group * l.kernel * l.kernel),
            contenders);
}

const Layer kLayers[] = {
    {"squeezenet conv1 3x3/2 3-64 224", 3, 224, 64, 3, 2, 0, 1},
    {"squeezenet squeeze 1x1 64-16 55", 64, 55, 16, 1, 1, 0, 1},
    {"squeezenet expand 1x1 16-64 55", 16, 55, 64, 1, 1, 0, 1},
    {"squeezenet expand 3x3 16-64 55", 16, 55, 64, 3, 1, 1, 1},
    {"squeezenet expand 3x3 64-256 13", 64, 13, 256, 3, 1, 1, 1},
    {"squeezenet conv10 1x1 512-1000 13", 512, 13, 1000, 1, 1, 0, 1},
    {"resnet 3x3 64-64 56", 64, 56, 64, 3, 1, 1, 1},
    {"resnet 3x3 128-128 28", 128, 28, 128, 3, 1, 1, 1},
    {"resnet 3x3 512-512 7", 512, 7, 512, 3, 1, 1, 1},
    {"resnet 1x1/2 256-512 56", 256, 56, 512, 1, 2, 0, 1},
    {"mobilenet conv1 3x3/2 3-32 224", 3, 224, 32, 3, 2, 1, 1},
    {"mobilenet depthwise 3x3 32 112", 32, 112, 32, 3, 1, 1, 32},
    {"mobilenet depthwise 3x3/2 64 112", 64, 112, 64, 3, 2, 1, 64},
    {"mobilenet depthwise 3x3 512 14", 512, 14, 512, 3, 1, 1, 512},
    {"mobilenet depthwise 3x3 1024 7", 1024, 7, 1024, 3, 1, 1, 1024},
    {"mobilenet 1x1 32-64 112", 32, 112, 64, 1, 1, 0, 1},
    {"mobilenet 1x1 512-512 14", 512, 14, 512, 1, 1, 0, 1},
    {"mobilenet 1x1 1024-1024 7", 1024, 7, 1024, 1, 1, 0, 1},
    {"head 3x3 64-4 40", 64, 40, 4, 3, 1, 1, 1},
    {"head 3x3 64-8 40", 64, 40, 8, 3, 1, 1, 1},
    {"head 1x1 64-4 40", 64, 40, 4, 1, 1, 0, 1},
    {"head 1x1 64-8 40", 64, 40, 8, 1, 1, 0, 1},
};

// More shapes in which bytes have little to gain: strides, few outputs, few channels per group.
const Layer kMoreLayers[] = {
    {"resnet conv1 7x7/2 3-64 224", 3, 224, 64, 7, 2, 3, 1},
    {"resnet 3x3/2 128-128 56", 128, 56, 128, 3, 2, 1, 1},
    {"resnet 1x1/2 64-128 56", 64, 56, 128, 1, 2, 0, 1},
    {"resnext 3x3 128-128 56 group 32", 128, 56, 128, 3, 1, 1, 32},
    {"mobilenet depthwise 3x3/2 128 56", 128, 56, 128, 3, 2, 1, 128},
    {"mobilenet depthwise 3x3/2 512 14", 512, 14, 512, 3, 2, 1, 512},
    {"efficientnet depthwise 5x5 240 28", 240, 28, 240, 5, 1, 2, 240},
    {"efficientnet depthwise 5x5/2 672 14", 672, 14, 672, 5, 2, 2, 672},
    {"mask 3x3 64-1 80", 64, 80, 1, 3, 1, 1, 1},
    {"mask 1x1 64-1 80", 64, 80, 1, 1, 1, 0, 1},
    {"head 1x1 64-2 40", 64, 40, 2, 1, 1, 0, 1},
    {"head 3x3/2 64-4 40", 64, 40, 4, 3, 2, 1, 1},
    {"grey 3x3 1-8 64", 1, 64, 8, 3, 1, 1, 1},
    {"grey 5x5 1-16 28", 1, 28, 16, 5, 1, 2, 1},
    {"squeeze 1x1 960-40 1", 960, 1, 40, 1, 1, 0, 1},
    {"last 3x3 16-3 128", 16, 128, 3, 3, 1, 1, 1},
};

const char* text_option(int argc, char** argv, const char* name) {
  for (int i = 1; i + 1 < argc; ++i)
    if (std::strcmp(argv[i], name) == 0) return argv[i + 1];
  return nullptr;
}

void use_target(const char* name) {
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    if (std::strcmp(hwy::TargetName(target), name) != 0) continue;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    return;
  }
  throw std::invalid_argument(std::string("this machine does not run ") + name);
}

int option(int argc, char** argv, const char* name, int fallback) {
  for (int i = 1; i + 1 < argc; ++i)
    if (std::strcmp(argv[i], name) == 0) return std::max(1, std::atoi(argv[i + 1]));
  return fallback;
}

void bench_floats(const sdk::Threads& threads, int rounds) {
  for (int64_t n : {256, 512, 1024})
    for (bool constant : {false, true}) bench_product(n, n, n, constant, threads, rounds);
  bench_product(1, 1000, 1280, true, threads, rounds);
  bench_product(8, 1024, 1024, false, threads, rounds);
  for (const Layer& layer : kLayers) bench_layer(layer, threads, rounds);
}

int run(int argc, char** argv) {
  Workers workers(static_cast<uint32_t>(option(argc, argv, "--threads", 1)));
  const int rounds = option(argc, argv, "--rounds", 21);
  if (const char* target = text_option(argc, argv, "--target")) use_target(target);
  const motley_host host = host_of(workers);
  const sdk::Threads threads(&host);
  of_thread = workers.count() == 1;
  std::printf("%s, %u thread(s); GFLOP/s (times as fast as the plain loop on one thread), medians of %d rounds\n",
              cpu::simd_name(), workers.count(), rounds);
  const bool integers_only =
      std::any_of(argv, argv + argc, [](const char* a) { return !std::strcmp(a, "--integers"); });
  if (!integers_only) bench_floats(threads, rounds);
  std::printf("integers; times as fast as float32\n");
  for (int64_t n : {64, 256, 512, 1024}) bench_quantized_product(n, n, n, threads, rounds);
  bench_quantized_product(1, 1000, 1280, threads, rounds);
  bench_quantized_product(128, 768, 768, threads, rounds);
  for (const Layer& layer : kLayers) bench_quantized_layer(layer, threads, rounds);
  for (const Layer& layer : kMoreLayers) bench_quantized_layer(layer, threads, rounds);
  return 0;
}

}  // namespace
}  // namespace motley::bench

int main(int argc, char** argv) {
  try {
    return motley::bench::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "cpu_kernels: %s\n", e.what());
    return 1;
  }
}
