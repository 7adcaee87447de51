// Plans for the case that devices are lost.
#pragma once

#include <vector>

#include "place/serial.hpp"

namespace motley::place {

struct SubsetPlan {
  uint32_t devices = 0;   // bit d: device d of the problem is there
  bool possible = false;  // false: no plan fits on these
  Plan plan;
};

// A plan for every set of the problem's devices (at most 8 that are not denied, else Error(limit)), by descending
// number of bits, then value. A set whose plan leaves some devices idle serves the sets without those too: they are not
// solved again. Throws as check() where not even all devices together have a candidate for every node.
std::vector<SubsetPlan> plan_subsets(const Problem& problem, const SerialOptions& options = {});

}  // namespace motley::place
