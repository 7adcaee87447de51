// Segments without cycles.
#include "place/segments.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "motley/error.hpp"
#include "place/serial.hpp"
#include "place/validate.hpp"
#include "place_samples.hpp"

namespace motley::place {
namespace {

std::vector<std::vector<bool>> needs_of(const Problem& p, const Plan& plan) {
  const size_t count = plan.candidates.size();
  std::vector<std::vector<bool>> needs(count, std::vector<bool>(count));
  for (size_t i = 0; i < count; ++i)
    for (size_t j = 0; j < count; ++j)
      for (uint32_t n : p.candidates[plan.candidates[i]].nodes)
        for (uint32_t made : p.nodes[n].outputs)
          for (uint32_t m : p.candidates[plan.candidates[j]].nodes)
            if (i != j && std::count(p.nodes[m].inputs.begin(), p.nodes[m].inputs.end(), made)) needs[j][i] = true;
  return needs;
}

// The fewest segments, by trying every device at every turn; taking all that is ready is never a loss.
size_t fewest(const Problem& p, const Plan& plan, const std::vector<std::vector<bool>>& needs) {
  const size_t count = plan.candidates.size();
  size_t best = count;
  const std::function<void(std::vector<bool>, size_t, size_t)> go = [&](std::vector<bool> done, size_t left,
                                                                        size_t used) {
    if (left == 0) best = std::min(best, used);
    if (left == 0 || used + 1 >= best) return;
    for (uint32_t d = 0; d < p.devices.size(); ++d) {
      std::vector<bool> after = done;
      size_t taken = 0;
      for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < count; ++i) {
          if (after[i] || p.device_of(p.candidates[plan.candidates[i]]) != d) continue;
          bool ready = true;
          for (size_t j = 0; j < count; ++j) ready = ready && (!needs[i][j] || after[j]);
          if (!ready) continue;
          after[i] = changed = true;
          ++taken;
        }
      }
      if (taken) go(after, left - taken, used + 1);
    }
  };
  go(std::vector<bool>(count), count, 0);
  return best;
}

TEST(PlaceSegments, have_no_cycle_and_are_fewest_for_two_devices) {
  std::mt19937 random(21);
  int compared = 0;
  for (int i = 0; i < 200; ++i) {
    SampleShape shape;
    shape.nodes = 4 + i % 9;
    shape.devices = 2 + i % 2;
    shape.fused = i % 3;
    const Problem p = sample(random, shape);
    Plan plan;
    try {
      plan = solve_serial(p);
    } catch (const Error&) {
      continue;
    }
    const std::vector<std::vector<bool>> needs = needs_of(p, plan);
    const std::vector<Segment> segments = make_segments(p, plan);
    std::vector<int> segment_of(plan.candidates.size(), -1);
    for (size_t s = 0; s < segments.size(); ++s)
      for (uint32_t c : segments[s].candidates) {
        EXPECT_EQ(segment_of[c], -1);
        segment_of[c] = int(s);
        EXPECT_EQ(p.device_of(p.candidates[plan.candidates[c]]), segments[s].device);
      }
    for (size_t a = 0; a < segment_of.size(); ++a) {
      ASSERT_GE(segment_of[a], 0);
      for (size_t b = 0; b < segment_of.size(); ++b) {
        if (needs[a][b]) {
          EXPECT_LE(segment_of[b], segment_of[a]) << "a segment needs a later one";
        }
      }
    }
    if (p.devices.size() != 2) continue;
    EXPECT_EQ(segments.size(), fewest(p, plan, needs)) << "graph " << i;
    ++compared;
  }
  EXPECT_GT(compared, 50);
}

}  // namespace
}  // namespace motley::place
