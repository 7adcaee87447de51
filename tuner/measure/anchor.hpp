// Times relative to an anchor: what the clock, the temperature or a neighbour does to one run it does to the other.
#pragma once

#include <vector>

#include "measure/meter.hpp"

namespace motley::tuner {

struct AnchorPolicy {
  size_t block = 8;           // candidates between two runs of the anchor
  double drift = 0.05;        // a block whose anchor moved by more (5 %) is discarded, ...
  double noise_factor = 2.5;  // ... where that is more than this many deviations of the anchor's own noise
  size_t warm_up = 5;         // runs of the anchor before the first block: caches, clocks, and to learn its noise
};

// Runs of candidates in blocks, each between two runs of the anchor.
class AnchoredMeter {
 public:
  // Both outlive it. The anchor is a candidate that works, as a rule the default config.
  AnchoredMeter(Meter& meter, size_t anchor, const AnchorPolicy& policy = {});

  // One block: the anchor, each candidate once in the given order, the anchor again. Logarithms of the ratios to the
  // anchor's time, in that order; +infinity for a candidate that failed. Empty where the anchor moved too far.
  std::vector<double> block(const std::vector<size_t>& candidates);

  // One run right now: its log ratio to the anchor's present level. +infinity where it failed. Where `block` runs were
  // made since, the anchor runs first; if it moved too far then, those runs are suspects: take_suspects has them.
  double run(size_t candidate);
  // Candidates whose last run() lies in a discarded block, once.
  std::vector<size_t> take_suspects();

  size_t anchor() const { return anchor_; }
  // All runs so far, those of the anchor included.
  size_t runs() const { return runs_; }
  size_t discarded_blocks() const { return discarded_; }
  // The anchor's noise from run to run, as the deviation of the logarithm.
  double noise() const;

 private:
  double run_log_ns(size_t candidate);
  double run_anchor();
  bool moved(double before, double after) const;
  void start();
  void close_block();

  Meter& meter_;
  size_t anchor_;
  AnchorPolicy policy_;
  std::vector<double> history_;  // the anchor's runs, logarithm of ns
  double level_ = 0;             // the anchor's present level
  std::vector<size_t> open_, suspects_;
  size_t runs_ = 0, discarded_ = 0;
};

}  // namespace motley::tuner
