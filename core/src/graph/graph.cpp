// The IR: building a graph, who writes and reads each tensor, order, and removal of what is dead.
#include "graph/graph.hpp"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/text.hpp"

namespace motley::graph {

// ---- constants and tensors

Constant Constant::copy_of(const void* data, uint64_t bytes) {
  // At least one byte, so that an empty constant has an address too.
  auto storage = std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(std::max<uint64_t>(bytes, 1)));
  if (bytes != 0) std::memcpy(storage->data(), data, static_cast<size_t>(bytes));
  Constant constant;
  constant.data = storage->data();
  constant.bytes = bytes;
  constant.owner = std::move(storage);
  return constant;
}

bool Tensor::shape_known() const {
  return shape && std::all_of(shape->begin(), shape->end(), [](const Dim& dim) { return dim.known(); });
}

Extents Tensor::extents() const {
  if (!shape_known())
    base::fail(ErrorCode::internal, "the shape of tensor \"%\" (%) is not known yet", {name, to_string(shape)});
  std::vector<int64_t> result;
  result.reserve(shape->size());
  for (const Dim& dim : *shape) result.push_back(dim.value);
  return result;
}

int64_t Tensor::elements() const {
  int64_t count = 1;
  bool overflow = false, empty = false;
  for (int64_t extent : extents()) {
    empty |= extent == 0;
    overflow |= __builtin_mul_overflow(count, extent, &count);
  }
  if (empty) return 0;
  if (overflow)
    base::fail(ErrorCode::limit, "tensor \"%\" (%) has more elements than 64 bits count", {name, to_string(shape)});
  return count;
}

uint64_t Tensor::bytes() const {
  uint64_t result = 0;
  if (__builtin_mul_overflow(static_cast<uint64_t>(elements()), static_cast<uint64_t>(element_bytes(type)), &result))
    base::fail(ErrorCode::limit, "tensor \"%\" (%) has more bytes than 64 bits count", {name, to_string(shape)});
  return result;
}

// ---- building

TensorId Graph::add_tensor(Tensor tensor) {
  tensors.push_back(std::move(tensor));
  return static_cast<TensorId>(tensors.size() - 1);
}

TensorId Graph::add_constant(std::string name, DataType type, const Extents& extents, Constant constant) {
  Tensor tensor;
  tensor.name = std::move(name);
  tensor.type = type;
  tensor.shape = Dims(extents.begin(), extents.end());
  tensor.constant = std::move(constant);
  return add_tensor(std::move(tensor));
}

TensorId Graph::add_int64(std::string name, const std::vector<int64_t>& values) {
  return add_constant(std::move(name), DataType::int64, {static_cast<int64_t>(values.size())}, Constant::of(values));
}

// ---- looking around

Node& Graph::add_node(std::string name, Op op, TensorList in, TensorList out) {
  Node& node = nodes.emplace_back();
  node.name = std::move(name);
  node.op = op;
  node.inputs = in;
  node.outputs = out;
  node.origins.push_back(node.name);
  return node;
}

TensorId Graph::find_tensor(std::string_view name) const {
  const auto it =
      std::find_if(tensors.begin(), tensors.end(), [&](const Tensor& tensor) { return tensor.name == name; });
  return it == tensors.end() ? kNone : static_cast<TensorId>(it - tensors.begin());
}

std::vector<int32_t> Graph::producers() const {
  std::vector<int32_t> result(tensors.size(), -1);
  for (size_t i = 0; i < nodes.size(); ++i)
    for (TensorId id : nodes[i].outputs)
      if (id != kNone) result[static_cast<size_t>(id)] = static_cast<int32_t>(i);
  return result;
}

std::vector<std::vector<int32_t>> Graph::consumers() const {
  std::vector<std::vector<int32_t>> result(tensors.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    const int32_t index = static_cast<int32_t>(i);
    for (TensorId id : nodes[i].inputs) {
      if (id == kNone) continue;
      std::vector<int32_t>& readers = result[static_cast<size_t>(id)];
      if (readers.empty() || readers.back() != index) readers.push_back(index);
    }
  }
  return result;
}

bool Graph::is_output(TensorId id) const { return std::find(outputs.begin(), outputs.end(), id) != outputs.end(); }

// ---- order

namespace {

void check_single_writers(const Graph& graph) {
  std::vector<const Node*> writer(graph.tensors.size(), nullptr);
  for (const Node& node : graph.nodes) {
    for (TensorId id : node.outputs) {
      if (id == kNone) continue;
      const Node*& first = writer[static_cast<size_t>(id)];
      if (first)
        base::fail(ErrorCode::invalid_model,
                   "tensor \"%\" is written by two nodes (\"%\" and \"%\"); each tensor has one writer",
                   {graph.tensor(id).name, first->name, node.name});
      first = &node;
    }
  }
}

// Every node that was not ordered is on a cycle or behind one; following unordered producers leads onto the cycle.
[[noreturn]] void throw_cycle(const Graph& graph, const std::vector<int32_t>& producers,
                              const std::vector<bool>& done) {
  size_t at = static_cast<size_t>(std::find(done.begin(), done.end(), false) - done.begin());
  for (size_t steps = 0; steps < graph.nodes.size(); ++steps) {
    for (TensorId id : graph.nodes[at].inputs) {
      const int32_t producer = id == kNone ? -1 : producers[static_cast<size_t>(id)];
      if (producer < 0 || done[static_cast<size_t>(producer)]) continue;
      at = static_cast<size_t>(producer);
      break;
    }
  }
  const Node& node = graph.nodes[at];
  base::fail(ErrorCode::invalid_model, "node \"%\" (%) depends on its own output: the graph has a cycle through it",
             {node.name, describe_op(node)});
}

}  // namespace

void Graph::sort_nodes() {
  check_single_writers(*this);
  const std::vector<int32_t> writer = producers();
  const std::vector<std::vector<int32_t>> readers = consumers();
  std::vector<size_t> waiting(nodes.size(), 0);  // per node: how many of its inputs are not computed yet
  for (size_t t = 0; t < tensors.size(); ++t)
    if (writer[t] >= 0)
      for (int32_t reader : readers[t]) ++waiting[static_cast<size_t>(reader)];

  // The ready node that stood first goes first, so a graph already in order stays as it is.
  std::set<size_t> ready;
  for (size_t i = 0; i < nodes.size(); ++i)
    if (waiting[i] == 0) ready.insert(i);
  std::vector<size_t> order;
  std::vector<bool> done(nodes.size(), false);
  while (!ready.empty()) {
    const size_t i = *ready.begin();
    ready.erase(ready.begin());
    order.push_back(i);
    done[i] = true;
    for (TensorId id : nodes[i].outputs) {
      if (id == kNone) continue;
      for (int32_t reader : readers[static_cast<size_t>(id)])
        if (--waiting[static_cast<size_t>(reader)] == 0) ready.insert(static_cast<size_t>(reader));
    }
  }
  if (order.size() != nodes.size()) throw_cycle(*this, writer, done);
  if (std::is_sorted(order.begin(), order.end())) return;

  std::vector<Node> sorted;
  sorted.reserve(nodes.size());
  for (size_t i : order) sorted.push_back(std::move(nodes[i]));
  nodes = std::move(sorted);
}

// ---- removal

namespace {

bool has_nested_graphs(const Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [](const Node& node) { return node.op == Op::If || node.op == Op::Loop || node.op == Op::Scan; });
}

void keep_only(Graph& graph, const std::vector<bool>& live) {
  std::vector<TensorId> renumbered(graph.tensors.size(), kNone);
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    if (!live[i]) continue;
    renumbered[i] = static_cast<TensorId>(tensors.size());
    tensors.push_back(std::move(graph.tensors[i]));
  }
  graph.tensors = std::move(tensors);
  const auto renumber = [&](std::vector<TensorId>& ids) {
    for (TensorId& id : ids)
      if (id != kNone) id = renumbered[static_cast<size_t>(id)];
  };
  for (Node& node : graph.nodes) {
    renumber(node.inputs);
    renumber(node.outputs);
  }
  renumber(graph.inputs);
  renumber(graph.outputs);
}

}  // namespace

void Graph::remove_dead() {
  // A nested graph may read any tensor of this one by its name, so nothing here can be called dead.
  if (has_nested_graphs(*this)) return;

  std::vector<bool> live(tensors.size(), false);
  std::vector<bool> keep(nodes.size(), false);
  const std::vector<int32_t> writer = producers();
  std::vector<int32_t> pending;
  const auto need = [&](TensorId id) {
    if (id == kNone) return;
    live[static_cast<size_t>(id)] = true;
    const int32_t node = writer[static_cast<size_t>(id)];
    if (node < 0 || keep[static_cast<size_t>(node)]) return;
    keep[static_cast<size_t>(node)] = true;
    pending.push_back(node);
  };
  for (TensorId id : outputs) need(id);
  while (!pending.empty()) {
    const Node& node = nodes[static_cast<size_t>(pending.back())];
    pending.pop_back();
    for (TensorId id : node.inputs) need(id);
  }

  size_t kept = 0;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!keep[i]) continue;
    for (TensorId id : nodes[i].outputs)
      if (id != kNone) live[static_cast<size_t>(id)] = true;  // an unread second output keeps its place in the node
    if (kept != i) nodes[kept] = std::move(nodes[i]);
    ++kept;
  }
  nodes.resize(kept);
  for (TensorId id : inputs) live[static_cast<size_t>(id)] = true;
  keep_only(*this, live);
}

}  // namespace motley::graph
