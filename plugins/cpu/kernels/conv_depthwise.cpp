// Convolution of groups with one input channel: a window slides along each padded plane.
#include <cstring>

#include "kernels/conv.hpp"
#include "kernels/window_simd.hpp"

namespace motley::cpu {

namespace {

// Columns that are computed at once: their sums stay in the first cache until they go to the output.
constexpr int64_t kColumns = 2048;

class ConvDepthwise final : public Kernel {
 public:
  ConvDepthwise(const Convolution& c, const Threads& threads) : c_(c), ops_(window_ops()) {
    const int64_t pitch = c.plane.pitch();
    step_ = std::min(c.plane.columns(), std::max<int64_t>(1, kColumns / pitch) * pitch);
    plane_floats_ = round_up(c.plane.elements() + kWindowSlack, 16);
    worker_floats_ = plane_floats_ + round_up(step_ + kWindowSlack, 16);
    workers_ = threads.count();
  }

  void run(const RunContext& context) const override {
    const float* weights = c_.weights ? c_.weights : context.input<float>(1);
    const int64_t work = c_.plane.elements() + c_.channels_out() * c_.window.outputs() * c_.window.taps() / 4;
    parallel_ranges(context.threads, c_.batch * c_.in_channels, std::max<int64_t>(1, kGrain / (work + 1)),
                    [&](int64_t begin, int64_t end, uint32_t worker) {
                      float* plane = static_cast<float*>(context.scratch) + worker * worker_floats_;
                      for (int64_t p = begin; p < end; ++p) {
                        c_.plane.copy(context.input<float>(0) + p * c_.window.inputs(), plane, 0);
                        run_plane(context, weights, plane, p);
                      }
                    });
  }
  uint64_t scratch_bytes() const override {
    return static_cast<uint64_t>(workers_) * static_cast<uint64_t>(worker_floats_) * sizeof(float);
  }
  std::string_view name() const override { return "conv_depthwise"; }

 private:
  void run_plane(const RunContext& context, const float* weights, float* plane, int64_t p) const {
    float* sums = plane + plane_floats_;
    const int64_t image = p / c_.in_channels, group = p % c_.in_channels, outputs = c_.window.outputs();
    const auto& taps = c_.plane.tap_offsets();
    for (int64_t i = 0; i < c_.channels_out(); ++i) {
      const int64_t channel = group * c_.channels_out() + i, at = (image * c_.out_channels + channel) * outputs;
      float* out = context.output<float>(0) + at;
      const float bias = c_.has_bias ? context.input<float>(2)[channel] : 0;
      for (int64_t column = 0; column < c_.plane.columns(); column += step_) {
        const int64_t n = std::min(step_, c_.plane.columns() - column);
        ops_.weighted_sum(plane + column, taps.data(), weights + channel * c_.window.taps(), taps.size(), bias, sums,
                          static_cast<size_t>(n));
        for_output_runs(c_.plane, column, n, [&](int64_t from, int64_t to, int64_t count) {
          if (c_.epilogue.clamp)
            ops_.clamp(sums + from, out + to, static_cast<size_t>(count), c_.epilogue.low, c_.epilogue.high);
          else std::memcpy(out + to, sums + from, static_cast<size_t>(count) * sizeof(float));
        });
      }
      if (c_.epilogue.has_finish())
        c_.epilogue.finish(out, c_.has_residual ? context.input<float>(3) + at : nullptr, outputs);
    }
  }

  Convolution c_;
  const WindowOps& ops_;
  int64_t step_ = 0, plane_floats_ = 0, worker_floats_ = 0;
  uint32_t workers_ = 1;
};

}  // namespace

std::unique_ptr<Kernel> make_conv_depthwise(const Convolution& convolution, const Threads& threads) {
  return std::make_unique<ConvDepthwise>(convolution, threads);
}

}  // namespace motley::cpu
