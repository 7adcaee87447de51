// What a plan consists of, and what plans were seen to take beyond their parts.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace motley::tuner {

// What is done in a run, in the order in which it is begun. Times are those of the parts as each was measured apart.
struct Parts {
  struct Step {
    std::string device;  // an id of the table, of a segment's kernels; empty for a move between memories
    std::string lane;    // what is busy meanwhile: a device that works in the background, or the host
    double ns = 0;
    std::vector<size_t> after;  // earlier steps that have to be done before
    bool is_move() const { return device.empty(); }
  };
  std::vector<Step> steps;
};

// Sums over some steps: kernels by device, and moves.
struct Sums {
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

// Nanoseconds until all is done: each step begins as soon as its lane is free and what it needs is there.
double predict(const Parts& parts, const Correction& correction);

// The steps that a run waits for, one after another, from its beginning to its end.
Sums critical_path(const Parts& parts, const Correction& correction);

// The correction under which the plans' predictions are what they took: least squares of relative errors along the
// critical paths, in which the fastest plans count most. Without plans there is nothing to correct.
Correction fit_correction(const std::vector<ObservedPlan>& plans);

// A document of a table with its costs corrected.
nlohmann::json corrected(nlohmann::json document, const Correction& correction);

}  // namespace motley::tuner
