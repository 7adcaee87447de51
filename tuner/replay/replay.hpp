// Searches on recorded spaces: how good is the best after so many evaluations?
#pragma once

#include <string>
#include <vector>

#include "replay/recorded_space.hpp"

namespace motley::tuner {

struct ReplayResult {
  std::vector<double> fractions;   // after each evaluation: optimum / best so far
  std::vector<Observed> observed;  // in the order of the search
};

// One search of `evaluations` candidates, or all if there are fewer; the last fraction is then repeated. Failures count
// as evaluations. `siblings` are other devices' tuning results for the same kernel; their best few are tried first.
ReplayResult replay(const RecordedSpace& space, const std::string& strategy, size_t evaluations, uint64_t seed,
                    std::vector<Sibling> siblings = {});

}  // namespace motley::tuner
