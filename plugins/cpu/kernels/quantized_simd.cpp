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

#if HWY_TARGET == HWY_SCALAR
using Element = int16_t;
constexpr size_t kTileRows = 4, kColumns = 4;
size_t columns() { return kColumns; }

void tile(const uint32_t* a, size_t a_step, const uint32_t* b, size_t b_step, size_t words, size_t rows,
          int32_t* sums) {
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < kColumns; ++j) {
      int32_t sum = 0;
      for (size_t k = 0; k < words; ++k) {
        const uint32_t x = a[k * a_step + i], y = b[k * b_step + j];
        sum += static_cast<int16_t>(x) * static_cast<int16_t>(y);
        sum += static_cast<int16_t>(x >> 16) * static_cast<int16_t>(y >> 16);
      }
      sums[i * kColumns + j] = sum;
    }
}

#elif HWY_TARGET == HWY_AVX3_DL
using Element = uint8_t;
constexpr size_t kTileRows = 8;
size_t columns() { return 32; }

template <size_t kRows>
void tile_of(const uint32_t* a, size_t a_step, const uint32_t* b, size_t b_step, size_t words, int32_t* sums) {
  __m512i left[kRows], right[kRows];
  for (size_t i = 0; i < kRows; ++i) left[i] = right[i] = _mm512_setzero_si512();
  for (size_t k = 0; k < words; ++k, a += a_step, b += b_step) {
    const __m512i b0 = _mm512_loadu_si512(b), b1 = _mm512_loadu_si512(b + 16);
#pragma GCC unroll 8
    for (size_t i = 0; i < kRows; ++i) {
      const __m512i x = _mm512_set1_epi32(static_cast<int32_t>(a[i]));
      left[i] = _mm512_dpbusd_epi32(left[i], b0, x);
      right[i] = _mm512_dpbusd_epi32(right[i], b1, x);
    }
  }
  for (size_t i = 0; i < kRows; ++i) {
    _mm512_storeu_si512(sums + 32 * i, left[i]);
    _mm512_storeu_si512(sums + 32 * i + 16, right[i]);
  }
}

// A row that does not exist has zeros for a.
void tile(const uint32_t* a, size_t a_step, const uint32_t* b, size_t b_step, size_t words, size_t rows,
          int32_t* sums) {
  if (rows == 1) return tile_of<1>(a, a_step, b, b_step, words, sums);
  if (rows == 2) return tile_of<2>(a, a_step, b, b_step, words, sums);
  if (rows <= 4) return tile_of<4>(a, a_step, b, b_step, words, sums);
  tile_of<8>(a, a_step, b, b_step, words, sums);
}

#else
using Element = int16_t;
constexpr size_t kTileRows = 4;
using D16 = hn::ScalableTag<int16_t>;
using V32 = hn::Vec<D32>;

size_t columns() { return 2 * hn::Lanes(D32()); }

template <size_t kRows>
void tile_of(const uint32_t* a, size_t a_step, const uint32_t* b, size_t b_step, size_t words, int32_t* sums) {
  const D32 d;
  const D16 d16;
  const size_t lanes = hn::Lanes(d);
  const V32 zero = hn::Zero(d);
  // Two accumulators per result, as the instruction may split a pair over them. Rows that don't exist cost nothing.
  V32 l0 = zero, l1 = zero, l2 = zero, l3 = zero, r0 = zero, r1 = zero, r2 = zero, r3 = zero;
  V32 m0 = zero, m1 = zero, m2 = zero, m3 = zero, s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  for (size_t k = 0; k < words; ++k, a += a_step, b += b_step) {
    const auto* columns = reinterpret_cast<const int32_t*>(b);
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
    hn::StoreU(hn::RearrangeToOddPlusEven(l, m), d, sums + row * 2 * lanes);
    hn::StoreU(hn::RearrangeToOddPlusEven(r, s), d, sums + row * 2 * lanes + lanes);
  };
  store(0, l0, m0, r0, s0);
  if constexpr (kRows > 1) store(1, l1, m1, r1, s1);
  if constexpr (kRows > 2) store(2, l2, m2, r2, s2), store(3, l3, m3, r3, s3);
}

void tile(const uint32_t* a, size_t a_step, const uint32_t* b, size_t b_step, size_t words, size_t rows,
          int32_t* sums) {
  if (rows == 1) return tile_of<1>(a, a_step, b, b_step, words, sums);
  if (rows == 2) return tile_of<2>(a, a_step, b, b_step, words, sums);
  return tile_of<4>(a, a_step, b, b_step, words, sums);  // a row that does not exist has zeros for a
}
#endif

constexpr size_t kGroup = sizeof(uint32_t) / sizeof(Element);
static_assert(kTileRows <= kMostQuantizedRows);

void interleave(const void* const* from, size_t n, uint32_t* to) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  constexpr size_t kLanes = 16 / sizeof(Element);
  const hn::FixedTag<Element, kLanes> d;
  const auto load = [&](size_t k) HWY_ATTR { return hn::LoadU(d, static_cast<const Element*>(from[k]) + i); };
  for (; i + kLanes <= n; i += kLanes) {
    auto* out = reinterpret_cast<Element*>(to + i);
    if constexpr (kGroup == 4) hn::StoreInterleaved4(load(0), load(1), load(2), load(3), d, out);
    else hn::StoreInterleaved2(load(0), load(1), d, out);
  }
#endif
  for (; i < n; ++i) {
    Element word[kGroup];
    for (size_t k = 0; k < kGroup; ++k) word[k] = static_cast<const Element*>(from[k])[i];
    std::memcpy(to + i, word, sizeof word);
  }
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
// Rounds reals in double to a range.
struct DoubleRange {
  hn::Vec<DD> zero, low, high;
  explicit DoubleRange(const IntegerRange& r)
      : zero(hn::Set(DD(), r.zero)), low(hn::Set(DD(), r.low)), high(hn::Set(DD(), r.high)) {}
  HWY_INLINE void store(hn::Vec<DD> real, uint8_t* out) const {
    const hn::Rebind<int32_t, DD> di;
    const auto moved = hn::Add(hn::Round(real), zero);
    store_bytes(di, hn::DemoteTo(di, hn::Min(hn::Max(moved, low), high)), out);
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
  hn::Vec<DF> scale, nothing, low, high;
  hn::Vec<D32> zero;
  FloatRange(float s, const IntegerRange& r)
      : scale(hn::Set(DF(), s)),
        nothing(hn::Set(DF(), static_cast<float>(-r.zero))),
        low(hn::Set(DF(), static_cast<float>(r.low - r.zero))),
        high(hn::Set(DF(), static_cast<float>(r.high - r.zero))),
        zero(hn::Set(D32(), r.zero)) {}
  HWY_INLINE void store(hn::Vec<DF> real, uint8_t* out) const {
    const auto rounded = hn::Round(hn::Div(real, scale));
    const auto number = hn::IfThenElse(hn::IsNaN(rounded), nothing, rounded);
    store_bytes(D32(), hn::Add(hn::ConvertTo(D32(), hn::Min(hn::Max(number, low), high)), zero), out);
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
  static const QuantizedOps ops{kGroup,     kTileRows,       columns(), tile,   interleave, correct,
                                requantize, requantize_each, quantize,  binary, greater,    extremes};
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
