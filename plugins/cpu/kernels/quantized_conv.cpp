// QLinearConv and ConvInteger: the image as planes of words (quantized_words.hpp), products of them and the weights
// where they lie, sums rounded to bytes or not.
#include "kernels/kernels.hpp"
#include "kernels/quantized_words.hpp"

namespace motley::cpu {

namespace {

// Columns that are computed at once for a row of tiles: their sums stay in the first cache. With longer sums it is the
// columns that should.
constexpr int64_t kBlock = 256;
constexpr int64_t kLongWords = 256;
// Rows of weights that a task takes, for which they stay in the second cache.
constexpr int64_t kRowsPerTask = 64;

// Where the operands stand among the inputs.
struct Operands {
  size_t w, x_zero, w_zero;
};
constexpr Operands kQLinear{3, 2, 5}, kInteger{1, 2, 3};

struct Geometry {
  int64_t batch = 0, in_channels = 0, out_channels = 0, group = 1;
  Window window;
  int64_t channels_in() const { return in_channels / group; }
  int64_t channels_out() const { return out_channels / group; }
  int64_t depth() const { return channels_in() * window.taps(); }
  bool is_empty() const { return batch * out_channels * window.outputs() == 0; }
};

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
  if (!g.is_empty()) {
    const WordPlanes planes(quantized_ops(), g.window, g.channels_in());
    require(planes.words() < kMostPlaneWords / g.group, "the padded image is too large");
  }
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
      : g_(g),
        at_(at),
        ops_(quantized_ops()),
        planes_(ops_, g.window, g.channels_in()),
        rows_(ops_, Side::rows, g.channels_out(), planes_.depth_words() * static_cast<int64_t>(ops_.group)) {
    const auto zero_input = [&](size_t i) { return i < node.input_count() ? node.input(i) : nullptr; };
    const TensorView *x_zero = zero_input(at.x_zero), *w_zero = zero_input(at.w_zero), &w = *node.input(at.w);
    is_integer_ = node.op() == Op::ConvInteger;
    x_type_ = node.input(0)->type, w_type_ = w.type, y_type_ = node.output(0)->type;
    has_x_zero_ = x_zero != nullptr, zeros_ = w_zero ? w_zero->elements() : 0;
    if (!is_integer_) scales_ = node.input(4)->elements(), has_bias_ = node.input(8) != nullptr;
    set_ones();
    if (rows_.lanes > 1 && planes_.depth_words() > kLongWords) block_ = static_cast<int64_t>(ops_.tile_columns);
    if (w.constant && (!w_zero || w_zero->constant)) {
      weights_.resize(static_cast<size_t>(g.group * group_words()));
      std::vector<uint8_t> ordered(static_cast<size_t>(rows_.lanes * rows_.depth));
      pack_weights(w.constant, w_zero ? w_zero->constant : nullptr, ordered.data(), weights_.data());
    }
    // A group that has little work of its own has planes of a worker's; otherwise those of all groups are made first.
    is_local_ = g.group > 1 && (g.group >= 4 * static_cast<int64_t>(threads.count()) || planes_.parts() == 1);
    set_scratch(threads.count());
  }

  void run(const RunContext& c) const override {
    auto* scratch = static_cast<uint32_t*>(c.scratch);
    const uint32_t* weights = weights_.data();
    if (weights_.empty()) {
      pack_weights(c.inputs[at_.w], zeros_ ? c.inputs[at_.w_zero] : nullptr,
                   reinterpret_cast<uint8_t*>(scratch + ordered_at_), scratch);
      weights = scratch;
    }
    for (int64_t image = 0; image < g_.batch; ++image) {
      if (is_local_) run_groups(c, image, weights);
      else run_image(c, image, weights);
    }
  }
  uint64_t scratch_bytes() const override { return static_cast<uint64_t>(scratch_) * sizeof(uint32_t); }
  uint64_t resident_bytes() const override { return weights_.size() * sizeof(uint32_t); }
  std::string_view name() const override { return is_integer_ ? "conv_integer" : "qlinear_conv"; }

 private:
  // What adds up columns: 1 for each element that is one of the window's.
  void set_ones() {
    if (ops_.group != 4) return;
    const std::vector<int32_t>& sources = planes_.sources();
    for (size_t k = 0; k < sources.size(); k += 4) {
      ones_.push_back(0);
      for (size_t i = 0; i < 4; ++i) ones_.back() |= sources[k + i] < 0 ? 0u : 1u << 8 * i;
    }
  }

  // Scratch, in words: weights that are not constant and those in order, the planes of an image, what workers have.
  void set_scratch(uint32_t workers) {
    const auto words = [this](int64_t n) {
      const int64_t at = scratch_;
      scratch_ += up_to(n, 16);
      return at;
    };
    const bool pack = weights_.empty();
    words(pack ? g_.group * group_words() : 0);
    ordered_at_ = words(pack ? (rows_.lanes * rows_.depth + 3) / 4 : 0);
    const auto slack = static_cast<int64_t>(kQuantizedSlack);
    const int64_t planes = planes_.words() + slack;
    planes_at_ = words(is_local_ ? 0 : g_.group * planes_.words() + slack);
    sums_at_ = up_to(planes_.buffer_words(), 16);
    local_at_ = sums_at_ + up_to((rows_.width + 1) * kBlock + 2 * slack, 16);
    worker_words_ = local_at_ + (is_local_ ? up_to(planes, 16) : 0);
    workers_at_ = words(worker_words_ * workers);
  }

  // Of each group: panels, then each row's zero point, then its sum.
  int64_t group_words() const { return rows_.words() + 2 * rows_.padded_lanes(); }
  void pack_weights(const void* w, const void* zeros, uint8_t* ordered, uint32_t* to) const {
    for (int64_t group = 0; group < g_.group; ++group, to += group_words()) {
      const auto zero_of = [&](int64_t row) {
        return zeros ? byte_at(w_type_, zeros, zeros_ == 1 ? 0 : group * rows_.lanes + row) : 0;
      };
      for (int64_t row = 0; row < rows_.lanes; ++row) {
        // What meets nothing is packed as 0.
        const auto nothing = static_cast<uint8_t>(ops_.group == 4 ? rows_.flip(w_type_) : zero_of(row));
        const uint8_t* from = static_cast<const uint8_t*>(w) + (group * rows_.lanes + row) * g_.depth();
        uint8_t* out = ordered + row * rows_.depth;
        for (const int32_t source : planes_.sources()) *out++ = source < 0 ? nothing : from[source];
      }
      const ByteMatrix matrix{w_type_, ordered, 0, rows_.depth, 1};
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

  // x's zero point, as of what is flipped.
  int32_t x_zero(const RunContext& c) const {
    const int32_t zero = has_x_zero_ ? byte_at(x_type_, c.inputs[at_.x_zero], 0) : 0;
    return zero + (x_type_ == DataType::int8 ? 128 : 0);
  }
  ByteImage group_of(const RunContext& c, int64_t image, int64_t group) const {
    return {c.input<uint8_t>(0) + (image * g_.in_channels + group * g_.channels_in()) * g_.window.inputs(),
            static_cast<uint8_t>(x_type_ == DataType::int8 ? 0x80 : 0), x_zero(c)};
  }
  uint32_t* of_worker(const RunContext& c, uint32_t worker) const {
    return static_cast<uint32_t*>(c.scratch) + workers_at_ + worker_words_ * worker;
  }

  // A task's part of the output: rows of one group, columns of one image.
  struct Part {
    int64_t image, group, row, row_end, column, column_end;
  };

  void run_groups(const RunContext& c, int64_t image, const uint32_t* weights) const {
    const int64_t work = planes_.words() + rows_.lanes * planes_.columns() * planes_.depth_words() / 4;
    parallel_ranges(c.threads, g_.group, std::max<int64_t>(1, kGrain / work),
                    [&](int64_t begin, int64_t end, uint32_t worker) {
                      uint32_t *buffer = of_worker(c, worker), *planes = buffer + local_at_;
                      for (int64_t group = begin; group < end; ++group) {
                        const ByteImage from = group_of(c, image, group);
                        for (int64_t part = 0; part < planes_.parts(); ++part) planes_.fill(from, part, planes, buffer);
                        run_part(c, weights, planes, {image, group, 0, rows_.lanes, 0, planes_.columns()}, buffer);
                      }
                    });
  }

  void run_image(const RunContext& c, int64_t image, const uint32_t* weights) const {
    uint32_t* planes = static_cast<uint32_t*>(c.scratch) + planes_at_;
    const int64_t parts = planes_.parts();
    parallel_ranges(c.threads, g_.group * parts, std::max<int64_t>(1, kGrain / planes_.part_words()),
                    [&](int64_t begin, int64_t end, uint32_t worker) {
                      for (int64_t i = begin; i < end; ++i)
                        planes_.fill(group_of(c, image, i / parts), i % parts, planes + i / parts * planes_.words(),
                                     of_worker(c, worker));
                    });
    const int64_t step = block_, columns = planes_.columns();
    const int64_t column_tasks = (columns + step - 1) / step;
    const int64_t row_tasks = (rows_.lanes + kRowsPerTask - 1) / kRowsPerTask;
    const int64_t work = step * std::min(rows_.lanes + 8, kRowsPerTask) * planes_.depth_words();
    parallel_ranges(c.threads, g_.group * row_tasks * column_tasks, std::max<int64_t>(1, kGrain / work),
                    [&](int64_t begin, int64_t end, uint32_t worker) {
                      for (int64_t i = begin; i < end; ++i) {
                        const int64_t column = i % column_tasks * step,
                                      row = i / column_tasks % row_tasks * kRowsPerTask;
                        const int64_t group = i / (column_tasks * row_tasks);
                        run_part(c, weights, planes + group * planes_.words(),
                                 {image, group, row, std::min(row + kRowsPerTask, rows_.lanes), column,
                                  std::min(column + step, columns)},
                                 of_worker(c, worker));
                      }
                    });
  }

  void run_part(const RunContext& c, const uint32_t* weights, const uint32_t* planes, const Part& part,
                uint32_t* buffer) const {
    weights += part.group * group_words();
    const auto* row_zeros = reinterpret_cast<const int32_t*>(weights + rows_.words());
    const bool corrects = std::any_of(row_zeros + part.row, row_zeros + part.row_end, [](int32_t z) { return z != 0; });
    auto* sums = reinterpret_cast<int32_t*>(buffer + sums_at_);
    int32_t* column_sums = sums + rows_.width * kBlock + kQuantizedSlack;
    for (int64_t column = part.column; column < part.column_end; column += block_) {
      const int64_t n = std::min(block_, part.column_end - column);
      const uint32_t* at = planes + column;
      if (corrects) slide(ones_.data(), 1, at, n, column_sums);
      if (rows_.lanes == 1) {
        slide(weights, rows_.width, at, n, sums);
        finish_row(c, weights, part, 0, column, n, sums, column_sums);
        continue;
      }
      for (int64_t row = part.row; row < part.row_end; row += rows_.width) {
        const int64_t rows = std::min(rows_.width, part.row_end - row);
        multiply(weights + row / rows_.width * rows_.panel_words(), at, rows, n, sums);
        for (int64_t i = 0; i < rows; ++i)
          finish_row(c, weights, part, row + i, column, n, sums + i * kBlock, column_sums);
      }
    }
  }

  void slide(const uint32_t* row, int64_t step, const uint32_t* columns, int64_t n, int32_t* sums) const {
    ops_.slide(row, static_cast<size_t>(step), columns, planes_.offsets(), static_cast<size_t>(planes_.depth_words()),
               static_cast<size_t>(n), sums);
  }
  // Rows of a panel times n columns, tile by tile; rows of sums are kBlock apart.
  void multiply(const uint32_t* panel, const uint32_t* columns, int64_t rows, int64_t n, int32_t* sums) const {
    for (int64_t i = 0; i < n; i += static_cast<int64_t>(ops_.tile_columns))
      ops_.tile_at(panel, static_cast<size_t>(rows_.width), columns + i, planes_.offsets(),
                   static_cast<size_t>(planes_.depth_words()), static_cast<size_t>(rows), sums + i, kBlock);
  }

  // Sums of a row's columns, which lie in `sums` with room for a tile's: zero points out, then to where they belong.
  void finish_row(const RunContext& c, const uint32_t* weights, const Part& part, int64_t row, int64_t column,
                  int64_t n, int32_t* sums, const int32_t* column_sums) const {
    static constexpr int32_t kNothing[kBlock] = {};
    const auto* row_zeros = reinterpret_cast<const int32_t*>(weights + rows_.words());
    const int32_t zero = row_zeros[row], row_sum = row_zeros[rows_.padded_lanes() + row];
    if (zero != 0) ops_.correct(sums, static_cast<size_t>(n), zero, column_sums, 0, kNothing);
    // What x's zero point adds is the same for all of the row.
    const int64_t moved = ops_.group == 4 ? int64_t{x_zero(c)} * (row_sum - g_.depth() * zero) : 0;
    const int64_t m = part.group * rows_.lanes + row;
    const int64_t plane = (part.image * g_.out_channels + m) * g_.window.outputs(), width = g_.window.x.output;
    if (is_integer_) {
      for_output_runs(planes_.pitch(), width, column, n, [&](int64_t from, int64_t to, int64_t count) {
        for (int64_t i = 0; i < count; ++i)
          c.output<int32_t>(0)[plane + to + i] = static_cast<int32_t>(sums[from + i] - moved);
      });
      return;
    }
    uint8_t* out = c.output<uint8_t>(0) + plane;
    if (planes_.pitch() == width) return round(c, m, sums, n, moved, out + column);
    uint8_t bytes[kBlock];
    round(c, m, sums, n, moved, bytes);
    for_output_runs(planes_.pitch(), width, column, n,
                    [&](int64_t from, int64_t to, int64_t count) { std::copy_n(bytes + from, count, out + to); });
  }

  void round(const RunContext& c, int64_t m, const int32_t* sums, int64_t n, int64_t moved, uint8_t* out) const {
    // In float, as the result's rounding shows which.
    const auto factor =
        static_cast<double>(*c.input<float>(1) * c.input<float>(4)[scales_ == 1 ? 0 : m] / *c.input<float>(6));
    const int64_t bias = has_bias_ ? c.input<int32_t>(8)[m] : 0;
    const IntegerRange range = byte_range(y_type_, byte_at(y_type_, c.inputs[7], 0));
    const bool fits = g_.depth() * 255 * 255 + std::abs(bias) <= std::numeric_limits<int32_t>::max();
    if (fits && std::abs(factor) <= kNearFactor)
      return ops_.requantize_near(sums, static_cast<size_t>(n), static_cast<int32_t>(bias - moved), factor, range, out);
    ops_.requantize(sums, static_cast<size_t>(n), static_cast<double>(bias - moved), factor, range, out);
  }

  Geometry g_;
  Operands at_;
  const QuantizedOps& ops_;
  WordPlanes planes_;
  PackedSide rows_;
  DataType x_type_, w_type_, y_type_;
  int64_t scales_ = 1, zeros_ = 1;
  bool is_integer_ = false, has_bias_ = false, has_x_zero_ = true, is_local_ = false;
  std::vector<uint32_t> weights_, ones_;
  // In words; the last three within what a worker has.
  int64_t ordered_at_ = 0, planes_at_ = 0, workers_at_ = 0, worker_words_ = 0, scratch_ = 0;
  int64_t sums_at_ = 0, local_at_ = 0;
  int64_t block_ = kBlock;
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
