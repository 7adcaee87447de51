// When everything in a plan happens if devices work side by side.
#pragma once

#include <vector>

#include "place/problem.hpp"

namespace motley::place {

struct Span {
  Ns begin_ns = 0, end_ns = 0;
};

struct Timeline {
  std::vector<Span> candidates;  // like Plan::candidates
  std::vector<Span> transfers;   // like Plan::transfers
  Ns makespan_ns = 0;            // until the last candidate is done and every wanted tensor is where it is wanted
};

// Each device runs its candidates in the plan's order, one at a time; a helper is busy for as long. A candidate begins
// when its device and its inputs are there. A transfer begins when its tensor is made and the way is free: between two
// devices one transfer at a time passes in each direction, in the order of the candidates that ask; a change of format
// on one device keeps that device busy, before the candidate that asks. Network inputs are there at 0. Plans must be
// valid.
Timeline simulate(const Problem& problem, const Plan& plan);

}  // namespace motley::place
