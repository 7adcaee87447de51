// Sums and maxima over the taps of a window that slides along an array.
#include "kernels/window_simd.hpp"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/window_simd.cpp"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace motley::cpu {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

struct WeightedSum {
  const float* weights;
  HWY_INLINE V weight(D d, size_t t) const { return hn::Set(d, weights[t]); }
  static HWY_INLINE V step(V sum, V weight, V x) { return hn::MulAdd(weight, x, sum); }
};
struct Sum {
  HWY_INLINE V weight(D d, size_t) const { return hn::Zero(d); }
  static HWY_INLINE V step(V sum, V, V x) { return hn::Add(sum, x); }
};
struct Maximum {
  HWY_INLINE V weight(D d, size_t) const { return hn::Zero(d); }
  // The comparison fails for NaN in either, which then stays or is taken: x >= NaN is false and keeps NaN.
  static HWY_INLINE V step(V best, V, V x) { return hn::IfThenElse(hn::Or(hn::Gt(x, best), hn::IsNaN(x)), x, best); }
};

// Four vectors side by side hide the latency of the additions and share each weight.
template <class F>
HWY_INLINE void slide(const F f, const float* in, const int32_t* offsets, size_t taps, float start, float* out,
                      size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const V first = hn::Set(d, start);
  size_t i = 0;
  for (; i + 3 * lanes < n; i += 4 * lanes) {
    V s0 = first, s1 = first, s2 = first, s3 = first;
    for (size_t t = 0; t < taps; ++t) {
      const float* x = in + i + offsets[t];
      const V w = f.weight(d, t);
      s0 = F::step(s0, w, hn::LoadU(d, x));
      s1 = F::step(s1, w, hn::LoadU(d, x + lanes));
      s2 = F::step(s2, w, hn::LoadU(d, x + 2 * lanes));
      s3 = F::step(s3, w, hn::LoadU(d, x + 3 * lanes));
    }
    hn::StoreU(s0, d, out + i);
    hn::StoreU(s1, d, out + i + lanes);
    hn::StoreU(s2, d, out + i + 2 * lanes);
    hn::StoreU(s3, d, out + i + 3 * lanes);
  }
  for (; i < n; i += lanes) {
    V sum = first;
    for (size_t t = 0; t < taps; ++t) sum = F::step(sum, f.weight(d, t), hn::LoadU(d, in + i + offsets[t]));
    hn::StoreU(sum, d, out + i);
  }
}

void weighted_sum(const float* in, const int32_t* offsets, const float* weights, size_t taps, float bias, float* out,
                  size_t n) {
  slide(WeightedSum{weights}, in, offsets, taps, bias, out, n);
}
void sum(const float* in, const int32_t* offsets, size_t taps, float* out, size_t n) {
  slide(Sum(), in, offsets, taps, 0, out, n);
}
void maximum(const float* in, const int32_t* offsets, size_t taps, float* out, size_t n) {
  slide(Maximum(), in, offsets, taps, -__builtin_inff(), out, n);
}

void clamp(const float* in, float* out, size_t n, float low, float high) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const V lo = hn::Set(d, low), hi = hn::Set(d, high);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    V x = hn::LoadU(d, in + i);
    x = hn::IfThenElse(hn::Lt(x, lo), lo, x);
    hn::StoreU(hn::IfThenElse(hn::Gt(x, hi), hi, x), d, out + i);
  }
  for (; i < n; ++i) out[i] = in[i] < low ? low : in[i] > high ? high : in[i];
}

void take_even(const void* in, void* out, size_t n) {
  const hn::ScalableTag<uint32_t> d;
  const size_t lanes = hn::Lanes(d);
  const auto* x = static_cast<const uint32_t*>(in);
  auto* y = static_cast<uint32_t*>(out);
  size_t i = 0;
  // One element less than a pair is there at the end, so the last vector is left to the loop below.
  for (; i + lanes < n; i += lanes) {
    hn::Vec<decltype(d)> even, odd;
    hn::LoadInterleaved2(d, x + 2 * i, even, odd);
    hn::StoreU(even, d, y + i);
  }
  for (; i < n; ++i) std::memcpy(y + i, x + 2 * i, sizeof *y);
}

const WindowOps* window_table() {
  static const WindowOps ops{weighted_sum, sum, maximum, clamp, take_even};
  return &ops;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace motley::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace motley::cpu {
HWY_EXPORT(window_table);
const WindowOps& window_ops() { return *HWY_DYNAMIC_DISPATCH(window_table)(); }
}  // namespace motley::cpu
#endif
