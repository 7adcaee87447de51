// What the quantized kernels share: bytes, their scales and zero points.
#pragma once

#include "kernels/quantized_simd.hpp"
#include "support.hpp"

namespace motley::cpu {

inline bool is_byte(DataType type) { return type == DataType::int8 || type == DataType::uint8; }
inline IntegerRange byte_range(DataType type, int32_t zero) {
  return type == DataType::int8 ? IntegerRange{zero, -128, 127} : IntegerRange{zero, 0, 255};
}
inline int32_t byte_at(DataType type, const void* data, int64_t i) {
  return type == DataType::int8 ? static_cast<const int8_t*>(data)[i] : static_cast<const uint8_t*>(data)[i];
}
inline int64_t up_to(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// to[i] = from[i * stride] - zero: fits 16 bits.
inline void widen(DataType type, const void* from, int64_t at, int64_t n, int32_t zero, int16_t* to) {
  const auto copy = [&](const auto* x) {
    for (int64_t i = 0; i < n; ++i) to[i] = static_cast<int16_t>(x[at + i] - zero);
  };
  if (type == DataType::int8) copy(static_cast<const int8_t*>(from));
  else copy(static_cast<const uint8_t*>(from));
}

// A float32 scale and a zero point of the type of `of`, one or `per` of them.
inline void check_linear(const TensorView* scale, const TensorView* zero, const TensorView& of, int64_t per) {
  require(scale && scale->type == DataType::float32, "only float32 scales are supported");
  require(scale->elements() == 1 || scale->elements() == per, "this number of scales is not supported");
  if (!zero) return;
  require(zero->type == of.type, "the zero point has another type");
  require(zero->elements() == 1 || zero->elements() == per, "this number of zero points is not supported");
}

// Element m of a parameter that has one value or one per channel.
inline int64_t pick(const TensorView* t, int64_t m) { return t && t->elements() > 1 ? m : 0; }

// Rows of bytes as tiles read them: panels of kQuantizedRows rows, pairs of k, zero past the end.
// to[panel][k / 2][row][k % 2].
struct QuantizedRowsLayout {
  int64_t rows = 0, depth = 0;
  int64_t pairs() const { return (depth + 1) / 2; }
  int64_t panel() const { return pairs() * 2 * static_cast<int64_t>(kQuantizedRows); }
  int64_t elements() const { return up_to(rows, kQuantizedRows) / static_cast<int64_t>(kQuantizedRows) * panel(); }
  // zero_of(row) is taken from each element; `at` is the first element.
  template <class ZeroOf>
  void pack(DataType type, const void* from, int64_t at, ZeroOf&& zero_of, int16_t* to) const {
    std::fill_n(to, elements(), int16_t{0});
    constexpr auto kRows = static_cast<int64_t>(kQuantizedRows);
    for (int64_t row = 0; row < rows; ++row) {
      const int32_t zero = zero_of(row);
      int16_t* out = to + row / kRows * panel() + row % kRows * 2;
      for (int64_t k = 0; k < depth; ++k)
        out[k / 2 * 2 * kRows + k % 2] = static_cast<int16_t>(byte_at(type, from, at + row * depth + k) - zero);
    }
  }
};

}  // namespace motley::cpu
