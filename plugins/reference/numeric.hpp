// Scalar arithmetic with every case defined: conversions that saturate, integers that wrap, division by zero.
#pragma once

#include <algorithm>
#include <limits>

#include "types.hpp"

namespace motley::reference {

// Any element as double: exact but for 64-bit integers above 2^53.
template <class T>
double real(T x) {
  if constexpr (std::is_same_v<T, Bool>) return x ? 1.0 : 0.0;
  else return static_cast<double>(x);
}

// Truncates toward zero; NaN gives 0, values outside of T its nearest end.
template <class T>
T saturate_to(double x) {
  static_assert(is_integer_v<T>);
  if (x != x) return 0;
  // 2^bits is a double; max() of a 64-bit integer is not.
  const double above = std::ldexp(1.0, std::numeric_limits<T>::digits);
  if (x >= above) return std::numeric_limits<T>::max();
  if (x <= static_cast<double>(std::numeric_limits<T>::lowest())) return std::numeric_limits<T>::lowest();
  return static_cast<T>(x);
}

// ONNX Cast, from and to every element type. Integers wrap into narrower ones; what is not zero is true.
template <class To, class From>
To convert(From x) {
  if constexpr (std::is_same_v<To, From>) return x;
  else if constexpr (std::is_same_v<To, Bool>) return Bool(real(x) != 0);
  else if constexpr (is_real_v<To>) return static_cast<To>(real(x));
  else if constexpr (is_integer_v<From>) return static_cast<To>(x);
  else return saturate_to<To>(real(x));
}

template <class T>
bool is_nan(T x) {
  if constexpr (is_real_v<T>) return std::isnan(real(x));
  else return false;
}

// a < b as stored, exact for 64-bit integers.
template <class T>
bool less(T a, T b) {
  if constexpr (is_integer_v<T>) return a < b;
  else return real(a) < real(b);
}
template <class T>
bool equal(T a, T b) {
  if constexpr (is_integer_v<T>) return a == b;
  else return real(a) == real(b);
}
// The larger (smaller) of two; NaN wins, as in NumPy.
template <class T>
T larger(T a, T b) {
  return is_nan(a) || less(b, a) ? a : b;
}
template <class T>
T smaller(T a, T b) {
  return is_nan(a) || less(a, b) ? a : b;
}

// Two's complement arithmetic in T: unsigned 64-bit arithmetic wraps and its low bits are the right ones.
template <class T>
T wrap_add(T a, T b) {
  return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
template <class T>
T wrap_sub(T a, T b) {
  return static_cast<T>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
template <class T>
T wrap_mul(T a, T b) {
  return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}
template <class T>
bool is_minus_one(T x) {
  return std::is_signed_v<T> && x == static_cast<T>(-1);
}
// Truncating division; by zero it gives 0, and lowest / -1 wraps to lowest.
template <class T>
T divide(T a, T b) {
  if (b == 0) return 0;
  return is_minus_one(b) ? wrap_sub(T{0}, a) : static_cast<T>(a / b);
}
// Remainder with the sign of the dividend, as C's; by zero it gives 0.
template <class T>
T remainder(T a, T b) {
  return b == 0 || is_minus_one(b) ? T{0} : static_cast<T>(a % b);
}
// Remainder with the sign of the divisor, as Python's.
template <class T>
T modulo(T a, T b) {
  const T r = remainder(a, b);
  if constexpr (std::is_signed_v<T>)
    if (r != 0 && (r < 0) != (b < 0)) return static_cast<T>(r + b);
  return r;
}
// Integer power, wrapping. A negative exponent gives the truncated reciprocal, and 0 for base 0.
template <class T>
T power(T base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 1) return 1;
    if (is_minus_one(base)) return exponent % 2 ? base : T{1};
    return 0;
  }
  T result = 1;
  for (auto e = static_cast<uint64_t>(exponent); e; e >>= 1) {
    if (e & 1) result = wrap_mul(result, base);
    base = wrap_mul(base, base);
  }
  return result;
}

// Nearest integer, halves to even, whatever the rounding mode of the thread.
inline double round_half_even(double x) {
  const double low = std::floor(x), rest = x - low;
  if (rest < 0.5) return low;
  if (rest > 0.5) return low + 1;
  return std::fmod(low, 2.0) == 0 ? low : low + 1;
}

}  // namespace motley::reference
