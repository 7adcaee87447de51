// What libmotley_patterns shows.
#include <cstring>
#include <exception>

#include "graph/patterns.hpp"

namespace motley::graph {

namespace {

template <size_t (*pass)(Graph&, const PassContext&)>
size_t run_safely(Graph& graph, const PassContext& context, std::string& wrong) {
  try {
    return pass(graph, context);
  } catch (const std::exception& error) {
    wrong = error.what();
    return 0;
  }
}

constexpr PatternPasses kPasses{run_safely<find_integer_segments>, run_safely<find_unrolled_recurrence>};

}  // namespace

}  // namespace motley::graph

extern "C" __attribute__((visibility("default"))) const motley::graph::PatternPasses* motley_patterns_entry(
    const char* build, size_t graph_bytes, size_t node_bytes) {
  using namespace motley::graph;
  const bool same =
      std::strcmp(build, MOTLEY_VERSION) == 0 && graph_bytes == sizeof(Graph) && node_bytes == sizeof(Node);
  return same ? &kPasses : nullptr;
}
