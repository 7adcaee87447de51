// From one noisy run per candidate to a winner: more runs for those that may be the best, a paired race for the last.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "measure/anchor.hpp"
#include "measure/statistics.hpp"

namespace motley::tuner {

struct RacePolicy {
  double runs_per_candidate = 2;   // all runs, anchors and the first rung included, over the number of candidates
  size_t second_rung_runs = 4;     // runs of each candidate of the second rung, the first one included
  double second_rung_share = 0.5;  // of the runs that the first rung leaves
  size_t finalists = 8;            // at most
  double same = 0.005;             // finalists that are this close to the leader (0.5 %) need no decision
  size_t min_rounds = 6;           // before anybody leaves the final
};

// What is known of a candidate: its log ratios to the anchor, one per run.
struct Standing {
  size_t candidate = 0;
  std::vector<double> log_ratios;
};

struct RaceResult {
  size_t winner = 0;                // the anchor where nothing else worked
  Estimate log_ratio_to_anchor;     // of the winner, from rounds in which both ran; 0 for the anchor itself
  std::vector<Standing> standings;  // all candidates, best first
  size_t rounds = 0;                // of the final
};

// Ends a race whose first rung is `first`: one log ratio per candidate, +infinity for those that failed. The order of
// runs follows `seed`. `stop` is asked between blocks; once true, the best so far wins.
RaceResult race(AnchoredMeter& meter, const std::vector<Standing>& first, const RacePolicy& policy, uint64_t seed,
                const std::function<bool()>& stop = {});

// Whether a winner may take the default's place: only where the 95 % interval of its ratio to the default shows at
// least `gain` (1 %).
bool displaces_default(const Estimate& log_ratio_to_default, double gain = 0.01);

}  // namespace motley::tuner
