// Passes that few networks need are in libmotley_patterns. It is loaded when a network has the ops that they look for.
#include "graph/patterns.hpp"

#include "base/log.hpp"
#include "base/part.hpp"
#include "base/text.hpp"
#include "graph/passes/all.hpp"

namespace motley::graph {

namespace {

// Null where it is not there, which the log says: the graph is right as it is, if slower.
const PatternPasses* library() {
  static base::Part part{"libmotley_patterns.so", "MOTLEY_PATTERNS", kPatternsEntry};
  std::string wrong;
  const auto entry = reinterpret_cast<PatternsEntryFn>(base::load_part(part, wrong));
  const PatternPasses* const passes = entry ? entry(MOTLEY_VERSION, sizeof(Graph), sizeof(Node)) : nullptr;
  if (passes) return passes;
  if (entry) wrong = base::text("% is of another build than libmotley", {part.file});
  base::log(base::LogLevel::warning, "graph",
            base::text("what could be fused stays as it is, and slower, for lack of a library: %", {wrong}));
  return nullptr;
}

size_t run(PatternPasses::Run PatternPasses::*pass, Graph& graph, const PassContext& context) {
  const PatternPasses* const passes = library();
  if (!passes) return 0;
  std::string wrong;
  const size_t count = (passes->*pass)(graph, context, wrong);
  if (!wrong.empty()) base::fail(ErrorCode::internal, "%", {wrong});
  return count;
}

}  // namespace

size_t form_integer_segments(Graph& graph, const PassContext& context) {
  for (const Node& node : graph.nodes)
    if (node.op == Op::QuantizeLinear) return run(&PatternPasses::integer_segments, graph, context);
  return 0;
}

// Two steps have two of each function at least.
size_t fuse_unrolled_recurrence(Graph& graph, const PassContext& context) {
  size_t sigmoids = 0, tanhs = 0;
  for (const Node& node : graph.nodes) {
    if (node.op != Op::Unary) continue;
    const auto function = attributes<schema::UnaryAttributesT>(node).function;
    sigmoids += function == schema::UnaryFunction::sigmoid;
    tanhs += function == schema::UnaryFunction::tanh;
  }
  return sigmoids > 1 && tanhs > 1 ? run(&PatternPasses::unrolled_recurrence, graph, context) : 0;
}

}  // namespace motley::graph
