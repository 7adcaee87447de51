// Whether answers do what they say. Shares nothing with the solvers but the problems themselves: it adds up and checks
// in its own way, so that a mistake there shows here.
//
// Each function returns an empty string if all is well, else one sentence about the first thing that is wrong. Problems
// must have passed their solver's own check.
#pragma once

#include <string>
#include <vector>

#include "base/text.hpp"
#include "place/calls.hpp"
#include "place/choose.hpp"
#include "place/parallel.hpp"
#include "place/segments.hpp"
#include "place/stages.hpp"

namespace motley::place {

// The plan covers every node once with usable candidates, in an order in which every tensor is there before it is read,
// moves what has to move and nothing else, keeps to memories, budget and pins, and costs what it says with a bound no
// higher.
std::string validate(const Problem& problem, const Plan& plan);

// The same, and its timeline is possible: nothing begins before what it reads is there, a device and a way between two
// devices do one thing at a time, everything takes what it costs and waits for nothing else.
std::string validate(const Problem& problem, const Schedule& schedule);

// Segments hold the plan's candidates once each, of one device, and none needs a later one.
std::string validate(const Problem& problem, const Plan& plan, const std::vector<Segment>& segments);

// Units are on devices that can run and hold them, the busiest has the load that is said, the bound is no higher; where
// asked, no stage reads from a later one in some order of the stages.
std::string validate(const StageProblem& problem, const Stages& stages, bool contiguous);

// Blocks are on devices that can run and hold them, calls do not wait for each other, the last node ends when it is
// said.
std::string validate(const CallProblem& problem, const Calls& calls);

// The chosen candidates cover the nodes, can be put in an order, keep to memories, budget and pins, and cost what is
// said in the unit of the aim, with a bound no higher; time and deadline are told truly. The time of devices side by
// side depends on an order that a choice does not tell: it is checked to lie between the longest path, or the busiest
// device, and the sum of all.
std::string validate(const Query& query, const Choice& choice);

// In builds without NDEBUG: throws Error(internal) where an answer is wrong.
template <class... Parts>
void expect_valid([[maybe_unused]] const Parts&... parts) {
#ifndef NDEBUG
  const std::string wrong = validate(parts...);
  if (!wrong.empty()) base::fail(ErrorCode::internal, "the planner's answer is wrong: %", {wrong});
#endif
}

}  // namespace motley::place
