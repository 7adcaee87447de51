// The register tile of matrix multiplication, one implementation per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace motley::cpu {

// c[rows][tile_columns] = or += sum over k of a[k][row] * b_row(k)[column], then bias and clamp.
// All tile_columns are read and written; `rows` of the panel's tile_rows are computed.
struct GemmTile {
  const float* a = nullptr;  // packed: k steps of tile_rows floats
  const float* b = nullptr;  // row k begins at b + k * b_stride, or at b + b_offsets[k]
  const int32_t* b_offsets = nullptr;
  size_t b_stride = 0;
  float* c = nullptr;
  size_t c_stride = 0;
  size_t k = 0;
  size_t rows = 0;                  // 1 to tile_rows
  bool accumulate = false;          // add to what c holds
  const float* row_bias = nullptr;  // one per row, or null
  const float* column_bias = nullptr;
  bool clamp = false;  // NaN stays NaN
  float low = 0, high = 0;
};

struct GemmOps {
  size_t tile_rows, tile_columns;
  void (*tile)(const GemmTile&);
  // y[tile_columns] = or += sum over k of x[k] * b[k][tile_columns], for one row.
  void (*vector_panel)(const float* x, const float* b, size_t b_stride, size_t k, bool accumulate, float* y);
  float (*dot)(const float* a, const float* b, size_t n);
  // Copies n floats per row for k rows into rows of tile_columns, zero past n.
  void (*pack_rows)(const float* b, size_t b_stride, size_t k, size_t n, float* out);
};

// Of the best instruction set that is enabled now. Panels packed for one are of no use to another, so a kernel keeps
// the reference that it packed for.
const GemmOps& gemm_ops();
// Its name as Highway gives it ("AVX2"), and floats per vector.
const char* simd_name();
size_t simd_lanes();

// The largest tile of any instruction set, for buffers on the stack: 12 rows, 2 vectors of 2048 bits.
inline constexpr size_t kMaxTileRows = 12;
inline constexpr size_t kMaxTileColumns = 128;

}  // namespace motley::cpu
