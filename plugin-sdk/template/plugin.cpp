// The smallest whole plugin: one device, two kernels. Copy the folder, rename "template", replace the kernels.
//
// The order to read it in: kernels at the top, the table that lists them, the device, the backend, the entry point.
#include "motley/plugin.hpp"

namespace {

using namespace motley::sdk;
using motley::schema::BinaryAttributes;
using motley::schema::BinaryFunction;
using motley::schema::UnaryAttributes;
using motley::schema::UnaryFunction;

// Elements that one task of parallel_for handles: enough to be worth waking a thread.
constexpr int64_t kChunk = 1 << 14;

// Calls body(first, last) for pieces of [0, count), on the host's threads.
template <class Body>
void for_chunks(const Threads& threads, int64_t count, const Body& body) {
  const auto chunks = static_cast<uint64_t>((count + kChunk - 1) / kChunk);
  threads.parallel_for(chunks, [&](uint64_t chunk, uint32_t) {
    const int64_t first = static_cast<int64_t>(chunk) * kChunk;
    body(first, std::min(first + kChunk, count));
  });
}

// ---- relu ----

// `supports` answers for one node: "" means yes, anything else is the reason why not, which users see in explain().
Reason supports_relu(const NodeView& node) {
  if (node.attributes<UnaryAttributes>().function() != UnaryFunction::relu) return "only relu is supported";
  if (node.input(0)->type != DataType::float32) return "only float32 is supported";
  return {};
}

// `prepare` runs once per node. Shapes are known here, and constants too: this is the place to pack weights.
std::unique_ptr<Kernel> prepare_relu(const NodeView& node, const PrepareContext&) {
  const int64_t count = node.output(0)->elements();
  return make_kernel("relu", [count](const RunContext& run) {
    const float* x = run.input<float>(0);
    float* y = run.output<float>(0);
    // Written so that NaN stays NaN, as the reference does.
    for_chunks(run.threads, count, [=](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) y[i] = x[i] < 0.0f ? 0.0f : x[i];
    });
  });
}

// ---- add ----

Reason supports_add(const NodeView& node) {
  const auto& attributes = node.attributes<BinaryAttributes>();
  if (attributes.function() != BinaryFunction::add) return "only add is supported";
  if (attributes.activation() && attributes.activation()->function() != UnaryFunction::identity) return "no fused activation";
  if (node.input(0)->type != DataType::float32) return "only float32 is supported";
  if (!(node.input(0)->shape == node.input(1)->shape)) return "operands must have the same shape";
  return {};
}

std::unique_ptr<Kernel> prepare_add(const NodeView& node, const PrepareContext&) {
  const int64_t count = node.output(0)->elements();
  return make_kernel("add", [count](const RunContext& run) {
    const float* a = run.input<float>(0);
    const float* b = run.input<float>(1);
    float* y = run.output<float>(0);
    for_chunks(run.threads, count, [=](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) y[i] = a[i] + b[i];
    });
  });
}

// ---- what the device runs ----

constexpr KernelEntry kKernels[] = {
    {Op::Unary, supports_relu, prepare_relu},
    {Op::Binary, supports_add, prepare_add},
};

class TemplateDevice final : public Device {
 public:
  std::span<const KernelEntry> kernels() const override { return kKernels; }
  std::string fingerprint() const override { return "hw device=template\nkernels build=1\n"; }
};

class TemplateBackend final : public Backend {
 public:
  const char* version() const override { return "0.1.0"; }

  std::vector<motley_device_info> enumerate() override {
    motley_device_info info = device_info(0, MOTLEY_DEVICE_CPU, "template", "Template device", "Example");
    info.peak_gflops = 1;  // an estimate; the host orders devices by it when the app does not
    info.bandwidth_gbps = 5;
    return {info};
  }

  std::unique_ptr<Device> open(uint32_t index) override {
    return index == 0 ? std::make_unique<TemplateDevice>() : nullptr;
  }
};

}  // namespace

MOTLEY_PLUGIN("template", TemplateBackend)
