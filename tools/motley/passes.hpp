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
  // Where shapes depend on data, passes run on the model's parts while it runs: these are sums over the plans of a run
  // on zeros, and nodes_after counts what those plans have after lowering. 0 elsewhere.
  size_t plans = 0;
  std::string stopped;  // why that run ended early; then the sums are of the plans made until then
};
// Inputs that are open are 1 in each open dimension, or as the options say.
PassSummary run_passes(const graph::Module& module, const CompileOptions& options);
void print(const PassSummary& summary);
Json to_json(const PassSummary& summary);

}  // namespace motley::cli
