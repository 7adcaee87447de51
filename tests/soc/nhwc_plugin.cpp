// A device made with the SDK's helper that runs convolutions in either layout, and copies. One kernel serves both,
// because it knows tensors by their strides; MOTLEY_NHWC_WRONG has it take nhwc for row-major.
#include <cstdlib>

#include "motley/plugin.hpp"

namespace motley::test {
namespace {

using namespace motley::sdk;
using schema::ConvAttributes;

// N C H W.
struct Strides {
  int64_t n, c, h, w;
};
Strides strides_of(const TensorView& tensor) {
  const Shape s = logical_shape(tensor);
  if (layout_of(tensor) == Layout::nhwc && !std::getenv("MOTLEY_NHWC_WRONG"))
    return {s[1] * s[2] * s[3], 1, s[3] * s[1], s[1]};
  return {s[1] * s[2] * s[3], s[2] * s[3], s[3], 1};
}

int64_t at(std::span<const int64_t> list, size_t i, int64_t otherwise) { return i < list.size() ? list[i] : otherwise; }

Reason supports_conv(const NodeView& node) {
  const auto& a = node.attributes<ConvAttributes>();
  if (logical_shape(*node.input(0)).rank() != 4 || node.input(0)->type != DataType::float32)
    return "only images in float32";
  if (!node.input(1)->is_constant() || node.input(2) || node.input(3)) return "only constant weights, and those alone";
  if (a.auto_pad() != schema::AutoPad::explicit_ || a.group() != 1) return "neither groups nor automatic padding";
  if (a.activation() && a.activation()->function() != schema::UnaryFunction::identity) return "no fused activation";
  return {};
}

std::unique_ptr<Kernel> prepare_conv(const NodeView& node, const PrepareContext&) {
  const auto& a = node.attributes<ConvAttributes>();
  const Shape in = logical_shape(*node.input(0)), out = logical_shape(*node.output(0)), kernel = node.input(1)->shape;
  const Strides from = strides_of(*node.input(0)), to = strides_of(*node.output(0));
  const auto pads = numbers(a.pads()), steps = numbers(a.strides()), gaps = numbers(a.dilations());
  const int64_t top = at(pads, 0, 0), left = at(pads, 1, 0), down = at(steps, 0, 1), right = at(steps, 1, 1);
  const int64_t gap_y = at(gaps, 0, 1), gap_x = at(gaps, 1, 1);
  const float* weights = node.input(1)->constant_as<float>().data();
  return make_kernel(is_in_nhwc(node) ? "conv_nhwc" : "conv", [=](const RunContext& run) {
    const float* x = run.input<float>(0);
    float* y = run.output<float>(0);
    for (int64_t n = 0; n < out[0]; ++n)
      for (int64_t m = 0; m < out[1]; ++m)
        for (int64_t h = 0; h < out[2]; ++h)
          for (int64_t w = 0; w < out[3]; ++w) {
            double sum = 0;
            for (int64_t c = 0; c < in[1]; ++c)
              for (int64_t i = 0; i < kernel[2]; ++i)
                for (int64_t j = 0; j < kernel[3]; ++j) {
                  const int64_t row = h * down - top + i * gap_y, column = w * right - left + j * gap_x;
                  if (row < 0 || row >= in[2] || column < 0 || column >= in[3]) continue;
                  sum += double(weights[((m * in[1] + c) * kernel[2] + i) * kernel[3] + j]) *
                         x[n * from.n + c * from.c + row * from.h + column * from.w];
                }
            y[n * to.n + m * to.c + h * to.h + w * to.w] = static_cast<float>(sum);
          }
  });
}

constexpr KernelEntry kKernels[] = {{Op::Conv, supports_conv, prepare_conv}};

class NhwcDevice final : public Device, public NhwcKernels {
 public:
  std::span<const KernelEntry> kernels() const override { return kKernels; }
  std::string fingerprint() const override { return "hw device=nhwc\nkernels build=1\n"; }
  bool runs_in_nhwc(const NodeView& node) const override { return node.op() == Op::Conv; }
  // Row-major ones are said to be a hundred times as slow.
  double estimate_cost(const NodeView& node) const override { return is_in_nhwc(node) ? 1e6 : 1e8; }
};

class NhwcBackend final : public Backend {
 public:
  const char* version() const override { return "1"; }
  std::vector<motley_device_info> enumerate() override {
    motley_device_info info = device_info(0, MOTLEY_DEVICE_OTHER, "nhwc", "Works in nhwc", "Motley tests");
    info.preferred_layouts = 1u << static_cast<uint32_t>(Layout::nhwc);
    return {info};
  }
  std::unique_ptr<Device> open(uint32_t) override { return std::make_unique<NhwcDevice>(); }
};

}  // namespace
}  // namespace motley::test

MOTLEY_PLUGIN("nhwc", motley::test::NhwcBackend)
