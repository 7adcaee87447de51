// RoiAlign: regions of interest pooled to a fixed size from bilinear samples.
#include "indexing.hpp"
#include "kernels.hpp"
#include "numeric.hpp"

namespace motley::reference {

namespace {

// Samples in one bin along one axis; more would let a single wild box take forever.
constexpr double kMostSamples = 4096;

void check(const NodeView& node) {
  check_arity(node, {3, 3});
  const TensorView &x = *node.input(0), &rois = *node.input(1), &batches = *node.input(2), &y = *node.output(0);
  const auto& attributes = node.attributes<schema::RoiAlignAttributes>();
  check_type(x, is_real, "input 0");
  check_same_type(x, rois);
  check_same_type(x, y);
  check_type(batches, is_index, "batch_indices");
  require(x.shape.rank() == 4, "the input must have four dimensions");
  require(rois.shape.rank() == 2 && rois.shape[1] == 4, "rois must have four numbers each");
  check_shape(batches, Shape{rois.shape[0]}, "batch_indices");
  require(attributes.sampling_ratio() >= 0 && static_cast<double>(attributes.sampling_ratio()) <= kMostSamples,
          "sampling_ratio is out of range");
  check_shape(y, Shape{rois.shape[0], x.shape[1], attributes.output_height(), attributes.output_width()}, "output 0");
  require(y.elements() == 0 || x.elements() > 0, "the input is empty");
}

// One axis of a region: where it starts, how wide a bin is, how many samples a bin has.
struct Span {
  double start, bin;
  int64_t samples;
  double sample(int64_t b, int64_t i) const {
    return start + static_cast<double>(b) * bin + (static_cast<double>(i) + 0.5) * bin / static_cast<double>(samples);
  }
};

// The two elements around a sample along one axis and the weight of the second.
struct Between {
  int64_t low, high;
  double t;
};
Between between(double x, int64_t extent) {
  x = std::max(x, 0.0);
  const auto low = static_cast<int64_t>(x);
  if (low >= extent - 1) return {extent - 1, extent - 1, 0};
  return {low, low + 1, x - static_cast<double>(low)};
}

struct RoiAlignKernel final : Kernel {
  DataType type, index_type;
  Shape x, y;
  bool average, half_pixel;
  int64_t sampling_ratio;
  double scale;

  Span span(double first, double last, int64_t bins) const {
    const double offset = half_pixel ? 0.5 : 0, start = first * scale - offset;
    double length = last * scale - offset - start;
    if (!half_pixel) length = std::max(length, 1.0);
    const double bin = length / static_cast<double>(bins);
    const double samples = sampling_ratio > 0 ? static_cast<double>(sampling_ratio) : std::ceil(bin);
    if (!(samples <= kMostSamples) || !std::isfinite(start))
      throw StatusError(MOTLEY_INVALID_ARGUMENT, "a region of interest is too large; pass boxes near the image");
    return {start, bin, static_cast<int64_t>(std::max(samples, 0.0))};  // none in a box that ends before it starts
  }

  template <class T>
  double pool_bin(const T* plane, const Span& rows, const Span& columns, int64_t row, int64_t column) const {
    double sum = 0, largest = -std::numeric_limits<double>::infinity();
    bool any = false;
    for (int64_t iy = 0; iy < rows.samples; ++iy)
      for (int64_t ix = 0; ix < columns.samples; ++ix) {
        const double sy = rows.sample(row, iy), sx = columns.sample(column, ix);
        any = true;
        if (!(sy >= -1 && sy <= static_cast<double>(x[2]) && sx >= -1 && sx <= static_cast<double>(x[3]))) {
          largest = std::max(largest, 0.0);
          continue;
        }
        const Between v = between(sy, x[2]), h = between(sx, x[3]);
        const auto at = [&](int64_t r, int64_t c) { return real(plane[r * x[3] + c]); };
        const double corners[] = {(1 - v.t) * (1 - h.t) * at(v.low, h.low), (1 - v.t) * h.t * at(v.low, h.high),
                                  v.t * (1 - h.t) * at(v.high, h.low), v.t * h.t * at(v.high, h.high)};
        for (double corner : corners) {
          sum += corner;
          // ONNX's maximum is over the weighted corners, not over the interpolated samples.
          largest = std::max(largest, corner);
        }
      }
    if (!average) return any ? largest : 0;
    return sum / static_cast<double>(std::max<int64_t>(rows.samples * columns.samples, 1));
  }

  template <class T>
  void run_as(const RunContext& c) const {
    T* out = c.output<T>(0);
    for (int64_t r = 0; r < y[0]; ++r) {
      const int64_t image = checked_index(index_at(c.inputs[2], index_type, r), x[0]);
      const T* box = c.input<T>(1) + r * 4;  // x1, y1, x2, y2
      const Span rows = span(real(box[1]), real(box[3]), y[2]), columns = span(real(box[0]), real(box[2]), y[3]);
      for (int64_t channel = 0; channel < x[1]; ++channel) {
        const T* plane = c.input<T>(0) + (image * x[1] + channel) * x[2] * x[3];
        for (int64_t i = 0; i < y[2]; ++i)
          for (int64_t j = 0; j < y[3]; ++j) *out++ = static_cast<T>(pool_bin(plane, rows, columns, i, j));
      }
    }
  }
  void run(const RunContext& c) const override {
    if (y.elements() == 0) return;
    with_real(type, [&](auto t) { run_as<typename decltype(t)::type>(c); });
  }
  std::string_view name() const override { return "roi_align"; }
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const auto& attributes = node.attributes<schema::RoiAlignAttributes>();
  auto kernel = std::make_unique<RoiAlignKernel>();
  kernel->type = node.input(0)->type;
  kernel->index_type = node.input(2)->type;
  kernel->x = node.input(0)->shape;
  kernel->y = node.output(0)->shape;
  kernel->average = attributes.average();
  kernel->half_pixel = attributes.half_pixel();
  kernel->sampling_ratio = attributes.sampling_ratio();
  kernel->scale = attributes.spatial_scale();
  return kernel;
}

}  // namespace

KernelEntry roi_align_kernel() { return entry<check>(Op::RoiAlign, prepare); }

}  // namespace motley::reference
