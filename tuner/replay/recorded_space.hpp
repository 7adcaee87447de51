// A recording as something to search: its candidates, what each costs, and which is the best.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "formats/recording.hpp"
#include "search/candidates.hpp"
#include "search/strategy.hpp"

namespace motley::tuner {

// Immutable after it is made, but for the candidates' own rules: give each thread a copy of `candidates()`.
class RecordedSpace {
 public:
  // Configs that break a constraint are no candidates: on a device they are known without a run. Throws
  // Error(invalid_argument) where no config works.
  RecordedSpace(std::string name, Recording recording);

  const std::string& name() const { return name_; }
  const std::string& kernel() const { return recording_->kernel; }
  const Candidates& candidates() const { return candidates_; }
  const std::vector<Parameter>& parameters() const { return recording_->parameters; }
  // Typical time of a candidate, nanoseconds; 0 where it failed.
  double cost(size_t candidate) const { return costs_[candidate]; }
  double optimum() const { return optimum_; }
  // optimum / cost: 1 is the best there is; 0 for a failure.
  double fraction(double cost) const { return cost > 0 ? optimum_ / cost : 0; }

  // Whether it is the same kernel's space, recorded on another device.
  bool is_sibling_of(const RecordedSpace& other) const;
  // Observations of this space in the other's terms; what the other doesn't have is left out.
  Sibling as_sibling_for(const RecordedSpace& other, const std::vector<Observed>& observed) const;

 private:
  std::string name_;
  std::unique_ptr<Recording> recording_;  // stays in place: the candidates refer to its parameters
  Candidates candidates_;
  std::vector<double> costs_;
  double optimum_ = 0;
};

}  // namespace motley::tuner
