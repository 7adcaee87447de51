// Arithmetic on quantized integers for every instruction set.
// quantized_tile-inl.h has the products, quantized_round-inl.h the rounding; here is what brings bytes into place.
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

#include "kernels/quantized_round-inl.h"
#include "kernels/quantized_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace motley::cpu {
namespace HWY_NAMESPACE {
namespace {

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
