// Calling the planner's library.
#include "plan/planner.hpp"

#include "base/text.hpp"
#include "place/entry.hpp"
#include "plugin/part.hpp"

namespace motley::plan {

bool ask_planner(const place::Sketch& sketch, place::Answer& result, std::string& wrong) {
  static plugin::Part part{"libmotley_planner.so", "MOTLEY_PLANNER", place::kEntryName};
  const auto entry = reinterpret_cast<place::EntryFn>(plugin::load_part(part, wrong));
  if (!entry) return false;
  const place::AnswerFn answer = entry(MOTLEY_VERSION, sizeof(place::Sketch), sizeof(place::Answer));
  if (!answer) return wrong = base::text("% is of another build than libmotley", {part.file}), false;
  return answer(sketch, result, wrong);
}

}  // namespace motley::plan
