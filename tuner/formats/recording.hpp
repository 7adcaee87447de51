// What somebody measured: configs of one kernel on one device, with times and failures, whatever file it came in.
#pragma once

#include <string>
#include <vector>

#include "space/space.hpp"

namespace motley::tuner {

// How a config ended, in the words of the T4 format.
enum class Validity { correct, constraints, compile, runtime, correctness, timeout };

const char* to_string(Validity validity);

struct Observation {
  Config config;
  Validity validity = Validity::correct;
  std::vector<double> runs_ns;  // each repeat, in the order they ran; empty for most failures
  double mean_ns = 0;           // as recorded, first run included; 0: none
  double compile_ns = 0;        // 0: not known
  std::string timestamp;        // as recorded; may be empty
};

struct Recording {
  std::string kernel, device;             // empty where the file doesn't say
  std::string time_unit = "miliseconds";  // how T4 spells it, and so do its readers
  std::vector<Parameter> parameters;      // values in ascending order, where they are numbers
  std::vector<Observation> observations;
  size_t damaged = 0;  // rows that were left out, or count as failed, because they could not be read as they stand
};

// The time that counts: the median of the runs after the first, which pays for caches and clocks that are still low.
// With one run that one, without runs the recorded mean. 0 where the config failed.
double typical_ns(const Observation& observation);

}  // namespace motley::tuner
