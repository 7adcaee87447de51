// com.microsoft.MatMulNBits: weights of 2, 4 or 8 bits in blocks, made floating-point numbers when importing.
#include <algorithm>
#include <cstring>

#include "onnx/ops/build.hpp"

namespace motley::convert {
namespace {

// Numbers of `bits` bits, low ones first.
int packed_at(const uint8_t* bytes, int64_t index, int64_t bits) {
  const int64_t per_byte = 8 / bits;
  return (bytes[index / per_byte] >> (index % per_byte * bits)) & ((1 << bits) - 1);
}

struct Blocks {
  int64_t rows, columns, bits, block, per_row;  // N, K, bits of a number, numbers of a block, blocks of a row
  int64_t blob() const { return block * bits / 8; }
};

Blocks read_blocks(OpContext& c) {
  Blocks b{c.integer("N"), c.integer("K"), c.integer("bits", 4), c.integer("block_size"), 0};
  constexpr int64_t kMost = int64_t{1} << 31;
  if (b.rows < 1 || b.columns < 1 || b.rows > kMost / b.columns)
    c.invalid("has weights of " + std::to_string(b.rows) + " x " + std::to_string(b.columns) +
              " numbers (at least 1, at most " + std::to_string(kMost) + ")");
  if (b.bits != 2 && b.bits != 4 && b.bits != 8) c.unsupported("attribute bits = " + std::to_string(b.bits));
  if (b.block < 16 || b.block > (1 << 20) || (b.block & (b.block - 1)) != 0)
    c.invalid("has a block_size of " + std::to_string(b.block) + " (a power of two from 16 on)");
  b.per_row = (b.columns + b.block - 1) / b.block;
  return b;
}

std::vector<uint8_t> bytes_of(OpContext& c, TensorId id, int64_t expected, const char* what) {
  std::optional<std::vector<uint8_t>> bytes = c.constant_bytes(id);
  if (!bytes) c.unsupported(std::string(what) + " that are not constant");
  if (c.type(id) != DataType::uint8) c.unsupported(std::string(what) + " of another type than uint8");
  if (static_cast<int64_t>(bytes->size()) != expected)
    c.invalid("has " + std::string(what) + " of " + std::to_string(bytes->size()) + " bytes (expected " +
              std::to_string(expected) + ")");
  return std::move(*bytes);
}

std::vector<float> floats_of(OpContext& c, TensorId id, int64_t expected, const char* what) {
  std::optional<std::vector<float>> values = c.constant_floats(id);
  if (!values) c.unsupported(std::string(what) + " that are not constant floating-point numbers");
  if (static_cast<int64_t>(values->size()) != expected)
    c.invalid("has " + std::to_string(values->size()) + " " + what + " (expected " + std::to_string(expected) + ")");
  return std::move(*values);
}

// One per block: packed like the weights, row by row, or as plain numbers; without any, the middle.
std::vector<float> zero_points(OpContext& c, const Blocks& b) {
  const int64_t blocks = b.rows * b.per_row;
  if (c.in(3) == kNone) return std::vector<float>(static_cast<size_t>(blocks), static_cast<float>(1 << (b.bits - 1)));
  if (c.type(c.in(3)) != DataType::uint8) return floats_of(c, c.in(3), blocks, "zero points");
  const int64_t row_bytes = (b.per_row * b.bits + 7) / 8;
  const std::vector<uint8_t> packed = bytes_of(c, c.in(3), b.rows * row_bytes, "zero points");
  std::vector<float> result;
  for (int64_t r = 0; r < b.rows; ++r)
    for (int64_t i = 0; i < b.per_row; ++i)
      result.push_back(static_cast<float>(packed_at(packed.data() + r * row_bytes, i, b.bits)));
  return result;
}

void matmul_nbits(OpContext& c) {
  c.ignore("accuracy_level");  // how coarse a device may compute
  if (c.integer("weight_prepacked", 0) != 0) c.unsupported("attribute weight_prepacked");
  if (c.in(4) != kNone) c.unsupported("an order of groups (g_idx)");
  const Blocks b = read_blocks(c);
  const int64_t blocks = b.rows * b.per_row;
  const std::vector<uint8_t> packed = bytes_of(c, c.in(1), blocks * b.blob(), "weights");
  const std::vector<float> scales = floats_of(c, c.in(2), blocks, "scales");
  const std::vector<float> zeros = zero_points(c, b);
  std::vector<float> weights(static_cast<size_t>(b.rows * b.columns));
  for (int64_t r = 0; r < b.rows; ++r) {
    for (int64_t k = 0; k < b.columns; ++k) {
      const int64_t at = r * b.per_row + k / b.block;
      const int q = packed_at(packed.data() + at * b.blob(), k % b.block, b.bits);
      weights[static_cast<size_t>(r * b.columns + k)] =
          (static_cast<float>(q) - zeros[static_cast<size_t>(at)]) * scales[static_cast<size_t>(at)];
    }
  }
  Build build(c);
  const TensorId matrix = c.table("weights", c.type(c.in(0)), {b.rows, b.columns}, weights);
  const TensorId y = build.matmul(c.in(0), matrix, true);
  c.connect(c.in(5) == kNone ? y : build.add(y, c.in(5)), c.out(0));
}

constexpr OpRule kRules[] = {
    {"MatMulNBits", 1, 3, 6, 1, matmul_nbits, 0, nullptr, 0, nullptr, 0, "com.microsoft"},
};

}  // namespace

std::span<const OpRule> ops::contrib_nbits() { return kRules; }

}  // namespace motley::convert
