// What libmotley_planner shows.
#include "place/entry.hpp"

#include <cstring>
#include <exception>

namespace motley::place {

namespace {

bool answer_safely(const Sketch& sketch, Answer& result, std::string& wrong) {
  try {
    result = answer(sketch);
    return true;
  } catch (const std::exception& error) {
    wrong = error.what();
    return false;
  }
}

}  // namespace

}  // namespace motley::place

extern "C" __attribute__((visibility("default"))) motley::place::AnswerFn motley_planner_entry(const char* build,
                                                                                               size_t sketch_bytes,
                                                                                               size_t answer_bytes) {
  using namespace motley::place;
  const bool same =
      std::strcmp(build, MOTLEY_VERSION) == 0 && sketch_bytes == sizeof(Sketch) && answer_bytes == sizeof(Answer);
  return same ? answer_safely : nullptr;
}
