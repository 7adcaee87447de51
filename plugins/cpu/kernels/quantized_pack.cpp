// Bytes as tiles of quantized products read them.
#include <cstring>

#include "kernels/quantized.hpp"

namespace motley::cpu {

namespace {

uint32_t word_of(const uint8_t* x, int64_t step, int64_t n, uint32_t flip) {
  uint8_t bytes[4] = {};
  for (int64_t k = 0; k < n; ++k) bytes[k] = static_cast<uint8_t>(x[k * step] ^ flip);
  uint32_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// A lane whose steps are neighbours: four bytes at once.
void pack_lane(const uint8_t* x, int64_t depth, uint32_t flip, int64_t width, uint32_t* to) {
  int64_t k = 0;
  for (; k + 4 <= depth; k += 4, to += width) {
    uint32_t word;
    std::memcpy(&word, x + k, sizeof word);
    *to = word ^ (flip * 0x01010101u);
  }
  if (k < depth) *to = word_of(x + k, 1, depth - k, flip);
}

// Lanes that are neighbours: all lanes of a step at once.
void pack_neighbours(const QuantizedOps& ops, const uint8_t* x, int64_t step, int64_t depth, int64_t n, uint32_t flip,
                     int64_t width, uint32_t* to) {
  static constexpr uint8_t kNothing[kMostQuantizedColumns] = {};
  for (int64_t k = 0; k < depth; k += 4, to += width) {
    const void* from[4];
    for (int64_t i = 0; i < 4; ++i) from[i] = k + i < depth ? x + (k + i) * step : kNothing;
    ops.interleave(from, static_cast<size_t>(n), to);
    if (flip == 0) continue;
    const int64_t present = std::min<int64_t>(4, depth - k);
    const uint32_t mask = flip * 0x01010101u & (present == 4 ? ~0u : (1u << 8 * present) - 1);
    for (int64_t i = 0; i < n; ++i) to[i] ^= mask;
  }
}

uint32_t pair_of(const ByteMatrix& m, int64_t at, int64_t n, int32_t zero) {
  const auto half = [&](int64_t i) {
    return static_cast<uint32_t>(byte_at(m.type, m.data, at + i * m.step) - zero) & 0xffff;
  };
  return half(0) | (n > 1 ? half(1) << 16 : 0);
}

}  // namespace

void PackedSide::pack_panel(const QuantizedOps& ops, const ByteMatrix& m, int64_t first, int64_t n,
                            const int32_t* zeros, uint32_t* to) const {
  if (n < width) std::fill_n(to, panel_words(), 0u);
  const int64_t at = m.at + first * m.lane;
  if (group == 4) {
    const auto* x = static_cast<const uint8_t*>(m.data) + at;
    if (m.lane == 1 && n > 1) return pack_neighbours(ops, x, m.step, depth, n, flip(m.type), width, to);
    for (int64_t i = 0; i < n; ++i) {
      if (m.step == 1) {
        pack_lane(x + i * m.lane, depth, flip(m.type), width, to + i);
        continue;
      }
      for (int64_t k = 0; k < depth; k += 4)
        to[k / 4 * width + i] =
            word_of(x + i * m.lane + k * m.step, m.step, std::min<int64_t>(4, depth - k), flip(m.type));
    }
    return;
  }
  for (int64_t k = 0; k < depth; k += 2, to += width)
    for (int64_t i = 0; i < n; ++i) to[i] = pair_of(m, at + i * m.lane + k * m.step, depth - k, zeros[i]);
}

// A tile with ones on the other side adds them up.
void PackedSide::sum(const QuantizedOps& ops, const uint32_t* panel, int32_t* sums) const {
  if (group != 4) return void(std::fill_n(sums, width, 0));
  const auto words = static_cast<size_t>(depth_words());
  const auto step = static_cast<size_t>(width);
  if (side == Side::columns) {
    const uint32_t ones = 0x01010101u;
    return ops.tile(&ones, 0, panel, step, words, 1, sums);
  }
  uint32_t ones[kMostQuantizedColumns];
  int32_t all[kMostQuantizedRows * kMostQuantizedColumns];
  std::fill_n(ones, ops.tile_columns, 0x01010101u);
  ops.tile(panel, step, ones, 0, words, ops.tile_rows, all);
  for (int64_t i = 0; i < width; ++i) sums[i] = all[static_cast<size_t>(i) * ops.tile_columns];
}

}  // namespace motley::cpu
