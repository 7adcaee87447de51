// Ops that run between plans because the size of their result depends on data.
#pragma once

#include "run/dynamic.hpp"

namespace motley::run {

// What runs a NonZero or NonMaxSuppression on inputs of these shapes, on the first device that takes it. `instances`
// caches by node and shapes. Throws Error(unsupported) for other ops.
Instance& single_instance(const graph::Node& node, const std::vector<const Value*>& inputs,
                          const plan::Request& request, std::map<std::string, std::unique_ptr<Instance>>& instances);

// Runs it: the device writes into room for the largest result and says how much it wrote.
std::vector<Value> run_single(const graph::Node& node, const std::vector<const Value*>& inputs, Instance& instance,
                              const uint32_t* cancel, Trace* trace);

}  // namespace motley::run
