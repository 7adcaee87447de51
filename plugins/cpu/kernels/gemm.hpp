// Blocked matrix multiplication around the register tile: packing, loops over blocks, and where results go.
#pragma once

#include <algorithm>

#include "kernels/epilogue.hpp"
#include "kernels/gemm_simd.hpp"
#include "kernels/window.hpp"

namespace motley::cpu {

// Block sizes, see Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008): a panel of B of
// kc rows stays in the first cache while mc rows of A pass from the second; nc columns make a task.
struct Blocking {
  int64_t mc = 96, kc = 256, nc = 384;
};
// From "mc", "kc" and "nc" of a config; throws StatusError(MOTLEY_INVALID_ARGUMENT) unless within [1, 65536].
Blocking blocking_of(const Config& config);
// The values to offer to a tuner, defaults first.
std::vector<Parameter> blocking_space();

inline int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }
inline int64_t blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

// Packs `lanes` rows (or columns) side by side, zero up to `width`: out[k][lane] = factor * in[lane * lane_stride + k *
// k_stride] for k in [0, depth).
void pack_panel(const float* in, int64_t lane_stride, int64_t k_stride, int64_t lanes, int64_t width, int64_t depth,
                float factor, float* out);

// A matrix cut into panels of `width` lanes for each block of kc steps; panels of one block stand together.
struct PanelLayout {
  int64_t lanes = 0, depth = 0, width = 1, kc = 1;

  int64_t panels() const { return blocks(lanes, width); }
  int64_t elements() const { return panels() * width * depth; }
  int64_t offset(int64_t panel, int64_t k0) const {
    return k0 * panels() * width + panel * width * std::min(kc, depth - k0);
  }
  // Packs one panel of all blocks. `in` is the whole matrix.
  void pack(const float* in, int64_t lane_stride, int64_t k_stride, int64_t panel, float factor, float* out) const;
};

// Where tiles are stored. Columns are outputs themselves, or those of a padded plane, some of which are no outputs.
struct TileOutput {
  const GemmOps* ops = nullptr;
  float* out = nullptr;  // row 0
  int64_t row_stride = 0;
  const PaddedPlane* plane = nullptr;
  const float* row_bias = nullptr;
  const float* column_bias = nullptr;
  bool clamp = false;
  float low = 0, high = 0;

  // Computes the tile of rows from `row` and n columns from `column`. `first` and `last`: the block of k.
  void store(GemmTile tile, int64_t row, int64_t column, int64_t n, bool first, bool last) const;

 private:
  void store_by_parts(GemmTile& tile, int64_t row, int64_t column, int64_t n, bool first, bool last) const;
  void add_run(const float* from, float* to, int64_t row, int64_t column, int64_t n, bool first, bool last) const;
};

// Multiplies rows [row_begin, row_end) of packed A by columns [column_begin, column_end). row_begin and column_begin
// are multiples of the tile. Before each block of k, `prepare(k0, depth)`; `panel(tile, column, n, k0)` sets tile's b.
template <class Prepare, class Panel>
void multiply(const float* a, const PanelLayout& layout, int64_t mc, int64_t row_begin, int64_t row_end,
              int64_t column_begin, int64_t column_end, const TileOutput& output, Prepare&& prepare, Panel&& panel) {
  const auto tile_rows = static_cast<int64_t>(output.ops->tile_rows),
             tile_columns = static_cast<int64_t>(output.ops->tile_columns);
  const int64_t step = round_up(mc, tile_rows);
  int64_t k0 = 0;
  do {  // once even where depth is 0: zeros, then bias
    const int64_t depth = std::min(layout.kc, layout.depth - k0);
    const bool first = k0 == 0, last = k0 + depth >= layout.depth;
    prepare(k0, depth);
    for (int64_t block = row_begin; block < row_end; block += step)
      for (int64_t column = column_begin; column < column_end; column += tile_columns) {
        const int64_t n = std::min(tile_columns, column_end - column);
        GemmTile tile;
        tile.k = static_cast<size_t>(depth);
        panel(tile, column, n, k0);
        for (int64_t row = block; row < std::min(block + step, row_end); row += tile_rows) {
          tile.a = a + layout.offset(row / tile_rows, k0);
          tile.rows = static_cast<size_t>(std::min(tile_rows, row_end - row));
          output.store(tile, row, column, n, first, last);
        }
      }
    k0 += depth;
  } while (k0 < layout.depth);
}

// How many pieces to cut rows and columns into so that there is work for all threads: columns first, since pieces of
// rows pack the same columns again.
struct Split {
  int64_t row_step, column_step;
};
Split split_work(int64_t rows, int64_t columns, int64_t copies, const GemmOps& ops, int64_t nc, uint32_t threads);

}  // namespace motley::cpu
