// Splitting a network into the stages of a pipeline: a stream of inputs passes, every device works on its own part, and
// the most loaded device sets the pace. Devices are equal accelerators, which pay for what they fetch and deliver, and
// hosts, which don't because the data lie in their memory.
#pragma once

#include <utility>
#include <vector>

#include "place/problem.hpp"

namespace motley::place {

struct StageProblem {
  // What must stay together: a node, or several.
  struct Unit {
    Ns host_ns = 0;
    Ns accelerator_ns = 0;  // kForbidden: it can't run there
    int64_t bytes = 0;      // of an accelerator's memory
  };
  // A tensor: who makes it and who reads it. An accelerator that has some of them but not all pays for its transfer,
  // once.
  struct Net {
    Ns cost_ns = 0;
    std::vector<uint32_t> units;  // ascending
  };
  std::vector<Unit> units;
  std::vector<Net> nets;
  std::vector<std::pair<uint32_t, uint32_t>> before;  // units that must not stand in a later stage than others; acyclic
  uint32_t accelerators = 1, hosts = 1;
  int64_t memory_bytes = kUnlimited;  // of one accelerator
};

struct Stages {
  std::vector<uint32_t> device;  // per unit: accelerators come first, then hosts
  Ns load_ns = kForbidden;       // of the most loaded device
  Ns bound_ns = 0;               // proved: no split of that kind has less
  uint64_t ideals = 0;           // looked at
};

struct StageOptions {
  // Above, only cuts along a few orders are tried, and the bound is weaker. Both are less where devices are many.
  uint32_t max_ideals = 400000;
  uint64_t max_pairs = 600000000;  // of ideals
};

// The best split in which stages are contiguous: in some order of the stages no unit reads from a later one. Exact (and
// then bound_ns is load_ns) unless a limit of `options` is passed. Dynamic programming over pairs of ideals, the sets
// of units that contain what their members need. Throws Error(limit) where nothing fits, Error(invalid_argument) for
// numbers or units out of range and for cycles.
Stages split_contiguous(const StageProblem& problem, const StageOptions& options = {});

// A split whose stages may be any sets of units, at least as good as `start`: devices are called several times per
// input. Simulated annealing with `moves` steps, the same for the same problem.
Stages split_freely(const StageProblem& problem, const Stages& start, uint64_t moves = 16000000);

// Load of each device, accelerators first.
std::vector<Ns> loads(const StageProblem& problem, const std::vector<uint32_t>& device);

// No split at all has less than this.
Ns load_bound(const StageProblem& problem);

}  // namespace motley::place
