// A device with something to choose, that does not keep its word: config_check takes "mode=broken", and compile does
// not.
#include "motley/plugin.hpp"
#include "relu.hpp"

namespace {

using namespace motley::sdk;

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext& context) {
  const std::string mode = context.config.get("mode", std::string("plain"));
  if (mode == "broken") throw StatusError(MOTLEY_UNSUPPORTED, "this mode does not compile after all");
  const int64_t n = node.output(0)->elements();
  return make_kernel(mode == "other" ? "relu_other" : "relu_plain", [n](const RunContext& run) {
    for (int64_t i = 0; i < n; ++i)
      run.output<float>(0)[i] = run.input<float>(0)[i] < 0 ? 0.0f : run.input<float>(0)[i];
  });
}

constexpr KernelEntry kKernels[] = {{Op::Unary, motley::test::supports_relu, prepare}};

class TunedDevice final : public Device {
 public:
  std::span<const KernelEntry> kernels() const override { return kKernels; }
  std::string fingerprint() const override { return "hw unit=1\nkernels build=1\n"; }
  std::vector<Parameter> tuning_space(const NodeView&) const override {
    return {{"mode", {"plain", "other", "broken"}}};
  }
  std::string problem_key(const NodeView& node) const override {
    return "relu n=" + std::to_string(node.output(0)->elements());
  }
};

class TunedBackend final : public Backend {
 public:
  std::vector<motley_device_info> enumerate() override {
    return {device_info(0, MOTLEY_DEVICE_OTHER, "tuned", "Tuned test device", "Motley tests")};
  }
  std::unique_ptr<Device> open(uint32_t) override { return std::make_unique<TunedDevice>(); }
};

}  // namespace

MOTLEY_PLUGIN("tuned", TunedBackend)
