// A query's problem with costs in the unit of its aim, and what plans cost by it. Inside this folder only.
#pragma once

#include <functional>

#include "place/choose.hpp"

namespace motley::place {

// The same candidates under the same numbers.
Problem objective_of(const Query& query);

// The candidates that `keep` marks; Candidate::tag becomes the number in `problem`.
Problem keep_only(const Problem& problem, const std::vector<bool>& keep);

// Candidates that keep to the error budget alone and that no other for the same nodes at the same place beats in cost,
// error and memory; of equal ones that of the worker whose name comes first. Where `also` is given, in its costs too.
std::vector<bool> cheapest(const Query& query, const Problem& objective, const Problem* also = nullptr);

// Whether a node is the first of those that its candidate runs, so that walking over these counts each candidate once.
inline bool leads(const Problem& problem, const std::vector<uint32_t>& candidates, uint32_t node) {
  return problem.candidates[candidates[node]].nodes[0] == node;
}

// Where a resource works: in the background at a place, or on the host.
uint32_t resource_of(const Query& query, uint32_t place);
// Of a move: the side that is not the host's; the reader's between two devices.
uint32_t resource_of_move(const Query& query, uint32_t from, uint32_t to);

// Who makes and reads each tensor.
struct Uses {
  std::vector<int32_t> maker;                  // per tensor: a node, or -1
  std::vector<std::vector<uint32_t>> readers;  // per tensor: nodes, each once
};
Uses uses_of(const Problem& problem);

// Busy time of each resource (by number of its place) under candidates per node.
std::vector<Ns> loads_of(const Query& query, const Problem& objective, const Uses& uses,
                         const std::vector<uint32_t>& candidates);

// The sum of what candidates and moves cost in a problem.
Ns cost_of(const Problem& problem, const Uses& uses, const std::vector<uint32_t>& candidates);
int64_t error_of(const Problem& problem, const std::vector<uint32_t>& candidates);
// Whether they keep to the error budget and the devices' memories.
bool fits(const Problem& problem, const std::vector<uint32_t>& candidates);

// What a plan's cost changes by, moves included, if `candidate` ran its nodes; false where it can't without others
// changing too: one of its nodes runs in a candidate with nodes that are none of its own.
bool replaces(const Problem& problem, const std::vector<uint32_t>& candidates, const Candidate& candidate);
Ns change_of(const Problem& problem, const Uses& uses, const std::vector<uint32_t>& candidates,
             const Candidate& candidate);

// For each node the candidate that would cost least in place of its own, with the moves that change. (runners_up.cpp)
std::vector<RunnerUp> runners_up(const Problem& objective, const Uses& uses, const std::vector<uint32_t>& candidates);

// The cheapest plan by `objective` that takes at most `deadline` by `times`, which has the same candidates and moves with
// other costs; else the fastest. (deadline.cpp)
struct InTime {
  std::vector<uint32_t> candidates;  // per node
  Ns cost = kForbidden, bound = 0;   // by the objective
  bool late = false;
};
InTime solve_in_time(const Problem& objective, const Problem& times, const std::vector<bool>& keep, Ns deadline);

// The share of a plan's time that is not measured: estimated parts count 200, near ones 100, per 1000.
uint32_t doubt_of(const Query& query, const Uses& uses, const std::vector<uint32_t>& candidates);

// Least time of the busiest resource: serial optima for weights on resources, which also prove a bound, then local
// search over stretches of nodes.
struct Balanced {
  std::vector<uint32_t> candidates;  // per node
  Ns load = kForbidden, bound = 0;
};
Balanced balance(const Query& query, const Problem& objective, const std::vector<std::vector<uint32_t>>& starts);

}  // namespace motley::place
