// The cheapest plan that runs one candidate after another.
//
// Nodes are taken in a narrow order; the state between two of them is where each live tensor is, which fused candidates
// are half covered, and what is used up of memories and the error budget. One pass of dynamic programming over these
// states is exact, and states that cannot beat a known plan are dropped. Above a cap on states it keeps the most
// promising and reports a bound. Fused candidates that together would wait for each other are found afterwards and
// excluded one by one, best first.
//
//     Plan plan = solve_serial(problem);
//     if (!plan.exact()) ...  // at most plan.total_ns - plan.bound_ns above the optimum
#pragma once

#include "place/problem.hpp"

namespace motley::place {

struct SerialOptions {
  // Per node. 0: 2^19 shared by all nodes, at least 128 and at most 65536 each, and up to 16384 in stretches between
  // places where one tensor is alive.
  uint32_t max_states = 0;
  uint32_t max_resolves = 64;  // how often it solves again to break cycles between fused candidates
  // Where given, the same problem with what candidates and moves take: only plans that take at most the deadline count.
  const Problem* times = nullptr;
  Ns deadline_ns = 0;
};

// The same problem gives the same plan in any order of its devices, places and candidates. Throws
// Error(invalid_argument) as check() says, and Error(limit) where no plan fits the memories, the error budget and the
// allowed moves, or the deadline, or none was found among the states kept.
Plan solve_serial(const Problem& problem, const SerialOptions& options = {});

}  // namespace motley::place
