// The solvers' answers for workloads, checked and valued by the published definitions, apart from the solvers.
#pragma once

#include "workload.hpp"

namespace placement_bench {

// In the workload's unit. Throws std::runtime_error where an answer breaks a rule, motley::Error where there is none.
struct Answer {
  double value = 0, bound = 0, seconds = 0;
};
struct Pipelines {
  Answer contiguous, free;
};
// Annealing takes `moves` steps; 0: as many as the solvers do by themselves.
Pipelines solve_throughput(const Workload& workload, uint64_t moves = 0);
// Only for workloads without backward nodes.
Answer solve_latency(const Workload& workload, uint64_t moves = 0);

}  // namespace placement_bench
