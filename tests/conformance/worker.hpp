// Work in a child process, so that a crash is a result and not the end.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace motley::conformance {

// What became of item i: the text that its work returned, or how its process ended.
struct Outcome {
  bool finished = false;
  std::string text;  // of the work; or "crashed (signal 11)", "took longer than 10 s", …
};

struct WorkerLimits {
  int seconds = 120;          // per item
  size_t memory_bytes = 0;    // address space of the child; 0: unlimited. Ignored under AddressSanitizer.
  bool process_each = false;  // a fresh child per item
};

// Calls work(i) for each i in [0, count) in a child process, in order, and done(i, outcome) here. A child that ends or
// hangs is replaced by one that goes on with the next item. Must be called before this process starts threads.
void run_in_workers(size_t count, const WorkerLimits& limits, const std::function<std::string(size_t)>& work,
                    const std::function<void(size_t, const Outcome&)>& done);

}  // namespace motley::conformance
