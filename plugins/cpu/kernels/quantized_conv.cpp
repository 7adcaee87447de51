// QLinearConv: the image as padded planes of 16-bit integers, columns of it times the weights, sums rounded to bytes.
#include "kernels/kernels.hpp"
#include "kernels/quantized.hpp"
#include "kernels/window.hpp"

namespace motley::cpu {

namespace {

constexpr int64_t kMostPlanes = int64_t{1} << 30;  // elements of an image's padded planes
constexpr auto kRows = static_cast<int64_t>(kQuantizedRows);

struct Geometry {
  int64_t batch = 0, in_channels = 0, out_channels = 0, group = 1, height = 0, width = 0;  // of a padded plane
  Window window;
  int64_t channels_in() const { return in_channels / group; }
  int64_t channels_out() const { return out_channels / group; }
  int64_t plane() const { return height * width; }
  int64_t depth() const { return channels_in() * window.taps(); }
  bool is_empty() const { return batch * out_channels * window.outputs() == 0; }
};

int64_t reached(const WindowAxis& a) { return (a.output - 1) * a.stride + a.reach(); }

Geometry make_geometry(const NodeView& node) {
  const TensorView &x = *node.input(0), &w = *node.input(3);
  const auto& attributes = node.attributes<schema::ConvAttributes>();
  require(x.shape.rank() == 3 || x.shape.rank() == 4, "only 1 and 2 spatial dimensions are supported");
  require(w.shape.rank() == x.shape.rank(), "the ranks of input and weights differ");
  Geometry g;
  g.batch = x.shape[0], g.in_channels = x.shape[1], g.out_channels = w.shape[0], g.group = attributes.group();
  require(g.group >= 1 && g.in_channels % g.group == 0 && g.out_channels % g.group == 0,
          "group does not divide the channels");
  require(w.shape[1] == g.channels_in(), "the weights are for another number of channels");
  g.window = make_window(x.shape, {{w.shape.begin() + 2, w.shape.end()},
                                   sdk::numbers(attributes.strides()),
                                   sdk::numbers(attributes.dilations()),
                                   sdk::numbers(attributes.pads()),
                                   attributes.auto_pad()});
  Shape expected{g.batch, g.out_channels};
  if (x.shape.rank() == 4) expected.push_back(g.window.y.output);
  expected.push_back(g.window.x.output);
  check_shape(*node.output(0), expected, "output 0");
  require(g.in_channels > 0, "no input channels");
  require(g.depth() <= kMostQuantizedDepth, "sums this long are not supported");
  if (g.is_empty()) return g;
  g.height = reached(g.window.y), g.width = reached(g.window.x);
  require(g.height < kMostPlanes && g.width < kMostPlanes / g.height && g.in_channels < kMostPlanes / g.plane(),
          "the padded image is too large");
  return g;
}

void check(const NodeView& node) {
  check_arity(node, 8, 9);
  for (size_t i : {0, 3}) require(is_byte(node.input(i)->type), "only int8 and uint8 are supported");
  require(is_byte(node.output(0)->type), "only int8 and uint8 are supported");
  const Geometry g = make_geometry(node);
  check_linear(node.input(1), node.input(2), *node.input(0), 1);
  check_linear(node.input(4), node.input(5), *node.input(3), g.out_channels);
  check_linear(node.input(6), node.input(7), *node.output(0), 1);
  if (const TensorView* bias = node.input(8)) {
    check_type(*bias, DataType::int32, "bias");
    check_shape(*bias, Shape{g.out_channels}, "bias");
  }
  const auto* activation = node.attributes<schema::ConvAttributes>().activation();
  require(!activation || activation->function() == schema::UnaryFunction::identity, "activation not supported");
}

class QuantizedConv final : public Kernel {
 public:
  QuantizedConv(const NodeView& node, const Geometry& g, const Threads& threads)
      : g_(g), ops_(quantized_ops()), layout_{g.channels_out(), g.depth()} {
    x_type_ = node.input(0)->type, w_type_ = node.input(3)->type, y_type_ = node.output(0)->type;
    scales_ = node.input(4)->elements(), zeros_ = node.input(5)->elements(), has_bias_ = node.input(8) != nullptr;
    for (int64_t channel = 0; channel < g.channels_in(); ++channel)
      for (int64_t y = 0; y < g.window.y.kernel; ++y)
        for (int64_t x = 0; x < g.window.x.kernel; ++x)
          offsets_.push_back(channel * g.plane() + y * g.window.y.dilation * g.width + x * g.window.x.dilation);
    if (node.input(3)->constant && node.input(5)->constant) {
      weights_.resize(static_cast<size_t>(g.group * layout_.elements()));
      pack_weights(node.input(3)->constant, node.input(5)->constant, weights_.data());
    }
    planes_at_ = weights_.empty() ? g.group * layout_.elements() : 0;
    columns_at_ = planes_at_ + up_to(g.in_channels * g.plane(), 32);
    columns_ = static_cast<int64_t>(ops_.tile_columns);
    scratch_ = columns_at_ + layout_.pairs() * 2 * columns_ * threads.count();
  }

  void run(const RunContext& c) const override {
    auto* scratch = static_cast<int16_t*>(c.scratch);
    const int16_t* weights = weights_.data();
    if (weights_.empty()) {
      pack_weights(c.inputs[3], c.inputs[5], scratch);
      weights = scratch;
    }
    const int64_t panels = (g_.window.outputs() + columns_ - 1) / columns_;
    for (int64_t image = 0; image < g_.batch; ++image) {
      make_planes(c, image, scratch + planes_at_);
      const int64_t grain = std::max<int64_t>(1, 4 * kGrain / (columns_ * (layout_.rows + 8) * layout_.depth));
      parallel_ranges(c.threads, g_.group * panels, grain, [&](int64_t begin, int64_t end, uint32_t worker) {
        int16_t* columns = scratch + columns_at_ + layout_.pairs() * 2 * columns_ * worker;
        for (int64_t i = begin; i < end; ++i)
          run_panel(c, weights, scratch + planes_at_, image, i / panels, i % panels * columns_, columns);
      });
    }
  }
  uint64_t scratch_bytes() const override { return static_cast<uint64_t>(scratch_) * sizeof(int16_t); }
  uint64_t resident_bytes() const override { return weights_.size() * sizeof(int16_t); }
  std::string_view name() const override { return "qlinear_conv"; }

 private:
  void pack_weights(const void* w, const void* zeros, int16_t* to) const {
    for (int64_t group = 0; group < g_.group; ++group) {
      const int64_t first = group * layout_.rows;
      layout_.pack(
          w_type_, w, first * layout_.depth,
          [&](int64_t row) { return byte_at(w_type_, zeros, zeros_ == 1 ? 0 : first + row); },
          to + group * layout_.elements());
    }
  }

  // Zeros around the image stand for x's zero point.
  void make_planes(const RunContext& c, int64_t image, int16_t* planes) const {
    const WindowAxis &wy = g_.window.y, &wx = g_.window.x;
    const int32_t zero = byte_at(x_type_, c.inputs[2], 0);
    const int64_t left = std::min(wx.pad_begin, g_.width), count = std::min(wx.input, g_.width - left);
    parallel_ranges(c.threads, g_.in_channels * g_.height, std::max<int64_t>(1, kGrain / g_.width),
                    [&](int64_t begin, int64_t end, uint32_t) {
                      for (int64_t i = begin; i < end; ++i) {
                        int16_t* row = planes + i * g_.width;
                        const int64_t channel = i / g_.height, y = i % g_.height - wy.pad_begin;
                        if (y < 0 || y >= wy.input) {
                          std::fill_n(row, g_.width, int16_t{0});
                          continue;
                        }
                        std::fill_n(row, left, int16_t{0});
                        widen(x_type_, c.inputs[0], ((image * g_.in_channels + channel) * wy.input + y) * wx.input,
                              count, zero, row + left);
                        std::fill_n(row + left + count, g_.width - left - count, int16_t{0});
                      }
                    });
  }

  void pack_columns(const int16_t* planes, int64_t first, int64_t n, int16_t* to) const {
    int64_t base[kMostQuantizedColumns] = {};
    for (int64_t j = 0; j < n; ++j) {
      const int64_t y = (first + j) / g_.window.x.output, x = (first + j) % g_.window.x.output;
      base[j] = y * g_.window.y.stride * g_.width + x * g_.window.x.stride;
    }
    for (int64_t k = 0; k < layout_.depth; k += 2, to += 2 * columns_) {
      const int16_t* even = planes + offsets_[static_cast<size_t>(k)];
      const bool paired = k + 1 < layout_.depth;
      const int16_t* odd = paired ? planes + offsets_[static_cast<size_t>(k + 1)] : even;
      for (int64_t j = 0; j < columns_; ++j) {
        to[2 * j] = even[base[j]];
        to[2 * j + 1] = paired ? odd[base[j]] : int16_t{0};
      }
    }
  }

  void run_panel(const RunContext& c, const int16_t* weights, const int16_t* planes, int64_t image, int64_t group,
                 int64_t first, int16_t* columns) const {
    const int64_t outputs = g_.window.outputs(), n = std::min(columns_, outputs - first);
    pack_columns(planes + group * g_.channels_in() * g_.plane(), first, n, columns);
    const float x_scale = *c.input<float>(1), y_scale = *c.input<float>(6);
    const IntegerRange range = byte_range(y_type_, byte_at(y_type_, c.inputs[7], 0));
    int32_t sums[kQuantizedRows * kMostQuantizedColumns];
    for (int64_t row = 0; row < layout_.rows; row += kRows) {
      const int64_t rows = std::min(kRows, layout_.rows - row);
      ops_.tile(weights + group * layout_.elements() + row / kRows * layout_.panel(), columns,
                static_cast<size_t>(layout_.pairs()), static_cast<size_t>(rows), sums);
      for (int64_t i = 0; i < rows; ++i) {
        const int64_t m = group * layout_.rows + row + i;
        // In float, as the result's rounding shows which.
        const float factor = x_scale * c.input<float>(4)[scales_ == 1 ? 0 : m] / y_scale;
        ops_.requantize(sums + i * columns_, static_cast<size_t>(n), has_bias_ ? c.input<int32_t>(8)[m] : 0,
                        static_cast<double>(factor), range,
                        c.output<uint8_t>(0) + (image * g_.out_channels + m) * outputs + first);
      }
    }
  }

  Geometry g_;
  const QuantizedOps& ops_;
  QuantizedRowsLayout layout_;
  DataType x_type_, w_type_, y_type_;
  int64_t scales_ = 1, zeros_ = 1;
  bool has_bias_ = false;
  std::vector<int64_t> offsets_;  // of a column's elements in the planes
  std::vector<int16_t> weights_;
  int64_t planes_at_ = 0, columns_at_ = 0, columns_ = 0, scratch_ = 0;  // in elements of 16 bits
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext& context) {
  const Geometry g = make_geometry(node);
  if (g.is_empty()) return make_kernel("qlinear_conv_empty", [](const RunContext&) {});
  return std::make_unique<QuantizedConv>(node, g, context.threads);
}

}  // namespace

KernelEntry qlinear_conv_kernel() { return entry<check>(Op::QLinearConv, prepare); }

}  // namespace motley::cpu
