// Products of small integers, and rounding their sums back to bytes.
#include "kernels/quantized_simd.hpp"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/quantized_simd.cpp"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace motley::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using D32 = hn::ScalableTag<int32_t>;

#if HWY_TARGET == HWY_SCALAR
constexpr size_t kColumns = 4;

void tile(const int16_t* a, const int16_t* b, size_t pairs, size_t rows, int32_t* sums) {
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < kColumns; ++j) {
      int32_t sum = 0;
      for (size_t k = 0; k < pairs; ++k)
        for (size_t h = 0; h < 2; ++h) sum += a[(k * kQuantizedRows + i) * 2 + h] * b[(k * kColumns + j) * 2 + h];
      sums[i * kColumns + j] = sum;
    }
}
size_t columns() { return kColumns; }

#else
using D16 = hn::ScalableTag<int16_t>;
using V32 = hn::Vec<D32>;

size_t columns() { return 2 * hn::Lanes(D32()); }

template <size_t kRows>
void tile_of(const int16_t* a, const int16_t* b, size_t pairs, int32_t* sums) {
  const D32 d;
  const D16 d16;
  const size_t lanes = hn::Lanes(d);
  const V32 zero = hn::Zero(d);
  // Two accumulators per result, as the instruction may split a pair over them. Rows that don't exist cost nothing.
  V32 l0 = zero, l1 = zero, l2 = zero, l3 = zero, r0 = zero, r1 = zero, r2 = zero, r3 = zero;
  V32 m0 = zero, m1 = zero, m2 = zero, m3 = zero, s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  for (size_t k = 0; k < pairs; ++k, a += 2 * kQuantizedRows, b += 4 * lanes) {
    const auto left = hn::LoadU(d16, b), right = hn::LoadU(d16, b + 2 * lanes);
    const auto pair = [&](size_t row) HWY_ATTR {
      const auto low = static_cast<uint32_t>(static_cast<uint16_t>(a[2 * row]));
      const auto high = static_cast<uint32_t>(static_cast<uint16_t>(a[2 * row + 1]));
      return hn::BitCast(d16, hn::Set(d, static_cast<int32_t>(low | high << 16)));
    };
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

void tile(const int16_t* a, const int16_t* b, size_t pairs, size_t rows, int32_t* sums) {
  if (rows == 1) return tile_of<1>(a, b, pairs, sums);
  if (rows == 2) return tile_of<2>(a, b, pairs, sums);
  return tile_of<4>(a, b, pairs, sums);  // a row that does not exist has weights of 0
}
#endif

int32_t to_integer(double rounded, const IntegerRange& range) {
  if (std::isnan(rounded)) return std::clamp(0, range.low, range.high);
  return static_cast<int32_t>(
      std::clamp(rounded + range.zero, static_cast<double>(range.low), static_cast<double>(range.high)));
}

void requantize(const int32_t* sums, size_t n, double bias, double factor, const IntegerRange& range, uint8_t* out) {
  size_t i = 0;
#if HWY_HAVE_FLOAT64 && HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<double> dd;
  const hn::Rebind<int32_t, decltype(dd)> di;
  HWY_ALIGN int32_t integers[hn::MaxLanes(D32())];
  const auto b = hn::Set(dd, bias), f = hn::Set(dd, factor), zero = hn::Set(dd, range.zero);
  const auto low = hn::Set(dd, range.low), high = hn::Set(dd, range.high);
  const size_t lanes = hn::Lanes(dd);
  // What is not finite saturates, and NaN is 0: below.
  for (; std::isfinite(factor) && i + lanes <= n; i += lanes) {
    const auto total = hn::Add(hn::PromoteTo(dd, hn::LoadU(di, sums + i)), b);
    const auto moved = hn::Add(hn::Round(hn::Mul(total, f)), zero);
    hn::StoreU(hn::DemoteTo(di, hn::Min(hn::Max(moved, low), high)), di, integers);
    for (size_t k = 0; k < lanes; ++k) out[i + k] = static_cast<uint8_t>(integers[k]);
  }
#endif
  for (; i < n; ++i)
    out[i] = static_cast<uint8_t>(to_integer(std::nearbyint((static_cast<double>(sums[i]) + bias) * factor), range));
}

void quantize(const float* x, size_t n, float scale, const IntegerRange& range, uint8_t* out) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const D32 d;
  const hn::RebindToFloat<D32> df;
  HWY_ALIGN int32_t integers[hn::MaxLanes(D32())];
  const auto s = hn::Set(df, scale), nothing = hn::Set(df, static_cast<float>(-range.zero));
  const auto low = hn::Set(df, static_cast<float>(range.low - range.zero));
  const auto high = hn::Set(df, static_cast<float>(range.high - range.zero));
  const auto zero = hn::Set(d, range.zero);
  const size_t lanes = hn::Lanes(d);
  for (; i + lanes <= n; i += lanes) {
    const auto rounded = hn::Round(hn::Div(hn::LoadU(df, x + i), s));
    const auto number = hn::IfThenElse(hn::IsNaN(rounded), nothing, rounded);
    const auto within = hn::Min(hn::Max(number, low), high);
    hn::Store(hn::Add(hn::ConvertTo(d, within), zero), d, integers);
    for (size_t k = 0; k < lanes; ++k) out[i + k] = static_cast<uint8_t>(integers[k]);
  }
#endif
  for (; i < n; ++i)
    out[i] = static_cast<uint8_t>(to_integer(static_cast<double>(std::nearbyint(x[i] / scale)), range));
}

const QuantizedOps* quantized_table() {
  static const QuantizedOps ops{columns(), tile, requantize, quantize};
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
