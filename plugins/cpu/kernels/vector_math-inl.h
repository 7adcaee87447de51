// Elementary functions of a vector of floats, for every instruction set. Included inside foreach_target files.
//
// The polynomials are Chebyshev interpolants of the named functions on the reduced intervals, in float32; the largest
// relative error measured over the interval stands beside each, in units of 2^-24.

#if defined(MOTLEY_CPU_VECTOR_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOTLEY_CPU_VECTOR_MATH_INL_H_
#undef MOTLEY_CPU_VECTOR_MATH_INL_H_
#else
#define MOTLEY_CPU_VECTOR_MATH_INL_H_
#endif

#include <limits>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace motley::cpu {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
using DI = hn::RebindToSigned<D>;
using VI = hn::Vec<DI>;

// Comparisons are false for NaN, so NaN in x passes; Min and Max differ between instruction sets.
HWY_INLINE V at_least(D d, V x, float low) {
  const V lo = hn::Set(d, low);
  return hn::IfThenElse(hn::Lt(x, lo), lo, x);
}
HWY_INLINE V at_most(D d, V x, float high) {
  const V hi = hn::Set(d, high);
  return hn::IfThenElse(hn::Gt(x, hi), hi, x);
}
HWY_INLINE V horner(D, V, V sum) { return sum; }
// coefficients from the highest power down.
template <class... Rest>
HWY_INLINE V horner(D d, V x, V sum, float next, Rest... rest) {
  return horner(d, x, hn::MulAdd(sum, x, hn::Set(d, next)), rest...);
}

// 2^n for integers n in [-127, 128], multiplied in two steps so that denormals and infinity come out.
HWY_INLINE V scale_by_power(D d, V x, VI n) {
  const DI di;
  const VI half = hn::ShiftRight<1>(n), rest = hn::Sub(n, half), bias = hn::Set(di, 127);
  const V first = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(half, bias)));
  const V second = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(rest, bias)));
  return hn::Mul(hn::Mul(x, first), second);
}

// x = n ln 2 + r; the result is (n, e^r - 1). |r| <= ln 2 / 2.
HWY_INLINE V reduced_expm1(D d, V x, V& n) {
  n = hn::Round(hn::Mul(x, hn::Set(d, 1.442695040888963f)));
  V r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x);  // ln 2 in two parts; the first times n is exact
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
  const V p = horner(d, r, hn::Set(d, 0.00019890987f), 0.0013933647f, 0.0083333105f, 0.041666467f, 0.16666667f, 0.5f);
  return hn::MulAdd(hn::Mul(r, r), p, r);  // 1.1
}

HWY_INLINE V exp_of(D d, V x) {
  x = at_most(d, at_least(d, x, -104.0f), 89.0f);
  V n;
  const V m = reduced_expm1(d, x, n);
  return scale_by_power(d, hn::Add(m, hn::Set(d, 1.0f)), hn::ConvertTo(DI(), n));
}

HWY_INLINE V expm1_of(D d, V x) {
  x = at_most(d, at_least(d, x, -104.0f), 89.0f);
  V n;
  const V m = reduced_expm1(d, x, n);
  const V one = hn::Set(d, 1.0f);
  // 2^n (m + 1) - 1 loses nothing where n is 0, which is where m is small. At n = 128 the power alone is infinite.
  const VI ni = hn::ConvertTo(DI(), n);
  const V small = hn::MulAdd(scale_by_power(d, one, ni), m, hn::Sub(scale_by_power(d, one, ni), one));
  const V large = scale_by_power(d, hn::Add(m, one), ni);
  return hn::IfThenElse(hn::Gt(n, hn::Set(d, 60.0f)), large, small);
}

HWY_INLINE V log_of(D d, V x) {
  const DI di;
  const V smallest = hn::Set(d, std::numeric_limits<float>::min());
  const auto tiny = hn::Lt(x, smallest);
  const V y = hn::IfThenElse(tiny, hn::Mul(x, hn::Set(d, 8388608.0f)), x);  // denormals to normals
  // The exponent such that the mantissa lies in [sqrt 1/2, sqrt 2).
  const VI bits = hn::BitCast(di, y);
  const VI shifted = hn::Sub(bits, hn::Set(di, 0x3f3504f3));
  const VI exponent = hn::ShiftRight<23>(shifted);
  const V m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(exponent)));
  V e = hn::ConvertTo(d, exponent);
  e = hn::Sub(e, hn::IfThenElse(tiny, hn::Set(d, 23.0f), hn::Zero(d)));
  const V f = hn::Sub(m, hn::Set(d, 1.0f)), z = hn::Mul(f, f);
  const V p = horner(d, f, hn::Set(d, 0.069716118f), -0.11479734f, 0.1168542f, -0.12425687f, 0.14249058f, -0.16667803f,
                     0.20000716f, -0.24999997f, 0.33333331f);
  V r = hn::Mul(hn::Mul(f, z), p);  // 1.2
  r = hn::MulAdd(e, hn::Set(d, -2.12194440e-4f), r);
  r = hn::NegMulAdd(hn::Set(d, 0.5f), z, r);
  r = hn::MulAdd(e, hn::Set(d, 0.693359375f), hn::Add(f, r));
  const float infinity = std::numeric_limits<float>::infinity();
  r = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Set(d, -infinity), r);
  r = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Set(d, std::numeric_limits<float>::quiet_NaN()), r);
  // Infinity and NaN are their own logarithms.
  return hn::IfThenElse(hn::Lt(x, hn::Set(d, infinity)), r, x);
}

// log(1 + x) for x >= 0, exact to rounding for small x too.
HWY_INLINE V log1p_of(D d, V x) {
  const V one = hn::Set(d, 1.0f), u = hn::Add(x, one), lost = hn::Sub(u, one);
  const auto zero = hn::Eq(lost, hn::Zero(d));
  const V r = hn::Mul(log_of(d, u), hn::Div(x, hn::IfThenElse(zero, one, lost)));
  return hn::IfThenElse(zero, x, r);
}

HWY_INLINE V sigmoid_of(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  const V e = exp_of(d, hn::Neg(hn::Abs(x)));
  const V r = hn::Div(one, hn::Add(one, e));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Mul(e, r), r);
}

HWY_INLINE V tanh_of(D d, V x) {
  const V a = hn::Abs(x), one = hn::Set(d, 1.0f), t = hn::Mul(x, x);
  const V p = horner(d, t, hn::Set(d, -0.0060967142f), 0.02099718f, -0.053850908f, 0.13332769f, -0.33333328f);
  const V small = hn::MulAdd(hn::Mul(x, t), p, x);  // 1.4
  const V e = exp_of(d, hn::Add(a, a));
  const V large = hn::Sub(one, hn::Div(hn::Set(d, 2.0f), hn::Add(e, one)));
  return hn::IfThenElse(hn::Lt(a, hn::Set(d, 0.625f)), small, hn::CopySign(large, x));
}

HWY_INLINE V erf_of(D d, V x) {
  const V a = hn::Abs(x), t = hn::Mul(x, x), one = hn::Set(d, 1.0f);
  const V p = horner(d, t, hn::Set(d, 7.8758749e-05f), -0.00080168643f, 0.0051890872f, -0.026854211f, 0.11283594f,
                     -0.37612626f, 1.1283791f);
  const V small = hn::Mul(x, p);  // 2.8, |x| < 1
  const V b = at_most(d, a, 3.95f);
  const V q = horner(d, b, hn::Set(d, -1.66137e-06f), 4.651445e-05f, -0.00060045841f, 0.0047757681f, -0.026464328f,
                     0.11015113f, 0.63175595f, 1.1302712f, -0.00032864659f);  // -log(erfc(x)), 1.2 in erf
  const V large = hn::Sub(one, exp_of(d, hn::Neg(q)));
  return hn::IfThenElse(hn::Lt(a, one), small, hn::CopySign(large, x));
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace motley::cpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
