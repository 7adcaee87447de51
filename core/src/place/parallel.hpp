// The plan that is done soonest when devices work side by side, for one run at a time.
//
// Seeds are the serial optimum, each device alone, and list schedules by upward rank (HEFT); annealing improves choices
// and order. Small problems are then solved by branch and bound, which proves the optimum among list schedules.
#pragma once

#include "place/serial.hpp"
#include "place/timeline.hpp"

namespace motley::place {

struct ParallelOptions {
  SerialOptions serial;
  uint64_t moves = 0;              // of the annealing; 0: 4000000 divided by the number of nodes, at most 50000
  uint64_t max_branches = 200000;  // of branch and bound; more are not tried
};

struct Schedule {
  Plan plan;  // total_ns is the sum of its parts as ever; the order of its candidates is the schedule's
  Timeline timeline;
  Ns bound_ns = 0;     // proved: no schedule is done sooner
  Ns heft_ns = 0;      // what HEFT alone would reach, for comparison
  bool exact = false;  // branch and bound tried everything (among schedules that follow some order of candidates)
};

// Throws as solve_serial(). The same for the same problem in any order of its devices.
Schedule solve_parallel(const Problem& problem, const ParallelOptions& options = {});

}  // namespace motley::place
