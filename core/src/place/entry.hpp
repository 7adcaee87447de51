// The border between libmotley and libmotley_planner: one function, found by name. Both sides are of one build, which
// the string tells; so C++ objects cross, and no exception does.
#pragma once

#include "place/choose.hpp"

namespace motley::place {

inline constexpr const char* kEntryName = "motley_planner_entry";

// Null where `build` is not the library's own. Else chooses; false with a sentence in `wrong` where it can't. [any]
using ChooseFn = bool (*)(const Query& query, Choice& choice, std::string& wrong);
using EntryFn = ChooseFn (*)(const char* build, size_t query_bytes, size_t choice_bytes);

}  // namespace motley::place
