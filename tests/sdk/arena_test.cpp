// Memory planning: blocks alive together never overlap, and the arena is not larger than it must be in simple cases.
#include <gtest/gtest.h>

#include <random>

#include "motley/sdk/arena.hpp"

namespace motley::sdk {
namespace {

bool overlap(const ArenaBlock& a, const ArenaBlock& b) {
  if (a.bytes == 0 || b.bytes == 0) return false;
  return a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}
bool together(const ArenaBlock& a, const ArenaBlock& b) { return a.first <= b.last && b.first <= a.last; }

TEST(Arena, BlocksAliveTogetherNeverOverlap) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<ArenaBlock> blocks(1 + random() % 60);
    uint64_t sum = 0;
    for (ArenaBlock& b : blocks) {
      b.bytes = random() % 5 == 0 ? 0 : random() % 5000;
      b.first = static_cast<int32_t>(random() % 40);
      b.last = b.first + static_cast<int32_t>(random() % 8);
      sum += align_up(b.bytes, 64);
    }
    const uint64_t total = plan_arena(blocks, 64);
    EXPECT_LE(total, sum);
    for (size_t i = 0; i < blocks.size(); ++i) {
      EXPECT_EQ(blocks[i].offset % 64, 0u);
      EXPECT_LE(blocks[i].offset + blocks[i].bytes, total);
      for (size_t j = i + 1; j < blocks.size(); ++j)
        if (together(blocks[i], blocks[j])) {
          ASSERT_FALSE(overlap(blocks[i], blocks[j])) << i << " and " << j << " in round " << round;
        }
    }
  }
}

TEST(Arena, AChainNeedsTwoBlocks) {
  std::vector<ArenaBlock> blocks;
  for (int32_t i = 0; i < 10; ++i) blocks.push_back({1024, i, i + 1, 0});
  EXPECT_EQ(plan_arena(blocks, 64), 2048u);
}

TEST(Arena, NothingNeedsNothing) {
  std::vector<ArenaBlock> none, empty = {{0, 0, 3, 0}};
  EXPECT_EQ(plan_arena(none, 64), 0u);
  EXPECT_EQ(plan_arena(empty, 64), 0u);
}

}  // namespace
}  // namespace motley::sdk
