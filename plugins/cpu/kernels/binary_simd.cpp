// Functions of two floats, over arrays.
#include "kernels/binary_simd.hpp"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/binary_simd.cpp"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace motley::cpu {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
using schema::BinaryFunction;
using schema::CompareFunction;

struct Sum {
  static HWY_INLINE V of(D, V a, V b) { return hn::Add(a, b); }
};
struct Difference {
  static HWY_INLINE V of(D, V a, V b) { return hn::Sub(a, b); }
};
struct Product {
  static HWY_INLINE V of(D, V a, V b) { return hn::Mul(a, b); }
};
struct Quotient {
  static HWY_INLINE V of(D, V a, V b) { return hn::Div(a, b); }
};
// NaN in either operand gives NaN.
struct Smaller {
  static HWY_INLINE V of(D, V a, V b) { return hn::IfThenElse(hn::Or(hn::Le(a, b), hn::IsNaN(a)), a, b); }
};
struct Larger {
  static HWY_INLINE V of(D, V a, V b) { return hn::IfThenElse(hn::Or(hn::Ge(a, b), hn::IsNaN(a)), a, b); }
};
struct PRelu {
  static HWY_INLINE V of(D d, V a, V b) { return hn::IfThenElse(hn::Lt(a, hn::Zero(d)), hn::Mul(a, b), a); }
};

template <class F, Operands kOperands>
void over_vectors(const float* a, const float* b, float* out, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  constexpr bool kStepA = kOperands != Operands::scalar_a, kStepB = kOperands != Operands::scalar_b;
  if (n == 0) return;
  const V a0 = hn::Set(d, a[0]), b0 = hn::Set(d, b[0]);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V x = kStepA ? hn::LoadU(d, a + i) : a0, y = kStepB ? hn::LoadU(d, b + i) : b0;
    hn::StoreU(F::of(d, x, y), d, out + i);
  }
  if (i == n) return;
  HWY_ALIGN float x[hn::MaxLanes(D())] = {}, y[hn::MaxLanes(D())] = {};
  for (size_t k = i; k < n; ++k) x[k - i] = a[kStepA ? k : 0], y[k - i] = b[kStepB ? k : 0];
  hn::Store(F::of(d, hn::Load(d, x), hn::Load(d, y)), d, x);
  for (size_t k = i; k < n; ++k) out[k] = x[k - i];
}

float power(float a, float b) { return b == 2.0f ? a * a : std::pow(a, b); }
float remainder_of_a(float a, float b) { return std::fmod(a, b); }

template <float (*F)(float, float), Operands kOperands>
void over_scalars(const float* a, const float* b, float* out, size_t n) {
  constexpr bool kStepA = kOperands != Operands::scalar_a, kStepB = kOperands != Operands::scalar_b;
  const float a0 = n ? a[0] : 0, b0 = n ? b[0] : 0;
  for (size_t i = 0; i < n; ++i) out[i] = F(kStepA ? a[i] : a0, kStepB ? b[i] : b0);
}

template <Operands kOperands>
BinaryFn binary_for(BinaryFunction function) {
  switch (function) {
    case BinaryFunction::add: return over_vectors<Sum, kOperands>;
    case BinaryFunction::sub: return over_vectors<Difference, kOperands>;
    case BinaryFunction::mul: return over_vectors<Product, kOperands>;
    case BinaryFunction::div: return over_vectors<Quotient, kOperands>;
    case BinaryFunction::pow: return over_scalars<power, kOperands>;
    case BinaryFunction::fmod: return over_scalars<remainder_of_a, kOperands>;
    case BinaryFunction::min: return over_vectors<Smaller, kOperands>;
    case BinaryFunction::max: return over_vectors<Larger, kOperands>;
    case BinaryFunction::prelu: return over_vectors<PRelu, kOperands>;
    default: return nullptr;
  }
}

BinaryFn binary_of(BinaryFunction function, Operands operands) {
  switch (operands) {
    case Operands::scalar_a: return binary_for<Operands::scalar_a>(function);
    case Operands::scalar_b: return binary_for<Operands::scalar_b>(function);
    default: return binary_for<Operands::both>(function);
  }
}

template <CompareFunction kFunction>
HWY_INLINE hn::Mask<D> compare(V a, V b) {
  if constexpr (kFunction == CompareFunction::equal) return hn::Eq(a, b);
  else if constexpr (kFunction == CompareFunction::not_equal)
    return hn::Not(hn::Eq(a, b));  // Ne is false for NaN on AVX
  else if constexpr (kFunction == CompareFunction::less) return hn::Lt(a, b);
  else if constexpr (kFunction == CompareFunction::less_or_equal) return hn::Le(a, b);
  else if constexpr (kFunction == CompareFunction::greater) return hn::Gt(a, b);
  else return hn::Ge(a, b);
}

template <CompareFunction kFunction, Operands kOperands>
void compare_vectors(const float* a, const float* b, uint8_t* out, size_t n) {
  const D d;
  const hn::RebindToSigned<D> di;
  const hn::Rebind<uint8_t, D> du;
  const size_t lanes = hn::Lanes(d);
  constexpr bool kStepA = kOperands != Operands::scalar_a, kStepB = kOperands != Operands::scalar_b;
  if (n == 0) return;
  const V a0 = hn::Set(d, a[0]), b0 = hn::Set(d, b[0]);
  const auto one = hn::Set(di, 1);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V x = kStepA ? hn::LoadU(d, a + i) : a0, y = kStepB ? hn::LoadU(d, b + i) : b0;
    const auto bits = hn::IfThenElseZero(hn::RebindMask(di, compare<kFunction>(x, y)), one);
    hn::StoreU(hn::DemoteTo(du, bits), du, out + i);
  }
  if (i == n) return;
  HWY_ALIGN float x[hn::MaxLanes(D())] = {}, y[hn::MaxLanes(D())] = {};
  HWY_ALIGN int32_t bits[hn::MaxLanes(D())];
  for (size_t k = i; k < n; ++k) x[k - i] = a[kStepA ? k : 0], y[k - i] = b[kStepB ? k : 0];
  hn::Store(hn::IfThenElseZero(hn::RebindMask(di, compare<kFunction>(hn::Load(d, x), hn::Load(d, y))), one), di, bits);
  for (size_t k = i; k < n; ++k) out[k] = static_cast<uint8_t>(bits[k - i]);
}

template <CompareFunction kFunction>
CompareFn compare_for(Operands operands) {
  switch (operands) {
    case Operands::scalar_a: return compare_vectors<kFunction, Operands::scalar_a>;
    case Operands::scalar_b: return compare_vectors<kFunction, Operands::scalar_b>;
    default: return compare_vectors<kFunction, Operands::both>;
  }
}

CompareFn compare_of(CompareFunction function, Operands operands) {
  switch (function) {
    case CompareFunction::equal: return compare_for<CompareFunction::equal>(operands);
    case CompareFunction::not_equal: return compare_for<CompareFunction::not_equal>(operands);
    case CompareFunction::less: return compare_for<CompareFunction::less>(operands);
    case CompareFunction::less_or_equal: return compare_for<CompareFunction::less_or_equal>(operands);
    case CompareFunction::greater: return compare_for<CompareFunction::greater>(operands);
    case CompareFunction::greater_or_equal: return compare_for<CompareFunction::greater_or_equal>(operands);
  }
  return nullptr;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace motley::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace motley::cpu {
HWY_EXPORT(binary_of);
HWY_EXPORT(compare_of);
BinaryFn binary_simd(schema::BinaryFunction function, Operands operands) {
  return HWY_DYNAMIC_DISPATCH(binary_of)(function, operands);
}
CompareFn compare_simd(schema::CompareFunction function, Operands operands) {
  return HWY_DYNAMIC_DISPATCH(compare_of)(function, operands);
}
}  // namespace motley::cpu
#endif
