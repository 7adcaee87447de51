// A plugin that does one thing wrong, chosen by the macro MOTLEY_BREAK; otherwise the template's relu.
#include <chrono>
#include <cstdlib>
#include <thread>

#include "motley/plugin.hpp"

namespace {

using namespace motley::sdk;
using motley::schema::UnaryAttributes;
using motley::schema::UnaryFunction;

enum Break {
  kNothing,
  kWrongTail,
  kNan,
  kWritesPast,
  kIgnoresOffset,
  kChangesInput,
  kCrashAtRun,
  kCrashAtCompile,
  kExit,
  kHang,
  kLies,
  kThrows,
  kMissing,
  kForeignMajor,
  kSmallStruct,
  kSecondRun
};
constexpr Break kBreak = MOTLEY_BREAK;

Reason supports(const NodeView& node) {
  const bool relu = node.attributes<UnaryAttributes>().function() == UnaryFunction::relu;
  return relu && node.input(0)->type == DataType::float32 ? Reason() : "only relu of float32";
}

std::atomic<int> runs{0};

void relu(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] < 0 ? 0.0f : x[i];
  const int run = ++runs;
  if (n < 2) return;
  if (kBreak == kWrongTail && n % 8) y[n - 1] += 0.5f;
  if (kBreak == kNan) y[0] = std::numeric_limits<float>::quiet_NaN();
  if (kBreak == kWritesPast) const_cast<volatile float*>(y)[n] = 1;
  if (kBreak == kChangesInput) const_cast<float*>(x)[0] = 42;
  if (kBreak == kCrashAtRun) *static_cast<volatile int*>(nullptr) = 1;
  if (kBreak == kExit) std::_Exit(0);
  if (kBreak == kHang) std::this_thread::sleep_for(std::chrono::hours(1));
  if (kBreak == kSecondRun && run % 2 == 0) y[0] += 1;
}

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  if (kBreak == kCrashAtCompile) std::abort();
  if (kBreak == kLies) throw StatusError(MOTLEY_UNSUPPORTED, "changed my mind");
  const int64_t n = node.output(0)->elements();
  return make_kernel("relu", [n](const RunContext& run) { relu(run.input<float>(0), run.output<float>(0), n); });
}

constexpr KernelEntry kKernels[] = {{Op::Unary, supports, prepare}};

class BrokenDevice final : public Device {
 public:
  std::span<const KernelEntry> kernels() const override { return kKernels; }
};
class BrokenBackend final : public Backend {
 public:
  std::vector<motley_device_info> enumerate() override {
    return {device_info(0, MOTLEY_DEVICE_CPU, "broken", "Broken device", "Motley tests")};
  }
  std::unique_ptr<Device> open(uint32_t index) override {
    return index == 0 ? std::make_unique<BrokenDevice>() : nullptr;
  }
};

// The adapter keeps to the rules; where breaking them is the point, its table is changed.
motley_plugin broken;
motley_status (*good_submit)(motley_device*, motley_queue*, motley_executable*, const motley_submission*,
                             motley_error*);

motley_status submit_without_offset(motley_device* d, motley_queue* q, motley_executable* e, const motley_submission* s,
                                    motley_error* error) {
  motley_submission copy = *s;
  std::vector<motley_binding> outputs(s->outputs, s->outputs + s->output_count);
  for (motley_binding& b : outputs) b.offset = 0;
  copy.outputs = outputs.data();
  return good_submit(d, q, e, &copy, error);
}
motley_status submit_throws(motley_device*, motley_queue*, motley_executable*, const motley_submission*,
                            motley_error*) {
  throw 7;
}

}  // namespace

extern "C" MOTLEY_PLUGIN_EXPORT const motley_plugin* motley_plugin_entry(uint32_t abi, const motley_host* host) {
  const uint32_t asked = kBreak == kForeignMajor ? MOTLEY_ABI_VERSION : abi;
  const motley_plugin* good = PluginAdapter<BrokenBackend>::entry("broken", asked, host);
  if (!good) return nullptr;
  broken = *good;
  good_submit = good->submit;
  if (kBreak == kIgnoresOffset) broken.submit = submit_without_offset;
  if (kBreak == kThrows) broken.submit = submit_throws;
  if (kBreak == kMissing) broken.compile = nullptr;
  if (kBreak == kSmallStruct) broken.struct_size = 24;
  return &broken;
}
