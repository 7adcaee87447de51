// A device whose kernel goes wrong in all but two of its configs. MOTLEY_FAULTY_DEFAULT names the mode of the default
// config; then the device is said to be the fastest of all, so that it gets all that it runs.
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <thread>

#include "motley/plugin.hpp"
#include "relu.hpp"

namespace {

using namespace motley::sdk;

// Ends the process when the last kernel with it goes.
std::shared_ptr<void> bomb() {
  static int nothing;
  return {static_cast<void*>(&nothing), [](void*) { std::abort(); }};
}

// The kernels that do not work, by mode; `runs` counts from 1.
void go_wrong(const std::string& mode, const RunContext& run, int64_t n, int runs) {
  float* y = run.output<float>(0);
  if (mode == "crash") std::abort();
  if (mode == "exit") ::_exit(0);
  while (mode == "hang") ::sleep(1);
  if (mode == "wrong") y[n / 2] += 1;
  if (mode == "nan") y[0] = __builtin_nanf("");
  if (mode == "stray") y[n + 3] = 7;
  if (mode == "below") y[-1] = 7;
  if (mode == "input") const_cast<float*>(run.input<float>(0))[n / 2] = 3;
  if (mode == "second" && runs == 2) std::abort();
  if (mode == "drift" && runs > 5) y[n / 2] += 1;
  if (mode == "throw") throw std::runtime_error("this mode throws");
  if (mode == "thread" && runs == 1) std::thread([] { ::sleep(3600); }).detach();
}

const char* fault() { return std::getenv("MOTLEY_FAULTY_DEFAULT"); }

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext& context) {
  const std::string mode = context.config.get("mode", std::string(fault() ? fault() : "plain"));
  if (mode == "refused") throw StatusError(MOTLEY_UNSUPPORTED, "this mode does not compile");
  const int64_t n = node.output(0)->elements();
  // Those that go wrong late would win.
  const int passes = mode == "drift" || mode == "gone" ? 1 : mode == "fast" ? 3 : 12;
  const auto runs = std::make_shared<std::atomic<int>>(0);
  const std::shared_ptr<void> end = mode == "gone" ? bomb() : nullptr;
  return make_kernel("relu_" + mode, [n, mode, passes, runs, end](const RunContext& run) {
    for (int pass = 0; pass < passes; ++pass)
      for (int64_t i = 0; i < n; ++i) {
        volatile float x = run.input<float>(0)[i];
        run.output<float>(0)[i] = x < 0 ? 0.0f : x;
      }
    go_wrong(mode, run, n, ++*runs);
  });
}

constexpr KernelEntry kKernels[] = {{Op::Unary, motley::test::supports_relu, prepare}};

class FaultyDevice final : public Device {
 public:
  std::span<const KernelEntry> kernels() const override { return kKernels; }
  std::string fingerprint() const override { return "hw unit=1\nkernels build=1\n"; }
  std::vector<Parameter> tuning_space(const NodeView&) const override {
    return {{"mode",
             {"plain", "crash", "exit", "hang", "wrong", "nan", "stray", "below", "input", "second", "drift", "gone",
              "throw", "thread", "refused", "fast"}}};
  }
  std::string problem_key(const NodeView& node) const override {
    return "relu n=" + std::to_string(node.output(0)->elements());
  }
};

class FaultyBackend final : public Backend {
 public:
  std::vector<motley_device_info> enumerate() override {
    motley_device_info info = device_info(0, MOTLEY_DEVICE_OTHER, "faulty", "Faulty test device", "Motley tests");
    if (fault()) info.peak_gflops = info.bandwidth_gbps = 1e6;
    return {info};
  }
  std::unique_ptr<Device> open(uint32_t) override { return std::make_unique<FaultyDevice>(); }
};

}  // namespace

MOTLEY_PLUGIN("faulty", FaultyBackend)
