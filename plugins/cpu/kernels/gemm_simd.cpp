// The register tile of matrix multiplication: rows of broadcast weights times two vectors of columns.
#include "kernels/gemm_simd.hpp"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm_simd.cpp"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace motley::cpu {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Accumulators must be named variables, because SVE's vectors cannot stand in arrays. With two vectors per row, 12 rows
// fill 24 of AVX-512's 32 registers, 6 rows 12 of AVX2's and SSE4's 16; 8 rows leave NEON room for the broadcasts.
#if HWY_TARGET == HWY_AVX3
constexpr size_t kTileRows = 12;
#elif HWY_TARGET == HWY_NEON || HWY_TARGET == HWY_SVE
constexpr size_t kTileRows = 8;
#else
constexpr size_t kTileRows = 6;
#endif

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// Comparisons are false for NaN, so NaN passes on every instruction set; Min and Max differ between them.
HWY_INLINE V clamp(D d, V x, float low, float high) {
  const V lo = hn::Set(d, low), hi = hn::Set(d, high);
  x = hn::IfThenElse(hn::Lt(x, lo), lo, x);
  return hn::IfThenElse(hn::Gt(x, hi), hi, x);
}

HWY_INLINE void store_row(D d, const GemmTile& t, size_t row, V x0, V x1) {
  const size_t n = hn::Lanes(d);
  float* c = t.c + row * t.c_stride;
  if (t.accumulate) {
    x0 = hn::Add(x0, hn::LoadU(d, c));
    x1 = hn::Add(x1, hn::LoadU(d, c + n));
  }
  if (t.row_bias) {
    const V bias = hn::Set(d, t.row_bias[row]);
    x0 = hn::Add(x0, bias);
    x1 = hn::Add(x1, bias);
  }
  if (t.column_bias) {
    x0 = hn::Add(x0, hn::LoadU(d, t.column_bias));
    x1 = hn::Add(x1, hn::LoadU(d, t.column_bias + n));
  }
  if (t.clamp) {
    x0 = clamp(d, x0, t.low, t.high);
    x1 = clamp(d, x1, t.low, t.high);
  }
  hn::StoreU(x0, d, c);
  hn::StoreU(x1, d, c + n);
}

#define MOTLEY_TILE_ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define MOTLEY_DECLARE(i) [[maybe_unused]] V c##i##0 = hn::Zero(d), c##i##1 = hn::Zero(d);
#define MOTLEY_MULTIPLY(i)                \
  if constexpr (kRows > i) {              \
    const V x = hn::Set(d, a[i]);         \
    c##i##0 = hn::MulAdd(x, b0, c##i##0); \
    c##i##1 = hn::MulAdd(x, b1, c##i##1); \
  }
#define MOTLEY_STORE(i) \
  if constexpr (kRows > i) store_row(d, t, i, c##i##0, c##i##1);

template <size_t kRows, bool kOffsets>
HWY_INLINE void tile_of(const GemmTile& t) {
  const D d;
  const size_t n = hn::Lanes(d);
  const float* HWY_RESTRICT a = t.a;
  const float* HWY_RESTRICT b = t.b;
  MOTLEY_TILE_ROWS(MOTLEY_DECLARE)
  for (size_t k = 0; k < t.k; ++k) {
    const float* row = kOffsets ? t.b + t.b_offsets[k] : b;
    const V b0 = hn::LoadU(d, row), b1 = hn::LoadU(d, row + n);
    MOTLEY_TILE_ROWS(MOTLEY_MULTIPLY)
    a += kTileRows;
    if constexpr (!kOffsets) b += t.b_stride;
  }
  MOTLEY_TILE_ROWS(MOTLEY_STORE)
}

// The fewest rows that are compiled and cover `rows`; rows past it cost nothing but are not stored either.
template <bool kOffsets>
HWY_INLINE void tile_rows(const GemmTile& t) {
  switch (t.rows) {
    case 1: return tile_of<1, kOffsets>(t);
    case 2: return tile_of<2, kOffsets>(t);
    case 3: return tile_of<3, kOffsets>(t);
    case 4: return tile_of<4, kOffsets>(t);
    case 5: return tile_of<5, kOffsets>(t);
    case 6: return tile_of<6, kOffsets>(t);
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON || HWY_TARGET == HWY_SVE
    case 7: return tile_of<7, kOffsets>(t);
    case 8: return tile_of<8, kOffsets>(t);
#endif
#if HWY_TARGET == HWY_AVX3
    case 9: return tile_of<9, kOffsets>(t);
    case 10: return tile_of<10, kOffsets>(t);
    case 11: return tile_of<11, kOffsets>(t);
    case 12: return tile_of<12, kOffsets>(t);
#endif
    default: return;
  }
}

void tile(const GemmTile& t) {
  if (t.b_offsets) tile_rows<true>(t);
  else tile_rows<false>(t);
}

// One row has too few accumulators to hide the latency of an addition, so four steps of k go side by side.
void vector_panel(const float* x, const float* b, size_t b_stride, size_t k, bool accumulate, float* y) {
  const D d;
  const size_t n = hn::Lanes(d);
  V s0 = accumulate ? hn::LoadU(d, y) : hn::Zero(d), s1 = accumulate ? hn::LoadU(d, y + n) : hn::Zero(d);
  V t0 = hn::Zero(d), t1 = t0, u0 = t0, u1 = t0, v0 = t0, v1 = t0;
  size_t i = 0;
  for (; i + 4 <= k; i += 4, b += 4 * b_stride) {
    const V x0 = hn::Set(d, x[i]), x1 = hn::Set(d, x[i + 1]), x2 = hn::Set(d, x[i + 2]), x3 = hn::Set(d, x[i + 3]);
    s0 = hn::MulAdd(x0, hn::LoadU(d, b), s0);
    s1 = hn::MulAdd(x0, hn::LoadU(d, b + n), s1);
    t0 = hn::MulAdd(x1, hn::LoadU(d, b + b_stride), t0);
    t1 = hn::MulAdd(x1, hn::LoadU(d, b + b_stride + n), t1);
    u0 = hn::MulAdd(x2, hn::LoadU(d, b + 2 * b_stride), u0);
    u1 = hn::MulAdd(x2, hn::LoadU(d, b + 2 * b_stride + n), u1);
    v0 = hn::MulAdd(x3, hn::LoadU(d, b + 3 * b_stride), v0);
    v1 = hn::MulAdd(x3, hn::LoadU(d, b + 3 * b_stride + n), v1);
  }
  for (; i < k; ++i, b += b_stride) {
    const V x0 = hn::Set(d, x[i]);
    s0 = hn::MulAdd(x0, hn::LoadU(d, b), s0);
    s1 = hn::MulAdd(x0, hn::LoadU(d, b + n), s1);
  }
  hn::StoreU(hn::Add(hn::Add(s0, t0), hn::Add(u0, v0)), d, y);
  hn::StoreU(hn::Add(hn::Add(s1, t1), hn::Add(u1, v1)), d, y + n);
}

float dot(const float* a, const float* b, size_t count) {
  const D d;
  const size_t n = hn::Lanes(d);
  V s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 4 * n <= count; i += 4 * n) {
    s0 = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), s0);
    s1 = hn::MulAdd(hn::LoadU(d, a + i + n), hn::LoadU(d, b + i + n), s1);
    s2 = hn::MulAdd(hn::LoadU(d, a + i + 2 * n), hn::LoadU(d, b + i + 2 * n), s2);
    s3 = hn::MulAdd(hn::LoadU(d, a + i + 3 * n), hn::LoadU(d, b + i + 3 * n), s3);
  }
  for (; i + n <= count; i += n) s0 = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), s0);
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3))));
  for (; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

void pack_rows(const float* b, size_t b_stride, size_t k, size_t columns, float* out) {
  const D d;
  const size_t n = hn::Lanes(d);
  if (columns == 2 * n) {
    for (size_t i = 0; i < k; ++i, b += b_stride, out += 2 * n) {
      hn::StoreU(hn::LoadU(d, b), d, out);
      hn::StoreU(hn::LoadU(d, b + n), d, out + n);
    }
    return;
  }
  for (size_t i = 0; i < k; ++i, b += b_stride, out += 2 * n) {
    std::memcpy(out, b, columns * sizeof(float));
    std::memset(out + columns, 0, (2 * n - columns) * sizeof(float));
  }
}

const GemmOps* gemm_table() {
  static const GemmOps ops{kTileRows, 2 * hn::Lanes(D()), tile, vector_panel, dot, pack_rows};
  return &ops;
}
const char* target_name() { return hwy::TargetName(HWY_TARGET); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace motley::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace motley::cpu {
HWY_EXPORT(gemm_table);
HWY_EXPORT(target_name);
const GemmOps& gemm_ops() { return *HWY_DYNAMIC_DISPATCH(gemm_table)(); }
const char* simd_name() { return HWY_DYNAMIC_DISPATCH(target_name)(); }
size_t simd_lanes() { return gemm_ops().tile_columns / 2; }
}  // namespace motley::cpu
#endif
