// A bound on loads that knows what cut nets cost. Inside this folder only.
#pragma once

#include "place/stages.hpp"

namespace motley::place {

// At least `low`, and at most `high`: no split at all has less, which is known of `low`. The same for the same problem.
Ns packing_bound(const StageProblem& problem, Ns low, Ns high);

}  // namespace motley::place
