// Functions of one float, over an array.
#include "kernels/unary_simd.hpp"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/unary_simd.cpp"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace motley::cpu {
namespace HWY_NAMESPACE {
namespace {

using schema::UnaryFunction;

template <class F>
void over_vectors(const float* in, float* out, size_t n, float alpha, float beta) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const V a = hn::Set(d, alpha), b = hn::Set(d, beta);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(F::of(d, hn::LoadU(d, in + i), a, b), d, out + i);
  if (i == n) return;
  HWY_ALIGN float rest[hn::MaxLanes(D())] = {};
  for (size_t k = i; k < n; ++k) rest[k - i] = in[k];
  hn::Store(F::of(d, hn::Load(d, rest), a, b), d, rest);
  for (size_t k = i; k < n; ++k) out[k] = rest[k - i];
}

// Rarely in a hot place: the C library, one by one.
template <float (*F)(float)>
void over_scalars(const float* in, float* out, size_t n, float, float) {
  for (size_t i = 0; i < n; ++i) out[i] = F(in[i]);
}

#define MOTLEY_UNARY(Name, expression)                                                                           \
  struct Name {                                                                                                  \
    static HWY_INLINE V of([[maybe_unused]] D d, V x, [[maybe_unused]] V a, [[maybe_unused]] V b) { expression } \
  };

HWY_INLINE V one(D d) { return hn::Set(d, 1.0f); }
HWY_INLINE auto negative(D d, V x) { return hn::Lt(x, hn::Zero(d)); }
// x limited to [low, high]; NaN stays.
HWY_INLINE V within(V x, V low, V high) {
  x = hn::IfThenElse(hn::Lt(x, low), low, x);
  return hn::IfThenElse(hn::Gt(x, high), high, x);
}

MOTLEY_UNARY(Identity, return x;)
MOTLEY_UNARY(AbsOf, return hn::Abs(x);)
MOTLEY_UNARY(NegOf, return hn::Neg(x);)
MOTLEY_UNARY(Sign, const V s = hn::CopySign(one(d), x);
             return hn::IfThenElse(hn::Eq(x, x), hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, s), x);)
MOTLEY_UNARY(FloorOf, return hn::Floor(x);)
MOTLEY_UNARY(CeilOf, return hn::Ceil(x);)
MOTLEY_UNARY(RoundOf, return hn::Round(x);)  // half to even
MOTLEY_UNARY(SqrtOf, return hn::Sqrt(x);)
MOTLEY_UNARY(Rsqrt, return hn::Div(one(d), hn::Sqrt(x));)
MOTLEY_UNARY(Square, return hn::Mul(x, x);)
MOTLEY_UNARY(Reciprocal, return hn::Div(one(d), x);)
MOTLEY_UNARY(Exp, return exp_of(d, x);)
MOTLEY_UNARY(Log, return log_of(d, x);)
MOTLEY_UNARY(Tanh, return tanh_of(d, x);)
MOTLEY_UNARY(Erf, return erf_of(d, x);)
MOTLEY_UNARY(Relu, return hn::IfThenZeroElse(negative(d, x), x);)
MOTLEY_UNARY(LeakyRelu, return hn::IfThenElse(negative(d, x), hn::Mul(a, x), x);)
MOTLEY_UNARY(Elu, return hn::IfThenElse(negative(d, x), hn::Mul(a, expm1_of(d, x)), x);)
MOTLEY_UNARY(Selu, return hn::Mul(b, hn::IfThenElse(negative(d, x), hn::Mul(a, expm1_of(d, x)), x));)
MOTLEY_UNARY(Celu, return hn::IfThenElse(negative(d, x), hn::Mul(a, expm1_of(d, hn::Div(x, a))), x);)
MOTLEY_UNARY(Sigmoid, return sigmoid_of(d, x);)
MOTLEY_UNARY(HardSigmoid, return within(hn::MulAdd(a, x, b), hn::Zero(d), one(d));)
MOTLEY_UNARY(HardSwish,
             return hn::Mul(x, within(hn::MulAdd(x, hn::Set(d, 1.0f / 6), hn::Set(d, 0.5f)), hn::Zero(d), one(d)));)
// max(x, 0) + log(1 + e^-|x|) does not overflow.
MOTLEY_UNARY(Softplus,
             return hn::Add(hn::IfThenZeroElse(negative(d, x), x), log1p_of(d, exp_of(d, hn::Neg(hn::Abs(x)))));)
MOTLEY_UNARY(Softsign, return hn::Div(x, hn::Add(one(d), hn::Abs(x)));)
// tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2) with e = e^x; from 20 on it is 1.
MOTLEY_UNARY(Mish, const V e = exp_of(d, at_most(d, x, 20.0f)); const V n = hn::Mul(e, hn::Add(e, hn::Set(d, 2.0f)));
             return hn::Mul(x, hn::Div(n, hn::Add(n, hn::Set(d, 2.0f))));)
MOTLEY_UNARY(Gelu, return hn::Mul(hn::Mul(hn::Set(d, 0.5f), x),
                                  hn::Add(one(d), erf_of(d, hn::Mul(x, hn::Set(d, 0.70710678f)))));)
MOTLEY_UNARY(GeluTanh, const V u = hn::Mul(hn::Set(d, 0.79788456f),
                                           hn::MulAdd(hn::Mul(hn::Mul(x, x), hn::Set(d, 0.044715f)), x, x));
             return hn::Mul(hn::Mul(hn::Set(d, 0.5f), x), hn::Add(one(d), tanh_of(d, u)));)
MOTLEY_UNARY(ThresholdedRelu, return hn::IfThenZeroElse(hn::Le(x, a), x);)
MOTLEY_UNARY(Clip, return within(x, a, b);)
MOTLEY_UNARY(Shrink, const V middle = hn::IfThenElse(hn::Gt(x, a), hn::Sub(x, b), hn::Zero(d));
             return hn::IfThenElse(hn::Lt(x, hn::Neg(a)), hn::Add(x, b), middle);)
MOTLEY_UNARY(Swish, return hn::Mul(x, sigmoid_of(d, hn::Mul(a, x)));)

UnaryFn unary_of(UnaryFunction function) {
  switch (function) {
    case UnaryFunction::identity: return over_vectors<Identity>;
    case UnaryFunction::abs: return over_vectors<AbsOf>;
    case UnaryFunction::neg: return over_vectors<NegOf>;
    case UnaryFunction::sign: return over_vectors<Sign>;
    case UnaryFunction::floor: return over_vectors<FloorOf>;
    case UnaryFunction::ceil: return over_vectors<CeilOf>;
    case UnaryFunction::round: return over_vectors<RoundOf>;
    case UnaryFunction::sqrt: return over_vectors<SqrtOf>;
    case UnaryFunction::rsqrt: return over_vectors<Rsqrt>;
    case UnaryFunction::square: return over_vectors<Square>;
    case UnaryFunction::reciprocal: return over_vectors<Reciprocal>;
    case UnaryFunction::exp: return over_vectors<Exp>;
    case UnaryFunction::log: return over_vectors<Log>;
    case UnaryFunction::sin: return over_scalars<std::sin>;
    case UnaryFunction::cos: return over_scalars<std::cos>;
    case UnaryFunction::tan: return over_scalars<std::tan>;
    case UnaryFunction::asin: return over_scalars<std::asin>;
    case UnaryFunction::acos: return over_scalars<std::acos>;
    case UnaryFunction::atan: return over_scalars<std::atan>;
    case UnaryFunction::sinh: return over_scalars<std::sinh>;
    case UnaryFunction::cosh: return over_scalars<std::cosh>;
    case UnaryFunction::tanh: return over_vectors<Tanh>;
    case UnaryFunction::asinh: return over_scalars<std::asinh>;
    case UnaryFunction::acosh: return over_scalars<std::acosh>;
    case UnaryFunction::atanh: return over_scalars<std::atanh>;
    case UnaryFunction::erf: return over_vectors<Erf>;
    case UnaryFunction::relu: return over_vectors<Relu>;
    case UnaryFunction::leaky_relu: return over_vectors<LeakyRelu>;
    case UnaryFunction::elu: return over_vectors<Elu>;
    case UnaryFunction::selu: return over_vectors<Selu>;
    case UnaryFunction::celu: return over_vectors<Celu>;
    case UnaryFunction::sigmoid: return over_vectors<Sigmoid>;
    case UnaryFunction::hard_sigmoid: return over_vectors<HardSigmoid>;
    case UnaryFunction::hard_swish: return over_vectors<HardSwish>;
    case UnaryFunction::softplus: return over_vectors<Softplus>;
    case UnaryFunction::softsign: return over_vectors<Softsign>;
    case UnaryFunction::mish: return over_vectors<Mish>;
    case UnaryFunction::gelu: return over_vectors<Gelu>;
    case UnaryFunction::gelu_tanh: return over_vectors<GeluTanh>;
    case UnaryFunction::thresholded_relu: return over_vectors<ThresholdedRelu>;
    case UnaryFunction::clip: return over_vectors<Clip>;
    case UnaryFunction::shrink: return over_vectors<Shrink>;
    case UnaryFunction::swish: return over_vectors<Swish>;
    default: return nullptr;
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace motley::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace motley::cpu {
HWY_EXPORT(unary_of);
UnaryFn unary_simd(schema::UnaryFunction function) { return HWY_DYNAMIC_DISPATCH(unary_of)(function); }
}  // namespace motley::cpu
#endif
