// Arithmetic on quantized integers, one implementation per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace motley::cpu {

// Integers that a real is rounded to: halves to even, moved by `zero`, within [low, high].
struct IntegerRange {
  int32_t zero = 0, low = 0, high = 255;
};

// Bytes as elements of a function of two: element i is ((data[i * step] ^ flip) - zero) * scale. int8 is read as what
// it is plus 128: flip is 0x80, and zero is moved by as much.
struct ByteOperand {
  const uint8_t* data = nullptr;
  size_t step = 1;  // 0 or 1
  uint8_t flip = 0;
  int32_t zero = 0;
  float scale = 1;
};

struct ByteRows {
  const uint8_t* data = nullptr;
  size_t rows = 0, step = 0;  // from row to row
};

enum class ByteFunction : uint8_t { add, sub, mul, div };

// Products are summed up in words of `group` steps of k: two 16-bit integers, from which zero points are taken already,
// or, where an instruction multiplies those, four bytes: of rows signed, of columns unsigned, with their zero points.
struct QuantizedOps {
  size_t group;
  size_t tile_rows, tile_columns;
  // sums[row][tile_columns] = sum over k of a[k][row] * b[k][column], exact while the sums fit int32_t. From one word
  // of k to the next it is a_step words of a and b_step of b.
  void (*tile)(const uint32_t* a, size_t a_step, const uint32_t* b, size_t b_step, size_t words, size_t rows,
               int32_t* sums);
  // The same where word k of the columns lies at b + offsets[k], and rows of sums are sums_step apart.
  void (*tile_at)(const uint32_t* a, size_t a_step, const uint32_t* b, const int32_t* offsets, size_t words,
                  size_t rows, int32_t* sums, size_t sums_step);
  // One row times n columns: sums[i] = sum over k of a[k * a_step] * b[offsets[k] + i]. Reads and writes less than
  // kQuantizedSlack words past the end.
  void (*slide)(const uint32_t* a, size_t a_step, const uint32_t* b, const int32_t* offsets, size_t words, size_t n,
                int32_t* sums);
  // to[i] = the word of from[0][i], from[1][i]… of `group` arrays, of 16-bit integers or bytes as above.
  void (*interleave)(const void* const* from, size_t n, uint32_t* to);
  // Elements of columns as words hold them, row by row: bytes x ^ flip, or 16-bit integers (x ^ flip) - zero.
  void (*elements)(const ByteRows& from, size_t n, uint8_t flip, int32_t zero, void* to, size_t to_step);
  // to[i] = the word of the elements of from[0][i], from[1][i]… of `group` arrays; 0 for an array that is null.
  void (*words)(const uint8_t* const* from, size_t n, uint8_t flip, int32_t zero, uint32_t* to);
  // Row by row, to[i] = the word of the elements from[i * stride], from[i * stride + dilation]…: exactly n words; reads
  // less than kQuantizedSlack bytes past the last element. Steps are from row to row, in elements and words.
  void (*gather)(const void* from, size_t rows, size_t from_step, size_t n, size_t stride, size_t dilation,
                 uint32_t* to, size_t to_step);
  // sums[i] -= row_zero * column_sums[i] + column_zeros[i] * row_sum, in 32 bits that wrap.
  void (*correct)(int32_t* sums, size_t n, int32_t row_zero, const int32_t* column_sums, int32_t row_sum,
                  const int32_t* column_zeros);
  // out[i] = round((sums[i] + bias) * factor) + zero, in double. `out` gets the low byte.
  void (*requantize)(const int32_t* sums, size_t n, double bias, double factor, const IntegerRange& range,
                     uint8_t* out);
  // The same, faster, for |factor| <= kNearFactor and totals sums[i] + bias (which may wrap on the way) of 32 bits.
  void (*requantize_near)(const int32_t* sums, size_t n, int32_t bias, double factor, const IntegerRange& range,
                          uint8_t* out);
  // As requantize, with a bias (none where null) and a factor per element.
  void (*requantize_each)(const int32_t* sums, size_t n, const int32_t* bias, const double* factors,
                          const IntegerRange& range, uint8_t* out);
  // out[i] = round(x[i] / scale) + zero, in float.
  void (*quantize)(const float* x, size_t n, float scale, const IntegerRange& range, uint8_t* out);
  // out[i] = round(function(a[i], b[i]) / scale) + zero, in float.
  void (*binary)(ByteFunction function, const ByteOperand& a, const ByteOperand& b, size_t n, float scale,
                 const IntegerRange& range, uint8_t* out);
  // y[i] = the greater of y[i] and x[i] ^ flip, unsigned.
  void (*greater)(const uint8_t* x, size_t n, uint8_t flip, uint8_t* y);
  // The least and the greatest of x, 0 and each other; NaN counts as nothing.
  void (*extremes)(const float* x, size_t n, float* low, float* high);
};

// Of the best instruction set that is enabled now.
const QuantizedOps& quantized_ops();

inline constexpr size_t kMostQuantizedRows = 8;        // of any tile
inline constexpr size_t kMostQuantizedColumns = 256;   // tile_columns of the widest vectors
inline constexpr size_t kQuantizedSlack = 256;         // see above
inline constexpr double kNearFactor = 0.25;
inline constexpr int64_t kMostQuantizedDepth = 33000;  // so many products of 9-bit integers fit int32_t

}  // namespace motley::cpu
