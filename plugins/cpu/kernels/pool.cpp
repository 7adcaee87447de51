// Pool: maximum or average of a sliding window over float32 images.
#include <cmath>
#include <cstring>

#include "kernels/gemm.hpp"
#include "kernels/kernels.hpp"
#include "kernels/rows_simd.hpp"
#include "kernels/window.hpp"
#include "kernels/window_simd.hpp"

namespace motley::cpu {

namespace {

using schema::PoolFunction;

constexpr int64_t kColumns = 2048;  // computed at once, see conv_depthwise.cpp

Window window_of(const NodeView& node) {
  const Shape& x = node.input(0)->shape;
  const auto& a = node.attributes<schema::PoolAttributes>();
  const auto kernel = sdk::numbers(a.kernel_shape());
  require(kernel.size() + 2 == x.size(), "kernel_shape does not have one value per spatial dimension");
  return make_window(x, {kernel, sdk::numbers(a.strides()), sdk::numbers(a.dilations()), sdk::numbers(a.pads()),
                         a.auto_pad(), a.ceil_mode()});
}

// One window that sees all of the image, once.
bool is_global(const Window& w) {
  const auto covers = [](const WindowAxis& a) {
    return a.output == 1 && a.dilation == 1 && a.pad_begin == 0 && a.kernel == a.input;
  };
  return covers(w.y) && covers(w.x);
}

void check(const NodeView& node) {
  check_arity(node, 1, 1);
  check_all_float(node);
  const TensorView &x = *node.input(0), &y = *node.output(0);
  const PoolFunction f = node.attributes<schema::PoolAttributes>().function();
  require(f == PoolFunction::max || f == PoolFunction::average, "p-norm pooling not supported");
  require(x.shape.rank() == 3 || x.shape.rank() == 4, "only 1 and 2 spatial dimensions are supported");
  const Window w = window_of(node);
  Shape expected{x.shape[0], x.shape[1]};
  if (x.shape.rank() == 4) expected.push_back(w.y.output);
  expected.push_back(w.x.output);
  check_shape(y, expected, "output 0");
  if (y.elements() > 0 && !is_global(w)) PaddedPlane{w};
}

std::unique_ptr<Kernel> prepare_global(PoolFunction f, int64_t planes, int64_t n) {
  const bool max = f == PoolFunction::max;
  const auto fold = row_ops().along[static_cast<size_t>(max ? Fold::max : Fold::sum)];
  return make_kernel("pool_global", [=](const RunContext& c) {
    parallel_ranges(c.threads, planes, std::max<int64_t>(1, kGrain / n), [&](int64_t begin, int64_t end, uint32_t) {
      for (int64_t p = begin; p < end; ++p) {
        const float y = fold(c.input<float>(0) + p * n, static_cast<size_t>(n));
        c.output<float>(0)[p] = max ? y : y / static_cast<float>(n);
      }
    });
  });
}

class Pool final : public Kernel {
 public:
  Pool(PoolFunction f, bool count_pads, const Window& window, int64_t planes, const Threads& threads)
      : max_(f == PoolFunction::max), planes_(planes), plane_(window), ops_(window_ops()), workers_(threads.count()) {
    step_ = std::min(plane_.columns(), std::max<int64_t>(1, kColumns / plane_.pitch()) * plane_.pitch());
    plane_floats_ = round_up(plane_.elements() + kWindowSlack, 16);
    worker_floats_ = plane_floats_ + round_up(step_ + kWindowSlack, 16);
    if (max_) return;
    counts_y_ = tap_counts(window.y, count_pads);
    counts_x_ = tap_counts(window.x, count_pads);
  }

  void run(const RunContext& c) const override {
    const Window& w = plane_.window();
    const int64_t work = plane_.elements() + w.outputs() * w.taps() / 4 + 1;
    parallel_ranges(
        c.threads, planes_, std::max<int64_t>(1, kGrain / work), [&](int64_t begin, int64_t end, uint32_t worker) {
          float* plane = static_cast<float*>(c.scratch) + worker * worker_floats_;
          for (int64_t p = begin; p < end; ++p) {
            plane_.copy(c.input<float>(0) + p * w.inputs(), plane, max_ ? -std::numeric_limits<float>::infinity() : 0);
            run_plane(plane, c.output<float>(0) + p * w.outputs());
          }
        });
  }
  uint64_t scratch_bytes() const override {
    return static_cast<uint64_t>(workers_) * static_cast<uint64_t>(worker_floats_) * sizeof(float);
  }
  std::string_view name() const override { return max_ ? "pool_max" : "pool_average"; }

 private:
  // How many taps each output of an axis divides by: those within the input, or within the padded input. ceil_mode
  // brings taps beyond that, which never count.
  static std::vector<float> tap_counts(const WindowAxis& a, bool count_pads) {
    const int64_t low = count_pads ? -a.pad_begin : 0, high = a.input + (count_pads ? a.pad_end : 0);
    std::vector<float> counts;
    for (int64_t o = 0; o < a.output; ++o) {
      const int64_t start = o * a.stride - a.pad_begin;
      const auto steps = [&](int64_t reach) { return reach <= 0 ? 0 : (reach + a.dilation - 1) / a.dilation; };
      const int64_t taps = std::min(a.kernel, steps(high - start)) - std::min(a.kernel, steps(low - start));
      counts.push_back(static_cast<float>(taps));
    }
    return counts;
  }

  void run_plane(float* plane, float* out) const {
    float* results = plane + plane_floats_;
    const auto& taps = plane_.tap_offsets();
    const int64_t width = plane_.window().x.output;
    for (int64_t column = 0; column < plane_.columns(); column += step_) {
      const int64_t n = std::min(step_, plane_.columns() - column);
      if (max_) ops_.max(plane + column, taps.data(), taps.size(), results, static_cast<size_t>(n));
      else ops_.sum(plane + column, taps.data(), taps.size(), results, static_cast<size_t>(n));
      for_output_runs(plane_, column, n, [&](int64_t from, int64_t to, int64_t count) {
        if (max_) {
          std::memcpy(out + to, results + from, static_cast<size_t>(count) * sizeof(float));
          return;
        }
        const float rows = counts_y_[static_cast<size_t>(to / width)];
        const float* columns = counts_x_.data() + to % width;
        for (int64_t i = 0; i < count; ++i) {
          const float taps_there = rows * columns[i];
          out[to + i] = taps_there > 0 ? results[from + i] / taps_there : 0;
        }
      });
    }
  }

  bool max_;
  int64_t planes_;
  PaddedPlane plane_;
  const WindowOps& ops_;
  std::vector<float> counts_y_, counts_x_;
  int64_t step_ = 0, plane_floats_ = 0, worker_floats_ = 0;
  uint32_t workers_ = 1;
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext& context) {
  const auto& a = node.attributes<schema::PoolAttributes>();
  const Window w = window_of(node);
  const int64_t planes = node.input(0)->shape[0] * node.input(0)->shape[1];
  if (node.output(0)->elements() == 0) return make_kernel("pool_empty", [](const RunContext&) {});
  if (is_global(w) && w.inputs() > 0) return prepare_global(a.function(), planes, w.inputs());
  return std::make_unique<Pool>(a.function(), a.count_include_pad(), w, planes, context.threads);
}

}  // namespace

KernelEntry pool_kernel() { return entry<check>(Op::Pool, prepare); }

}  // namespace motley::cpu
