// Drops nodes that no output needs, except what the caller wants to see.
#include "graph/passes/all.hpp"

namespace motley::graph {

size_t remove_dead_code(Graph& graph, const PassContext& context) {
  const size_t before = graph.nodes.size();
  remove_dead_except(graph, context.keep);
  return before - graph.nodes.size();
}

}  // namespace motley::graph
