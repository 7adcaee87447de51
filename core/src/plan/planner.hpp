// Asking libmotley_planner, which knows costs and holds the solvers. It is loaded when there is the first choice to make.
#pragma once

#include "plan/entry.hpp"

namespace motley::plan {

// False where the library is not there, is of another build, or finds no plan; `wrong` says which. [any]
//
// The library stands beside libmotley, or in the folder lib beside a program's own; MOTLEY_PLANNER names another file,
// or "off" for none.
bool ask_planner(const graph::Graph& graph, const Request& request, Ask what, Assignment& assignment, std::string& wrong);

}  // namespace motley::plan
