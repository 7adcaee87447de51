// Times relative to an anchor.
#include "measure/anchor.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/text.hpp"
#include "measure/statistics.hpp"

namespace motley::tuner {

namespace {

constexpr size_t kMemory = 5;        // runs of the anchor that make its level
constexpr size_t kNoiseWindow = 60;  // the latest steps that tell its noise

}  // namespace

AnchoredMeter::AnchoredMeter(Meter& meter, size_t anchor, const AnchorPolicy& policy)
    : meter_(meter), anchor_(anchor), policy_(policy) {}

double AnchoredMeter::run_log_ns(size_t candidate) {
  ++runs_;
  const double ns = meter_.run_ns(candidate);
  return ns > 0 ? std::log(ns) : std::numeric_limits<double>::infinity();
}

double AnchoredMeter::run_anchor() {
  const double log_ns = run_log_ns(anchor_);
  if (!std::isfinite(log_ns))
    base::fail(ErrorCode::plugin, "the anchor (candidate %) failed in a run: measure against one that works",
               {anchor_});
  history_.push_back(log_ns);
  return log_ns;
}

// From the steps between successive runs, so that a slow drift isn't taken for noise: their variance is twice a run's.
double AnchoredMeter::noise() const {
  std::vector<double> steps;
  const size_t first = history_.size() > kNoiseWindow ? history_.size() - kNoiseWindow : 1;
  for (size_t i = first; i < history_.size(); ++i) steps.push_back(history_[i] - history_[i - 1]);
  return robust_deviation(steps) / std::sqrt(2.0);
}

bool AnchoredMeter::moved(double before, double after) const {
  const double natural = policy_.noise_factor * noise() * std::sqrt(2.0);
  return std::abs(after - before) > std::max(std::log1p(policy_.drift), natural);
}

void AnchoredMeter::start() {
  if (!history_.empty()) return;
  for (size_t i = 0; i < std::max<size_t>(policy_.warm_up, 2); ++i) run_anchor();
  // The first run pays for caches and a low clock.
  level_ = median({history_.begin() + 1, history_.end()});
}

std::vector<double> AnchoredMeter::block(const std::vector<size_t>& candidates) {
  start();
  const double before = run_anchor();
  std::vector<double> ratios;
  for (const size_t candidate : candidates) ratios.push_back(run_log_ns(candidate));
  const double after = run_anchor();
  if (moved(before, after)) {
    ++discarded_;
    return {};
  }
  for (double& ratio : ratios) ratio -= (before + after) / 2;
  return ratios;
}

void AnchoredMeter::close_block() {
  const double now = run_anchor();
  if (moved(level_, now)) {
    // One odd run of the anchor is not a new level; a second one like it is.
    const double again = run_anchor();
    if (moved(level_, again)) {
      ++discarded_;
      suspects_.insert(suspects_.end(), open_.begin(), open_.end());
      level_ = (now + again) / 2;
    }
  } else {
    const size_t count = std::min(kMemory, history_.size() - 1);
    std::vector<double> recent;
    for (size_t i = history_.size() - count; i < history_.size(); ++i)
      if (!moved(level_, history_[i])) recent.push_back(history_[i]);
    level_ = median(std::move(recent));
  }
  open_.clear();
}

double AnchoredMeter::run(size_t candidate) {
  start();
  if (open_.size() >= policy_.block) close_block();
  open_.push_back(candidate);
  return run_log_ns(candidate) - level_;
}

std::vector<size_t> AnchoredMeter::take_suspects() { return std::exchange(suspects_, {}); }

}  // namespace motley::tuner
