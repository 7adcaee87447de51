// A query's problem with costs in the unit of its aim, and what plans cost by it. Inside this folder only.
#pragma once

#include <functional>

#include "place/choose.hpp"

namespace motley::place {

// The same candidates under the same numbers.
Problem objective_of(const Query& query);

// The candidates that `keep` marks; Candidate::tag becomes the number in `problem`.
Problem keep_only(const Problem& problem, const std::vector<bool>& keep);

// Per node and place the candidate that costs least; of equal ones that of the worker whose name comes first.
std::vector<bool> cheapest(const Query& query, const Problem& objective);

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

// For each node the candidate that would cost least in place of its own, with the moves that change.
std::vector<RunnerUp> runners_up(const Problem& objective, const Uses& uses, const std::vector<uint32_t>& candidates);

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
