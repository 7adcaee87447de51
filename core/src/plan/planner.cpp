// Calling the planner's library.
#include "plan/planner.hpp"

#include "base/part.hpp"
#include "base/text.hpp"

namespace motley::plan {

bool ask_planner(const graph::Graph& graph, const Request& request, Ask what, Assignment& assignment,
                 std::string& wrong) {
  static base::Part part{"libmotley_planner.so", "MOTLEY_PLANNER", kEntryName};
  const auto entry = reinterpret_cast<EntryFn>(base::load_part(part, wrong));
  if (!entry) return false;
  const DecideFn decide = entry(MOTLEY_VERSION, sizeof(Request), sizeof(Assignment));
  if (!decide) return wrong = base::text("% is of another build than libmotley", {part.file}), false;
  return decide(graph, request, what, assignment, wrong);
}

}  // namespace motley::plan
