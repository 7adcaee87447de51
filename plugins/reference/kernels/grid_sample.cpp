// GridSample: X read at the places that a grid names, in two or three dimensions.
#include "indexing.hpp"
#include "kernels.hpp"
#include "numeric.hpp"

namespace motley::reference {

namespace {

enum class Mode : uint8_t { linear, nearest, cubic };
enum class Padding : uint8_t { zeros, border, reflection };

void check(const NodeView& node) {
  check_arity(node, {2, 2});
  const TensorView &x = *node.input(0), &grid = *node.input(1), &y = *node.output(0);
  const auto& attributes = node.attributes<schema::GridSampleAttributes>();
  check_type(x, is_number, "input 0");
  check_type(grid, is_real, "grid");
  check_same_type(x, y);
  require(attributes.mode() <= 2 && attributes.padding_mode() <= 2, "unknown mode");
  require(x.shape.rank() == 4 || x.shape.rank() == 5, "only 2 or 3 spatial dimensions are supported");
  require(grid.shape.rank() == x.shape.rank(), "the grid's rank differs from the input's");
  require(grid.shape[grid.shape.size() - 1] == x.shape.rank() - 2,
          "the grid does not name one coordinate per dimension");
  require(grid.shape[0] == x.shape[0], "the grid is for another batch");
  Shape expected{x.shape[0], x.shape[1]};
  for (size_t i = 1; i + 1 < grid.shape.size(); ++i) expected.push_back(grid.shape[i]);
  check_shape(y, expected, "output 0");
  require(y.elements() == 0 || x.elements() > 0, "the input is empty");
}

// The elements along one axis that make up a value; index -1 is padding of zeros.
struct Taps {
  int count = 0;
  std::array<int64_t, 4> index{};
  std::array<double, 4> weight{};
};

// x mirrored at `low` and `high` until it lies between them.
double reflect(double x, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  const double beyond = x < low ? low - x : x - high;
  if (x >= low && x <= high) return x;
  const double times = std::floor(beyond / range), rest = beyond - times * range;
  const bool even = std::fmod(times, 2.0) == 0;
  return (x < low) == even ? low + rest : high - rest;
}

struct GridSampleKernel final : Kernel {
  DataType type, grid_type;
  Mode mode;
  Padding padding;
  bool align_corners;
  Shape x, y;
  size_t rank;  // spatial

  double low() const { return align_corners ? 0 : -0.5; }
  double high(int64_t extent) const { return static_cast<double>(extent) - (align_corners ? 1 : 0.5); }

  // Where the grid's coordinate in [-1, 1] lies along an axis, brought inside as the padding mode asks.
  double locate(double coordinate, int64_t extent) const {
    const auto n = static_cast<double>(extent);
    double at = align_corners ? (coordinate + 1) / 2 * (n - 1) : ((coordinate + 1) * n - 1) / 2;
    if (std::isnan(at)) at = -1;
    at = std::clamp(at, -1e9, 1e9);  // beyond that only "far outside" matters
    if (mode == Mode::nearest) at = round_half_even(at);
    if (at >= low() && at <= high(extent)) return at;
    if (padding == Padding::border) return std::clamp(at, 0.0, n - 1);
    if (padding == Padding::reflection) return reflect(at, low(), high(extent));
    return at;
  }
  int64_t element(int64_t i, int64_t extent) const {
    if (i >= 0 && i < extent) return i;
    if (padding == Padding::zeros) return -1;
    double inside = static_cast<double>(i);
    if (padding == Padding::reflection) inside = reflect(inside, low(), high(extent));
    return std::clamp<int64_t>(static_cast<int64_t>(inside), 0, extent - 1);
  }
  Taps taps_at(double coordinate, int64_t extent) const {
    const double at = locate(coordinate, extent);
    const auto base = static_cast<int64_t>(std::floor(at));
    const double t = at - static_cast<double>(base);
    Taps taps;
    const auto add = [&](int64_t i, double weight) {
      taps.index[static_cast<size_t>(taps.count)] = element(i, extent);
      taps.weight[static_cast<size_t>(taps.count++)] = weight;
    };
    if (mode == Mode::nearest) {
      add(static_cast<int64_t>(round_half_even(at)), 1);
    } else if (mode == Mode::linear) {
      add(base, 1 - t);
      add(base + 1, t);
    } else {
      for (int64_t i = -1; i <= 2; ++i) add(base + i, cubic(static_cast<double>(i) - t));
    }
    return taps;
  }
  // Keys' kernel with a = -0.75.
  static double cubic(double distance) {
    constexpr double a = -0.75;
    const double d = std::fabs(distance);
    return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  }

  // Σ over all combinations of taps from `axis` on.
  template <class T>
  double sum_taps(const T* plane, const std::array<Taps, 3>& taps, const Strides& strides, size_t axis) const {
    if (axis == rank) return real(*plane);
    double sum = 0;
    for (size_t i = 0; i < static_cast<size_t>(taps[axis].count); ++i) {
      if (taps[axis].index[i] < 0 || taps[axis].weight[i] == 0) continue;
      sum += taps[axis].weight[i] * sum_taps(plane + taps[axis].index[i] * strides[axis + 2], taps, strides, axis + 1);
    }
    return sum;
  }
  template <class T, class G>
  void run_as(const RunContext& c) const {
    const Strides strides = row_major_strides(x);
    const int64_t points = y.elements(2, y.rank()), plane = x.elements(2, x.rank());
    for (int64_t image = 0; image < x[0]; ++image)
      for (int64_t p = 0; p < points; ++p) {
        const G* at = c.input<G>(1) + (image * points + p) * static_cast<int64_t>(rank);
        std::array<Taps, 3> taps;
        // The grid names the last axis first.
        for (size_t i = 0; i < rank; ++i) taps[i] = taps_at(real(at[rank - 1 - i]), x[2 + i]);
        for (int64_t channel = 0; channel < x[1]; ++channel) {
          const int64_t number = image * x[1] + channel;
          c.output<T>(0)[number * points + p] = convert<T>(sum_taps(c.input<T>(0) + number * plane, taps, strides, 0));
        }
      }
  }
  void run(const RunContext& c) const override {
    with_number(type, [&](auto t) {
      with_real(grid_type, [&](auto g) { run_as<typename decltype(t)::type, typename decltype(g)::type>(c); });
    });
  }
  std::string_view name() const override { return "grid_sample"; }
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const auto& attributes = node.attributes<schema::GridSampleAttributes>();
  auto kernel = std::make_unique<GridSampleKernel>();
  kernel->type = node.input(0)->type;
  kernel->grid_type = node.input(1)->type;
  kernel->mode = static_cast<Mode>(attributes.mode());
  kernel->padding = static_cast<Padding>(attributes.padding_mode());
  kernel->align_corners = attributes.align_corners();
  kernel->x = node.input(0)->shape;
  kernel->y = node.output(0)->shape;
  kernel->rank = kernel->x.size() - 2;
  return kernel;
}

}  // namespace

KernelEntry grid_sample_kernel() { return entry<check>(Op::GridSample, prepare); }

}  // namespace motley::reference
