// The border between libmotley and libmotley_patterns, which holds passes that few networks need: one function, found by
// name. Both sides are of one build, which the string tells; so C++ objects cross, and exceptions don't.
#pragma once

#include "graph/passes.hpp"

namespace motley::graph {

struct PatternPasses {
  // As Pass::run. What goes wrong is written to `wrong`, and the graph is of no further use.
  using Run = size_t (*)(Graph& graph, const PassContext& context, std::string& wrong);
  Run integer_segments, unrolled_recurrence;
};

inline constexpr const char* kPatternsEntry = "motley_patterns_entry";
// Null where `build` is not the library's own.
using PatternsEntryFn = const PatternPasses* (*)(const char* build, size_t graph_bytes, size_t node_bytes);

// ---- on the library's side
size_t find_integer_segments(Graph& graph, const PassContext& context);
size_t find_unrolled_recurrence(Graph& graph, const PassContext& context);

}  // namespace motley::graph
