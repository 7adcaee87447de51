// The order in which the nodes of a graph can be imported.
#include "onnx/order.hpp"

#include <algorithm>
#include <functional>
#include <queue>
#include <string_view>
#include <unordered_map>

#include "motley/error.hpp"

namespace motley::convert {
namespace {

using Visit = std::function<void(const std::string&)>;

// Every name that the nested graphs of a node read. Names that they define themselves come too: they match nothing
// outside, unless they hide an outer tensor, which ONNX forbids.
void visit_nested(const onnx::NodeProto& node, const Visit& visit) {
  const auto visit_graph = [&](const onnx::GraphProto& graph) {
    for (const auto& inner : graph.node()) {
      for (const std::string& name : inner.input()) visit(name);
      visit_nested(inner, visit);
    }
    for (const auto& output : graph.output()) visit(output.name());
  };
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_g()) visit_graph(attribute.g());
    for (const auto& graph : attribute.graphs()) visit_graph(graph);
  }
}

std::unordered_map<std::string_view, int> producers_of(const NodeList& nodes) {
  std::unordered_map<std::string_view, int> producers;
  for (int i = 0; i < nodes.size(); ++i) {
    for (const std::string& name : nodes[i].output()) {
      if (name.empty()) continue;
      const auto [it, fresh] = producers.emplace(name, i);
      if (!fresh)
        throw Error(ErrorCode::invalid_model, "tensor \"" + name + "\" is written twice (by nodes \"" +
                                                  node_name(nodes[it->second], it->second) + "\" and \"" +
                                                  node_name(nodes[i], i) + "\"); each tensor has one writer");
    }
  }
  return producers;
}

}  // namespace

std::string node_name(const onnx::NodeProto& node, int index) {
  return node.name().empty() ? node.op_type() + "_" + std::to_string(index) : node.name();
}

std::vector<int> topological_order(const NodeList& nodes) {
  const auto producers = producers_of(nodes);
  const auto count = static_cast<size_t>(nodes.size());
  std::vector<std::vector<int>> readers(count);
  std::vector<size_t> waiting(count, 0);
  for (int i = 0; i < nodes.size(); ++i) {
    const Visit depend = [&, i](const std::string& name) {
      const auto producer = producers.find(name);
      if (producer == producers.end()) return;
      readers[static_cast<size_t>(producer->second)].push_back(i);
      ++waiting[static_cast<size_t>(i)];
    };
    for (const std::string& name : nodes[i].input()) depend(name);
    visit_nested(nodes[i], depend);
  }

  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int i = 0; i < nodes.size(); ++i)
    if (waiting[static_cast<size_t>(i)] == 0) ready.push(i);
  std::vector<int> order;
  order.reserve(count);
  while (!ready.empty()) {
    const int i = ready.top();
    ready.pop();
    order.push_back(i);
    for (int reader : readers[static_cast<size_t>(i)])
      if (--waiting[static_cast<size_t>(reader)] == 0) ready.push(reader);
  }
  if (order.size() == count) return order;
  const auto stuck = std::find_if(waiting.begin(), waiting.end(), [](size_t n) { return n != 0; });
  const int i = static_cast<int>(stuck - waiting.begin());
  throw Error(ErrorCode::invalid_model, "node \"" + node_name(nodes[i], i) + "\" (" + nodes[i].op_type() +
                                            ") is on a cycle or behind one; a graph must not have cycles");
}

}  // namespace motley::convert
