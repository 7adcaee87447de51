// What can time a candidate: a worker on a device, or a recording.
#pragma once

#include <cstddef>

namespace motley::tuner {

class Meter {
 public:
  virtual ~Meter() = default;
  // Runs the candidate once and returns how long it took, nanoseconds, above zero; 0 where it failed.
  virtual double run_ns(size_t candidate) = 0;
};

}  // namespace motley::tuner
