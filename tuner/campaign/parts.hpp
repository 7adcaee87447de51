// What a plan consists of, and what plans were seen to take beyond the sum of their parts.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace motley::tuner {

// Times of a plan's parts as each was measured apart: kernels by device (an id of the table), and moves between devices.
struct Parts {
  std::map<std::string, double> kernels_ns;
  double moves_ns = 0;
  size_t moves = 0;
};

// A plan that was run from end to end.
struct ObservedPlan {
  Parts parts;
  double ns = 0;
};

// Kernels are measured alone and warm. In a network others have used the caches, and every move has its share of what
// handing work over costs. So a kernel's time counts times its device's factor, and a move takes longer.
struct Correction {
  std::map<std::string, double> factor;  // by device; one that is not listed has the factor 1
  double move_ns = 0;                    // on top of each move
  double factor_of(const std::string& device) const;
};

// The correction under which the parts of the plans add up to what these took: least squares of relative errors, in
// which the fastest plans count most. Without plans there is nothing to correct.
Correction fit_correction(const std::vector<ObservedPlan>& plans);

// Nanoseconds of a plan, as the corrected sum of its parts.
double predict(const Parts& parts, const Correction& correction);

// A document of a table with its costs corrected.
nlohmann::json corrected(nlohmann::json document, const Correction& correction);

}  // namespace motley::tuner
