// Ops that run between plans because the size of their result depends on data.
#include "run/single_ops.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"

namespace motley::run {

using graph::DataType;
using graph::Graph;
using graph::kNone;
using graph::Node;
using graph::Op;
using graph::TensorId;

namespace {

int64_t int64_at(const Value& value, const std::string& what) {
  if (value.type != DataType::int64 || value.data.bytes < 8)
    base::fail(ErrorCode::invalid_model, "% is not an int64 scalar", {what});
  int64_t number;
  std::memcpy(&number, value.data.data, sizeof number);
  return number;
}

int64_t elements(const std::vector<int64_t>& shape) {
  int64_t n = 1;
  for (int64_t d : shape) n *= d;
  return n;
}

// The largest shape that the result can have.
std::vector<int64_t> upper_bound(const Node& node, const std::vector<const Value*>& inputs) {
  if (node.op == Op::NonZero) return {static_cast<int64_t>(inputs[0]->shape.size()), elements(inputs[0]->shape)};
  if (node.op == Op::NonMaxSuppression) {
    const auto& boxes = inputs[0]->shape;
    const auto& scores = inputs[1]->shape;
    if (boxes.size() != 3 || scores.size() != 3)
      base::fail(ErrorCode::invalid_model, "node \"%\" (NonMaxSuppression) takes boxes and scores of rank 3",
                 {node.name});
    const int64_t most = inputs.size() > 2 && inputs[2]
                             ? int64_at(*inputs[2], base::text("the largest count of \"%\"", {node.name}))
                             : 0;
    return {scores[0] * scores[1] * std::clamp<int64_t>(most, 0, boxes[1]), 3};
  }
  base::fail(ErrorCode::unsupported, "node \"%\" (%) is not run yet where its length is known only while running",
             {node.name, graph::describe_op(node)});
}

// The node as it crosses the ABI: a result of the largest shape, and a second output for the count.
Graph graph_of(const Node& node, const std::vector<const Value*>& inputs, const std::vector<int64_t>& bound) {
  Graph graph;
  const auto add = [&graph](const std::string& name, DataType type, const std::vector<int64_t>& shape) {
    graph::Tensor tensor;
    tensor.name = name;
    tensor.type = type;
    tensor.shape.emplace(shape.begin(), shape.end());
    return graph.add_tensor(std::move(tensor));
  };
  Node copy = node;
  copy.inputs.clear();
  copy.outputs.clear();
  for (size_t i = 0; i < inputs.size(); ++i) {
    copy.inputs.push_back(inputs[i] ? add(base::text("in%", {i}), inputs[i]->type, inputs[i]->shape) : kNone);
    if (inputs[i]) graph.inputs.push_back(copy.inputs.back());
  }
  copy.outputs = {add("result", DataType::int64, bound), add("count", DataType::int64, {1})};
  graph.outputs = copy.outputs;
  graph.nodes.push_back(std::move(copy));
  return graph;
}

}  // namespace

Instance& single_instance(const Node& node, const std::vector<const Value*>& inputs, const plan::Request& request,
                          std::map<std::string, std::unique_ptr<Instance>>& instances) {
  const std::vector<int64_t> bound = upper_bound(node, inputs);
  std::string key = node.name;
  for (const Value* value : inputs) {
    key += ";";
    if (value)
      for (int64_t d : value->shape) key += base::text("%x", {d});
  }
  for (int64_t d : bound) key += base::text(";%", {d});
  constexpr size_t kMostInstances = 64;  // shapes that never repeat must not fill the memory
  if (instances.size() >= kMostInstances && !instances.count(key)) instances.clear();
  std::unique_ptr<Instance>& instance = instances[key];
  if (!instance) {
    plan::Prepared prepared;
    prepared.graph = graph_of(node, inputs, bound);
    prepared.output_count = 2;
    prepared.output_names = {"result", "count"};
    instance = std::make_unique<Instance>(plan::build_plan(std::move(prepared), request));
  }
  return *instance;
}

std::vector<Value> run_single(const Node& node, const std::vector<const Value*>& inputs, Instance& instance,
                              const uint32_t* cancel, Trace* trace) {
  const Graph& graph = instance.plan().graph;
  size_t next = 0;
  for (const Value* value : inputs) {
    if (!value) continue;
    const TensorId id = graph.inputs[next++];
    if (value->data.bytes) std::memcpy(instance.memory(id), value->data.data, graph.tensor(id).bytes());
  }
  instance.run({cancel, nullptr, trace});
  const auto* result = static_cast<const int64_t*>(instance.memory(graph.outputs[0]));
  const std::vector<int64_t> bound = graph.tensor(graph.outputs[0]).extents();
  const int64_t count = *static_cast<const int64_t*>(instance.memory(graph.outputs[1]));
  const size_t axis = node.op == Op::NonZero ? 1 : 0;
  if (count < 0 || count > bound[axis])
    base::fail(ErrorCode::plugin, "node \"%\" says it wrote % rows (room for %)", {node.name, count, bound[axis]});
  Value value{DataType::int64, bound, {}};
  value.shape[axis] = count;
  std::vector<int64_t> packed;
  const int64_t rows = axis == 1 ? bound[0] : 1, width = axis == 1 ? count : count * bound[1],
                stride = axis == 1 ? bound[1] : 0;
  for (int64_t r = 0; r < rows; ++r) packed.insert(packed.end(), result + r * stride, result + r * stride + width);
  value.data = graph::Constant::of(packed);
  std::vector<Value> outputs;
  outputs.push_back(std::move(value));
  return outputs;
}

}  // namespace motley::run
