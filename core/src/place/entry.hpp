// The border between libmotley and libmotley_planner: one function, found by name. Both sides are of one build, which
// the string tells; so C++ objects cross, and no exception does.
#pragma once

#include "place/sketch.hpp"

namespace motley::place {

inline constexpr const char* kEntryName = "motley_planner_entry";

// Answers; false with a sentence in `wrong` where it can't. [any]
using AnswerFn = bool (*)(const Sketch& sketch, Answer& answer, std::string& wrong);
// Null where `build` is not the library's own.
using EntryFn = AnswerFn (*)(const char* build, size_t sketch_bytes, size_t answer_bytes);

}  // namespace motley::place
