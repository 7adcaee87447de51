// The latency of one input where a host calls accelerators: each accelerator is handed one set of blocks, fetches what
// they read, computes them one after another, delivers what others read. Everything else runs on the host, which has as
// many cores as there is work. An accelerator's memory bounds what it can be handed.
#pragma once

#include <vector>

#include "place/problem.hpp"

namespace motley::place {

struct CallProblem {
  struct Node {
    Ns host_ns = 0, accelerator_ns = 0;  // kForbidden: it can't run there
    Ns transfer_ns = 0;                  // of its result, one way
    int64_t bytes = 0;                   // of an accelerator's memory
    uint32_t block = 0;                  // nodes of a block run on the same device
    std::vector<uint32_t> readers;       // nodes
  };
  std::vector<Node> nodes;
  uint32_t blocks = 0;  // numbered so that none reads from a later one
  uint32_t accelerators = 1;
  int64_t memory_bytes = kUnlimited;
};

struct Calls {
  std::vector<uint32_t> device;  // per block; CallProblem::accelerators: the host
  Ns latency_ns = kForbidden;
  Ns bound_ns = 0;  // proved: no choice of calls is faster
};

struct CallOptions {
  uint32_t max_ideals = 20000;    // above, chains along a few orders only
  uint64_t max_pairs = 30000000;  // of ideals
  // Of the annealing; 0: 2500000000 divided by the number of nodes and eight times that of accelerators, at most
  // 8000000.
  uint64_t moves = 0;
};

// Seeds from dynamic programming over chains of calls, improved by annealing; the same for the same problem. Throws
// Error(limit) where blocks fit nowhere, Error(invalid_argument) where blocks are not in order.
Calls plan_calls(const CallProblem& problem, const CallOptions& options = {});

// kForbidden where calls would wait for each other, a memory is too small or a node can't run where it is put.
Ns latency_of(const CallProblem& problem, const std::vector<uint32_t>& device);

// No choice of calls is faster.
Ns latency_bound(const CallProblem& problem);

}  // namespace motley::place
