// The dynamic program over frontiers that solve_serial() runs. Inside this folder only.
#pragma once

#include <vector>

#include "place/potential.hpp"
#include "place/view.hpp"

namespace motley::place {

// What is used up as a plan grows: memory of devices that could run out, the error budget, and time.
struct Resource {
  static constexpr int32_t kError = -1, kTime = -2;
  int32_t device = kError;
  const Problem* times = nullptr;  // of kTime: the same candidates and moves with what they take
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

// A part of the steps. If it does not begin with the first, nothing but `tensor` is alive there, made at that place
// rank by the step before; it ends where the potential is exact, or with the last step.
struct FrontierRange {
  uint32_t begin = 0, end = 0;
  uint32_t tensor = 0, place = 0;
};
// The same for a range; what comes after it is counted as the potential says.
FrontierResult run_frontier(const View& view, const Potential& potential, const std::vector<Resource>& resources,
                            const std::vector<bool>& denied, uint32_t max_states, Ns upper, const FrontierRange& range);

// Visits all steps. Between boundaries where one tensor is alive and nothing half covered it solves each stretch by the
// dynamic program for every place where that tensor can be, so that the bound is exact there unless `max_states` cut.
void refine(Potential& potential, const View& view, uint32_t max_states);

std::vector<Resource> find_resources(const View& view);
// What candidates and moves take together must be at most `budget` by `times`, which must outlive it.
Resource time_resource(const View& view, const Problem& times, Ns budget);
// What is used up when the option's node of that step is passed.
int64_t usage(const View& view, const Resource& resource, const Option& option, uint32_t step);

}  // namespace motley::place
