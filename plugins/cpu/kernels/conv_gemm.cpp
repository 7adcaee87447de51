// Convolution as matrix multiplication: weights by columns, a column being what one output sees of the image.
//
// Columns are never built from the image itself but from its padded planes (window.hpp), where the element that a tap
// sees moves by one address from output to output. So `direct` hands the tile an offset per element of a column and
// copies nothing; it computes some columns between the rows that are no outputs. `im2col` copies the columns of outputs
// together, block by block. A 1x1 kernel of stride 1 needs neither planes nor offsets.
#include <cstring>

#include "kernels/conv.hpp"

namespace motley::cpu {

namespace {

// Padded images that are made at once take at most so many floats (more only where one image does).
constexpr int64_t kPaddedFloats = int64_t{1} << 23;

class ConvGemm final : public Kernel {
 public:
  ConvGemm(const Convolution& c, bool copy_columns, const Blocking& blocking, const Threads& threads)
      : c_(c), ops_(gemm_ops()), copy_columns_(copy_columns), blocking_(blocking) {
    layout_ = {c.channels_out(), c.depth(), static_cast<int64_t>(ops_.tile_rows), blocking.kc};
    columns_ = copy_columns ? c.window.outputs() : c.plane.columns();
    set_offsets();
    if (c.weights) {
      weights_.resize(static_cast<size_t>(c.group * layout_.elements()));
      for (int64_t i = 0; i < c.group * layout_.panels(); ++i) pack_weights(c.weights, weights_.data(), i);
    }
    const int64_t image = c.in_channels * c.plane.elements();
    images_ =
        c.plane.is_image() ? c.batch : std::clamp<int64_t>(kPaddedFloats / std::max<int64_t>(image, 1), 1, c.batch);
    split_ = split_work(c.channels_out(), columns_, images_ * c.group, ops_, blocking.nc, threads.count());
    set_scratch(threads.count());
  }

  void run(const RunContext& context) const override {
    auto* scratch = static_cast<float*>(context.scratch);
    const float* packed = weights_.data();
    if (!c_.weights) {
      float* to = scratch + packed_at_;
      context.threads.parallel_for(static_cast<uint64_t>(c_.group * layout_.panels()), [&](uint64_t i, uint32_t) {
        pack_weights(context.input<float>(1), to, static_cast<int64_t>(i));
      });
      packed = to;
    }
    for (int64_t image = 0; image < c_.batch; image += images_)
      run_images(context, packed, image, std::min(images_, c_.batch - image));
  }
  uint64_t scratch_bytes() const override { return static_cast<uint64_t>(scratch_floats_) * sizeof(float); }
  uint64_t resident_bytes() const override { return weights_.size() * sizeof(float); }
  std::string_view name() const override {
    return copy_columns_ ? "conv_im2col" : c_.is_pointwise() ? "conv_direct1x1" : "conv_direct";
  }

 private:
  struct Task {
    int64_t image, group, row, column;
  };

  void set_offsets() {
    const int64_t plane = c_.plane.elements();
    const auto& taps = c_.plane.tap_offsets();
    // A pointwise kernel's offsets are a stride; im2col adds the planes itself and so has no limit on their number.
    if (copy_columns_ || c_.is_pointwise()) return;
    for (int64_t channel = 0; channel < c_.channels_in(); ++channel)
      for (int32_t tap : taps) offsets_.push_back(static_cast<int32_t>(channel * plane + tap));
  }

  void set_scratch(uint32_t workers) {
    const auto floats = [this](int64_t n) {
      const int64_t at = scratch_floats_;
      scratch_floats_ += round_up(n, 16);
      return at;
    };
    packed_at_ = floats(c_.weights ? 0 : c_.group * layout_.elements());
    planes_at_ = floats(c_.plane.is_image() ? 0 : images_ * c_.in_channels * c_.plane.elements() + kMaxTileColumns);
    const auto width = static_cast<int64_t>(ops_.tile_columns);
    const int64_t depth = std::min(blocking_.kc, layout_.depth);
    columns_floats_ = round_up(depth * (copy_columns_ ? split_.column_step : width), 16);
    columns_at_ = floats(columns_floats_ * workers);
  }

  void pack_weights(const float* weights, float* to, int64_t i) const {
    const int64_t group = i / layout_.panels();
    layout_.pack(weights + group * layout_.lanes * layout_.depth, layout_.depth, 1, i % layout_.panels(), 1.0f,
                 to + group * layout_.elements());
  }

  void run_images(const RunContext& context, const float* packed, int64_t first, int64_t count) const {
    const float* input = context.input<float>(0) + first * c_.in_channels * c_.window.inputs();
    const float* planes = input;
    if (!c_.plane.is_image()) {
      float* padded = static_cast<float*>(context.scratch) + planes_at_;
      parallel_ranges(context.threads, count * c_.in_channels, std::max<int64_t>(1, kGrain / (c_.plane.elements() + 1)),
                      [&](int64_t begin, int64_t end, uint32_t) {
                        for (int64_t p = begin; p < end; ++p)
                          c_.plane.copy(input + p * c_.window.inputs(), padded + p * c_.plane.elements(), 0);
                      });
      planes = padded;
    }
    const int64_t row_tasks = blocks(c_.channels_out(), split_.row_step),
                  column_tasks = blocks(columns_, split_.column_step);
    const auto tasks = static_cast<uint64_t>(count * c_.group * row_tasks * column_tasks);
    context.threads.parallel_for(tasks, [&](uint64_t i, uint32_t worker) {
      auto rest = static_cast<int64_t>(i);
      Task task{};
      task.column = rest % column_tasks * split_.column_step;
      rest /= column_tasks;
      task.row = rest % row_tasks * split_.row_step;
      rest /= row_tasks;
      task.group = rest % c_.group;
      task.image = rest / c_.group;
      float* columns = static_cast<float*>(context.scratch) + columns_at_ + worker * columns_floats_;
      run_task(context, packed,
               planes + (task.image * c_.in_channels + task.group * c_.channels_in()) * c_.plane.elements(), task,
               first + task.image, columns);
    });
  }

  void run_task(const RunContext& context, const float* packed, const float* planes, const Task& task, int64_t image,
                float* columns) const {
    const int64_t channel = task.group * c_.channels_out(), plane_size = c_.window.outputs();
    const int64_t row_end = std::min(task.row + split_.row_step, c_.channels_out());
    const int64_t column_end = std::min(task.column + split_.column_step, columns_);
    TileOutput output;
    output.ops = &ops_;
    output.out = context.output<float>(0) + (image * c_.out_channels + channel) * plane_size;
    output.row_stride = plane_size;
    if (!copy_columns_ && c_.plane.pitch() != c_.window.x.output) output.plane = &c_.plane;
    if (c_.has_bias) output.row_bias = context.input<float>(2) + channel;
    output.clamp = c_.epilogue.clamp;
    output.low = c_.epilogue.low;
    output.high = c_.epilogue.high;
    const float* weights = packed + task.group * layout_.elements();
    if (copy_columns_)
      multiply(
          weights, layout_, blocking_.mc, task.row, row_end, task.column, column_end, output,
          [&](int64_t k0, int64_t depth) { copy_block(planes, task.column, column_end, k0, depth, columns); },
          [&](GemmTile& tile, int64_t column, int64_t, int64_t) {
            tile.b = columns + (column - task.column) * static_cast<int64_t>(tile.k);
            tile.b_stride = ops_.tile_columns;
          });
    else
      multiply(
          weights, layout_, blocking_.mc, task.row, row_end, task.column, column_end, output, [](int64_t, int64_t) {},
          [&](GemmTile& tile, int64_t column, int64_t n, int64_t k0) {
            point_to_columns(planes, tile, column, n, k0, columns);
          });
    if (c_.epilogue.has_finish()) finish(context, output, task, image, row_end, column_end);
  }

  // Columns where they are. The last few of an image that was not copied are copied, since the tile reads a whole
  // width.
  void point_to_columns(const float* planes, GemmTile& tile, int64_t column, int64_t n, int64_t k0,
                        float* buffer) const {
    const auto width = static_cast<int64_t>(ops_.tile_columns);
    if (c_.plane.is_image() && n < width) {
      const auto depth = static_cast<int64_t>(tile.k);
      for (int64_t k = 0; k < depth; ++k) {
        const int64_t offset =
            offsets_.empty() ? (k0 + k) * c_.plane.elements() : offsets_[static_cast<size_t>(k0 + k)];
        std::memcpy(buffer + k * width, planes + offset + column, static_cast<size_t>(n) * sizeof(float));
        std::fill_n(buffer + k * width + n, width - n, 0.0f);
      }
      tile.b = buffer;
      tile.b_stride = ops_.tile_columns;
    } else if (offsets_.empty()) {
      tile.b = planes + k0 * c_.plane.elements() + column;
      tile.b_stride = static_cast<size_t>(c_.plane.elements());
    } else {
      tile.b = planes + column;
      tile.b_offsets = offsets_.data() + k0;
    }
  }

  // im2col of outputs [begin, end) and `depth` elements from k0: tile after tile, rows of a tile's width.
  void copy_block(const float* planes, int64_t begin, int64_t end, int64_t k0, int64_t depth, float* to) const {
    const auto width = static_cast<int64_t>(ops_.tile_columns);
    const int64_t out_width = c_.window.x.output, taps = c_.window.taps();
    for (int64_t first = begin; first < end; first += width, to += depth * width) {
      const int64_t n = std::min(width, end - first);
      for (int64_t done = 0; done < width;) {
        // One run of outputs within a row of the image, all elements of the column; zeros past the last output.
        const int64_t y = (first + done) / out_width, x = (first + done) % out_width;
        const int64_t count = done < n ? std::min(n - done, out_width - x) : width - done;
        float* row = to + done;
        int64_t channel = k0 / taps, tap = k0 % taps;
        for (int64_t k = 0; k < depth; ++k, row += width) {
          if (done >= n) {
            std::fill_n(row, count, 0.0f);
            continue;
          }
          const float* from = planes + channel * c_.plane.elements() +
                              c_.plane.tap_offsets()[static_cast<size_t>(tap)] + y * c_.plane.pitch() + x;
          if (++tap == taps) tap = 0, ++channel;
          copy_floats(from, count, row);
        }
        done += count;
      }
    }
  }

  static void copy_floats(const float* from, int64_t n, float* to) {
    // A call of memcpy costs more than it copies where images are narrow.
    if (n >= 16) std::memcpy(to, from, static_cast<size_t>(n) * sizeof(float));
    else
      for (int64_t i = 0; i < n; ++i) to[i] = from[i];
  }

  void finish(const RunContext& context, const TileOutput& output, const Task& task, int64_t image, int64_t row_end,
              int64_t column_end) const {
    const int64_t begin = output.plane ? c_.plane.outputs_before(task.column) : task.column;
    const int64_t end = output.plane ? c_.plane.outputs_before(column_end) : column_end;
    const int64_t channel = image * c_.out_channels + task.group * c_.channels_out();
    const float* residual = c_.has_residual ? context.input<float>(3) + channel * output.row_stride : nullptr;
    for (int64_t row = task.row; row < row_end; ++row) {
      const int64_t at = row * output.row_stride + begin;
      c_.epilogue.finish(output.out + at, residual ? residual + at : nullptr, end - begin);
    }
  }

  Convolution c_;
  const GemmOps& ops_;
  bool copy_columns_;
  Blocking blocking_;
  PanelLayout layout_;
  Split split_{};
  int64_t columns_ = 0, images_ = 1;
  std::vector<float> weights_;
  std::vector<int32_t> offsets_;
  int64_t packed_at_ = 0, planes_at_ = 0, columns_at_ = 0, columns_floats_ = 0, scratch_floats_ = 0;
};

}  // namespace

std::unique_ptr<Kernel> make_conv_gemm(const Convolution& convolution, bool copy_columns, const Blocking& blocking,
                                       const Threads& threads) {
  return std::make_unique<ConvGemm>(convolution, copy_columns, blocking, threads);
}

}  // namespace motley::cpu
