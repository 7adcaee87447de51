// What running nodes and moving tensors costs, written down as a placement problem.
#pragma once

#include "place/sketch.hpp"
#include "plan/plan.hpp"

namespace motley::plan {

// A question for the planner. Workers stand in the order of the devices' names, so that the answer depends on nothing
// else.
struct Question {
  place::Sketch sketch;
  std::vector<int32_t> device;  // per worker: index into Request::devices
  std::vector<int32_t> worker;  // per device
  bool measured = false;        // some node of which there is a choice was measured on some device
  // Per offer of the sketch what it is: an index into SupportTable::offers, and the config with what the dispatch table
  // adds to it.
  struct Offered {
    size_t offer = 0;
    std::string config;
  };
  std::vector<Offered> offered;
};

// Nodes run where `assignment.support` allows. A node's cost is what the dispatch table measured, else what it says of
// a neighbour, else the plugin's estimate, else a roofline. Inputs start in the host's memory, and outputs end there.
Question make_question(const graph::Graph& graph, const Request& request, const Assignment& assignment);

// Fills in moves: place 0 is the host's memory, and the others belong to `owners`, from place 1 on.
void add_moves(const std::vector<plugin::Device*>& owners, const table::Advisor* advisor, place::Sketch& sketch);

}  // namespace motley::plan
