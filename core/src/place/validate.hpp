// Whether a plan does what it says. Shares nothing with the solvers but the problem itself: it adds up and checks in
// its own way, so that a mistake there shows here.
#pragma once

#include <string>

#include "place/problem.hpp"

namespace motley::place {

// Empty if the plan covers every node once with usable candidates, in an order in which every tensor is there before it
// is read, moves what has to move and nothing else, keeps to memories, budget and pins, and costs what it says with a
// bound no higher; else one sentence about the first thing that is wrong. For a plan of solve_serial() on a problem
// that passed check().
std::string validate(const Problem& problem, const Plan& plan);

}  // namespace motley::place
