// ConvTranspose: every input element adds its multiple of the kernel to the output.
//
// Per output channel, a matrix multiplication gives what each tap of the kernel adds for every input position; these
// rows are then added to the output where their tap puts them.
#include <cstring>

#include "kernels/gemm.hpp"
#include "kernels/kernels.hpp"

namespace motley::cpu {

namespace {

// The window runs over Y: WindowAxis.input is Y's extent, WindowAxis.output X's.
struct Transposed {
  int64_t batch = 0, in_channels = 0, out_channels = 0, group = 1;
  Window window;
  int64_t channels_in() const { return in_channels / group; }    // per group
  int64_t channels_out() const { return out_channels / group; }  // per group
};

constexpr int64_t kMost = int64_t{1} << 30;

// Value i of a list with one per spatial axis, or with two more in front for batch and channels.
int64_t spatial_item(std::span<const int64_t> list, size_t rank, size_t i, int64_t fallback, const char* what) {
  if (list.empty()) return fallback;
  require(list.size() == rank || list.size() == rank + 2, std::string(what) + " has a wrong number of values");
  const int64_t value = list[list.size() - rank + i];
  require(value >= 0 && value < kMost, std::string(what) + " has a value out of range");
  return value;
}

int64_t item(std::span<const int64_t> list, size_t rank, size_t i, int64_t fallback, const char* what) {
  if (list.empty()) return fallback;
  require(list.size() == rank && list[i] >= fallback && list[i] < kMost, std::string(what) + " not supported");
  return list[i];
}

// Pads and Y's extent along one axis; `wanted` is output_shape's value, or -1.
void set_axis(WindowAxis& a, int64_t extra, int64_t wanted, schema::AutoPad auto_pad) {
  const int64_t full = a.stride * (a.output - 1) + extra + a.reach();
  const bool upper = auto_pad == schema::AutoPad::same_upper;
  if (wanted < 0 && (upper || auto_pad == schema::AutoPad::same_lower)) wanted = a.output * a.stride;
  if (wanted >= 0) {
    // Where more is wanted than there is, the rest lies at the end and gets the bias only.
    const int64_t total = std::max<int64_t>(0, full - wanted);
    a.pad_begin = upper ? total / 2 : total - total / 2;
    a.input = wanted;
  } else {
    if (auto_pad == schema::AutoPad::valid) a.pad_begin = a.pad_end = 0;
    a.input = full - a.pad_begin - a.pad_end;
  }
  require(a.input >= 1, "the output would be empty");
}

Transposed make_transposed(const NodeView& node) {
  const TensorView &x = *node.input(0), &w = *node.input(1), &y = *node.output(0);
  const auto& a = node.attributes<schema::ConvTransposeAttributes>();
  require(x.shape.rank() == 3 || x.shape.rank() == 4, "only 1 and 2 spatial dimensions are supported");
  require(w.shape.rank() == x.shape.rank(), "the ranks of input and weights differ");
  Transposed t;
  t.batch = x.shape[0];
  t.in_channels = x.shape[1];
  t.group = a.group();
  require(t.in_channels > 0, "no input channels");
  require(t.group >= 1 && t.in_channels % t.group == 0, "group does not divide the channels");
  require(w.shape[0] == t.in_channels, "the weights are for another number of channels");
  require(!__builtin_mul_overflow(w.shape[1], t.group, &t.out_channels), "group is too large");
  const size_t rank = x.shape.size() - 2;
  Shape expected{t.batch, t.out_channels};
  for (size_t i = 0; i < rank; ++i) {
    WindowAxis& axis = i + 1 == rank ? t.window.x : t.window.y;
    axis.output = x.shape[i + 2];
    axis.kernel = w.shape[i + 2];
    require(axis.output > 0 && axis.output < kMost && axis.kernel > 0, "an extent not supported");
    axis.stride = item(sdk::numbers(a.strides()), rank, i, 1, "strides");
    axis.dilation = item(sdk::numbers(a.dilations()), rank, i, 1, "dilations");
    axis.pad_begin = item(sdk::numbers(a.pads()), 2 * rank, i, 0, "pads");
    axis.pad_end = item(sdk::numbers(a.pads()), 2 * rank, rank + i, 0, "pads");
    require(axis.kernel < kMost && axis.reach() < (int64_t{1} << 60), "the kernel is too large");
    set_axis(axis, spatial_item(sdk::numbers(a.output_padding()), rank, i, 0, "output_padding"),
             spatial_item(sdk::numbers(a.output_shape()), rank, i, -1, "output_shape"), a.auto_pad());
    expected.push_back(axis.input);
  }
  check_shape(y, expected, "output 0");
  if (node.input(2)) check_shape(*node.input(2), Shape{t.out_channels}, "bias");
  check_activation(a.activation());
  require(t.window.taps() < kMost / t.window.outputs(), "the kernel is too large");
  return t;
}

void check(const NodeView& node) {
  check_arity(node, 2, 3);
  check_all_float(node);
  make_transposed(node);
}

class ConvTranspose final : public Kernel {
 public:
  ConvTranspose(const NodeView& node, const Threads& threads)
      : t_(make_transposed(node)),
        ops_(gemm_ops()),
        workers_(threads.count()),
        has_bias_(node.input(2) != nullptr),
        epilogue_(node.attributes<schema::ConvTransposeAttributes>().activation(), Between::addend) {
    layout_ = {t_.window.taps(), t_.channels_in(), static_cast<int64_t>(ops_.tile_rows), Blocking().kc};
    rows_floats_ = round_up(layout_.lanes * t_.window.outputs(), 16);
    edge_floats_ = round_up(std::min(layout_.kc, layout_.depth) * static_cast<int64_t>(ops_.tile_columns), 16);
    packed_floats_ = round_up(t_.out_channels * layout_.elements(), 16);
    if (!node.input(1)->is_constant()) return;
    weights_.resize(static_cast<size_t>(packed_floats_));
    for (int64_t m = 0; m < t_.out_channels; ++m)
      pack(static_cast<const float*>(node.input(1)->constant), m, weights_.data());
    packed_floats_ = 0;
  }

  void run(const RunContext& c) const override {
    auto* scratch = static_cast<float*>(c.scratch);
    const float* packed = weights_.data();
    if (weights_.empty()) {
      parallel_ranges(c.threads, t_.out_channels, 1, [&](int64_t begin, int64_t end, uint32_t) {
        for (int64_t m = begin; m < end; ++m) pack(c.input<float>(1), m, scratch);
      });
      packed = scratch;
    }
    c.threads.parallel_for(static_cast<uint64_t>(t_.batch * t_.out_channels), [&](uint64_t plane, uint32_t worker) {
      run_plane(c, packed, static_cast<int64_t>(plane),
                scratch + packed_floats_ + worker * (rows_floats_ + edge_floats_));
    });
  }
  uint64_t scratch_bytes() const override {
    return static_cast<uint64_t>(packed_floats_ + workers_ * (rows_floats_ + edge_floats_)) * sizeof(float);
  }
  uint64_t resident_bytes() const override { return weights_.size() * sizeof(float); }
  std::string_view name() const override { return "conv_transpose"; }

 private:
  // The taps of output channel m, one per lane; k runs over the input channels of its group.
  void pack(const float* weights, int64_t m, float* to) const {
    const int64_t group = m / t_.channels_out(), taps = layout_.lanes;
    const float* from = weights + group * t_.channels_in() * t_.channels_out() * taps + m % t_.channels_out() * taps;
    for (int64_t panel = 0; panel < layout_.panels(); ++panel)
      layout_.pack(from, 1, t_.channels_out() * taps, panel, 1.0f, to + m * layout_.elements());
  }

  void run_plane(const RunContext& c, const float* packed, int64_t plane, float* rows) const {
    const int64_t image = plane / t_.out_channels, m = plane % t_.out_channels, positions = t_.window.outputs();
    const float* x =
        c.input<float>(0) + (image * t_.in_channels + m / t_.channels_out() * t_.channels_in()) * positions;
    TileOutput output;
    output.ops = &ops_;
    output.out = rows;
    output.row_stride = positions;
    multiply(
        packed + m * layout_.elements(), layout_, layout_.lanes, 0, layout_.lanes, 0, positions, output,
        [](int64_t, int64_t) {},
        [&](GemmTile& tile, int64_t column, int64_t n, int64_t k0) {
          tile.b = x + k0 * positions + column;
          tile.b_stride = static_cast<size_t>(positions);
          if (n == static_cast<int64_t>(ops_.tile_columns)) return;
          ops_.pack_rows(tile.b, tile.b_stride, tile.k, static_cast<size_t>(n), rows + rows_floats_);
          tile.b = rows + rows_floats_;
          tile.b_stride = ops_.tile_columns;
        });
    float* y = c.output<float>(0) + plane * t_.window.inputs();
    std::fill_n(y, t_.window.inputs(), has_bias_ ? c.input<float>(2)[m] : 0.0f);
    for (int64_t tap = 0; tap < layout_.lanes; ++tap) add_tap(rows + tap * positions, tap, y);
    epilogue_.finish(y, nullptr, t_.window.inputs());
  }

  void add_tap(const float* row, int64_t tap, float* y) const {
    const WindowAxis &ay = t_.window.y, &ax = t_.window.x;
    const int64_t top = tap / ax.kernel * ay.dilation - ay.pad_begin,
                  left = tap % ax.kernel * ax.dilation - ax.pad_begin;
    // Positions [first, last) of a row land within Y.
    const int64_t first = std::min(ax.output, left < 0 ? (-left + ax.stride - 1) / ax.stride : 0);
    const int64_t last =
        std::clamp<int64_t>(ax.input > left ? (ax.input - left + ax.stride - 1) / ax.stride : 0, first, ax.output);
    for (int64_t i = 0; i < ay.output; ++i) {
      const int64_t to = i * ay.stride + top;
      if (to < 0 || to >= ay.input) continue;
      float* out = y + to * ax.input + left;
      for (int64_t j = first; j < last; ++j) out[j * ax.stride] += row[i * ax.output + j];
    }
  }

  Transposed t_;
  const GemmOps& ops_;
  PanelLayout layout_;
  int64_t rows_floats_ = 0, edge_floats_ = 0, packed_floats_ = 0;
  uint32_t workers_;
  bool has_bias_;
  Epilogue epilogue_;
  std::vector<float> weights_;
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext& context) {
  if (node.output(0)->elements() == 0) return make_kernel("conv_transpose_empty", [](const RunContext&) {});
  return std::make_unique<ConvTranspose>(node, context.threads);
}

}  // namespace

KernelEntry conv_transpose_kernel() { return entry<check>(Op::ConvTranspose, prepare); }

}  // namespace motley::cpu
