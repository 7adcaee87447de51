// Constants computed by a device.
#include "run/evaluate.hpp"

#include "plugin/call.hpp"
#include "run/instance.hpp"

namespace motley::run {

using graph::Constant;
using graph::Graph;
using graph::kNone;
using graph::Node;
using graph::TensorId;

namespace {

// A graph of this one node; its inputs are constants.
std::optional<Graph> graph_of(const Graph& graph, const Node& node) {
  Graph one;
  Node copy = node;
  for (TensorId& id : copy.inputs)
    if (id != kNone) id = one.add_tensor(graph.tensor(id));
  for (TensorId& id : copy.outputs) {
    if (id == kNone) continue;
    if (!graph.tensor(id).shape_known()) return std::nullopt;
    graph::Tensor tensor = graph.tensor(id);
    tensor.constant.reset();
    id = one.add_tensor(std::move(tensor));
    one.outputs.push_back(id);
  }
  one.nodes.push_back(std::move(copy));
  return one;
}

}  // namespace

std::optional<std::vector<Constant>> DeviceEvaluator::evaluate(const Graph& graph, const Node& node) {
  std::optional<Graph> one = graph_of(graph, node);
  if (!one) return std::nullopt;
  try {
    plan::Prepared prepared;
    prepared.output_count = one->outputs.size();
    prepared.graph = std::move(*one);
    plan::Request request;
    request.devices = devices_;
    request.ordered = true;  // one node is not worth asking the planner
    Instance instance(plan::build_plan(std::move(prepared), request));
    instance.run();
    const std::shared_ptr<const void> memory = instance.share_memory();
    std::vector<Constant> results;
    const Graph& done = instance.plan().graph;
    size_t next = 0;
    for (TensorId id : node.outputs) {
      if (id == kNone) {
        results.emplace_back();
        continue;
      }
      const TensorId output = done.outputs[next++];
      const graph::Tensor& tensor = done.tensor(output);
      constexpr uint64_t kSmall = 1024;  // below this a copy costs less than keeping the block's page
      if (tensor.is_constant()) results.push_back(*tensor.constant);
      else if (tensor.bytes() <= kSmall) results.push_back(Constant::copy_of(instance.memory(output), tensor.bytes()));
      else results.push_back(Constant{instance.memory(output), tensor.bytes(), memory});
    }
    return results;
  } catch (const plugin::DeviceFailure& failure) {
    if (devices_.size() == 1 && failure.code() == ErrorCode::out_of_memory) throw;
    if (devices_.size() == 1) return std::nullopt;
    std::erase_if(devices_, [&](const auto& device) { return device.get() == &failure.device(); });
    return evaluate(graph, node);
  } catch (const Error& e) {
    // The node stays in the graph; what is wrong with it is then said in the place it belongs.
    if (e.code() == ErrorCode::out_of_memory) throw;
    return std::nullopt;
  }
}

}  // namespace motley::run
