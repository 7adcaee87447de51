// motley run --debug-bisect: the first tensor that differs from a reference run.
#pragma once

#include "common.hpp"
#include "feed.hpp"

namespace motley::cli {

struct BisectOptions {
  bool wanted = false, json = false;
  std::string reference = "reference";  // devices
  double tolerance = 1e-3;              // of a tensor's largest magnitude, at least of 1
};
void add_bisect_options(CLI::App& command, BisectOptions& options);

// Runs the model as `compile` says and, unoptimized, on the reference devices; compares every tensor in the order they
// are computed, then the outputs of the optimized model. Prints the first that differs, and throws
// Error(invalid_argument) then. Inputs are the feed's, or random ones where it is empty.
void bisect(const Model& model, const Runtime& runtime, const CompileOptions& compile, const Feed& feed,
            const BisectOptions& options);

}  // namespace motley::cli
