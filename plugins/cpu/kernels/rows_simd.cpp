// Reductions along an array and across arrays, and what softmax and normalization need.
#include "kernels/rows_simd.hpp"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rows_simd.cpp"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace motley::cpu {
namespace HWY_NAMESPACE {
namespace {

// A fold: the start, one step with an element, and how two partial results join.
struct SumFold {
  static constexpr float kStart = 0;
  static HWY_INLINE V step(V r, V x) { return hn::Add(r, x); }
  static HWY_INLINE V join(V r, V s) { return hn::Add(r, s); }
  static float join(float r, float s) { return r + s; }
  static float step(float r, float x) { return r + x; }
};
struct MaxFold {
  static constexpr float kStart = -__builtin_inff();
  static HWY_INLINE V step(V r, V x) { return hn::IfThenElse(hn::Or(hn::Ge(r, x), hn::IsNaN(r)), r, x); }
  static HWY_INLINE V join(V r, V s) { return step(r, s); }
  static float join(float r, float s) { return r >= s || std::isnan(r) ? r : s; }
  static float step(float r, float x) { return join(r, x); }
};
struct MinFold {
  static constexpr float kStart = __builtin_inff();
  static HWY_INLINE V step(V r, V x) { return hn::IfThenElse(hn::Or(hn::Le(r, x), hn::IsNaN(r)), r, x); }
  static HWY_INLINE V join(V r, V s) { return step(r, s); }
  static float join(float r, float s) { return r <= s || std::isnan(r) ? r : s; }
  static float step(float r, float x) { return join(r, x); }
};
struct ProductFold {
  static constexpr float kStart = 1;
  static HWY_INLINE V step(V r, V x) { return hn::Mul(r, x); }
  static HWY_INLINE V join(V r, V s) { return hn::Mul(r, s); }
  static float join(float r, float s) { return r * s; }
  static float step(float r, float x) { return r * x; }
};
struct AbsFold : SumFold {
  static HWY_INLINE V step(V r, V x) { return hn::Add(r, hn::Abs(x)); }
  static float step(float r, float x) { return r + std::fabs(x); }
};
struct SquareFold : SumFold {
  static HWY_INLINE V step(V r, V x) { return hn::MulAdd(x, x, r); }
  static float step(float r, float x) { return r + x * x; }
};

template <class F>
HWY_INLINE float join_lanes(D d, V v) {
  HWY_ALIGN float lane[hn::MaxLanes(D())];
  hn::Store(v, d, lane);
  float r = lane[0];
  for (size_t i = 1; i < hn::Lanes(d); ++i) r = F::join(r, lane[i]);
  return r;
}

template <class F>
float along(const float* x, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V r0 = hn::Set(d, F::kStart), r1 = r0, r2 = r0, r3 = r0;
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    r0 = F::step(r0, hn::LoadU(d, x + i));
    r1 = F::step(r1, hn::LoadU(d, x + i + lanes));
    r2 = F::step(r2, hn::LoadU(d, x + i + 2 * lanes));
    r3 = F::step(r3, hn::LoadU(d, x + i + 3 * lanes));
  }
  for (; i + lanes <= n; i += lanes) r0 = F::step(r0, hn::LoadU(d, x + i));
  float r = join_lanes<F>(d, F::join(F::join(r0, r1), F::join(r2, r3)));
  for (; i < n; ++i) r = F::step(r, x[i]);
  return r;
}

template <class F>
void across(const float* x, float* into, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(F::step(hn::LoadU(d, into + i), hn::LoadU(d, x + i)), d, into + i);
  for (; i < n; ++i) into[i] = F::step(into[i], x[i]);
}

float exp_along(const float* x, float shift, float* out, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const V s = hn::Set(d, shift);
  V sum = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V e = exp_of(d, hn::Sub(hn::LoadU(d, x + i), s));
    if (out) hn::StoreU(e, d, out + i);
    sum = hn::Add(sum, e);
  }
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  if (i == n) return total;
  HWY_ALIGN float rest[hn::MaxLanes(D())] = {};
  for (size_t k = i; k < n; ++k) rest[k - i] = x[k];
  hn::Store(exp_of(d, hn::Sub(hn::Load(d, rest), s)), d, rest);
  for (size_t k = i; k < n; ++k) {
    if (out) out[k] = rest[k - i];
    total += rest[k - i];
  }
  return total;
}

void exp_across(const float* x, const float* shift, float* out, float* sums, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V e = exp_of(d, hn::Sub(hn::LoadU(d, x + i), hn::LoadU(d, shift + i)));
    if (out) hn::StoreU(e, d, out + i);
    hn::StoreU(hn::Add(hn::LoadU(d, sums + i), e), d, sums + i);
  }
  if (i == n) return;
  HWY_ALIGN float rest[hn::MaxLanes(D())] = {};
  for (size_t k = i; k < n; ++k) rest[k - i] = x[k] - shift[k];
  hn::Store(exp_of(d, hn::Load(d, rest)), d, rest);
  for (size_t k = i; k < n; ++k) {
    if (out) out[k] = rest[k - i];
    sums[k] += rest[k - i];
  }
}

float deviation(const float* x, float mean, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const V m = hn::Set(d, mean);
  V s0 = hn::Zero(d), s1 = s0;
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const V y0 = hn::Sub(hn::LoadU(d, x + i), m), y1 = hn::Sub(hn::LoadU(d, x + i + lanes), m);
    s0 = hn::MulAdd(y0, y0, s0);
    s1 = hn::MulAdd(y1, y1, s1);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1)));
  for (; i < n; ++i) sum += (x[i] - mean) * (x[i] - mean);
  return sum;
}

void normalize(const float* x, float shift, float factor, const float* scale, const float* bias, float* out, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const V s = hn::Set(d, shift), f = hn::Set(d, factor);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    V y = hn::Mul(hn::Sub(hn::LoadU(d, x + i), s), f);
    if (scale) y = hn::Mul(y, hn::LoadU(d, scale + i));
    if (bias) y = hn::Add(y, hn::LoadU(d, bias + i));
    hn::StoreU(y, d, out + i);
  }
  for (; i < n; ++i) out[i] = (x[i] - shift) * factor * (scale ? scale[i] : 1) + (bias ? bias[i] : 0);
}

const RowOps* row_table() {
  static const RowOps ops{
      {along<SumFold>, along<MaxFold>, along<MinFold>, along<ProductFold>, along<AbsFold>, along<SquareFold>},
      {across<SumFold>, across<MaxFold>, across<MinFold>, across<ProductFold>, across<AbsFold>, across<SquareFold>},
      exp_along,
      exp_across,
      deviation,
      normalize};
  return &ops;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace motley::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace motley::cpu {
HWY_EXPORT(row_table);
const RowOps& row_ops() { return *HWY_DYNAMIC_DISPATCH(row_table)(); }
}  // namespace motley::cpu
#endif
