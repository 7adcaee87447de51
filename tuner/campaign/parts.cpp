// What a plan consists of, and what plans were seen to take beyond their parts.
#include "campaign/parts.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace motley::tuner {

using nlohmann::json;

namespace {

constexpr double kLeastFactor = 0.3, kMostFactor = 5;
constexpr double kTrust = 1e-3;  // of the factor 1 beside what was seen: it decides where nothing else does
constexpr int kRounds = 200;     // of coordinate descent, over a handful of unknowns
constexpr int kPaths = 8;  // a correction may change which steps are waited for: so often they are looked up again
constexpr size_t kNone = static_cast<size_t>(-1);

uint64_t whole(double ns) { return static_cast<uint64_t>(std::llround(std::max(ns, 0.0))); }

// When each step is done, and which earlier one it waited for last.
struct Timing {
  std::vector<double> end;
  std::vector<size_t> cause;
  size_t last = kNone;  // the step that is done last
};

double ns_of(const Parts::Step& step, const Correction& correction) {
  return step.is_move() ? step.ns + correction.move_ns : step.ns * correction.factor_of(step.device);
}

Timing time_of(const Parts& parts, const Correction& correction) {
  Timing timing;
  std::map<std::string, size_t> on_lane;
  for (const Parts::Step& step : parts.steps) {
    double begin = 0;
    size_t cause = kNone;
    const auto wait_for = [&](size_t other) {
      if (timing.end[other] >= begin) begin = timing.end[other], cause = other;
    };
    for (const size_t other : step.after) wait_for(other);
    const size_t number = timing.end.size();
    if (const auto [at, is_first] = on_lane.try_emplace(step.lane, number); !is_first) {
      wait_for(at->second);
      at->second = number;
    }
    timing.end.push_back(begin + ns_of(step, correction));
    timing.cause.push_back(cause);
    if (timing.last == kNone || timing.end[number] >= timing.end[timing.last]) timing.last = number;
  }
  return timing;
}

double ns_of(const Sums& sums, const Correction& correction) {
  double ns = sums.moves_ns + correction.move_ns * static_cast<double>(sums.moves);
  for (const auto& [device, kernels] : sums.kernels_ns) ns += correction.factor_of(device) * kernels;
  return ns;
}

// Of the relative error, times how near a plan is to the best.
std::vector<double> weights_of(const std::vector<ObservedPlan>& plans) {
  double best = HUGE_VAL;
  for (const ObservedPlan& plan : plans) best = std::min(best, plan.ns);
  std::vector<double> weights;
  for (const ObservedPlan& plan : plans) weights.push_back(best / (plan.ns * plan.ns));
  return weights;
}

// For plans that take the sums of some of their steps. One unknown after the other is set to what is best for it while
// the others stay.
class Fit {
 public:
  struct Row {
    Sums sums;
    double ns = 0, weight = 0;
  };
  explicit Fit(std::vector<Row> rows) : rows_(std::move(rows)) {
    for (const Row& row : rows_)
      for (const auto& [device, ns] : row.sums.kernels_ns)
        if (ns > 0) devices_.insert(device);
  }

  Correction run() {
    for (const std::string& device : devices_) result_.factor[device] = 1;
    for (int round = 0; round < kRounds; ++round) {
      for (const std::string& device : devices_) set_factor(device);
      set_move();
    }
    return result_;
  }

 private:
  static double on(const Row& row, const std::string& device) {
    const auto at = row.sums.kernels_ns.find(device);
    return at == row.sums.kernels_ns.end() ? 0 : at->second;
  }
  double rest(const Row& row) const { return row.ns - ns_of(row.sums, result_); }

  void set_factor(const std::string& device) {
    double& factor = result_.factor[device];
    double above = 0, below = 0;
    for (const Row& row : rows_) {
      const double ns = on(row, device);
      above += row.weight * ns * (rest(row) + factor * ns);
      below += row.weight * ns * ns;
    }
    factor = std::clamp((above + kTrust * below) / ((1 + kTrust) * below), kLeastFactor, kMostFactor);
  }
  void set_move() {
    double above = 0, below = 0;
    for (const Row& row : rows_) {
      const auto moves = static_cast<double>(row.sums.moves);
      above += row.weight * moves * (rest(row) + result_.move_ns * moves);
      below += row.weight * moves * moves;
    }
    result_.move_ns = below > 0 ? std::max(above / ((1 + kTrust) * below), 0.0) : 0;
  }

  std::vector<Row> rows_;
  std::set<std::string> devices_;
  Correction result_;
};

}  // namespace

double Correction::factor_of(const std::string& device) const {
  const auto at = factor.find(device);
  return at == factor.end() ? 1 : at->second;
}

double predict(const Parts& parts, const Correction& correction) {
  const Timing timing = time_of(parts, correction);
  return timing.last == kNone ? 0 : timing.end[timing.last];
}

Sums critical_path(const Parts& parts, const Correction& correction) {
  const Timing timing = time_of(parts, correction);
  Sums sums;
  for (size_t at = timing.last; at != kNone; at = timing.cause[at]) {
    const Parts::Step& step = parts.steps[at];
    if (step.is_move()) sums.moves_ns += step.ns, ++sums.moves;
    else sums.kernels_ns[step.device] += step.ns;
  }
  return sums;
}

Correction fit_correction(const std::vector<ObservedPlan>& plans) {
  const std::vector<double> weights = weights_of(plans);
  Correction best, now;
  double best_error = HUGE_VAL;
  for (int round = 0; round < kPaths; ++round) {
    std::vector<Fit::Row> rows;
    for (size_t i = 0; i < plans.size(); ++i)
      rows.push_back({critical_path(plans[i].parts, now), plans[i].ns, weights[i]});
    now = Fit(std::move(rows)).run();
    double error = 0;
    for (size_t i = 0; i < plans.size(); ++i) {
      const double off = predict(plans[i].parts, now) - plans[i].ns;
      error += weights[i] * off * off;
    }
    if (!(error < best_error)) break;
    best_error = error, best = now;
  }
  return best;
}

json corrected(json document, const Correction& correction) {
  for (json& row : document["kernels"])
    row["median_ns"] = whole(row["median_ns"].get<double>() * correction.factor_of(row["device"]));
  for (json& row : document["transfers"]) row["alpha_ns"] = whole(row["alpha_ns"].get<double>() + correction.move_ns);
  return document;
}

}  // namespace motley::tuner
