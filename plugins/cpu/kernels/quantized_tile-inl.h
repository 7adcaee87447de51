// Sums of products of small integers, in tiles and along a row. Included inside foreach_target files.

#if defined(MOTLEY_CPU_QUANTIZED_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOTLEY_CPU_QUANTIZED_TILE_INL_H_
#undef MOTLEY_CPU_QUANTIZED_TILE_INL_H_
#else
#define MOTLEY_CPU_QUANTIZED_TILE_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/quantized_simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace motley::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using D32 = hn::ScalableTag<int32_t>;

// Where the words of columns are: one step after the other, or at offsets.
struct Stepped {
  const uint32_t* b;
  size_t step;
  HWY_INLINE const uint32_t* word(size_t k) const { return b + k * step; }
};
struct Pointed {
  const uint32_t* b;
  const int32_t* offsets;
  HWY_INLINE const uint32_t* word(size_t k) const { return b + offsets[k]; }
};

#if HWY_TARGET == HWY_SCALAR
using Element = int16_t;
constexpr size_t kTileRows = 4, kColumns = 4;
size_t columns() { return kColumns; }

int32_t product(uint32_t x, uint32_t y) {
  return static_cast<int16_t>(x) * static_cast<int16_t>(y) +
         static_cast<int16_t>(x >> 16) * static_cast<int16_t>(y >> 16);
}

template <class Columns>
void tile_of_rows(const uint32_t* a, size_t a_step, const Columns& columns, size_t words, size_t rows, int32_t* sums,
                  size_t sums_step) {
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < kColumns; ++j) {
      int32_t sum = 0;
      for (size_t k = 0; k < words; ++k) sum += product(a[k * a_step + i], columns.word(k)[j]);
      sums[i * sums_step + j] = sum;
    }
}

void slide(const uint32_t* a, size_t a_step, const uint32_t* b, const int32_t* offsets, size_t words, size_t n,
           int32_t* sums) {
  for (size_t i = 0; i < n; ++i) {
    sums[i] = 0;
    for (size_t k = 0; k < words; ++k) sums[i] += product(a[k * a_step], b[offsets[k] + static_cast<ptrdiff_t>(i)]);
  }
}

#elif HWY_TARGET == HWY_AVX3_DL
using Element = uint8_t;
constexpr size_t kTileRows = 8;
size_t columns() { return 32; }

template <size_t kRows, class Columns>
void tile_of(const uint32_t* a, size_t a_step, const Columns& columns, size_t words, int32_t* sums, size_t sums_step) {
  __m512i left[kRows], right[kRows];
  for (size_t i = 0; i < kRows; ++i) left[i] = right[i] = _mm512_setzero_si512();
  for (size_t k = 0; k < words; ++k, a += a_step) {
    const uint32_t* b = columns.word(k);
    const __m512i b0 = _mm512_loadu_si512(b), b1 = _mm512_loadu_si512(b + 16);
#pragma GCC unroll 8
    for (size_t i = 0; i < kRows; ++i) {
      const __m512i x = _mm512_set1_epi32(static_cast<int32_t>(a[i]));
      left[i] = _mm512_dpbusd_epi32(left[i], b0, x);
      right[i] = _mm512_dpbusd_epi32(right[i], b1, x);
    }
  }
  for (size_t i = 0; i < kRows; ++i) {
    _mm512_storeu_si512(sums + sums_step * i, left[i]);
    _mm512_storeu_si512(sums + sums_step * i + 16, right[i]);
  }
}

// A row that does not exist has zeros for a.
template <class Columns>
void tile_of_rows(const uint32_t* a, size_t a_step, const Columns& columns, size_t words, size_t rows, int32_t* sums,
                  size_t sums_step) {
  if (rows == 1) return tile_of<1>(a, a_step, columns, words, sums, sums_step);
  if (rows == 2) return tile_of<2>(a, a_step, columns, words, sums, sums_step);
  if (rows <= 4) return tile_of<4>(a, a_step, columns, words, sums, sums_step);
  tile_of<8>(a, a_step, columns, words, sums, sums_step);
}

void slide(const uint32_t* a, size_t a_step, const uint32_t* b, const int32_t* offsets, size_t words, size_t n,
           int32_t* sums) {
  for (size_t i = 0; i < n; i += 64) {
    __m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0, s3 = s0;
    for (size_t k = 0; k < words; ++k) {
      const __m512i x = _mm512_set1_epi32(static_cast<int32_t>(a[k * a_step]));
      const uint32_t* y = b + offsets[k] + i;
      s0 = _mm512_dpbusd_epi32(s0, _mm512_loadu_si512(y), x);
      s1 = _mm512_dpbusd_epi32(s1, _mm512_loadu_si512(y + 16), x);
      s2 = _mm512_dpbusd_epi32(s2, _mm512_loadu_si512(y + 32), x);
      s3 = _mm512_dpbusd_epi32(s3, _mm512_loadu_si512(y + 48), x);
    }
    _mm512_storeu_si512(sums + i, s0);
    _mm512_storeu_si512(sums + i + 16, s1);
    _mm512_storeu_si512(sums + i + 32, s2);
    _mm512_storeu_si512(sums + i + 48, s3);
  }
}

#else
using Element = int16_t;
constexpr size_t kTileRows = 4;
using D16 = hn::ScalableTag<int16_t>;
using V32 = hn::Vec<D32>;

size_t columns() { return 2 * hn::Lanes(D32()); }

template <size_t kRows, class Columns>
void tile_of(const uint32_t* a, size_t a_step, const Columns& of, size_t words, int32_t* sums, size_t sums_step) {
  const D32 d;
  const D16 d16;
  const size_t lanes = hn::Lanes(d);
  const V32 zero = hn::Zero(d);
  // Two accumulators per result, as the instruction may split a pair over them. Rows that don't exist cost nothing.
  V32 l0 = zero, l1 = zero, l2 = zero, l3 = zero, r0 = zero, r1 = zero, r2 = zero, r3 = zero;
  V32 m0 = zero, m1 = zero, m2 = zero, m3 = zero, s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  for (size_t k = 0; k < words; ++k, a += a_step) {
    const auto* columns = reinterpret_cast<const int32_t*>(of.word(k));
    const auto left = hn::BitCast(d16, hn::LoadU(d, columns)), right = hn::BitCast(d16, hn::LoadU(d, columns + lanes));
    const auto pair = [&](size_t row) HWY_ATTR { return hn::BitCast(d16, hn::Set(d, static_cast<int32_t>(a[row]))); };
    const auto w0 = pair(0);
    l0 = hn::ReorderWidenMulAccumulate(d, w0, left, l0, m0);
    r0 = hn::ReorderWidenMulAccumulate(d, w0, right, r0, s0);
    if constexpr (kRows > 1) {
      const auto w1 = pair(1);
      l1 = hn::ReorderWidenMulAccumulate(d, w1, left, l1, m1);
      r1 = hn::ReorderWidenMulAccumulate(d, w1, right, r1, s1);
    }
    if constexpr (kRows > 2) {
      const auto w2 = pair(2), w3 = pair(3);
      l2 = hn::ReorderWidenMulAccumulate(d, w2, left, l2, m2);
      r2 = hn::ReorderWidenMulAccumulate(d, w2, right, r2, s2);
      l3 = hn::ReorderWidenMulAccumulate(d, w3, left, l3, m3);
      r3 = hn::ReorderWidenMulAccumulate(d, w3, right, r3, s3);
    }
  }
  const auto store = [&](size_t row, V32 l, V32 m, V32 r, V32 s) HWY_ATTR {
    hn::StoreU(hn::RearrangeToOddPlusEven(l, m), d, sums + row * sums_step);
    hn::StoreU(hn::RearrangeToOddPlusEven(r, s), d, sums + row * sums_step + lanes);
  };
  store(0, l0, m0, r0, s0);
  if constexpr (kRows > 1) store(1, l1, m1, r1, s1);
  if constexpr (kRows > 2) store(2, l2, m2, r2, s2), store(3, l3, m3, r3, s3);
}

template <class Columns>
void tile_of_rows(const uint32_t* a, size_t a_step, const Columns& columns, size_t words, size_t rows, int32_t* sums,
                  size_t sums_step) {
  if (rows == 1) return tile_of<1>(a, a_step, columns, words, sums, sums_step);
  if (rows == 2) return tile_of<2>(a, a_step, columns, words, sums, sums_step);
  return tile_of<4>(a, a_step, columns, words, sums, sums_step);  // a row that does not exist has zeros for a
}

void slide(const uint32_t* a, size_t a_step, const uint32_t* b, const int32_t* offsets, size_t words, size_t n,
           int32_t* sums) {
  const D32 d;
  const D16 d16;
  const size_t lanes = hn::Lanes(d);
  const V32 zero = hn::Zero(d);
  for (size_t i = 0; i < n; i += 4 * lanes) {
    V32 s0 = zero, s1 = zero, s2 = zero, s3 = zero, t0 = zero, t1 = zero, t2 = zero, t3 = zero;
    for (size_t k = 0; k < words; ++k) {
      const auto x = hn::BitCast(d16, hn::Set(d, static_cast<int32_t>(a[k * a_step])));
      const auto* y = reinterpret_cast<const int32_t*>(b + offsets[k] + i);
      s0 = hn::ReorderWidenMulAccumulate(d, x, hn::BitCast(d16, hn::LoadU(d, y)), s0, t0);
      s1 = hn::ReorderWidenMulAccumulate(d, x, hn::BitCast(d16, hn::LoadU(d, y + lanes)), s1, t1);
      s2 = hn::ReorderWidenMulAccumulate(d, x, hn::BitCast(d16, hn::LoadU(d, y + 2 * lanes)), s2, t2);
      s3 = hn::ReorderWidenMulAccumulate(d, x, hn::BitCast(d16, hn::LoadU(d, y + 3 * lanes)), s3, t3);
    }
    hn::StoreU(hn::RearrangeToOddPlusEven(s0, t0), d, sums + i);
    hn::StoreU(hn::RearrangeToOddPlusEven(s1, t1), d, sums + i + lanes);
    hn::StoreU(hn::RearrangeToOddPlusEven(s2, t2), d, sums + i + 2 * lanes);
    hn::StoreU(hn::RearrangeToOddPlusEven(s3, t3), d, sums + i + 3 * lanes);
  }
}
#endif

void tile(const uint32_t* a, size_t a_step, const uint32_t* b, size_t b_step, size_t words, size_t rows,
          int32_t* sums) {
  tile_of_rows(a, a_step, Stepped{b, b_step}, words, rows, sums, columns());
}
void tile_at(const uint32_t* a, size_t a_step, const uint32_t* b, const int32_t* offsets, size_t words, size_t rows,
             int32_t* sums, size_t sums_step) {
  tile_of_rows(a, a_step, Pointed{b, offsets}, words, rows, sums, sums_step);
}

constexpr size_t kGroup = sizeof(uint32_t) / sizeof(Element);
static_assert(kTileRows <= kMostQuantizedRows);

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace motley::cpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
