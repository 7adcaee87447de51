// Memory planning: offsets for tensors whose lifetimes are known, so that those never alive together share bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace motley::sdk {

// A block alive from step `first` to step `last`, both included. `bytes` 0 gets offset 0.
struct ArenaBlock {
  uint64_t bytes = 0;
  int32_t first = 0;
  int32_t last = 0;
  uint64_t offset = 0;  // result
};

inline uint64_t align_up(uint64_t value, uint64_t alignment) { return (value + alignment - 1) / alignment * alignment; }

// Sets every block's offset (a multiple of `alignment`, which is a power of two) and returns the arena's size in bytes.
// Greedy by size, best fit, as in Pisarchyk and Lee, "Efficient memory management for deep neural net inference"
// (2020).
inline uint64_t plan_arena(std::vector<ArenaBlock>& blocks, uint64_t alignment) {
  std::vector<uint32_t> order(blocks.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return blocks[a].bytes > blocks[b].bytes; });

  uint64_t total = 0;
  std::vector<uint32_t> placed;  // by offset
  for (uint32_t i : order) {
    ArenaBlock& block = blocks[i];
    if (block.bytes == 0) continue;
    const uint64_t need = align_up(block.bytes, alignment);
    uint64_t best_offset = 0, best_gap = UINT64_MAX, cursor = 0;
    for (uint32_t j : placed) {
      const ArenaBlock& other = blocks[j];
      if (other.last < block.first || block.last < other.first) continue;
      if (other.offset >= cursor + need && other.offset - cursor < best_gap) {
        best_gap = other.offset - cursor;
        best_offset = cursor;
      }
      cursor = std::max(cursor, other.offset + align_up(other.bytes, alignment));
    }
    block.offset = best_gap == UINT64_MAX ? cursor : best_offset;
    total = std::max(total, block.offset + need);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), i,
                                   [&](uint32_t a, uint32_t b) { return blocks[a].offset < blocks[b].offset; }),
                  i);
  }
  return total;
}

}  // namespace motley::sdk
