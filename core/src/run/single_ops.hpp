// Ops that run between plans because the size of their result depends on data.
#pragma once

#include <functional>

#include "run/dynamic.hpp"

namespace motley::run {

// NonZero or NonMaxSuppression, on the first device that runs it: it writes into room for the largest result and says
// how much it wrote. `instances` caches by op and shapes. Throws Error(unsupported) for other ops.
std::vector<Value> run_single(const graph::Node& node, const std::vector<const Value*>& inputs,
                              const plan::Request& request,
                              std::map<std::string, std::unique_ptr<Instance>>& instances);

// Runs a loop's body on values for the body's own inputs (what it captures is added by the caller).
using LoopBody = std::function<std::vector<Value>(Values)>;

// Loop as ONNX defines it: trip count, condition, carried values, outputs collected along a new first axis.
std::vector<Value> run_loop(const graph::Node& node, const graph::Graph& body, const std::vector<const Value*>& inputs,
                            const Limits& limits, const LoopBody& call);

}  // namespace motley::run
