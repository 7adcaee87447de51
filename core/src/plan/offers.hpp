// Candidates that devices offer beyond a kernel for each node.
#pragma once

#include "plan/plan.hpp"

namespace motley::plan {

// Whether a plan could use it, as far as the request goes without its error budget.
bool is_possible(const Offer& offer, const Request& request, const SupportTable& support);

// Whether some node could run on several devices.
bool has_choice(const SupportTable& support, size_t nodes);
// Whether some candidate that the error budget may allow is not a node's plain kernel. What a table measured can be less
// than is usual.
bool has_offers(const Request& request, const SupportTable& support);

// Configs that make kernels of lower precision: the dispatch table's rows of these are no answer for the plain kernel.
table::Reserved reserved_for(const SupportTable& support, size_t device);

}  // namespace motley::plan
