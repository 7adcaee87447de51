// What running nodes and moving tensors costs, written down as a placement problem. In libmotley_planner.
#pragma once

#include "place/sketch.hpp"
#include "plan/split.hpp"

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

// Solves the question, and takes devices, kernels, costs and the decision from the answer.
void ask(const Question& question, Assignment& assignment);

// The graph with those operators split over two devices that a plan with such candidates would split; null where it
// splits none, or the request wants none.
std::shared_ptr<const Split> find_split(const graph::Graph& graph, const Request& request, const Question& question);

// A plan that splits operators was measured like any other: where the dispatch table has one that is faster than what
// the assignment follows, that gets it and the graph as it is cut there. Throws Error(invalid_argument) where it can't be.
void follow_raced_split(const graph::Graph& graph, const Request& request, Assignment& assignment);

// Fills in moves: place 0 is the host's memory, and the others belong to `owners`, from place 1 on.
void add_moves(const std::vector<plugin::Device*>& owners, const table::Advisor* advisor, place::Sketch& sketch);

// The device's prior for one node, ns; else a roofline from its description, at 1 GFLOP/s where that says nothing. A
// device that is not open is not asked, and no estimate for float32 is taken to be above the stated peak rate.
double estimate_cost(const graph::Graph& graph, size_t node, plugin::Device& device);

// Floating-point operations and bytes moved by a node, for rooflines.
struct Work {
  double flops = 0, bytes = 0;
};
Work work_of(const graph::Graph& graph, const graph::Node& node);

}  // namespace motley::plan
