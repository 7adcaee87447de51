// Rewriting a graph in place.
#include "graph/rewrite.hpp"

#include <algorithm>
#include <cmath>

#include "graph/lower/scalars.hpp"

namespace motley::graph {

bool PassContext::keeps(std::string_view name) const { return std::find(keep.begin(), keep.end(), name) != keep.end(); }

bool has_nested_graphs(const Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [](const Node& node) { return node.op == Op::If || node.op == Op::Loop || node.op == Op::Scan; });
}

void remove_dead_except(Graph& graph, const std::vector<std::string>& keep) {
  // What is kept counts as an output meanwhile.
  const std::set<std::string_view> names(keep.begin(), keep.end());
  const size_t outputs = graph.outputs.size();
  if (!names.empty()) {
    for (const Node& node : graph.nodes)
      for (TensorId id : node.outputs)
        if (id != kNone && (names.count(node.name) || names.count(graph.tensor(id).name))) graph.outputs.push_back(id);
  }
  graph.remove_dead();
  graph.outputs.resize(outputs);
}

void append_origins(Node& to, const Node& from) {
  for (const std::string& origin : from.origins)
    if (std::find(to.origins.begin(), to.origins.end(), origin) == to.origins.end()) to.origins.push_back(origin);
}

Rewriter::Rewriter(Graph& graph, const PassContext& context)
    : graph_(graph),
      context_(context),
      nested_(has_nested_graphs(graph)),
      removed_(graph.nodes.size(), false),
      producers_(graph.tensors.size(), -1),
      consumers_(graph.tensors.size()) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) attach(i);
}

Rewriter::~Rewriter() {
  size_t kept = 0;
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    if (removed_[i]) continue;
    if (kept != i) graph_.nodes[kept] = std::move(graph_.nodes[i]);
    ++kept;
  }
  graph_.nodes.resize(kept);
}

void Rewriter::attach(size_t i) {
  producers_.resize(graph_.tensors.size(), -1);
  consumers_.resize(graph_.tensors.size());
  for (TensorId id : graph_.nodes[i].outputs)
    if (id != kNone) producers_[static_cast<size_t>(id)] = static_cast<int64_t>(i);
  for (TensorId id : graph_.nodes[i].inputs) {
    // Nobody asks who reads a constant, and all nodes may read one: keeping that list would cost the square of them.
    if (id == kNone || graph_.tensor(id).is_constant()) continue;
    auto& readers = consumers_[static_cast<size_t>(id)];
    if (readers.empty() || readers.back() != i) readers.push_back(i);
  }
}

void Rewriter::detach(size_t i) {
  for (TensorId id : graph_.nodes[i].outputs)
    if (id != kNone && producers_[static_cast<size_t>(id)] == static_cast<int64_t>(i))
      producers_[static_cast<size_t>(id)] = -1;
  for (TensorId id : graph_.nodes[i].inputs)
    if (id != kNone && !graph_.tensor(id).is_constant()) std::erase(consumers_[static_cast<size_t>(id)], i);
}

std::optional<size_t> Rewriter::producer(TensorId id) const {
  if (id == kNone || static_cast<size_t>(id) >= producers_.size() || producers_[static_cast<size_t>(id)] < 0)
    return std::nullopt;
  return static_cast<size_t>(producers_[static_cast<size_t>(id)]);
}

std::optional<size_t> Rewriter::producer(TensorId id, Op op) const {
  const auto i = producer(id);
  return i && graph_.nodes[*i].op == op ? i : std::nullopt;
}

bool Rewriter::may_vanish(TensorId id) const {
  if (nested_ || graph_.is_output(id) || context_.keeps(graph_.tensor(id).name)) return false;
  const auto i = producer(id);
  return i && !keeps_node(*i);
}

bool Rewriter::may_absorb(size_t i) const {
  const Node& node = graph_.nodes[i];
  for (size_t o = 1; o < node.outputs.size(); ++o)
    if (node.outputs[o] != kNone) return false;
  return node.output(0) != kNone && may_vanish(node.outputs[0]) && consumers(node.outputs[0]).size() == 1;
}

bool Rewriter::may_absorb(const std::set<size_t>& nodes, size_t root) const {
  for (size_t i : nodes) {
    if (i == root) continue;
    for (TensorId id : graph_.nodes[i].outputs) {
      if (id == kNone) continue;
      if (!may_vanish(id)) return false;
      for (size_t reader : consumers(id))
        if (!nodes.count(reader)) return false;
    }
  }
  return true;
}

void Rewriter::replace(size_t at, Node node, const std::set<size_t>& others) {
  std::set<size_t> all = others;
  all.insert(at);
  node.name = graph_.nodes[at].name;
  node.origins.clear();
  for (size_t i : all) append_origins(node, graph_.nodes[i]);
  for (size_t i : all) {
    detach(i);
    removed_[i] = true;
  }
  removed_[at] = false;
  graph_.nodes[at] = std::move(node);
  attach(at);
}

void Rewriter::remove(size_t i) {
  detach(i);
  removed_[i] = true;
}

void Rewriter::read_instead(TensorId from, TensorId to) {
  const std::vector<size_t> readers = consumers(from);
  for (size_t reader : readers)
    change(reader, [&](Node& node) { std::replace(node.inputs.begin(), node.inputs.end(), from, to); });
}

bool Rewriter::bypass(size_t i, TensorId source) {
  const TensorId result = graph_.nodes[i].output(0);
  if (nested_ || keeps_node(i) || result == kNone) return false;
  if (may_vanish(result)) {
    if (const auto writer = producer(source)) append_origins(graph_.nodes[*writer], graph_.nodes[i]);
    read_instead(result, source);
    remove(i);
    return true;
  }
  // The result has to stay: the writer of the source writes it in the source's place.
  const auto writer = producer(source);
  if (!writer || !may_vanish(source)) return false;
  append_origins(graph_.nodes[*writer], graph_.nodes[i]);
  remove(i);
  read_instead(source, result);
  change(*writer, [&](Node& node) { std::replace(node.outputs.begin(), node.outputs.end(), source, result); });
  return true;
}

TensorId Rewriter::add_tensor_like(TensorId like, std::string suffix) {
  Tensor tensor = graph_.tensor(like);
  tensor.name += suffix + std::to_string(graph_.tensors.size());
  tensor.constant.reset();
  const TensorId id = graph_.add_tensor(std::move(tensor));
  producers_.resize(graph_.tensors.size(), -1);
  consumers_.resize(graph_.tensors.size());
  return id;
}

TensorId Rewriter::add_constant(TensorId like, const std::string& suffix, DataType type, const Extents& extents,
                                const std::vector<double>& values) {
  const std::string name = graph_.tensor(like).name + suffix + std::to_string(graph_.tensors.size());
  const TensorId id = graph_.add_constant(name, type, extents, encode_constant(type, values));
  producers_.resize(graph_.tensors.size(), -1);
  consumers_.resize(graph_.tensors.size());
  return id;
}

size_t fuse_each(Graph& graph, const PassContext& context, Op op, bool (*fuse)(Rewriter& r, size_t i)) {
  Rewriter r(graph, context);
  size_t count = 0;
  for (size_t i = 0; i < r.size(); ++i)
    if (!r.removed(i) && r.node(i).op == op) count += fuse(r, i);
  return count;
}

bool same_shape(const Tensor& a, const Tensor& b) { return a.shape && b.shape && *a.shape == *b.shape; }

bool nearly(double a, double b, DataType type) {
  const double tolerance = type == DataType::float16 ? 1e-3 : type == DataType::bfloat16 ? 8e-3 : 1e-5;
  return std::fabs(a - b) <= tolerance * std::max(std::fabs(a), std::fabs(b));
}

bool is_scalar(const Tensor& tensor, double value) {
  const auto actual = scalar_value(tensor);
  return actual && nearly(*actual, value, tensor.type);
}

}  // namespace motley::graph
