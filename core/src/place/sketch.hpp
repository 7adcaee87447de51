// What libmotley tells the planner of a network, and what it hears. Flat lists, because their code is small: a Query is
// made of it on the planner's side of the border.
#pragma once

#include "place/choose.hpp"

namespace motley::place {

struct Sketch {
  struct Worker {
    std::string name;  // unique
    uint32_t milliwatts = 1000;
    bool avoided = false;      // see place::Worker
    bool own_place = false;    // else it works in the host's memory, while the host waits
    bool background = false;   // leaves the host free
    int64_t memory_bytes = 0;  // of its own, kUnlimited where not known; 0: it works on the host's
  };
  std::vector<Worker> workers;
  std::vector<int64_t> tensor_bytes;  // 0 for constants, which are everywhere
  // Per node: how many inputs, the inputs, how many outputs, the outputs. Constants are left out.
  std::vector<uint32_t> edges;
  std::vector<uint32_t> given, wanted;  // tensors that start, and end, in the host's memory
  // Per node and worker; kForbidden where it does not run there.
  std::vector<int64_t> cost_ns;
  std::vector<Provenance> cost_source;
  // More ways to run a node, or several as one kernel.
  struct Offer {
    std::vector<uint32_t> nodes;  // ascending
    uint32_t worker = 0;
    Ns cost_ns = kForbidden;
    Provenance source = Provenance::estimated;
    int64_t error_ppb = 0;
    uint32_t format = 0;  // of what it reads and writes
  };
  std::vector<Offer> offers;
  // Nodes that two workers at different places compute together; for Aim::latency alone. The helper's moves are a part
  // of the cost.
  struct Pair {
    uint32_t node = 0, worker = 0, helper = 0;
    Ns cost_ns = kForbidden;
    Provenance source = Provenance::estimated;
  };
  std::vector<Pair> pairs;
  int64_t error_budget_ppb = 0;
  Ns deadline_ns = 0;                   // see Query
  std::vector<int64_t> constant_bytes;  // per node; held by workers with memory of their own
  // Place 0 is the host's, the others belong to the workers with places of their own, in order. Each further format has
  // as many places, behind those, between which a conversion is a move. Per pair alpha, beta.
  std::vector<int64_t> moves;
  std::vector<Provenance> move_source;  // per pair
  uint32_t formats = 1;
  Aim aim = Aim::latency;
  std::vector<int32_t> incumbent;  // per node a worker; see Query
  std::vector<int32_t> incumbent_offer;  // per node an offer, or -1; empty: none
  bool keep_incumbent = false;
};

struct Answer {
  Choice::Kind kind = Choice::Kind::mixed;
  std::vector<int32_t> worker, runner_up;  // per node; no runner-up: -1
  std::vector<int64_t> more;               // per node: see RunnerUp
  std::vector<int32_t> offer, runner_up_offer;  // per node: an offer, or -1
  std::vector<int32_t> left_out;                // per node: an offer, or -1; see RunnerUp
  std::vector<int64_t> left_out_more;
  Ns run_ns = 0, cost = 0, bound = 0, rival = kForbidden, unbudgeted = kForbidden;
  int64_t error_ppb = 0;
  bool side_by_side = false, late = false;
  uint32_t doubt = 0;         // see Choice
  std::vector<int32_t> pair;  // per node: one of Sketch::pairs, or -1
};

// Throws as choose().
Answer answer(const Sketch& sketch);

}  // namespace motley::place
