// What somebody measured, whatever file it came in.
#include "formats/recording.hpp"

#include <algorithm>

namespace motley::tuner {

const char* to_string(Validity validity) {
  switch (validity) {
    case Validity::correct: return "correct";
    case Validity::constraints: return "constraints";
    case Validity::compile: return "compile";
    case Validity::runtime: return "runtime";
    case Validity::correctness: return "correctness";
    case Validity::timeout: return "timeout";
  }
  return "";
}

double typical_ns(const Observation& observation) {
  if (observation.validity != Validity::correct) return 0;
  std::vector<double> runs = observation.runs_ns;
  if (runs.empty()) return observation.mean_ns;
  if (runs.size() > 1) runs.erase(runs.begin());
  const auto middle = runs.begin() + static_cast<std::ptrdiff_t>(runs.size() / 2);
  std::nth_element(runs.begin(), middle, runs.end());
  if (runs.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(runs.begin(), middle)) / 2;
}

}  // namespace motley::tuner
