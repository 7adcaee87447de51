// Traced runs: the one to show, and the median times over all.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "motley/motley.hpp"

namespace motley::tuner {

struct Timeline {
  size_t runs = 0;
  double run_ns = 0;                      // median
  std::vector<TraceEvent> events;         // of the run whose time is the median, by time; it begins at 0
  std::map<std::string, double> node_ns;  // medians, by name
  std::map<uint32_t, double> segment_ns;
  std::map<std::string, double> transfer_ns;  // by tensor
  std::map<std::string, std::string> kernel;  // what a device says of a node: its op and kernel
};

// Events outside of a run are left out. Times that a node has several of in one run (loops) are summed.
Timeline timeline_of(const std::vector<TraceEvent>& events);

nlohmann::json events_json(const std::vector<TraceEvent>& events);

}  // namespace motley::tuner
