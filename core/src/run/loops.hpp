// Loop and Scan, run step by step; how the body runs is the caller's.
#pragma once

#include "run/dynamic.hpp"

namespace motley::run {

// The body of a Loop or Scan, with what it captures bound.
class LoopBody {
 public:
  explicit LoopBody(const graph::Graph& graph) : graph_(graph) {}
  virtual ~LoopBody() = default;
  // As the model has it.
  const graph::Graph& graph() const { return graph_; }
  // Runs on values of the graph's own inputs; gives its outputs in order.
  virtual std::vector<Value> run(Values inputs) = 0;
  // Types and shapes of the outputs, without data, where the body never runs. Dimensions that are not known are 0.
  virtual std::vector<Value> describe_outputs(const Values& inputs) = 0;

 protected:
  const graph::Graph& graph_;
};

// Loop as ONNX defines it: trip count, condition, carried values, outputs collected along a new first axis. Throws
// Error(limit) after Limits::max_iterations, or where what is collected needs more than Limits::max_run_bytes.
std::vector<Value> run_loop(const graph::Node& node, const std::vector<const Value*>& inputs, const Limits& limits,
                            LoopBody& body);

// Scan as ONNX defines it since operator set 9: states carried from step to step, sequences cut along an axis each,
// outputs collected along an axis each.
std::vector<Value> run_scan(const graph::Node& node, const std::vector<const Value*>& inputs, const Limits& limits,
                            LoopBody& body);

}  // namespace motley::run
