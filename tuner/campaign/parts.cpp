// What a plan consists of, and what plans were seen to take beyond the sum of their parts.
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

uint64_t whole(double ns) { return static_cast<uint64_t>(std::llround(std::max(ns, 0.0))); }

// One unknown after the other is set to what is best for it while the others stay.
class Fit {
 public:
  explicit Fit(const std::vector<ObservedPlan>& plans) : plans_(plans) {
    double best = HUGE_VAL;
    for (const ObservedPlan& plan : plans) best = std::min(best, plan.ns);
    for (const ObservedPlan& plan : plans) {
      weights_.push_back(best / (plan.ns * plan.ns));  // of the relative error, times how near the plan is to the best
      for (const auto& [device, ns] : plan.parts.kernels_ns)
        if (ns > 0) devices_.insert(device);
    }
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
  static double on(const ObservedPlan& plan, const std::string& device) {
    const auto at = plan.parts.kernels_ns.find(device);
    return at == plan.parts.kernels_ns.end() ? 0 : at->second;
  }
  double rest(const ObservedPlan& plan) const { return plan.ns - predict(plan.parts, result_); }

  void set_factor(const std::string& device) {
    double& factor = result_.factor[device];
    double above = 0, below = 0;
    for (size_t i = 0; i < plans_.size(); ++i) {
      const double ns = on(plans_[i], device);
      above += weights_[i] * ns * (rest(plans_[i]) + factor * ns);
      below += weights_[i] * ns * ns;
    }
    factor = std::clamp((above + kTrust * below) / ((1 + kTrust) * below), kLeastFactor, kMostFactor);
  }
  void set_move() {
    double above = 0, below = 0;
    for (size_t i = 0; i < plans_.size(); ++i) {
      const auto moves = static_cast<double>(plans_[i].parts.moves);
      above += weights_[i] * moves * (rest(plans_[i]) + result_.move_ns * moves);
      below += weights_[i] * moves * moves;
    }
    result_.move_ns = below > 0 ? std::max(above / ((1 + kTrust) * below), 0.0) : 0;
  }

  const std::vector<ObservedPlan>& plans_;
  std::vector<double> weights_;
  std::set<std::string> devices_;
  Correction result_;
};

}  // namespace

double Correction::factor_of(const std::string& device) const {
  const auto at = factor.find(device);
  return at == factor.end() ? 1 : at->second;
}

Correction fit_correction(const std::vector<ObservedPlan>& plans) { return Fit(plans).run(); }

double predict(const Parts& parts, const Correction& correction) {
  double ns = parts.moves_ns + correction.move_ns * static_cast<double>(parts.moves);
  for (const auto& [device, kernels] : parts.kernels_ns) ns += correction.factor_of(device) * kernels;
  return ns;
}

json corrected(json document, const Correction& correction) {
  for (json& row : document["kernels"])
    row["median_ns"] = whole(row["median_ns"].get<double>() * correction.factor_of(row["device"]));
  for (json& row : document["transfers"])
    row["alpha_ns"] = whole(row["alpha_ns"].get<double>() + correction.move_ns);
  return document;
}

}  // namespace motley::tuner
