// Ops that run between plans.
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

bool bool_at(const Value& value, const std::string& what) {
  if (value.type != DataType::bool_ || value.data.bytes < 1)
    base::fail(ErrorCode::invalid_model, "% is not a bool scalar", {what});
  return *static_cast<const uint8_t*>(value.data.data) != 0;
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

Instance& instance_for(const Node& node, const std::vector<const Value*>& inputs, const plan::Request& request,
                       std::map<std::string, std::unique_ptr<Instance>>& instances) {
  const std::vector<int64_t> bound = upper_bound(node, inputs);
  std::string key = node.name;
  for (const Value* value : inputs) {
    key += ";";
    if (value)
      for (int64_t d : value->shape) key += base::text("%x", {d});
  }
  for (int64_t d : bound) key += base::text(";%", {d});
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

// Adds a piece to a collected output: bytes behind bytes, for they are joined along a new first axis.
struct Collected {
  Value joined;
  std::vector<std::byte> bytes;
  int64_t count = 0;

  void add(const Value& piece, const std::string& loop) {
    if (count > 0 && piece.shape != joined.shape)
      base::fail(ErrorCode::invalid_model,
                 "node \"%\" (Loop) collects an output whose shape changes between iterations", {loop});
    joined.shape = piece.shape;
    joined.type = piece.type;
    const auto* data = static_cast<const std::byte*>(piece.data.data);
    bytes.insert(bytes.end(), data, data + piece.data.bytes);
    ++count;
  }
  Value finish() {
    joined.shape.insert(joined.shape.begin(), count);
    joined.data = graph::Constant::copy_of(bytes.data(), bytes.size());
    return std::move(joined);
  }
};

}  // namespace

std::vector<Value> run_single(const Node& node, const std::vector<const Value*>& inputs, const plan::Request& request,
                              std::map<std::string, std::unique_ptr<Instance>>& instances) {
  Instance& instance = instance_for(node, inputs, request, instances);
  const Graph& graph = instance.plan().graph;
  size_t next = 0;
  for (const Value* value : inputs) {
    if (!value) continue;
    const TensorId id = graph.inputs[next++];
    if (value->data.bytes) std::memcpy(instance.memory(id), value->data.data, graph.tensor(id).bytes());
  }
  instance.run(nullptr, {});
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

std::vector<Value> run_loop(const Node& node, const Graph& body, const std::vector<const Value*>& inputs,
                            const Limits& limits, const LoopBody& call) {
  const size_t carried = inputs.size() > 2 ? inputs.size() - 2 : 0;
  if (body.inputs.size() != carried + 2 || body.outputs.size() < carried + 1)
    base::fail(ErrorCode::invalid_model,
               "node \"%\" (Loop) has a body of % inputs and % outputs (expected % and at least %)",
               {node.name, body.inputs.size(), body.outputs.size(), carried + 2, carried + 1});
  const int64_t trips = inputs.empty() || !inputs[0]
                            ? INT64_MAX
                            : int64_at(*inputs[0], base::text("the trip count of \"%\"", {node.name}));
  bool condition =
      inputs.size() < 2 || !inputs[1] || bool_at(*inputs[1], base::text("the condition of \"%\"", {node.name}));
  std::vector<Value> state;
  for (size_t i = 0; i < carried; ++i) {
    if (!inputs[2 + i]) base::fail(ErrorCode::invalid_model, "node \"%\" (Loop) lacks carried value %", {node.name, i});
    state.push_back(*inputs[2 + i]);
  }
  std::vector<Collected> collected(body.outputs.size() - 1 - carried);
  for (size_t k = 0; k < collected.size(); ++k) {
    const graph::Tensor& tensor = body.tensor(body.outputs[1 + carried + k]);
    collected[k].joined.type = tensor.type;
    if (tensor.shape)
      for (const graph::Dim& d : *tensor.shape) collected[k].joined.shape.push_back(d.known() ? d.value : 0);
  }
  for (int64_t i = 0; i < trips && condition; ++i) {
    if (static_cast<uint64_t>(i) >= limits.max_iterations)
      base::fail(ErrorCode::limit, "node \"%\" (Loop) ran % iterations (limit %); raise Limits::max_iterations",
                 {node.name, i, limits.max_iterations});
    Values values;
    values[body.tensor(body.inputs[0]).name] = {DataType::int64, {}, graph::Constant::of(std::vector<int64_t>{i})};
    values[body.tensor(body.inputs[1]).name] = {DataType::bool_, {}, graph::Constant::of(std::vector<uint8_t>{1})};
    for (size_t k = 0; k < carried; ++k) values[body.tensor(body.inputs[2 + k]).name] = state[k];
    std::vector<Value> outputs = call(std::move(values));
    condition = bool_at(outputs[0], base::text("the condition that the body of \"%\" computes", {node.name}));
    for (size_t k = 0; k < carried; ++k) state[k] = std::move(outputs[1 + k]);
    for (size_t k = 0; k < collected.size(); ++k) collected[k].add(outputs[1 + carried + k], node.name);
  }
  std::vector<Value> results = std::move(state);
  for (Collected& c : collected) results.push_back(c.finish());
  results.resize(std::max(results.size(), node.outputs.size()));
  return results;
}

}  // namespace motley::run
