// Units that stay together on accelerators, as far as a load goes. Inside this folder only.
#pragma once

#include "place/stages.hpp"

namespace motley::place {

// What a split with at most this load can put on an accelerator: units of a net are one where an accelerator that has
// the net cut would have more. What can't be on any accelerator costs kForbidden there. `order`, of the problem's
// units, becomes one of the result's. Constraints of order between units are left out.
StageProblem tied(const StageProblem& problem, Ns load, std::vector<uint32_t>* order = nullptr);

}  // namespace motley::place
