// Branch and bound over orders and choices of a small problem. Inside this folder only.
#pragma once

#include "place/decoder.hpp"
#include "place/frontier.hpp"

namespace motley::place {

struct BranchResult {
  bool complete = false;          // everything was tried or bounded away
  Ns makespan = kForbidden;       // kForbidden: nothing below the upper bound
  std::vector<uint32_t> options;  // in order
};
BranchResult branch_and_bound(const View& view, const std::vector<Resource>& resources, Ns upper,
                              uint64_t max_branches);

// No schedule is done sooner: along paths with moves, and by work shared between all devices.
Ns makespan_bound(const View& view);

// The least part of its candidates' costs that counts for each step.
std::vector<Ns> least_shares(const View& view);

}  // namespace motley::place
