// What libmotley_planner shows.
#include "place/entry.hpp"

#include <cstring>
#include <exception>

namespace motley::place {

namespace {

bool choose_safely(const Query& query, Choice& choice, std::string& wrong) {
  try {
    choice = choose(query);
    return true;
  } catch (const std::exception& error) {
    wrong = error.what();
    return false;
  }
}

}  // namespace

}  // namespace motley::place

extern "C" __attribute__((visibility("default"))) motley::place::ChooseFn motley_planner_entry(const char* build,
                                                                                               size_t query_bytes,
                                                                                               size_t choice_bytes) {
  using namespace motley::place;
  const bool same =
      std::strcmp(build, MOTLEY_VERSION) == 0 && query_bytes == sizeof(Query) && choice_bytes == sizeof(Choice);
  return same ? choose_safely : nullptr;
}
