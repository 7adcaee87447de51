// What a session says of itself: the graph as it was placed, and what happened when it ran.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "motley/motley.hpp"
#include "report/timeline.hpp"

namespace motley::tuner {

struct TracedSession {
  std::string model;  // the file
  std::vector<DeviceInfo> devices;
  std::vector<std::string> inputs, outputs;  // of the network
  Explanation explanation;
  std::vector<TraceEvent> events;  // of one or more runs
};

// See facts.hpp, "session".
nlohmann::json session_facts(const TracedSession& session);
// The same with times that are known already; its events are not looked at.
nlohmann::json session_facts(const TracedSession& session, const Timeline& line);

}  // namespace motley::tuner
