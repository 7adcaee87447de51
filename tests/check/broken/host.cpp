// A plugin that does one thing wrong in its kernels, its device or its entry; otherwise relu, add and a small MatMul.
#include "host.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <limits>
#include <mutex>
#include <thread>

#include "kind.hpp"

namespace motley::test {

namespace {

using namespace motley::sdk;
using schema::BinaryAttributes;
using schema::BinaryFunction;
using schema::MatMulAttributes;
using schema::UnaryAttributes;
using schema::UnaryFunction;

void rest() { std::this_thread::sleep_for(std::chrono::hours(1)); }

std::atomic<int> runs{0}, sessions{0};
float shared[4096];  // for what must not be shared

// What is wrong with the results.
void spoil(const float* x, float* y, int64_t n, int run, int session) {
  if (breaks("wrong_tail") && n % 8) y[n - 1] += 0.5f;
  if (breaks("nan")) y[0] = std::numeric_limits<float>::quiet_NaN();
  if (breaks("changes_input")) const_cast<float*>(x)[0] = 42;
  if (breaks("second_run") && run % 2 == 0) y[0] += 1;
  if (breaks("second_session") && session % 2 == 0) y[0] += 1;
}

// What is wrong with where it reads and writes.
void stray(const float* x, float* y, int64_t n) {
  if (breaks("reads_past")) shared[0] = static_cast<const volatile float*>(x)[n + 16];
  if (breaks("reads_before")) shared[0] = static_cast<const volatile float*>(x)[-1];
  if (breaks("writes_past")) static_cast<volatile float*>(y)[n + 16] = 1;
  if (breaks("writes_just_past")) static_cast<volatile float*>(y)[n] = 1;
}

void stop() {
  if (breaks("crash_at_run")) crash();
  if (breaks("exit_at_run")) std::_Exit(0);
  if (breaks("leaves_process")) {  // which holds all descriptors open for some seconds
    if (fork() == 0) {
      setsid();
      sleep(3);
      _exit(0);
    }
    std::_Exit(0);
  }
  if (breaks("hang_at_run")) rest();
  if (breaks("leaks_run")) shared[1] = static_cast<float>(reinterpret_cast<uintptr_t>(new char[100]) % 7);
}

Reason supports_relu(const NodeView& node) {
  const bool relu = node.attributes<UnaryAttributes>().function() == UnaryFunction::relu;
  return relu && node.input(0)->type == DataType::float32 ? Reason() : "only relu of float32";
}

// In two steps by way of scratch, so that there is scratch to get wrong.
struct Relu final : Kernel {
  Relu(const NodeView& node, const Config& config) : n(node.output(0)->elements()), session(++sessions) {
    variant = config.get("variant", std::string("plain"));
    name_in_graph = node.name();  // a view into the FlatBuffer
  }
  void run(const RunContext& c) const override {
    const float* x = c.input<float>(0);
    float* y = c.output<float>(0);
    auto* between = static_cast<float*>(c.scratch);
    stop();
    if (breaks("keeps_graph")) shared[2] = static_cast<float>(name_in_graph[0]);
    if (breaks("assumes_alignment") && reinterpret_cast<uintptr_t>(x) % 256) return;
    if (breaks("expects_zero_scratch")) {
      for (int64_t i = 0; i < n; ++i) between[i] += x[i];
    } else if (breaks("not_thread_safe")) {
      between = shared;
      for (int64_t i = 0; i < n && i < 4096; ++i) between[i] = x[i];
      std::this_thread::sleep_for(std::chrono::microseconds(200));  // long enough for another thread to come between
    } else {
      for (int64_t i = 0; i < n; ++i) between[i] = x[i];
    }
    const int64_t end = breaks("wrong_shape") ? n / 2 : n;
    for (int64_t i = 0; i < end; ++i) y[i] = between[i] < 0 ? 0.0f : between[i];
    if (n < 2) return;
    spoil(x, y, n, ++runs, session);
    stray(x, y, n);
    if ((breaks("wrong_config") || breaks("wrong_candidate")) && variant == "fast") y[0] += 1;
  }
  uint64_t scratch_bytes() const override {
    const auto bytes = static_cast<uint64_t>(n) * sizeof(float);
    return breaks("too_little_scratch") ? 0 : bytes;
  }
  std::string_view name() const override { return "relu"; }
  int64_t n;
  int session;
  std::string variant;
  std::string_view name_in_graph;
};

std::unique_ptr<Kernel> prepare_relu(const NodeView& node, const PrepareContext& context) {
  if (breaks("crash_at_compile")) std::abort();
  if (breaks("hang_at_compile")) rest();
  if (breaks("lies")) throw StatusError(MOTLEY_UNSUPPORTED, "changed my mind");
  if (breaks("leaks_compile")) shared[1] = static_cast<float>(reinterpret_cast<uintptr_t>(new char[100]) % 7);
  const std::string variant = context.config.get("variant", std::string("plain"));
  if (breaks("config_not_compiled") && variant == "fast") throw StatusError(MOTLEY_UNSUPPORTED, "not today");
  const bool takes_all = breaks("compile_takes_any_config");
  if (!takes_all && variant != "plain" && variant != "fast")
    throw StatusError(MOTLEY_UNSUPPORTED, "variant (" + variant.substr(0, 40) + ") is plain or fast");
  for (const auto& [key, value] : context.config.values())
    if (!takes_all && key != "variant") throw StatusError(MOTLEY_UNSUPPORTED, "only variant can be chosen");
  return std::make_unique<Relu>(node, context.config);
}

Reason supports_add(const NodeView& node) {
  const auto& a = node.attributes<BinaryAttributes>();
  const bool add = a.function() == BinaryFunction::add && !a.activation();
  const bool same = node.input(0)->shape == node.input(1)->shape && node.input(0)->type == DataType::float32;
  return add && same ? Reason() : "only add of float32 of one shape";
}
std::unique_ptr<Kernel> prepare_add(const NodeView& node, const PrepareContext&) {
  const int64_t n = node.output(0)->elements();
  return make_kernel("add", [n](const RunContext& run) {
    for (int64_t i = 0; i < n; ++i) run.output<float>(0)[i] = run.input<float>(0)[i] + run.input<float>(1)[i];
  });
}

// One matrix by another that is constant: something that holds weights.
Reason supports_product(const NodeView& node) {
  const auto& a = node.attributes<MatMulAttributes>();
  const bool fused = a.activation() && a.activation()->function() != UnaryFunction::identity;
  const bool plain = !fused && !a.transpose_a() && !a.transpose_b() && a.alpha() == 1 && node.input_count() == 2;
  const TensorView *x = node.input(0), *w = node.input(1);
  return plain && x->type == DataType::float32 && x->shape.rank() == 2 && w->shape.rank() == 2 && w->is_constant()
             ? Reason()
             : "only the plain product of two matrices, the second constant";
}
struct Product final : Kernel {
  explicit Product(const NodeView& node)
      : rows(node.input(0)->shape[0]), depth(node.input(0)->shape[1]), columns(node.input(1)->shape[1]) {
    const auto w = node.input(1)->constant_as<float>();
    weights.assign(w.begin(), w.end());
  }
  void run(const RunContext& c) const override {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t j = 0; j < columns; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < depth; ++k)
          sum += static_cast<double>(c.input<float>(0)[r * depth + k]) *
                 static_cast<double>(weights[static_cast<size_t>(k * columns + j)]);
        c.output<float>(0)[r * columns + j] = static_cast<float>(sum);
      }
  }
  uint64_t resident_bytes() const override { return breaks("hides_weights") ? 0 : weights.size() * sizeof(float); }
  int64_t rows, depth, columns;
  std::vector<float> weights;
};
std::unique_ptr<Kernel> prepare_product(const NodeView& node, const PrepareContext&) {
  return std::make_unique<Product>(node);
}

constexpr KernelEntry kKernels[] = {{Op::Unary, supports_relu, prepare_relu},
                                    {Op::Binary, supports_add, prepare_add},
                                    {Op::MatMul, supports_product, prepare_product}};

class BrokenDevice final : public Device {
 public:
  BrokenDevice() {
    if (breaks("crash_at_open")) crash();
    if (breaks("leaks_descriptors")) shared[3] = static_cast<float>(open("/dev/null", O_RDONLY));
  }
  std::span<const KernelEntry> kernels() const override { return kKernels; }
  std::string fingerprint() const override { return breaks("bad_fingerprint") ? "serial 12345\n" : "hw name=broken\n"; }
  double estimate_cost(const NodeView&) const override { return breaks("negative_cost") ? -1 : 1; }
  std::vector<Parameter> tuning_space(const NodeView& node) const override {
    if (node.op() != Op::Unary) return {};
    if (breaks("empty_value")) return {{"variant", {"plain", ""}}};
    return {{"variant", {"plain", "fast"}}};
  }
  std::string problem_key(const NodeView& node) const override {
    if (breaks("changing_key")) return std::to_string(++runs);
    return schema::EnumNameOp(node.op());
  }
  Reason config_check(const NodeView&, const Config& config) const override {
    if (breaks("admits_any_config")) return {};
    for (const auto& [key, value] : config.values())
      if (key != "variant" || (value != "plain" && value != "fast")) return "variant is plain or fast";
    return {};
  }
};
class BrokenBackend final : public Backend {
 public:
  std::vector<motley_device_info> enumerate() override {
    if (breaks("crash_at_enumerate")) crash();
    motley_device_info info = device_info(0, MOTLEY_DEVICE_CPU, "broken", "Broken device", "Motley tests");
    if (breaks("same_ids")) return {info, info};
    if (breaks("two_devices"))  // which is nothing wrong
      return {info, device_info(1, MOTLEY_DEVICE_CPU, "second", "Second device", "Motley tests")};
    if (breaks("infinite_rate")) info.peak_gflops = std::numeric_limits<double>::infinity();
    return {info};
  }
  std::unique_ptr<Device> open(uint32_t index) override {
    const uint32_t last = breaks("opens_any_index") ? UINT32_MAX : breaks("two_devices") ? 1 : 0;
    return index <= last ? std::make_unique<BrokenDevice>() : nullptr;
  }
};

}  // namespace

}  // namespace motley::test

extern "C" MOTLEY_PLUGIN_EXPORT const motley_plugin* motley_plugin_entry(uint32_t abi, const motley_host* host) {
  using namespace motley::test;
  if (breaks("crash_at_load")) crash();
  if (breaks("hang_at_load")) rest();
  const uint32_t asked = breaks("foreign_major") ? MOTLEY_ABI_VERSION : abi;
  const motley_plugin* good = motley::sdk::PluginAdapter<BrokenBackend>::entry("broken", asked, host);
  if (!good) return nullptr;
  static motley_plugin broken;
  broken = *good;
  add_cache(broken);
  break_table(broken);
  return &broken;
}
