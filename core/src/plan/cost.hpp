// What running nodes and moving tensors costs, written down as a placement problem.
#pragma once

#include "place/choose.hpp"
#include "plan/plan.hpp"

namespace motley::plan {

// A question for the planner. Workers, places and candidates stand in an order that depends on the devices' names
// alone.
struct Question {
  place::Query query;
  std::vector<size_t> device;  // per worker: index into Request::devices
  bool measured = false;       // some node of which there is a choice was measured on some device
};

// Candidates are what `assignment.support` allows. A node's cost is what the dispatch table measured, else what it says
// of a neighbour, else the plugin's estimate, else a roofline. A constant is everywhere; inputs start in the host's
// memory, and outputs end there.
Question make_question(const graph::Graph& graph, const Request& request, const Assignment& assignment);

// From place to place, a row of places per place; place 0 is the host's memory, and the others belong to `owners`, from
// place 1 on. `sources` gets where each cost comes from.
std::vector<place::Move> moves_between(const std::vector<plugin::Device*>& owners, const table::Advisor* advisor,
                                       std::vector<place::Provenance>& sources);

}  // namespace motley::plan
