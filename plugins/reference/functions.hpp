// The functions of one element, and the activation at the end of a fused op.
#pragma once

#include "numeric.hpp"
#include "support.hpp"

namespace motley::reference {

using schema::UnaryFunction;

// f(x) in double, for functions from numbers to numbers.
double unary_real(UnaryFunction function, double x, double alpha, double beta);

// Whether unary_real (unary_integer) has the function.
bool is_real_function(UnaryFunction function);
bool is_integer_function(UnaryFunction function);

// Functions that ONNX defines on integers, without a detour over floating point.
template <class T>
T unary_integer(UnaryFunction function, T x, float alpha, float beta) {
  switch (function) {
    case UnaryFunction::identity:
    case UnaryFunction::floor:
    case UnaryFunction::ceil:
    case UnaryFunction::round: return x;
    case UnaryFunction::abs: return x < T{0} ? wrap_sub(T{0}, x) : x;
    case UnaryFunction::neg: return wrap_sub(T{0}, x);
    case UnaryFunction::sign: return x > T{0} ? T{1} : x < T{0} ? static_cast<T>(-1) : T{0};
    case UnaryFunction::square: return wrap_mul(x, x);
    case UnaryFunction::bitwise_not: return static_cast<T>(~static_cast<uint64_t>(x));
    case UnaryFunction::relu: return x < T{0} ? T{0} : x;
    case UnaryFunction::clip: return std::min(std::max(x, saturate_to<T>(alpha)), saturate_to<T>(beta));
    default: return x;  // is_integer_function() has refused it
  }
}

// A copy of schema::Activation, which lives in a FlatBuffer that may be gone; none: identity.
struct Activation {
  UnaryFunction function = UnaryFunction::identity;
  float alpha = 0, beta = 0;

  Activation() = default;
  explicit Activation(const schema::Activation* a) {
    if (a) function = a->function(), alpha = a->alpha(), beta = a->beta();
  }
  double operator()(double x) const {
    return function == UnaryFunction::identity ? x : unary_real(function, x, alpha, beta);
  }
  template <class T>
  T on_integer(T x) const {
    return unary_integer(function, x, alpha, beta);
  }
};
void check_activation(const schema::Activation* activation, DataType type);

}  // namespace motley::reference
