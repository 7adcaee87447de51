// Task graphs of ANRGUSC/dagbench with their heterogeneous networks, as placement problems.
#pragma once

#include <nlohmann/json.hpp>

#include "place/problem.hpp"

namespace placement_bench {

// One unit of time in the files is this many nanoseconds here.
constexpr double kDagUnit = 1e6;

bool is_dag(const nlohmann::json& json);
// Throws std::exception that names what is wrong. Every task on every node of the network, at cost / speed; every
// dependency is a tensor that takes size / speed of the link, one at a time per link and direction.
motley::place::Problem read_dag(const nlohmann::json& json);

}  // namespace placement_bench
