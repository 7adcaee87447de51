// QLinearConv and ConvInteger: the image as padded planes, columns of it times the weights, sums rounded to bytes or
// not.
#include <cstring>

#include "kernels/kernels.hpp"
#include "kernels/quantized.hpp"
#include "kernels/window.hpp"

namespace motley::cpu {

namespace {

constexpr int64_t kMostPlanes = int64_t{1} << 30;  // elements of an image's padded planes
// So many elements are taken from planes at once, and may lie past their end.
constexpr int64_t kRun = 16;

// Where the operands stand among the inputs.
struct Operands {
  size_t w, x_zero, w_zero;
};
constexpr Operands kQLinear{3, 2, 5}, kInteger{1, 2, 3};

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

Geometry make_geometry(const NodeView& node, const Operands& operands) {
  const TensorView &x = *node.input(0), &w = *node.input(operands.w);
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

void check_plain(const NodeView& node) {
  const auto* activation = node.attributes<schema::ConvAttributes>().activation();
  require(!activation || activation->function() == schema::UnaryFunction::identity, "activation not supported");
}

void check_qlinear(const NodeView& node) {
  check_arity(node, 8, 9);
  for (size_t i : {0, 3}) require(is_byte(node.input(i)->type), "only int8 and uint8 are supported");
  require(is_byte(node.output(0)->type), "only int8 and uint8 are supported");
  const Geometry g = make_geometry(node, kQLinear);
  check_linear(node.input(1), node.input(2), *node.input(0), 1);
  check_linear(node.input(4), node.input(5), *node.input(3), g.out_channels);
  check_linear(node.input(6), node.input(7), *node.output(0), 1);
  if (const TensorView* bias = node.input(8)) {
    check_type(*bias, DataType::int32, "bias");
    check_shape(*bias, Shape{g.out_channels}, "bias");
  }
  check_plain(node);
}

void check_integer(const NodeView& node) {
  check_arity(node, 2, 4);
  for (size_t i : {0, 1}) require(is_byte(node.input(i)->type), "only int8 and uint8 are supported");
  check_type(*node.output(0), DataType::int32, "output 0");
  const Geometry g = make_geometry(node, kInteger);
  check_zero(node.input(2), *node.input(0), 1);
  check_zero(node.input(3), *node.input(1), g.out_channels);
  check_plain(node);
}

class QuantizedConv final : public Kernel {
 public:
  QuantizedConv(const NodeView& node, const Geometry& g, const Operands& at, const Threads& threads)
      : g_(g), at_(at), ops_(quantized_ops()), rows_(ops_, Side::rows, g.channels_out(), g.depth()) {
    const auto zero_input = [&](size_t i) { return i < node.input_count() ? node.input(i) : nullptr; };
    const TensorView *x_zero = zero_input(at.x_zero), *w_zero = zero_input(at.w_zero), &w = *node.input(at.w);
    is_integer_ = node.op() == Op::ConvInteger;
    x_type_ = node.input(0)->type, w_type_ = w.type, y_type_ = node.output(0)->type;
    has_x_zero_ = x_zero != nullptr, zeros_ = w_zero ? w_zero->elements() : 0;
    if (!is_integer_) scales_ = node.input(4)->elements(), has_bias_ = node.input(8) != nullptr;
    columns_ = PackedSide(ops_, Side::columns, g.window.outputs(), g.depth());
    for (int64_t channel = 0; channel < g.channels_in(); ++channel)
      for (int64_t y = 0; y < g.window.y.kernel; ++y)
        for (int64_t x = 0; x < g.window.x.kernel; ++x)
          offsets_.push_back(channel * g.plane() + y * g.window.y.dilation * g.width + x * g.window.x.dilation);
    if (w.constant && (!w_zero || w_zero->constant)) {
      weights_.resize(static_cast<size_t>(g.group * group_words()));
      pack_weights(w.constant, w_zero ? w_zero->constant : nullptr, weights_.data());
    }
    // Scratch, in words: weights that are not constant, the planes, columns of each worker.
    planes_at_ = weights_.empty() ? up_to(g.group * group_words(), 16) : 0;
    columns_at_ = planes_at_ + up_to((g.in_channels * g.plane() + kRun) / ops_.group + 1, 16);
    worker_words_ = up_to(columns_.panel_words() + kRun, 16);
    scratch_ = columns_at_ + worker_words_ * threads.count();
  }

  void run(const RunContext& c) const override {
    auto* scratch = static_cast<uint32_t*>(c.scratch);
    const uint32_t* weights = weights_.data();
    if (weights_.empty()) {
      pack_weights(c.inputs[at_.w], zeros_ ? c.inputs[at_.w_zero] : nullptr, scratch);
      weights = scratch;
    }
    for (int64_t image = 0; image < g_.batch; ++image) {
      if (ops_.group == 4) run_image<uint8_t>(c, image, weights, scratch);
      else run_image<int16_t>(c, image, weights, scratch);
    }
  }
  uint64_t scratch_bytes() const override { return static_cast<uint64_t>(scratch_) * sizeof(uint32_t); }
  uint64_t resident_bytes() const override { return weights_.size() * sizeof(uint32_t); }
  std::string_view name() const override { return is_integer_ ? "conv_integer" : "qlinear_conv"; }

 private:
  // Of each group: panels, then each row's zero point, then its sum.
  int64_t group_words() const { return rows_.words() + 2 * rows_.padded_lanes(); }
  void pack_weights(const void* w, const void* zeros, uint32_t* to) const {
    for (int64_t group = 0; group < g_.group; ++group, to += group_words()) {
      const ByteMatrix matrix{w_type_, w, group * rows_.lanes * rows_.depth, rows_.depth, 1};
      const auto zero_of = [&](int64_t row) {
        return zeros ? byte_at(w_type_, zeros, zeros_ == 1 ? 0 : group * rows_.lanes + row) : 0;
      };
      auto* row_zeros = reinterpret_cast<int32_t*>(to + rows_.words());
      int32_t* row_sums = row_zeros + rows_.padded_lanes();
      for (int64_t panel = 0; panel < rows_.panels(); ++panel) {
        rows_.pack(ops_, matrix, panel, zero_of, to + panel * rows_.panel_words());
        rows_.sum(ops_, to + panel * rows_.panel_words(), row_sums + panel * rows_.width);
      }
      for (int64_t row = 0; row < rows_.padded_lanes(); ++row)
        row_zeros[row] = row < rows_.lanes ? rows_.packed_zero(w_type_, zero_of(row)) : 0;
    }
  }

  int32_t x_zero(const RunContext& c) const { return has_x_zero_ ? byte_at(x_type_, c.inputs[at_.x_zero], 0) : 0; }

  template <class Element>
  void run_image(const RunContext& c, int64_t image, const uint32_t* weights, uint32_t* scratch) const {
    auto* planes = reinterpret_cast<Element*>(scratch + planes_at_);
    make_planes(c, image, planes);
    const int64_t panels = columns_.panels();
    const int64_t grain = std::max<int64_t>(1, 4 * kGrain / (columns_.width * (rows_.lanes + 8) * rows_.depth));
    parallel_ranges(c.threads, g_.group * panels, grain, [&](int64_t begin, int64_t end, uint32_t worker) {
      uint32_t* columns = scratch + columns_at_ + worker_words_ * worker;
      for (int64_t i = begin; i < end; ++i) {
        const int64_t group = i / panels, panel = i % panels;
        pack_columns(planes + group * g_.channels_in() * g_.plane(), panel * columns_.width, columns);
        run_panel(c, weights + group * group_words(), image, group, panel * columns_.width, columns);
      }
    });
  }

  // What surrounds an image stands for x's zero point.
  template <class Element>
  void make_planes(const RunContext& c, int64_t image, Element* planes) const {
    const WindowAxis &wy = g_.window.y, &wx = g_.window.x;
    const int32_t zero = x_zero(c);
    const auto border = static_cast<Element>(columns_.packed_zero(x_type_, zero));
    const int64_t left = std::min(wx.pad_begin, g_.width), count = std::min(wx.input, g_.width - left);
    parallel_ranges(c.threads, g_.in_channels * g_.height, std::max<int64_t>(1, kGrain / g_.width),
                    [&](int64_t begin, int64_t end, uint32_t) {
                      for (int64_t i = begin; i < end; ++i) {
                        Element* row = planes + i * g_.width;
                        const int64_t channel = i / g_.height, y = i % g_.height - wy.pad_begin;
                        if (y < 0 || y >= wy.input) {
                          std::fill_n(row, g_.width, border);
                          continue;
                        }
                        std::fill_n(row, left, border);
                        copy_row(c, ((image * g_.in_channels + channel) * wy.input + y) * wx.input, count, zero,
                                 row + left);
                        std::fill_n(row + left + count, g_.width - left - count, border);
                      }
                    });
  }
  void copy_row(const RunContext& c, int64_t at, int64_t n, int32_t zero, int16_t* to) const {
    widen(x_type_, c.inputs[0], at, n, zero, to);
  }
  void copy_row(const RunContext& c, int64_t at, int64_t n, int32_t, uint8_t* to) const {
    const uint8_t *from = c.input<uint8_t>(0) + at, flip = columns_.flip(x_type_);
    for (int64_t i = 0; i < n; ++i) to[i] = from[i] ^ flip;
  }

  // Outputs whose windows lie side by side are taken together; what is too much of one run the next one overwrites.
  template <class Element>
  void pack_columns(const Element* planes, int64_t first, uint32_t* to) const {
    static constexpr Element kNothing[kMostQuantizedColumns + kRun] = {};
    const int64_t n = std::min(columns_.width, columns_.lanes - first), width = g_.window.x.output;
    const int64_t stride = g_.window.x.stride, group = columns_.group;
    if (n < columns_.width) std::fill_n(to, columns_.panel_words(), 0u);
    for (int64_t k = 0; k < columns_.depth; k += group, to += columns_.width) {
      for (int64_t j = 0; j < n;) {
        const int64_t y = (first + j) / width, x = (first + j) % width, run = std::min(n - j, width - x);
        const int64_t base = y * g_.window.y.stride * g_.width + x * stride;
        const void* from[4];
        for (int64_t i = 0; i < group; ++i)
          from[i] = k + i < columns_.depth ? planes + offsets_[static_cast<size_t>(k + i)] + base : kNothing;
        if (stride == 1) {
          ops_.interleave(from, static_cast<size_t>(up_to(run, kRun)), to + j);
        } else {
          for (int64_t r = 0; r < run; ++r) {
            Element word[4 / sizeof(Element)];
            for (int64_t i = 0; i < group; ++i)
              word[i] = k + i < columns_.depth ? static_cast<const Element*>(from[i])[r * stride] : Element{0};
            std::memcpy(to + j + r, word, sizeof word);
          }
        }
        j += run;
      }
    }
  }

  void run_panel(const RunContext& c, const uint32_t* weights, int64_t image, int64_t group, int64_t first,
                 const uint32_t* columns) const {
    const int64_t outputs = g_.window.outputs(), n = std::min(columns_.width, outputs - first);
    const auto* row_zeros = reinterpret_cast<const int32_t*>(weights + rows_.words());
    const int32_t *row_sums = row_zeros + rows_.padded_lanes(), column_zero = columns_.packed_zero(x_type_, x_zero(c));
    int32_t column_sums[kMostQuantizedColumns], sums[kMostQuantizedRows * kMostQuantizedColumns];
    static constexpr int32_t kNothing[kMostQuantizedColumns] = {};
    if (std::any_of(row_zeros, row_zeros + rows_.lanes, [](int32_t zero) { return zero != 0; }))
      columns_.sum(ops_, columns, column_sums);
    for (int64_t row = 0; row < rows_.lanes; row += rows_.width) {
      const int64_t rows = std::min(rows_.width, rows_.lanes - row);
      ops_.tile(weights + row / rows_.width * rows_.panel_words(), static_cast<size_t>(rows_.width), columns,
                static_cast<size_t>(columns_.width), static_cast<size_t>(rows_.depth_words()),
                static_cast<size_t>(rows), sums);
      for (int64_t i = row; i < row + rows; ++i) {
        int32_t* of_row = sums + (i - row) * columns_.width;
        if (row_zeros[i] != 0) ops_.correct(of_row, static_cast<size_t>(n), row_zeros[i], column_sums, 0, kNothing);
        // What x's zero point adds is the same for all of the row.
        const int64_t moved = int64_t{column_zero} * (row_sums[i] - rows_.depth * row_zeros[i]);
        store(c, image, group * rows_.lanes + i, first, n, of_row, moved);
      }
    }
  }

  void store(const RunContext& c, int64_t image, int64_t m, int64_t first, int64_t n, const int32_t* sums,
             int64_t moved) const {
    const int64_t at = (image * g_.out_channels + m) * g_.window.outputs() + first;
    if (is_integer_) {
      for (int64_t i = 0; i < n; ++i) c.output<int32_t>(0)[at + i] = static_cast<int32_t>(sums[i] - moved);
      return;
    }
    // In float, as the result's rounding shows which.
    const float factor = *c.input<float>(1) * c.input<float>(4)[scales_ == 1 ? 0 : m] / *c.input<float>(6);
    const int64_t bias = (has_bias_ ? c.input<int32_t>(8)[m] : 0) - moved;
    ops_.requantize(sums, static_cast<size_t>(n), static_cast<double>(bias), static_cast<double>(factor),
                    byte_range(y_type_, byte_at(y_type_, c.inputs[7], 0)), c.output<uint8_t>(0) + at);
  }

  Geometry g_;
  Operands at_;
  const QuantizedOps& ops_;
  PackedSide rows_, columns_;
  DataType x_type_, w_type_, y_type_;
  int64_t scales_ = 1, zeros_ = 1;
  bool is_integer_ = false, has_bias_ = false, has_x_zero_ = true;
  std::vector<int64_t> offsets_;  // of a column's elements in the planes
  std::vector<uint32_t> weights_;
  int64_t planes_at_ = 0, columns_at_ = 0, worker_words_ = 0, scratch_ = 0;  // in words
};

template <const Operands& kOperands>
std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext& context) {
  const Geometry g = make_geometry(node, kOperands);
  if (g.is_empty()) return make_kernel("quantized_conv_empty", [](const RunContext&) {});
  return std::make_unique<QuantizedConv>(node, g, kOperands, context.threads);
}

}  // namespace

KernelEntry qlinear_conv_kernel() { return entry<check_qlinear>(Op::QLinearConv, prepare<kQLinear>); }
KernelEntry conv_integer_kernel() { return entry<check_integer>(Op::ConvInteger, prepare<kInteger>); }

}  // namespace motley::cpu
