// Who looks on while a network runs: calls around nodes, and times.
#pragma once

#include <list>
#include <string>
#include <vector>

#include "run/instance.hpp"

namespace motley::run {

// A call that the owner of a session asked for, before or after a node of the model.
struct NodeCall {
  std::string node;
  bool before;
  std::function<void()> call;
};

// Where in the plan the calls belong: around segments with a node that comes from the one named.
std::vector<Hook> hooks_of(const plan::Plan& plan, std::list<NodeCall>& calls);

// Appends a row for each node that its device timed in the last run; the first reading turns timing on. A list that is
// very long, as of a loop with many iterations, grows no more.
void read_times(const plan::Plan& plan, std::vector<NodeTime>& times);
void read_times(const plan::Plan& plan, const plan::Segment& segment, std::vector<NodeTime>& times);

}  // namespace motley::run
