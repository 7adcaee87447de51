// Which one thing is done wrong.
#pragma once

#include <cstdlib>
#include <cstring>

namespace motley::test {

// True in the plugin that is broken in this way.
inline bool breaks(const char* kind) {
  static const char* const chosen = std::getenv("MOTLEY_BREAK");
  return chosen && std::strcmp(chosen, kind) == 0;
}

[[noreturn]] inline void crash() {
  *static_cast<volatile int*>(nullptr) = 1;
  std::abort();
}

}  // namespace motley::test
