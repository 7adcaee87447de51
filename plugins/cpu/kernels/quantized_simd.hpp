// Arithmetic on quantized integers, one implementation per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace motley::cpu {

// Integers that a real is rounded to: halves to even, moved by `zero`, within [low, high].
struct IntegerRange {
  int32_t zero = 0, low = 0, high = 255;
};

struct QuantizedOps {
  size_t tile_columns;
  // sums[row][tile_columns] = sum over k of a[k][row] * b[k][column]. Both are packed in pairs of k: `a` holds for each
  // pair two numbers per row, `b` two per column. Exact while the sums fit int32_t.
  void (*tile)(const int16_t* a, const int16_t* b, size_t pairs, size_t rows, int32_t* sums);
  // out[i] = round((sums[i] + bias) * factor) + zero, in double. `out` gets the low byte.
  void (*requantize)(const int32_t* sums, size_t n, double bias, double factor, const IntegerRange& range,
                     uint8_t* out);
  // out[i] = round(x[i] / scale) + zero, in float.
  void (*quantize)(const float* x, size_t n, float scale, const IntegerRange& range, uint8_t* out);
};

// Of the best instruction set that is enabled now.
const QuantizedOps& quantized_ops();

inline constexpr size_t kQuantizedRows = 4;            // rows of a tile
inline constexpr size_t kMostQuantizedColumns = 256;   // tile_columns of the widest vectors
inline constexpr int64_t kMostQuantizedDepth = 33000;  // so many products of 9-bit integers fit int32_t

}  // namespace motley::cpu
