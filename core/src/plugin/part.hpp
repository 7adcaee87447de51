// Libraries of Motley's own that libmotley loads only when it needs them.
#pragma once

#include <atomic>
#include <string>

namespace motley::plugin {

// One of them. It stands beside libmotley, or in the folder lib beside a program's own.
struct Part {
  const char* file;      // "libmotley_planner.so"
  const char* variable;  // in the environment: names another file, or "off" for none
  const char* entry;     // a C function
  std::atomic<void*> loaded = nullptr;
};

// The entry's address; null with a reason in `wrong` where the library is switched off, is not there, cannot be loaded
// or has no such entry. Never unloaded. [any]
void* load_part(Part& part, std::string& wrong);

}  // namespace motley::plugin
