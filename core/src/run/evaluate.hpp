// Constants computed by a device: the core has no kernels of its own.
#pragma once

#include "graph/infer.hpp"
#include "plan/support.hpp"

namespace motley::run {

class DeviceEvaluator final : public graph::Evaluator {
 public:
  explicit DeviceEvaluator(plan::DeviceList devices) : devices_(std::move(devices)) {}
  // Nothing where no device supports the node, or the shape of an output is not known.
  std::optional<std::vector<graph::Constant>> evaluate(const graph::Graph& graph, const graph::Node& node) override;

 private:
  plan::DeviceList devices_;
};

}  // namespace motley::run
