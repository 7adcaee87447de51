// Matrix multiplication of packed panels.
//
// Both operands are packed whole before they are multiplied: constant ones once, others in each run by all threads. B
// stays where it is when few rows would use the copy.
#include "kernels/matmul.hpp"

namespace motley::cpu {

namespace {

// Below so many tiles of rows, packing B costs more than it saves.
constexpr int64_t kRowTilesToPack = 4;

class MatMulBlocked final : public Kernel {
 public:
  MatMulBlocked(Product product, const schema::Activation* activation, const Blocking& blocking, const Threads& threads)
      : p_(std::move(product)), ops_(gemm_ops()), blocking_(blocking) {
    const auto width = static_cast<int64_t>(ops_.tile_columns);
    a_ = {p_.rows, p_.depth, static_cast<int64_t>(ops_.tile_rows), blocking.kc};
    b_ = {p_.columns, p_.depth, width, blocking.kc};
    read_b_in_place_ = !p_.b && p_.b_column == 1 && p_.rows < kRowTilesToPack * a_.width;
    const bool whole = p_.has_addend && p_.beta == 1 &&
                       std::all_of(p_.c_offsets.begin(), p_.c_offsets.end(), [](int64_t o) { return o == 0; });
    column_bias_ = whole && p_.c_row == 0 && p_.c_column == 1;
    p_.epilogue = Epilogue(activation, p_.has_addend && !column_bias_ ? Between::addend : Between::nothing);
    if (p_.a) pack_all(p_.a, p_.a_matrices, a_, p_.a_row, p_.a_depth, p_.alpha, packed_a_);
    if (p_.b) pack_all(p_.b, p_.b_matrices, b_, p_.b_column, p_.b_depth, 1.0f, packed_b_);
    split_ = split_work(p_.rows, p_.columns, p_.batch, ops_, blocking.nc, threads.count());
    a_at_ = 0;
    b_at_ = a_at_ + (p_.a ? 0 : round_up(p_.a_matrices * a_.elements(), 16));
    edge_at_ = b_at_ + (p_.b || read_b_in_place_ ? 0 : round_up(p_.b_matrices * b_.elements(), 16));
    edge_floats_ = read_b_in_place_ ? round_up(std::min(blocking.kc, p_.depth) * width, 16) : 0;
    scratch_floats_ = edge_at_ + edge_floats_ * threads.count();
  }

  void run(const RunContext& context) const override {
    auto* scratch = static_cast<float*>(context.scratch);
    const float* packed_a = packed_a_.data();
    const float* packed_b = packed_b_.data();
    if (!p_.a) {
      pack_on_threads(context, context.input<float>(0), p_.a_matrices, a_, p_.a_row, p_.a_depth, p_.alpha,
                      scratch + a_at_);
      packed_a = scratch + a_at_;
    }
    if (!p_.b && !read_b_in_place_) {
      pack_on_threads(context, context.input<float>(1), p_.b_matrices, b_, p_.b_column, p_.b_depth, 1.0f,
                      scratch + b_at_);
      packed_b = scratch + b_at_;
    }
    const int64_t row_tasks = blocks(p_.rows, split_.row_step), column_tasks = blocks(p_.columns, split_.column_step);
    context.threads.parallel_for(static_cast<uint64_t>(p_.batch * row_tasks * column_tasks),
                                 [&](uint64_t i, uint32_t worker) {
                                   const auto task = static_cast<int64_t>(i);
                                   const int64_t column = task % column_tasks * split_.column_step,
                                                 row = task / column_tasks % row_tasks * split_.row_step;
                                   run_task(context, packed_a, packed_b, task / column_tasks / row_tasks, row, column,
                                            scratch + edge_at_ + worker * edge_floats_);
                                 });
  }
  uint64_t scratch_bytes() const override { return static_cast<uint64_t>(scratch_floats_) * sizeof(float); }
  uint64_t resident_bytes() const override { return (packed_a_.size() + packed_b_.size()) * sizeof(float); }
  std::string_view name() const override { return read_b_in_place_ ? "matmul_direct" : "matmul_packed"; }

 private:
  static void pack_all(const float* in, int64_t matrices, const PanelLayout& layout, int64_t lane_stride,
                       int64_t k_stride, float factor, std::vector<float>& out) {
    out.resize(static_cast<size_t>(matrices * layout.elements()));
    for (int64_t i = 0; i < matrices * layout.panels(); ++i)
      pack_one(in, layout, lane_stride, k_stride, factor, i, out.data());
  }
  static void pack_one(const float* in, const PanelLayout& layout, int64_t lane_stride, int64_t k_stride, float factor,
                       int64_t i, float* out) {
    const int64_t matrix = i / layout.panels();
    layout.pack(in + matrix * layout.lanes * layout.depth, lane_stride, k_stride, i % layout.panels(), factor,
                out + matrix * layout.elements());
  }
  void pack_on_threads(const RunContext& context, const float* in, int64_t matrices, const PanelLayout& layout,
                       int64_t lane_stride, int64_t k_stride, float factor, float* out) const {
    const int64_t panel = layout.width * layout.depth + 1;
    parallel_ranges(context.threads, matrices * layout.panels(), std::max<int64_t>(1, kGrain / panel),
                    [&](int64_t begin, int64_t end, uint32_t) {
                      for (int64_t i = begin; i < end; ++i) pack_one(in, layout, lane_stride, k_stride, factor, i, out);
                    });
  }

  void run_task(const RunContext& context, const float* packed_a, const float* packed_b, int64_t matrix, int64_t row,
                int64_t column, float* edge) const {
    const auto at = static_cast<size_t>(matrix);
    const int64_t a_size = p_.rows * p_.depth, b_size = p_.depth * p_.columns;
    const float* a = packed_a + (a_size ? p_.a_offsets[at] / a_size * a_.elements() : 0);
    const float* b = packed_b + (b_size && !read_b_in_place_ ? p_.b_offsets[at] / b_size * b_.elements() : 0);
    const float* b_in_place = read_b_in_place_ ? context.input<float>(1) + p_.b_offsets[at] : nullptr;
    const int64_t row_end = std::min(row + split_.row_step, p_.rows),
                  column_end = std::min(column + split_.column_step, p_.columns);
    TileOutput output;
    output.ops = &ops_;
    output.out = context.output<float>(0) + matrix * p_.rows * p_.columns;
    output.row_stride = p_.columns;
    if (column_bias_) output.column_bias = context.input<float>(2);
    output.clamp = p_.epilogue.clamp;
    output.low = p_.epilogue.low;
    output.high = p_.epilogue.high;
    multiply(
        a, a_, blocking_.mc, row, row_end, column, column_end, output, [](int64_t, int64_t) {},
        [&](GemmTile& tile, int64_t first, int64_t n, int64_t k0) {
          tile.b = b + b_.offset(first / b_.width, k0);
          tile.b_stride = ops_.tile_columns;
          if (!b_in_place) return;
          tile.b = b_in_place + k0 * p_.columns + first;
          tile.b_stride = static_cast<size_t>(p_.columns);
          if (n == b_.width) return;
          ops_.pack_rows(tile.b, tile.b_stride, tile.k, static_cast<size_t>(n), edge);  // the tile reads a whole width
          tile.b = edge;
          tile.b_stride = ops_.tile_columns;
        });
    if (!p_.epilogue.has_finish() && (!p_.has_addend || column_bias_)) return;
    for (int64_t r = row; r < row_end; ++r) {
      float* out = output.out + r * p_.columns + column;
      if (column_bias_) p_.epilogue.finish(out, nullptr, column_end - column);
      else p_.finish(context, matrix, r, column, column_end - column, out);
    }
  }

  Product p_;
  const GemmOps& ops_;
  Blocking blocking_;
  PanelLayout a_, b_;
  Split split_{};
  bool read_b_in_place_ = false, column_bias_ = false;
  std::vector<float> packed_a_, packed_b_;
  int64_t a_at_ = 0, b_at_ = 0, edge_at_ = 0, edge_floats_ = 0, scratch_floats_ = 0;
};

}  // namespace

std::unique_ptr<Kernel> make_matmul_blocked(Product product, const schema::Activation* activation,
                                            const Blocking& blocking, const Threads& threads) {
  return std::make_unique<MatMulBlocked>(std::move(product), activation, blocking, threads);
}

}  // namespace motley::cpu
