// Joining a plan's candidates into segments that are submitted at once.
#pragma once

#include <vector>

#include "place/problem.hpp"

namespace motley::place {

struct Segment {
  uint32_t device = 0;
  std::vector<uint32_t> candidates;  // indices into Plan::candidates, ascending
};

// Segments in an order in which each needs earlier ones only, so that their graph has no cycle. A segment takes every
// candidate of its device that can run by then; of the orders that begin with each device, the one with fewest segments
// is taken. That is the fewest possible for two devices.
std::vector<Segment> make_segments(const Problem& problem, const Plan& plan);

}  // namespace motley::place
