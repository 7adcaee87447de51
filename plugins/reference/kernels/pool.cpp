// Pool: maximum (with indices), average or p-norm of a sliding window.
#include "indexing.hpp"
#include "kernels.hpp"
#include "numeric.hpp"
#include "spatial.hpp"

namespace motley::reference {

namespace {

using schema::PoolFunction;

// Unlike a convolution's, the taps of a pool cost no bytes in the model, so a few bytes could ask for endless work.
constexpr int64_t kMostTaps = int64_t{1} << 26;

Window make_pool(const NodeView& node) {
  const TensorView& x = *node.input(0);
  const auto& attributes = node.attributes<schema::PoolAttributes>();
  require(x.shape.rank() >= 3 && x.shape.rank() <= 5, "only 1 to 3 spatial dimensions are supported");
  require(attributes.kernel_shape() && attributes.kernel_shape()->size() == x.shape.size() - 2,
          "kernel_shape does not have one value per spatial dimension");
  Window window = make_window({x.shape.begin() + 2, x.shape.end()},
                              {list_of(attributes.kernel_shape()), list_of(attributes.strides()),
                               list_of(attributes.dilations()), list_of(attributes.pads())});
  set_outputs(window, attributes.auto_pad(), attributes.ceil_mode());
  int64_t taps = 1;
  for (size_t i = 0; i < window.rank; ++i)
    require(!__builtin_mul_overflow(taps, window.axis(i).kernel, &taps) && taps <= kMostTaps,
            "the kernel is too large");
  return window;
}

void check(const NodeView& node) {
  const auto& attributes = node.attributes<schema::PoolAttributes>();
  const bool max = attributes.function() == PoolFunction::max;
  require(attributes.function() <= PoolFunction::lp, "unknown function");
  check_arity(node, {1, 1, 1, max ? 2u : 1u});
  const TensorView &x = *node.input(0), &y = *node.output(0);
  check_type(x, max ? is_number : is_real, "input 0");
  check_same_type(x, y);
  require(max || attributes.function() == PoolFunction::average || attributes.p() >= 1, "p must be positive");
  const Window window = make_pool(node);
  check_shape(y, output_shape(x.shape, x.shape[1], window), "output 0");
  if (const TensorView* indices = node.output(1)) {
    require(indices->type == DataType::int64, "indices must be int64");
    check_shape(*indices, y.shape, "output 1");
    require(attributes.storage_order() == 0 || attributes.storage_order() == 1, "storage_order must be 0 or 1");
  }
}

// Calls fn(position) for all taps at output position o, position = (d, h, w) in the input, maybe in the padding. Taps
// beyond both input and padding, which ceil_mode brings, are left out.
template <class Fn>
void for_taps(const Window& window, const std::array<int64_t, 3>& o, Fn&& fn) {
  const auto& [d, h, w] = window.axes;
  const auto ends = [](const WindowAxis& a, int64_t position) { return position >= a.input + a.pad_end; };
  for (int64_t kd = 0; kd < d.kernel && !ends(d, d.position(o[0], kd)); ++kd)
    for (int64_t kh = 0; kh < h.kernel && !ends(h, h.position(o[1], kh)); ++kh)
      for (int64_t kw = 0; kw < w.kernel && !ends(w, w.position(o[2], kw)); ++kw)
        fn(std::array{d.position(o[0], kd), h.position(o[1], kh), w.position(o[2], kw)});
}

struct PoolKernel final : Kernel {
  DataType type;
  PoolFunction function;
  Window window;
  int64_t planes = 0, p = 2;
  bool count_pads = false, column_major = false, has_indices = false;

  bool inside(const std::array<int64_t, 3>& at) const {
    return window.axes[0].inside(at[0]) && window.axes[1].inside(at[1]) && window.axes[2].inside(at[2]);
  }
  int64_t offset(const std::array<int64_t, 3>& at) const {
    return (at[0] * window.axes[1].input + at[1]) * window.axes[2].input + at[2];
  }
  // What `Indices` tells: counted with the last spatial axis (storage_order 1: the first) running fastest.
  int64_t index(const std::array<int64_t, 3>& at) const {
    if (!column_major) return offset(at);
    int64_t result = 0;
    for (size_t i = window.rank; i-- > 0;) result = result * window.axis(i).input + at[3 - window.rank + i];
    return result;
  }

  template <class T>
  void run_max(const RunContext& c, const T* x, int64_t plane, const std::array<int64_t, 3>& o, int64_t out) const {
    T best{};
    int64_t best_index = -1;
    for_taps(window, o, [&](const std::array<int64_t, 3>& at) {
      if (!inside(at)) return;
      const T v = x[offset(at)];
      if (best_index >= 0 && !less(best, v) && !(is_nan(v) && !is_nan(best))) return;
      best = v;
      best_index = index(at);
    });
    if (best_index < 0) {  // nothing but padding
      if constexpr (is_integer_v<T>) best = std::numeric_limits<T>::lowest();
      else best = static_cast<T>(-std::numeric_limits<double>::infinity());
    }
    c.output<T>(0)[out] = best;
    if (has_indices) c.output<int64_t>(1)[out] = best_index < 0 ? -1 : plane * window.input_elements() + best_index;
  }

  template <class T>
  double sum_up(const T* x, const std::array<int64_t, 3>& o) const {
    double sum = 0;
    int64_t count = 0;
    for_taps(window, o, [&](const std::array<int64_t, 3>& at) {
      const bool element = inside(at);
      if (element || count_pads) ++count;
      if (!element) return;
      const double v = real(x[offset(at)]);
      sum += function == PoolFunction::lp ? std::pow(std::fabs(v), static_cast<double>(p)) : v;
    });
    if (function == PoolFunction::lp) return std::pow(sum, 1.0 / static_cast<double>(p));
    return count ? sum / static_cast<double>(count) : 0;
  }

  template <class T>
  void run_plane(const RunContext& c, int64_t plane) const {
    const T* x = c.input<T>(0) + plane * window.input_elements();
    int64_t out = plane * window.output_elements();
    const auto& [d, h, w] = window.axes;
    for (int64_t od = 0; od < d.output; ++od)
      for (int64_t oh = 0; oh < h.output; ++oh)
        for (int64_t ow = 0; ow < w.output; ++ow, ++out) {
          if (function == PoolFunction::max) run_max(c, x, plane, {od, oh, ow}, out);
          else if constexpr (is_real_v<T>) c.output<T>(0)[out] = static_cast<T>(sum_up(x, {od, oh, ow}));
        }
  }
  void run(const RunContext& c) const override {
    with_number(type, [&](auto t) {
      c.threads.parallel_for(static_cast<uint64_t>(planes), [&](uint64_t plane, uint32_t) {
        run_plane<typename decltype(t)::type>(c, static_cast<int64_t>(plane));
      });
    });
  }
  std::string_view name() const override { return "pool"; }
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const auto& attributes = node.attributes<schema::PoolAttributes>();
  auto kernel = std::make_unique<PoolKernel>();
  kernel->type = node.input(0)->type;
  kernel->function = attributes.function();
  kernel->window = make_pool(node);
  kernel->planes = node.input(0)->shape[0] * node.input(0)->shape[1];
  kernel->p = attributes.p();
  kernel->count_pads = attributes.count_include_pad();
  kernel->column_major = attributes.storage_order() == 1;
  kernel->has_indices = node.output(1) != nullptr;
  return kernel;
}

}  // namespace

KernelEntry pool_kernel() { return entry<check>(Op::Pool, prepare); }

}  // namespace motley::reference
