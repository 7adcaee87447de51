// The dynamic program over frontiers that solve_serial() runs. Inside this folder only.
#pragma once

#include <vector>

#include "place/potential.hpp"
#include "place/view.hpp"

namespace motley::place {

// What is used up as a plan grows: memory of devices that could run out, and the error budget.
struct Resource {
  int32_t device = -1;  // -1: error
  int64_t budget = 0;
  std::vector<int64_t> least_rest, most_rest;  // per step: what the steps from it on use at least and at most
};

struct FrontierResult {
  bool found = false;
  Ns total = kForbidden;
  Ns bound = 0;  // proved, for the options that were allowed
  uint64_t states = 0;
  std::vector<uint32_t> options;  // chosen, by first step
};

// Options that `denied` marks are not used; only plans cheaper than `upper` are looked for.
FrontierResult run_frontier(const View& view, const Potential& potential, const std::vector<Resource>& resources,
                            const std::vector<bool>& denied, uint32_t max_states, Ns upper);

std::vector<Resource> find_resources(const View& view);
// What is used up when the option's node of that step is passed.
int64_t usage(const View& view, const Resource& resource, const Option& option, uint32_t step);

}  // namespace motley::place
