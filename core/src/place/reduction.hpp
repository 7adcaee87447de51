// Fewer units to decide about. Inside this folder only.
#pragma once

#include <vector>

#include "place/stages.hpp"

namespace motley::place {

// Units that cost nothing and hang on one other unit are best kept with it: no stage gets heavier.
class Reduction {
 public:
  // The problem must outlive it.
  explicit Reduction(const StageProblem& problem);
  StageProblem reduced();
  // From devices of the reduced problem's units to those of all.
  std::vector<uint32_t> expand(const std::vector<uint32_t>& device) const;

 private:
  uint32_t root(uint32_t u) const {
    while (into_[u] != u) u = into_[u];
    return u;
  }
  bool merge_some();

  const StageProblem& p_;
  std::vector<uint32_t> into_, number_;
  bool memory_is_free_ = false;
};

}  // namespace motley::place
