// What each pass of the optimizer does to a model, before anything is lowered for devices.
#pragma once

#include "common.hpp"

namespace motley::cli {

struct PassSummary {
  struct Pass {
    std::string name, purpose;
    size_t rewrites;
  };
  std::vector<Pass> passes;
  size_t nodes_of_model = 0, nodes_before = 0, nodes_after = 0;  // before: shapes inferred, constants folded
};
// Inputs that are open are 1 in each open dimension, or as the options say. Throws Error(unsupported) where shapes
// depend on data.
PassSummary run_passes(const graph::Module& module, const CompileOptions& options);
void print(const PassSummary& summary);
Json to_json(const PassSummary& summary);

}  // namespace motley::cli
