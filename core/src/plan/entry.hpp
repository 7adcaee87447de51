// The border between libmotley and libmotley_planner: one function, found by name. Both sides are of one build, which
// the string tells; so C++ objects cross, and no exception does. What the planner's side has of the core is a copy of its own,
// so nothing that opens devices or writes logs is called there.
#pragma once

#include "plan/plan.hpp"

namespace motley::plan {

inline constexpr const char* kEntryName = "motley_planner_entry";

enum class Ask : uint8_t {
  plan,  // devices and kernels, where costs decide on any; else the assignment stays
  price,  // what the assignment costs as it is
  cut     // Assignment::split and raced, where the table has a plan with cuts that is faster than the one followed
};

// Changes an assignment that is complete as order would have it. False with a sentence in `wrong` where it can't. [any]
using DecideFn = bool (*)(const graph::Graph& graph, const Request& request, Ask what, Assignment& assignment,
                          std::string& wrong);
// Null where `build` is not the library's own.
using EntryFn = DecideFn (*)(const char* build, size_t request_bytes, size_t assignment_bytes);

}  // namespace motley::plan
