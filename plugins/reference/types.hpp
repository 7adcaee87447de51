// Element types as C++ types, and how to get from a DataType to one.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "motley/sdk/kernel.hpp"

namespace motley::reference {

using schema::DataType;
using schema::Op;
using sdk::StatusError;

// The bits of a 16-bit float with so many bits of exponent and mantissa, rounded to nearest even straight from double.
template <int kExponentBits, int kMantissaBits>
constexpr uint16_t narrow_bits(double x) {
  constexpr int kBias = (1 << (kExponentBits - 1)) - 1;
  constexpr uint64_t kInfinity = ((uint64_t{1} << kExponentBits) - 1) << kMantissaBits;
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  const auto sign = static_cast<uint16_t>(bits >> 48 & 0x8000);
  if (x != x) return static_cast<uint16_t>(sign | kInfinity | uint64_t{1} << (kMantissaBits - 1));
  const int exponent = static_cast<int>(bits >> 52 & 0x7ff) - 1023;
  if (exponent > kBias) return static_cast<uint16_t>(sign | kInfinity);
  // Below the smallest normal number more bits fall away; a double's own subnormals are far below.
  const int lowest = 1 - kBias, below = exponent < lowest ? lowest - exponent : 0;
  const int drop = 52 - kMantissaBits + below;
  if (drop > 54) return sign;
  const uint64_t significand = (bits & ((uint64_t{1} << 52) - 1)) | uint64_t{1} << 52;
  const uint64_t rest = significand & ((uint64_t{1} << drop) - 1), half = uint64_t{1} << (drop - 1);
  uint64_t kept = significand >> drop;
  if (rest > half || (rest == half && (kept & 1))) ++kept;
  // `kept` has the leading one, which adds 1 to the exponent field; a carry adds another one, up to infinity.
  const auto field = static_cast<uint64_t>((below ? lowest : exponent) + kBias - 1);
  return static_cast<uint16_t>(sign | ((field << kMantissaBits) + kept));
}

struct Half {
  uint16_t bits = 0;
  Half() = default;
  explicit constexpr Half(double x) : bits(narrow_bits<5, 10>(x)) {}
  explicit operator double() const {
    const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    double m = exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24);
    if (exponent == 31)
      m = mantissa ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
    return bits & 0x8000 ? -m : m;
  }
};

struct BFloat {
  uint16_t bits = 0;
  BFloat() = default;
  explicit constexpr BFloat(double x) : bits(narrow_bits<8, 7>(x)) {}
  explicit constexpr operator double() const {
    return static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(bits) << 16));
  }
};

// A stored bool. Any byte but 0 is true: reading a C++ bool from such a byte would be undefined.
struct Bool {
  uint8_t byte = 0;
  Bool() = default;
  explicit constexpr Bool(bool b) : byte(b) {}
  explicit constexpr operator bool() const { return byte != 0; }
};

template <class T>
inline constexpr bool is_real_v =
    std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, Half> || std::is_same_v<T, BFloat>;
template <class T>
inline constexpr bool is_integer_v = std::is_integral_v<T>;

// The value of a type, passed to a generic lambda: `using T = typename decltype(type)::type;`.
template <class T>
struct Type {
  using type = T;
};

[[noreturn]] void throw_type(DataType type);

template <class Fn>
decltype(auto) with_real(DataType type, Fn&& fn) {
  switch (type) {
    case DataType::float32: return fn(Type<float>{});
    case DataType::float64: return fn(Type<double>{});
    case DataType::float16: return fn(Type<Half>{});
    case DataType::bfloat16: return fn(Type<BFloat>{});
    default: throw_type(type);
  }
}
template <class Fn>
decltype(auto) with_integer(DataType type, Fn&& fn) {
  switch (type) {
    case DataType::int8: return fn(Type<int8_t>{});
    case DataType::uint8: return fn(Type<uint8_t>{});
    case DataType::int16: return fn(Type<int16_t>{});
    case DataType::uint16: return fn(Type<uint16_t>{});
    case DataType::int32: return fn(Type<int32_t>{});
    case DataType::uint32: return fn(Type<uint32_t>{});
    case DataType::int64: return fn(Type<int64_t>{});
    case DataType::uint64: return fn(Type<uint64_t>{});
    default: throw_type(type);
  }
}

constexpr bool is_real(DataType type) {
  return type == DataType::float32 || type == DataType::float64 || type == DataType::float16 ||
         type == DataType::bfloat16;
}
constexpr bool is_integer(DataType type) { return type >= DataType::int8 && type <= DataType::uint64; }
constexpr bool is_number(DataType type) { return is_real(type) || is_integer(type); }
constexpr bool is_any(DataType type) { return is_number(type) || type == DataType::bool_; }
constexpr bool is_index(DataType type) { return type == DataType::int32 || type == DataType::int64; }
constexpr bool is_bool(DataType type) { return type == DataType::bool_; }

template <class Fn>
decltype(auto) with_number(DataType type, Fn&& fn) {
  return is_real(type) ? with_real(type, fn) : with_integer(type, fn);
}
template <class Fn>
decltype(auto) with_any(DataType type, Fn&& fn) {
  return type == DataType::bool_ ? fn(Type<Bool>{}) : with_number(type, fn);
}
// For ops that only move elements: an unsigned integer of the same size.
template <class Fn>
decltype(auto) with_size_of(DataType type, Fn&& fn) {
  switch (sdk::element_bytes(type)) {
    case 1: return fn(Type<uint8_t>{});
    case 2: return fn(Type<uint16_t>{});
    case 4: return fn(Type<uint32_t>{});
    case 8: return fn(Type<uint64_t>{});
    default: throw_type(type);
  }
}

}  // namespace motley::reference
