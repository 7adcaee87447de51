// What the quantized ops share: reading scales and zero points, and going back to integers.
#pragma once

#include "indexing.hpp"
#include "numeric.hpp"

namespace motley::reference {

// Scales or zero points of a tensor. A single value serves every position.
struct Parameters {
  DataType type = DataType::undefined;
  int64_t count = 0;  // 0: absent

  Parameters() = default;
  explicit Parameters(const TensorView* t) : type(t ? t->type : DataType::undefined), count(t ? t->elements() : 0) {}

  double scale(const void* data, int64_t i) const {
    if (count == 0) return 1;
    return with_real(
        type, [&](auto t) { return real(static_cast<const typename decltype(t)::type*>(data)[count == 1 ? 0 : i]); });
  }
  int64_t zero_point(const void* data, int64_t i) const {
    if (count == 0) return 0;
    return with_integer(type, [&](auto t) {
      return static_cast<int64_t>(static_cast<const typename decltype(t)::type*>(data)[count == 1 ? 0 : i]);
    });
  }
};

constexpr bool is_byte(DataType type) { return type == DataType::int8 || type == DataType::uint8; }
constexpr bool is_int32(DataType type) { return type == DataType::int32; }

template <class Fn>
decltype(auto) with_byte(DataType type, Fn&& fn) {
  if (type == DataType::int8) return fn(Type<int8_t>{});
  if (type == DataType::uint8) return fn(Type<uint8_t>{});
  throw_type(type);
}

// One value, or one per row, column or channel. Absent is allowed where `tensor` is null.
void check_parameters(const TensorView* tensor, TypePredicate allowed, int64_t per, const char* what);

// The nearest integer, halves to even, moved by the zero point and saturated.
template <class T>
T quantize(double scaled, int64_t zero_point) {
  return saturate_to<T>(std::isfinite(scaled) ? round_half_even(scaled) + static_cast<double>(zero_point) : scaled);
}

}  // namespace motley::reference
