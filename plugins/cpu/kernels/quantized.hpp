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

// to[i] = from[at + i] - zero: fits 16 bits.
inline void widen(DataType type, const void* from, int64_t at, int64_t n, int32_t zero, int16_t* to) {
  const auto copy = [&](const auto* x) {
    for (int64_t i = 0; i < n; ++i) to[i] = static_cast<int16_t>(x[at + i] - zero);
  };
  if (type == DataType::int8) copy(static_cast<const int8_t*>(from));
  else copy(static_cast<const uint8_t*>(from));
}

inline void check_zero(const TensorView* zero, const TensorView& of, int64_t per) {
  if (!zero) return;
  require(zero->type == of.type, "the zero point has another type");
  require(zero->elements() == 1 || zero->elements() == per, "this number of zero points is not supported");
}
// A float32 scale and a zero point of the type of `of`, one or `per` of them.
inline void check_linear(const TensorView* scale, const TensorView* zero, const TensorView& of, int64_t per) {
  require(scale && scale->type == DataType::float32, "only float32 scales are supported");
  require(scale->elements() == 1 || scale->elements() == per, "this number of scales is not supported");
  check_zero(zero, of, per);
}

// Element m of a parameter that has one value or one per channel.
inline int64_t pick(const TensorView* t, int64_t m) { return t && t->elements() > 1 ? m : 0; }

// Which operand of a product; the tile has bytes of rows signed, of columns unsigned.
enum class Side : uint8_t { rows, columns };

// A matrix of bytes as it lies in memory: element k of lane l (a row or a column) is at + l * lane + k * step.
struct ByteMatrix {
  DataType type = DataType::uint8;
  const void* data = nullptr;
  int64_t at = 0, lane = 0, step = 1;
};

// A side of a product as tiles read it: panels of `width` lanes, words of k one after the other, 0 past the end.
// to[panel][word][lane].
struct PackedSide {
  Side side = Side::rows;
  int64_t lanes = 0, depth = 0, width = 1, group = 2;

  PackedSide() = default;
  PackedSide(const QuantizedOps& ops, Side which, int64_t count, int64_t steps)
      : side(which),
        lanes(count),
        depth(steps),
        width(static_cast<int64_t>(which == Side::rows ? ops.tile_rows : ops.tile_columns)),
        group(static_cast<int64_t>(ops.group)) {}
  int64_t depth_words() const { return (depth + group - 1) / group; }
  int64_t panels() const { return (lanes + width - 1) / width; }
  int64_t panel_words() const { return depth_words() * width; }
  int64_t words() const { return panels() * panel_words(); }
  int64_t padded_lanes() const { return panels() * width; }
  // Bytes keep their zero points, which are moved by what makes them signed or unsigned; 16-bit integers have none
  // left.
  int32_t packed_zero(DataType type, int32_t zero) const {
    if (group != 4) return 0;
    return zero + (side == Side::rows ? (type == DataType::uint8 ? -128 : 0) : (type == DataType::int8 ? 128 : 0));
  }
  // What is xored into a byte for that.
  uint8_t flip(DataType type) const { return (type == DataType::uint8) == (side == Side::rows) ? 0x80 : 0; }
  // Packs one panel. zero_of(lane) is the zero point as it stands in the model.
  template <class ZeroOf>
  void pack(const QuantizedOps& ops, const ByteMatrix& m, int64_t panel, ZeroOf&& zero_of, uint32_t* to) const {
    int32_t zeros[kMostQuantizedColumns];
    const int64_t first = panel * width, n = std::min(width, lanes - first);
    for (int64_t i = 0; i < n; ++i) zeros[i] = zero_of(first + i);
    pack_panel(ops, m, first, n, zeros, to);
  }
  // The sums of each lane of a packed panel over k: 0 where the zero points are taken already.
  void sum(const QuantizedOps& ops, const uint32_t* panel, int32_t* sums) const;

 private:
  void pack_panel(const QuantizedOps& ops, const ByteMatrix& m, int64_t first, int64_t n, const int32_t* zeros,
                  uint32_t* to) const;
};

// What takes the zero points out of a product's sums: of lanes from a panel's first one on.
struct LaneSums {
  const int32_t *zeros = nullptr, *sums = nullptr;
};

// sums -= what the zero points of a row and n columns added: see PackedSide.
inline void take_zeros_out(const QuantizedOps& ops, int32_t* sums, int64_t n, int64_t depth, int32_t row_zero,
                           int32_t row_sum, const LaneSums& columns) {
  if (ops.group != 4) return;
  ops.correct(sums, static_cast<size_t>(n), row_zero, columns.sums,
              static_cast<int32_t>(row_sum - static_cast<int64_t>(depth) * row_zero), columns.zeros);
}

}  // namespace motley::cpu
