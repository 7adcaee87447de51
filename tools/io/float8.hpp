// 8-bit floating-point numbers to float, exactly.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace motley::io {

// How the bits of one are read.
struct Float8Format {
  int mantissa_bits, bias;
  bool has_infinity;   // the greatest exponent is for infinity and NaN, as IEEE 754 has it
  bool unsigned_zero;  // the negative zero is the one NaN
};
inline constexpr Float8Format kE4M3FN{3, 7, false, false}, kE4M3FNUZ{3, 8, false, true}, kE5M2{2, 15, true, false},
    kE5M2FNUZ{2, 16, false, true};

inline float float8_to_float(uint8_t bits, const Float8Format& format) {
  const float sign = bits & 0x80 ? -1.0f : 1.0f;
  const int magnitude = bits & 0x7f, mantissa_range = 1 << format.mantissa_bits;
  const int exponent = magnitude >> format.mantissa_bits, mantissa = magnitude & (mantissa_range - 1);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  if (format.unsigned_zero && bits == 0x80) return nan;
  if (format.has_infinity && exponent == 0x7f >> format.mantissa_bits)
    return mantissa ? nan : sign * std::numeric_limits<float>::infinity();
  if (!format.has_infinity && !format.unsigned_zero && magnitude == 0x7f) return nan;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), 1 - format.bias - format.mantissa_bits);
  return sign *
         std::ldexp(static_cast<float>(mantissa_range + mantissa), exponent - format.bias - format.mantissa_bits);
}

}  // namespace motley::io
