// The optimizer: named rewrites of a graph, run in order until none applies.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "graph/graph.hpp"

namespace motley::graph {

struct PassContext {
  // Names of tensors and nodes that must stay observable: a rewrite that would remove or rename one is not done.
  std::vector<std::string> keep;
  bool keeps(std::string_view name) const;
};

struct Pass {
  const char* name;
  const char* purpose;  // one line
  size_t (*run)(Graph& graph, const PassContext& context);  // how many rewrites it made
};

// In the order they run.
std::span<const Pass> passes();

struct PassReport {
  std::string pass;
  size_t rewrites;
};
// Runs all passes, repeatedly, until a round changes nothing (at most 8 rounds); then removes what is dead.
std::vector<PassReport> optimize(Graph& graph, const PassContext& context);

}  // namespace motley::graph
