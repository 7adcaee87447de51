// Products of small integers, and rounding their sums back to bytes.
#include "kernels/quantized_simd.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

// The one file for which a fifth x86 target is worth its size: four products of bytes per lane and instruction.
#define HWY_WANT_AVX3_DL
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/quantized_simd.cpp"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"

// Highway 1.0 names avxvnni among this target's features, and tests the CPU for avx512vnni, which is what the tile
// needs.
#if HWY_TARGET == HWY_AVX3_DL
#undef HWY_TARGET_STR
#define HWY_TARGET_STR \
  HWY_TARGET_STR_AVX3 ",vpclmulqdq,avx512vbmi,avx512vbmi2,vaes,avxvnni,avx512bitalg,avx512vpopcntdq,avx512vnni"
#endif

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

#if HWY_TARGET != HWY_SCALAR
// Calls step(d, i) for vectors that cover [0, n), the last of which may lie partly on what the one before it did; false
// where n is too small for any.
template <class D, class Step>
HWY_INLINE bool cover(D d, size_t n, const Step& step) {
  const size_t lanes = hn::Lanes(d);
  if (n < lanes) return false;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) step(d, i);
  if (i < n) step(d, n - lanes);
  return true;
}
// The same with the largest vectors that fit.
template <class Step>
HWY_INLINE bool cover_elements(size_t n, const Step& step) {
  constexpr size_t kSixteen = 16 / sizeof(Element);
  return (n >= 4 * kSixteen && cover(hn::ScalableTag<Element>(), n, step)) ||
         cover(hn::FixedTag<Element, kSixteen>(), n, step) || cover(hn::FixedTag<Element, kSixteen / 2>(), n, step);
}
#endif

void interleave(const void* const* from, size_t n, uint32_t* to) {
#if HWY_TARGET != HWY_SCALAR
  constexpr size_t kLanes = 16 / sizeof(Element);
  const auto step = [&](auto d, size_t i) HWY_ATTR {
    const auto load = [&](size_t k) HWY_ATTR { return hn::LoadU(d, static_cast<const Element*>(from[k]) + i); };
    auto* out = reinterpret_cast<Element*>(to + i);
    if constexpr (kGroup == 4) hn::StoreInterleaved4(load(0), load(1), load(2), load(3), d, out);
    else hn::StoreInterleaved2(load(0), load(1), d, out);
  };
  if (cover(hn::FixedTag<Element, kLanes>(), n, step) || cover(hn::FixedTag<Element, kLanes / 2>(), n, step)) return;
#endif
  for (size_t i = 0; i < n; ++i) {
    Element word[kGroup];
    for (size_t k = 0; k < kGroup; ++k) word[k] = static_cast<const Element*>(from[k])[i];
    std::memcpy(to + i, word, sizeof word);
  }
}

Element element_of(uint8_t x, uint8_t flip, int32_t zero) {
  return static_cast<Element>(static_cast<uint8_t>(x ^ flip) - (kGroup == 4 ? 0 : zero));
}

#if HWY_TARGET != HWY_SCALAR
// Elements of bytes in as many lanes as D has.
template <class D>
HWY_INLINE hn::Vec<D> elements_of(D d, const uint8_t* from, uint8_t flip, int32_t zero) {
  const hn::Rebind<uint8_t, D> d8;
  const auto bytes = hn::Xor(hn::LoadU(d8, from), hn::Set(d8, flip));
  if constexpr (kGroup == 4) return bytes;
  else return hn::Sub(hn::PromoteTo(d, bytes), hn::Set(d, static_cast<Element>(zero)));
}
#endif

void elements(const ByteRows& from, size_t n, uint8_t flip, int32_t zero, void* to, size_t to_step) {
  for (size_t row = 0; row < from.rows; ++row) {
    const uint8_t* x = from.data + row * from.step;
    Element* out = static_cast<Element*>(to) + row * to_step;
    size_t i = 0;
#if HWY_TARGET == HWY_AVX3_DL
    const __m512i mask = _mm512_set1_epi8(static_cast<char>(flip));
    for (; i < n; i += 64) {
      const __mmask64 some = n - i >= 64 ? ~__mmask64{0} : (__mmask64{1} << (n - i)) - 1;
      _mm512_mask_storeu_epi8(out + i, some, _mm512_xor_si512(_mm512_maskz_loadu_epi8(some, x + i), mask));
    }
#elif HWY_TARGET != HWY_SCALAR
    if (cover_elements(n,
                       [&](auto d, size_t k) HWY_ATTR { hn::StoreU(elements_of(d, x + k, flip, zero), d, out + k); }))
      continue;
#endif
    for (; i < n; ++i) out[i] = element_of(x[i], flip, zero);
  }
}

#if HWY_TARGET != HWY_SCALAR
template <class D>
HWY_INLINE size_t words_by(D d, const uint8_t* const* from, size_t i, size_t n, uint8_t flip, int32_t zero,
                           uint32_t* to) {
  const auto load = [&](size_t k) HWY_ATTR { return from[k] ? elements_of(d, from[k] + i, flip, zero) : hn::Zero(d); };
  for (const size_t lanes = hn::Lanes(d); i + lanes <= n; i += lanes) {
    auto* out = reinterpret_cast<Element*>(to + i);
    if constexpr (kGroup == 4) hn::StoreInterleaved4(load(0), load(1), load(2), load(3), d, out);
    else hn::StoreInterleaved2(load(0), load(1), d, out);
  }
  return i;
}
#endif

void words(const uint8_t* const* from, size_t n, uint8_t flip, int32_t zero, uint32_t* to) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  i = words_by(hn::ScalableTag<Element>(), from, i, n, flip, zero, to);
  i = words_by(hn::FixedTag<Element, 16 / sizeof(Element)>(), from, i, n, flip, zero, to);
#endif
  for (; i < n; ++i) {
    Element word[kGroup];
    for (size_t k = 0; k < kGroup; ++k) word[k] = from[k] ? element_of(from[k][i], flip, zero) : Element{0};
    std::memcpy(to + i, word, sizeof word);
  }
}

void gather_row(const Element* x, size_t n, size_t stride, size_t dilation, uint32_t* to) {
  if (stride == 1) {
    const void* from[kGroup];
    for (size_t k = 0; k < kGroup; ++k) from[k] = x + k * dilation;
    return interleave(from, n, to);
  }
  if (stride == kGroup && dilation == 1) return void(std::memcpy(to, x, n * sizeof(uint32_t)));
  for (size_t i = 0; i < n; ++i) {
    Element word[kGroup];
    for (size_t k = 0; k < kGroup; ++k) word[k] = x[i * stride + k * dilation];
    std::memcpy(to + i, word, sizeof word);
  }
}

#if HWY_TARGET == HWY_AVX3_DL
// Where 16 words lie within 64 bytes, one permutation finds them.
void gather_near(const Element* x, size_t rows, size_t from_step, size_t n, size_t stride, size_t dilation,
                 uint32_t* to, size_t to_step) {
  alignas(64) uint8_t at[64];
  for (size_t i = 0; i < 64; ++i) at[i] = static_cast<uint8_t>(i / 4 * stride + i % 4 * dilation);
  const __m512i index = _mm512_load_si512(at);
  for (size_t row = 0; row < rows; ++row, x += from_step, to += to_step)
    for (size_t i = 0; i < n; i += 16) {
      const auto some = static_cast<__mmask16>(n - i >= 16 ? 0xffff : (1u << (n - i)) - 1);
      _mm512_mask_storeu_epi32(to + i, some, _mm512_permutexvar_epi8(index, _mm512_loadu_si512(x + i * stride)));
    }
}
#endif

void gather(const void* from, size_t rows, size_t from_step, size_t n, size_t stride, size_t dilation, uint32_t* to,
            size_t to_step) {
  const auto* x = static_cast<const Element*>(from);
#if HWY_TARGET == HWY_AVX3_DL
  if (15 * stride + 3 * dilation < 64) return gather_near(x, rows, from_step, n, stride, dilation, to, to_step);
#endif
  for (size_t row = 0; row < rows; ++row) gather_row(x + row * from_step, n, stride, dilation, to + row * to_step);
}

void correct(int32_t* sums, size_t n, int32_t row_zero, const int32_t* column_sums, int32_t row_sum,
             const int32_t* column_zeros) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const D32 d;
  const auto zero = hn::Set(d, row_zero), sum = hn::Set(d, row_sum);
  for (const size_t lanes = hn::Lanes(d); i + lanes <= n; i += lanes) {
    const auto column = hn::Mul(zero, hn::LoadU(d, column_sums + i)),
               row = hn::Mul(sum, hn::LoadU(d, column_zeros + i));
    hn::StoreU(hn::Sub(hn::LoadU(d, sums + i), hn::Add(column, row)), d, sums + i);
  }
#endif
  const auto bits = [](int32_t x) { return static_cast<uint32_t>(x); };
  for (; i < n; ++i)
    sums[i] = static_cast<int32_t>(bits(sums[i]) - bits(row_zero) * bits(column_sums[i]) -
                                   bits(row_sum) * bits(column_zeros[i]));
}

int32_t to_integer(double rounded, const IntegerRange& range) {
  if (std::isnan(rounded)) return std::clamp(0, range.low, range.high);
  return static_cast<int32_t>(
      std::clamp(rounded + range.zero, static_cast<double>(range.low), static_cast<double>(range.high)));
}

// The low bytes of integers that fit one.
#if HWY_TARGET != HWY_SCALAR
template <class D, class V>
HWY_INLINE void store_bytes(D d, V integers, uint8_t* out) {
  const hn::RebindToUnsigned<D> du;
  const hn::Rebind<uint8_t, D> d8;
  hn::StoreU(hn::U8FromU32(hn::And(hn::BitCast(du, integers), hn::Set(du, 0xff))), d8, out);
}
#endif

#if HWY_HAVE_FLOAT64 && HWY_TARGET != HWY_SCALAR
using DD = hn::ScalableTag<double>;
// Rounds reals in double to a range. It holds numbers, since SVE has no vectors as members; they are set outside of loops.
struct DoubleRange {
  double zero, low, high;
  explicit DoubleRange(const IntegerRange& r) : zero(r.zero), low(r.low), high(r.high) {}
  HWY_INLINE void store(hn::Vec<DD> real, uint8_t* out) const {
    const hn::Rebind<int32_t, DD> di;
    const DD d;
    const auto moved = hn::Add(hn::Round(real), hn::Set(d, zero));
    store_bytes(di, hn::DemoteTo(di, hn::Min(hn::Max(moved, hn::Set(d, low)), hn::Set(d, high))), out);
  }
};
#endif

void requantize(const int32_t* sums, size_t n, double bias, double factor, const IntegerRange& range, uint8_t* out) {
  size_t i = 0;
#if HWY_HAVE_FLOAT64 && HWY_TARGET != HWY_SCALAR
  const DD d;
  const hn::Rebind<int32_t, DD> di;
  const auto b = hn::Set(d, bias), f = hn::Set(d, factor);
  const DoubleRange to(range);
  // What is not finite saturates, and NaN is 0: below.
  for (const size_t lanes = hn::Lanes(d); std::isfinite(factor) && i + lanes <= n; i += lanes)
    to.store(hn::Mul(hn::Add(hn::PromoteTo(d, hn::LoadU(di, sums + i)), b), f), out + i);
#endif
  for (; i < n; ++i)
    out[i] = static_cast<uint8_t>(to_integer(std::nearbyint((static_cast<double>(sums[i]) + bias) * factor), range));
}

// In float a product is off by less than 2^-14 where it does not saturate, so only what is as near to a half as that is
// computed in double.
#if HWY_TARGET != HWY_SCALAR
constexpr float kDoubt = 0.5f - 0x1p-14f;
// int8 is rounded as uint8, and then flipped.
int32_t moved_of(const IntegerRange& range) { return range.low < 0 ? 128 : 0; }

void requantize_doubtful(const int32_t* sums, size_t n, int32_t bias, double factor, const IntegerRange& range,
                         uint8_t* out) {
  int32_t totals[kMostQuantizedColumns];
  for (size_t i = 0; i < n; ++i)
    totals[i] = static_cast<int32_t>(static_cast<uint32_t>(sums[i]) + static_cast<uint32_t>(bias));
  requantize(totals, n, 0, factor, range, out);
}
#endif

#if HWY_TARGET == HWY_AVX3_DL
// 64 results, or n of them: they are packed lane by lane, so their order is restored at the end.
template <bool kAll>
void requantize_64(const int32_t* sums, size_t n, int32_t bias, double factor, const IntegerRange& range,
                   uint8_t* out) {
  const int32_t moved = moved_of(range);
  const __m512i add = _mm512_set1_epi32(bias), zero = _mm512_set1_epi16(static_cast<int16_t>(range.zero + moved));
  const __m512 f = _mm512_set1_ps(static_cast<float>(factor));
  const __mmask64 some = kAll ? ~__mmask64{0} : (__mmask64{1} << n) - 1;
  __m512 doubt = _mm512_setzero_ps();
  __m512i y[4];
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; ++i) {
    const __m512i sum = kAll ? _mm512_loadu_si512(sums + 16 * i)
                             : _mm512_maskz_loadu_epi32(static_cast<__mmask16>(some >> 16 * i), sums + 16 * i);
    const __m512i total = _mm512_add_epi32(sum, add);
    const __m512 real = _mm512_mul_ps(_mm512_cvtepi32_ps(total), f);
    doubt = _mm512_range_ps(doubt, _mm512_reduce_ps(real, 0x08), 0x0b);  // the greater magnitude
    y[i] = _mm512_cvtps_epi32(real);
  }
  if (_mm512_cmp_ps_mask(doubt, _mm512_set1_ps(kDoubt), _CMP_GE_OQ) != 0)
    return requantize_doubtful(sums, n, bias, factor, range, out);
  const __m512i low = _mm512_adds_epi16(_mm512_packs_epi32(y[0], y[1]), zero),
                high = _mm512_adds_epi16(_mm512_packs_epi32(y[2], y[3]), zero);
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i bytes = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high));
  _mm512_mask_storeu_epi8(out, some, _mm512_xor_si512(bytes, _mm512_set1_epi8(static_cast<char>(moved))));
}

// Up to 16 results.
void requantize_16(const int32_t* sums, size_t n, int32_t bias, double factor, const IntegerRange& range,
                   uint8_t* out) {
  const int32_t moved = moved_of(range);
  const auto mask = static_cast<__mmask16>(n >= 16 ? 0xffff : (1u << n) - 1);
  const __m512i total = _mm512_add_epi32(_mm512_maskz_loadu_epi32(mask, sums), _mm512_set1_epi32(bias));
  const __m512 real = _mm512_mul_ps(_mm512_cvtepi32_ps(total), _mm512_set1_ps(static_cast<float>(factor)));
  const __m512 doubt = _mm512_abs_ps(_mm512_reduce_ps(real, 0x08));
  if (_mm512_mask_cmp_ps_mask(mask, doubt, _mm512_set1_ps(kDoubt), _CMP_GE_OQ) != 0)
    return requantize_doubtful(sums, std::min<size_t>(n, 16), bias, factor, range, out);
  const __m512i y = _mm512_add_epi32(_mm512_cvtps_epi32(real), _mm512_set1_epi32(range.zero + moved));
  const __m128i bytes = _mm512_cvtusepi32_epi8(_mm512_max_epi32(y, _mm512_setzero_si512()));
  _mm_mask_storeu_epi8(out, mask, _mm_xor_si128(bytes, _mm_set1_epi8(static_cast<char>(moved))));
}

void requantize_near(const int32_t* sums, size_t n, int32_t bias, double factor, const IntegerRange& range,
                     uint8_t* out) {
  size_t i = 0;
  for (; i + 64 <= n; i += 64) requantize_64<true>(sums + i, 64, bias, factor, range, out + i);
  if (n - i > 32) return requantize_64<false>(sums + i, n - i, bias, factor, range, out + i);
  for (; i < n; i += 16) requantize_16(sums + i, n - i, bias, factor, range, out + i);
}

#elif HWY_TARGET != HWY_SCALAR
void requantize_vector(const int32_t* sums, int32_t bias, double factor, const IntegerRange& range, uint8_t* out) {
  const D32 d;
  const hn::RebindToFloat<D32> df;
  const hn::Rebind<uint8_t, D32> d8;
  const int32_t moved = moved_of(range);
  const auto total = hn::Add(hn::LoadU(d, sums), hn::Set(d, bias));
  const auto real = hn::Mul(hn::ConvertTo(df, total), hn::Set(df, static_cast<float>(factor)));
  const auto rounded = hn::Round(real);
  if (!hn::AllFalse(df, hn::Ge(hn::Abs(hn::Sub(real, rounded)), hn::Set(df, kDoubt))))
    return requantize_doubtful(sums, hn::Lanes(d), bias, factor, range, out);
  // Limited here: DemoteTo takes what is past 16 bits for something else.
  const auto moved_up = hn::Add(hn::ConvertTo(d, rounded), hn::Set(d, range.zero + moved));
  const auto bytes = hn::DemoteTo(d8, hn::Min(hn::Max(moved_up, hn::Zero(d)), hn::Set(d, 255)));
  hn::StoreU(hn::Xor(bytes, hn::Set(d8, static_cast<uint8_t>(moved))), d8, out);
}

void requantize_near(const int32_t* sums, size_t n, int32_t bias, double factor, const IntegerRange& range,
                     uint8_t* out) {
  size_t i = 0;
  for (const size_t lanes = hn::Lanes(D32()); i + lanes <= n; i += lanes)
    requantize_vector(sums + i, bias, factor, range, out + i);
  if (i == n) return;
  int32_t rest[kMostQuantizedColumns];
  uint8_t bytes[kMostQuantizedColumns];
  std::fill(std::copy(sums + i, sums + n, rest), rest + hn::Lanes(D32()), 0);
  requantize_vector(rest, bias, factor, range, bytes);
  std::copy_n(bytes, n - i, out + i);
}

#else
void requantize_near(const int32_t* sums, size_t n, int32_t bias, double factor, const IntegerRange& range,
                     uint8_t* out) {
  for (size_t i = 0; i < n; ++i) {
    const auto total = static_cast<int32_t>(static_cast<uint32_t>(sums[i]) + static_cast<uint32_t>(bias));
    requantize(&total, 1, 0, factor, range, out + i);
  }
}
#endif

void requantize_each(const int32_t* sums, size_t n, const int32_t* bias, const double* factors,
                     const IntegerRange& range, uint8_t* out) {
  size_t i = 0;
#if HWY_HAVE_FLOAT64 && HWY_TARGET != HWY_SCALAR
  const DD d;
  const hn::Rebind<int32_t, DD> di;
  const DoubleRange to(range);
  const auto finite = [&](size_t lanes) {
    return std::all_of(factors + i, factors + i + lanes, [](double f) { return std::isfinite(f); });
  };
  for (const size_t lanes = hn::Lanes(d); i + lanes <= n && finite(lanes); i += lanes) {
    auto total = hn::PromoteTo(d, hn::LoadU(di, sums + i));
    if (bias) total = hn::Add(total, hn::PromoteTo(d, hn::LoadU(di, bias + i)));
    to.store(hn::Mul(total, hn::LoadU(d, factors + i)), out + i);
  }
#endif
  for (; i < n; ++i) {
    const double total = static_cast<double>(sums[i]) + (bias ? bias[i] : 0);
    out[i] = static_cast<uint8_t>(to_integer(std::nearbyint(total * factors[i]), range));
  }
}

#if HWY_TARGET != HWY_SCALAR
using DF = hn::RebindToFloat<D32>;
// Rounds reals in float to a range; NaN becomes the integer 0, if that is within.
struct FloatRange {
  float scale, nothing, low, high;
  int32_t zero;
  FloatRange(float s, const IntegerRange& r)
      : scale(s),
        nothing(static_cast<float>(-r.zero)),
        low(static_cast<float>(r.low - r.zero)),
        high(static_cast<float>(r.high - r.zero)),
        zero(r.zero) {}
  HWY_INLINE void store(hn::Vec<DF> real, uint8_t* out) const {
    const DF d;
    const D32 di;
    const auto rounded = hn::Round(hn::Div(real, hn::Set(d, scale)));
    const auto number = hn::IfThenElse(hn::IsNaN(rounded), hn::Set(d, nothing), rounded);
    const auto limited = hn::Min(hn::Max(number, hn::Set(d, low)), hn::Set(d, high));
    store_bytes(di, hn::Add(hn::ConvertTo(di, limited), hn::Set(di, zero)), out);
  }
};
#endif

uint8_t quantize_one(float x, float scale, const IntegerRange& range) {
  return static_cast<uint8_t>(to_integer(static_cast<double>(std::nearbyint(x / scale)), range));
}

void quantize(const float* x, size_t n, float scale, const IntegerRange& range, uint8_t* out) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const FloatRange to(scale, range);
  for (const size_t lanes = hn::Lanes(DF()); i + lanes <= n; i += lanes) to.store(hn::LoadU(DF(), x + i), out + i);
#endif
  for (; i < n; ++i) out[i] = quantize_one(x[i], scale, range);
}

float real_of(const ByteOperand& x, size_t i) {
  return static_cast<float>((x.data[i * x.step] ^ x.flip) - x.zero) * x.scale;
}

template <ByteFunction kFunction>
void binary_of(const ByteOperand& a, const ByteOperand& b, size_t n, float scale, const IntegerRange& range,
               uint8_t* out) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const D32 d;
  const DF df;
  const hn::Rebind<uint8_t, D32> d8;
  const FloatRange to(scale, range);
  const auto reals = [&](const ByteOperand& x) HWY_ATTR {
    if (x.step == 0) return hn::Set(df, real_of(x, 0));
    const auto bytes = hn::Xor(hn::LoadU(d8, x.data + i), hn::Set(d8, x.flip));
    return hn::Mul(hn::ConvertTo(df, hn::Sub(hn::PromoteTo(d, bytes), hn::Set(d, x.zero))), hn::Set(df, x.scale));
  };
  for (const size_t lanes = hn::Lanes(d); i + lanes <= n; i += lanes) {
    const auto x = reals(a), y = reals(b);
    if constexpr (kFunction == ByteFunction::add) to.store(hn::Add(x, y), out + i);
    else if constexpr (kFunction == ByteFunction::sub) to.store(hn::Sub(x, y), out + i);
    else if constexpr (kFunction == ByteFunction::mul) to.store(hn::Mul(x, y), out + i);
    else to.store(hn::Div(x, y), out + i);
  }
#endif
  for (; i < n; ++i) {
    const float x = real_of(a, i), y = real_of(b, i);
    const float z = kFunction == ByteFunction::add   ? x + y
                    : kFunction == ByteFunction::sub ? x - y
                    : kFunction == ByteFunction::mul ? x * y
                                                     : x / y;
    out[i] = quantize_one(z, scale, range);
  }
}

void binary(ByteFunction function, const ByteOperand& a, const ByteOperand& b, size_t n, float scale,
            const IntegerRange& range, uint8_t* out) {
  switch (function) {
    case ByteFunction::add: return binary_of<ByteFunction::add>(a, b, n, scale, range, out);
    case ByteFunction::sub: return binary_of<ByteFunction::sub>(a, b, n, scale, range, out);
    case ByteFunction::mul: return binary_of<ByteFunction::mul>(a, b, n, scale, range, out);
    case ByteFunction::div: return binary_of<ByteFunction::div>(a, b, n, scale, range, out);
  }
}

void greater(const uint8_t* x, size_t n, uint8_t flip, uint8_t* y) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<uint8_t> d;
  const auto mask = hn::Set(d, flip);
  for (const size_t lanes = hn::Lanes(d); i + lanes <= n; i += lanes)
    hn::StoreU(hn::Max(hn::LoadU(d, y + i), hn::Xor(hn::LoadU(d, x + i), mask)), d, y + i);
#endif
  for (; i < n; ++i) y[i] = std::max(y[i], static_cast<uint8_t>(x[i] ^ flip));
}

void extremes(const float* x, size_t n, float* low, float* high) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const DF d;
  auto least = hn::Set(d, *low), most = hn::Set(d, *high);
  for (const size_t lanes = hn::Lanes(d); i + lanes <= n; i += lanes) {
    const auto v = hn::LoadU(d, x + i);
    least = hn::IfThenElse(hn::Lt(v, least), v, least);
    most = hn::IfThenElse(hn::Gt(v, most), v, most);
  }
  *low = hn::GetLane(hn::MinOfLanes(d, least));
  *high = hn::GetLane(hn::MaxOfLanes(d, most));
#endif
  for (; i < n; ++i) {
    *low = std::min(*low, x[i]);
    *high = std::max(*high, x[i]);
  }
}

const QuantizedOps* quantized_table() {
  static const QuantizedOps ops{kGroup,          kTileRows,       columns(), tile,   tile_at, slide,
                                interleave,      elements,        words,     gather, correct, requantize,
                                requantize_near, requantize_each, quantize,  binary, greater, extremes};
  return &ops;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace motley::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace motley::cpu {
HWY_EXPORT(quantized_table);
const QuantizedOps& quantized_ops() { return *HWY_DYNAMIC_DISPATCH(quantized_table)(); }
}  // namespace motley::cpu
#endif
