// QLinearPool: averages of the reals that bytes stand for, as bytes again; and Pool, maximum of bytes.
//
// Sums of a window are exact in double, in whatever order: a float has 24 bits, what a byte stands for spans 8 more,
// and kMostTaps another 20. So they are those of DequantizeLinear, Pool and QuantizeLinear one after the other.
#include "kernels/kernels.hpp"
#include "kernels/quantized.hpp"
#include "kernels/window.hpp"

namespace motley::cpu {

namespace {

constexpr int64_t kMostTaps = int64_t{1} << 20;

Window window_of(const NodeView& node) {
  const Shape& x = node.input(0)->shape;
  const auto& a = node.attributes<schema::PoolAttributes>();
  const auto kernel = sdk::numbers(a.kernel_shape());
  require(kernel.size() + 2 == x.size(), "kernel_shape does not have one value per spatial dimension");
  return make_window(x, {kernel, sdk::numbers(a.strides()), sdk::numbers(a.dilations()), sdk::numbers(a.pads()),
                         a.auto_pad(), a.ceil_mode()});
}

void check_window(const NodeView& node) {
  const TensorView &x = *node.input(0), &y = *node.output(0);
  require(x.shape.rank() == 3 || x.shape.rank() == 4, "only 1 and 2 spatial dimensions are supported");
  const Window w = window_of(node);
  require(w.y.kernel <= kMostTaps && w.x.kernel <= kMostTaps && w.taps() <= kMostTaps, "the kernel is too large");
  Shape expected{x.shape[0], x.shape[1]};
  if (x.shape.rank() == 4) expected.push_back(w.y.output);
  expected.push_back(w.x.output);
  check_shape(y, expected, "output 0");
}

void check_average(const NodeView& node) {
  check_arity(node, 5, 5);
  const TensorView &x = *node.input(0), &y = *node.output(0);
  require(is_byte(x.type) && is_byte(y.type), "only int8 and uint8 are supported");
  check_linear(node.input(1), node.input(2), x, 1);
  check_linear(node.input(3), node.input(4), y, 1);
  require(node.attributes<schema::PoolAttributes>().function() == schema::PoolFunction::average,
          "only the average is supported");
  check_window(node);
}

void check_greatest(const NodeView& node) {
  check_arity(node, 1, 1);
  require(is_byte(node.input(0)->type), "only float32, int8 and uint8 are supported");
  check_type(*node.output(0), node.input(0)->type, "output 0");
  require(node.attributes<schema::PoolAttributes>().function() == schema::PoolFunction::max,
          "only the maximum of integers is supported");
  check_window(node);
}

// The taps [first, last) of an output that lie within the input, and how many the average divides by: those, or those
// in the padding too. ceil_mode brings taps beyond, which never count.
struct Taps {
  int64_t start = 0, first = 0, last = 0, counted = 0;
  Taps(const WindowAxis& a, int64_t output, bool count_pads) : start(output * a.stride - a.pad_begin) {
    const auto before = [&](int64_t position) {
      const int64_t reach = position - start;
      return std::min(a.kernel, reach <= 0 ? 0 : (reach + a.dilation - 1) / a.dilation);
    };
    first = before(0), last = before(a.input);
    counted = count_pads ? before(a.input + a.pad_end) : last - first;
  }
};

class QuantizedPool final : public Kernel {
 public:
  explicit QuantizedPool(const NodeView& node) : window_(window_of(node)), ops_(quantized_ops()) {
    x_type_ = node.input(0)->type, y_type_ = node.output(0)->type;
    planes_ = node.input(0)->shape[0] * node.input(0)->shape[1];
    const bool count_pads = node.attributes<schema::PoolAttributes>().count_include_pad();
    for (int64_t y = 0; y < window_.y.output; ++y) rows_.emplace_back(window_.y, y, count_pads);
    for (int64_t x = 0; x < window_.x.output; ++x) columns_.emplace_back(window_.x, x, count_pads);
  }

  void run(const RunContext& c) const override {
    const float scale = *c.input<float>(1);
    const int32_t zero = byte_at(x_type_, c.inputs[2], 0);
    double reals[256];  // by the byte as it is stored
    for (int i = 0; i < 256; ++i) {
      const auto byte = static_cast<uint8_t>(i);
      reals[i] = static_cast<double>(static_cast<float>(byte_at(x_type_, &byte, 0) - zero) * scale);
    }
    const int64_t work = window_.outputs() * window_.taps();
    parallel_ranges(c.threads, planes_, std::max<int64_t>(1, kGrain / work), [&](int64_t begin, int64_t end, uint32_t) {
      for (int64_t plane = begin; plane < end; ++plane)
        for (int64_t y = 0; y < window_.y.output; ++y) run_row(c, reals, plane, y);
    });
  }
  std::string_view name() const override { return "qlinear_pool"; }

 private:
  static constexpr int64_t kAtOnce = 64;

  void run_row(const RunContext& c, const double* reals, int64_t plane, int64_t y) const {
    const IntegerRange range = byte_range(y_type_, byte_at(y_type_, c.inputs[4], 0));
    uint8_t* out = c.output<uint8_t>(0) + plane * window_.outputs() + y * window_.x.output;
    float averages[kAtOnce];
    for (int64_t x = 0; x < window_.x.output; x += kAtOnce) {
      const int64_t n = std::min(kAtOnce, window_.x.output - x);
      for (int64_t i = 0; i < n; ++i)
        averages[i] = average(c.input<uint8_t>(0) + plane * window_.inputs(), reals, rows_[static_cast<size_t>(y)],
                              columns_[static_cast<size_t>(x + i)]);
      ops_.quantize(averages, static_cast<size_t>(n), *c.input<float>(3), range, out + x);
    }
  }

  float average(const uint8_t* plane, const double* reals, const Taps& rows, const Taps& columns) const {
    // Four sums, as one addition waits for the one before.
    double sums[4] = {};
    const int64_t step = window_.x.dilation;
    for (int64_t r = rows.first; r < rows.last; ++r) {
      const uint8_t* row = plane + (rows.start + r * window_.y.dilation) * window_.x.input + columns.start;
      int64_t i = columns.first;
      for (; i + 4 <= columns.last; i += 4)
        for (int64_t k = 0; k < 4; ++k) sums[k] += reals[row[(i + k) * step]];
      for (; i < columns.last; ++i) sums[0] += reals[row[i * step]];
    }
    const int64_t count = rows.counted * columns.counted;
    const double sum = sums[0] + sums[1] + sums[2] + sums[3];
    return count > 0 ? static_cast<float>(sum / static_cast<double>(count)) : 0;
  }

  Window window_;
  const QuantizedOps& ops_;
  DataType x_type_, y_type_;
  int64_t planes_ = 0;
  std::vector<Taps> rows_, columns_;
};

// Rows of the window first, all columns of the image at once, then its columns.
class BytePool final : public Kernel {
 public:
  BytePool(const NodeView& node, const Threads& threads)
      : window_(window_of(node)), ops_(quantized_ops()), workers_(threads.count()) {
    flip_ = node.input(0)->type == DataType::int8 ? 0x80 : 0;
    planes_ = node.input(0)->shape[0] * node.input(0)->shape[1];
    for (int64_t y = 0; y < window_.y.output; ++y) rows_.emplace_back(window_.y, y, false);
    for (int64_t x = 0; x < window_.x.output; ++x) columns_.emplace_back(window_.x, x, false);
  }

  void run(const RunContext& c) const override {
    const int64_t work = window_.inputs() * window_.y.kernel / 16 + window_.outputs() * window_.x.kernel;
    parallel_ranges(c.threads, planes_, std::max<int64_t>(1, kGrain / (work + 1)),
                    [&](int64_t begin, int64_t end, uint32_t worker) {
                      uint8_t* row = static_cast<uint8_t*>(c.scratch) + worker * row_bytes();
                      for (int64_t plane = begin; plane < end; ++plane)
                        for (int64_t y = 0; y < window_.y.output; ++y)
                          run_row(c.input<uint8_t>(0) + plane * window_.inputs(), rows_[static_cast<size_t>(y)], row,
                                  c.output<uint8_t>(0) + plane * window_.outputs() + y * window_.x.output);
                    });
  }
  uint64_t scratch_bytes() const override { return static_cast<uint64_t>(workers_ * row_bytes()); }
  std::string_view name() const override { return "pool_bytes"; }

 private:
  int64_t row_bytes() const { return up_to(window_.x.input, 64); }

  void run_row(const uint8_t* plane, const Taps& taps, uint8_t* row, uint8_t* out) const {
    const int64_t width = window_.x.input, step = window_.x.dilation;
    std::fill_n(row, width, uint8_t{0});
    for (int64_t r = taps.first; r < taps.last; ++r)
      ops_.greater(plane + (taps.start + r * window_.y.dilation) * width, static_cast<size_t>(width), flip_, row);
    for (const Taps& t : columns_) {
      uint8_t most = 0;
      for (int64_t i = t.first; i < t.last; ++i) most = std::max(most, row[t.start + i * step]);
      *out++ = most ^ flip_;
    }
  }

  Window window_;
  const QuantizedOps& ops_;
  int64_t workers_, planes_ = 0;
  uint8_t flip_ = 0;
  std::vector<Taps> rows_, columns_;
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext& context) {
  if (node.output(0)->elements() == 0) return make_kernel("pool_empty", [](const RunContext&) {});
  if (node.op() == Op::Pool) return std::make_unique<BytePool>(node, context.threads);
  return std::make_unique<QuantizedPool>(node);
}

}  // namespace

KernelEntry qlinear_pool_kernel() { return entry<check_average>(Op::QLinearPool, prepare); }
KernelEntry byte_pool_kernel() { return entry<check_greatest>(Op::Pool, prepare); }

}  // namespace motley::cpu
