// A device that offers candidates beside its slow plain kernel for relu and neg: half precision, half precision gone
// wrong, and relu together with the node that reads it.
#include <bit>
#include <cstring>

#include "motley/plugin.hpp"

namespace {

using namespace motley::sdk;
using motley::schema::UnaryFunction;

constexpr const char *kHalf = "precision=f16", *kWrong = "precision=f16,mode=wrong", *kFused = "fuse=next";

Reason supports(const NodeView& node) {
  const UnaryFunction f = node.attributes<motley::schema::UnaryAttributes>().function();
  const bool known = f == UnaryFunction::relu || f == UnaryFunction::neg;
  return known && node.input(0)->type == DataType::float32 ? Reason() : "only relu and neg of float32";
}

bool is_relu(const NodeView& node) {
  return node.op() == Op::Unary && supports(node).empty() &&
         node.attributes<motley::schema::UnaryAttributes>().function() == UnaryFunction::relu;
}

// With as many digits as float16 has.
float rounded(float x) { return std::bit_cast<float>(std::bit_cast<uint32_t>(x) & 0xffffe000u); }

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext& context) {
  const int64_t n = node.output(0)->elements();
  const bool relu = is_relu(node), half = context.config.get("precision", std::string()) == "f16",
             wrong = context.config.get("mode", std::string()) == "wrong",
             fused = !context.config.get("fuse", std::string()).empty();
  const int passes = half || fused ? 1 : 16;
  return make_kernel("unary", [=](const RunContext& run) {
    float* const y = run.output<float>(0);
    for (int pass = 0; pass < passes; ++pass)
      for (int64_t i = 0; i < n; ++i) {
        volatile float x = run.input<float>(0)[i];
        const float value = relu ? (x < 0 ? 0.0f : x) : -x;
        y[i] = half ? rounded(value) : value;
      }
    if (wrong) y[n / 2] += 1000;
  });
}

constexpr KernelEntry kKernels[] = {{Op::Unary, supports, prepare}};

class OfferingDevice final : public Device {
 public:
  std::span<const KernelEntry> kernels() const override { return kKernels; }
  std::string fingerprint() const override { return "hw unit=1\nkernels build=1\n"; }
};

class OfferingBackend final : public Backend {
 public:
  std::vector<motley_device_info> enumerate() override {
    motley_device_info info = device_info(0, MOTLEY_DEVICE_OTHER, "offering", "Offering test device", "Motley tests");
    info.peak_gflops = info.bandwidth_gbps = 1e6;  // or so it says, that untuned plans use it
    return {info};
  }
  std::unique_ptr<Device> open(uint32_t) override { return std::make_unique<OfferingDevice>(); }
};

void offer(const motley_support_sink& sink, const std::vector<uint32_t>& nodes, DataType precision,
           const char* config) {
  const motley_candidate candidate{sizeof candidate,
                                   static_cast<uint32_t>(nodes.size()),
                                   nodes.data(),
                                   0,
                                   static_cast<uint32_t>(precision),
                                   0,
                                   config};
  sink.candidate(sink.context, &candidate);
}

decltype(motley_plugin::query_support) query_plain = nullptr;

motley_status query_support(motley_device* device, const motley_graph* graph, const motley_support_sink* sink,
                            motley_error* error) {
  const motley_status status = query_plain(device, graph, sink, error);
  if (status != MOTLEY_OK || !sink->candidate) return status;
  return guarded(error, [&] {
    const GraphView view(read_struct(graph));
    for (uint32_t n = 0; n < view.node_count(); ++n) {
      if (!is_relu(view.node(n))) continue;
      offer(*sink, {n}, DataType::float16, kHalf);
      offer(*sink, {n}, DataType::float16, kWrong);
      for (uint32_t m = n + 1; m < view.node_count(); ++m)
        if (view.node(m).op() == Op::Unary && view.node(m).input(0) == view.node(n).output(0))
          offer(*sink, {n, m}, DataType::float32, kFused);
    }
  });
}

}  // namespace

extern "C" MOTLEY_PLUGIN_EXPORT const motley_plugin* motley_plugin_entry(uint32_t abi, const motley_host* host) {
  static motley_plugin plugin{};
  const motley_plugin* plain = PluginAdapter<OfferingBackend>::entry("offering", abi, host);
  if (!plain) return nullptr;
  query_plain = plain->query_support;
  plugin = *plain;
  plugin.query_support = query_support;
  return &plugin;
}
