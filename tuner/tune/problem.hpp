// Tunes one problem on one device: search, check, measure, race, and a verdict on the default.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "measure/race.hpp"
#include "search/strategy.hpp"
#include "worker/supervisor.hpp"

namespace motley::tuner {

// How much to measure, in FFTW's words. `estimate` measures nothing.
enum class Rigor { estimate, measure, patient, exhaustive };
const char* to_string(Rigor rigor);
// Candidates to try per problem; SIZE_MAX: all.
size_t evaluations(Rigor rigor);

struct ProblemOptions {
  size_t evaluations = 50;  // earlier runs' candidates, from the journal, count
  SearchOptions search;     // its seed also orders the race; its seeds follow the default
  AnchorPolicy anchor;
  RacePolicy race;
  // Asked between candidates; once true, what is known so far is the result.
  std::function<bool()> stop;
  // Asked between candidates of the search; once true, those that were tried race.
  std::function<bool()> enough;
  // After each candidate: how many were tried, and the best log ratio to the default so far.
  std::function<void(size_t tried, double best_log_ratio)> progress;
};

// What is known of one candidate at the end.
struct Measured {
  size_t candidate = 0;
  double median_ns = 0, mad_ns = 0;  // of its runs
  size_t runs = 0;
  Estimate log_ratio_to_default;  // 0 for the default
  Supervisor::Error error;
};
Measured measured(const Supervisor& supervisor, size_t candidate, const Estimate& log_ratio_to_default);

struct TunedProblem {
  size_t winner = 0;  // the default where nothing displaces it
  bool is_default = true;
  Estimate log_ratio_to_default;       // of the winner; 0 for the default
  uint64_t median_ns = 0, mad_ns = 0;  // of the winner's runs
  size_t runs = 0;                     // of the winner
  size_t tried = 0, failed = 0;        // candidates, earlier runs' included
  bool exhausted = false;              // there was no other candidate to try
  std::vector<Measured> observations;  // of the default, the winner, and others with enough runs to say something
};

// `default_candidate` is the anchor; a number that no candidate has where it is none of them, but what they are offered
// beside. What the journal knows of this fingerprint and problem is not measured again.
// Throws Error(plugin) where the default itself does not pass or is banned, with the reason.
TunedProblem tune_problem(Candidates& candidates, size_t default_candidate, Supervisor& supervisor,
                          const Journal& journal, const ProblemOptions& options);

}  // namespace motley::tuner
