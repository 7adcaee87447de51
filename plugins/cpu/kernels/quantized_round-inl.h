// Rounding sums of products to bytes, exactly as in double. Included inside foreach_target files.

#if defined(MOTLEY_CPU_QUANTIZED_ROUND_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOTLEY_CPU_QUANTIZED_ROUND_INL_H_
#undef MOTLEY_CPU_QUANTIZED_ROUND_INL_H_
#else
#define MOTLEY_CPU_QUANTIZED_ROUND_INL_H_
#endif

#include <algorithm>
#include <cmath>

#include "hwy/highway.h"
#include "kernels/quantized_simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace motley::cpu {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using D32 = hn::ScalableTag<int32_t>;

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
// Rounds reals in double to a range. It holds numbers, since SVE has no vectors as members; they are set outside of
// loops.
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

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace motley::cpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
