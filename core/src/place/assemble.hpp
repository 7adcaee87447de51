// From chosen options to a plan. Inside this folder only.
#pragma once

#include "place/view.hpp"

namespace motley::place {

// Options, each covering several nodes, that wait for each other in a circle; empty if the choice can be run.
std::vector<uint32_t> find_cycle(const View& view, const std::vector<uint32_t>& options);

// Candidates in an order that can be run and the moves between them; times are left to the caller.
Plan assemble(const View& view, const std::vector<uint32_t>& options);

}  // namespace motley::place
