// Neighbouring data movement merged: views of views, copies of copies, copies that move nothing.
#include <algorithm>
#include <set>

#include "graph/lower.hpp"
#include "graph/lower/compose.hpp"
#include "graph/rewrite.hpp"

namespace motley::graph {
namespace {

class Merger {
 public:
  Merger(Graph& graph, const std::vector<std::string>& keep)
      : graph_(graph), keep_(keep.begin(), keep.end()), producers_(graph.producers()), uses_(graph.tensors.size(), 0) {
    for (const Node& node : graph.nodes)
      for (TensorId id : node.inputs)
        if (id != kNone) ++uses_[static_cast<size_t>(id)];
  }

  size_t run() {
    size_t count = 0;
    for (Node& node : graph_.nodes) {
      if (node.op == Op::StridedCopy) count += merge_copy(node);
      if (node.op == Op::Reshape) count += merge_view(node);
    }
    std::erase_if(graph_.nodes, [](const Node& node) { return node.outputs.empty(); });
    return count;
  }

 private:
  Node* producer(TensorId id, Op op) {
    const int32_t at = id == kNone ? -1 : producers_[static_cast<size_t>(id)];
    return at >= 0 && graph_.nodes[static_cast<size_t>(at)].op == op ? &graph_.nodes[static_cast<size_t>(at)] : nullptr;
  }

  void read_instead(TensorId& slot, TensorId id) {
    --uses_[static_cast<size_t>(slot)];
    ++uses_[static_cast<size_t>(id)];
    slot = id;
  }

  size_t merge_copy(Node& node) {
    size_t count = 0;
    for (TensorId& input : node.inputs) {
      while (Node* view = producer(input, Op::Reshape)) {  // views don't change addresses
        read_instead(input, view->inputs[0]);
        ++count;
      }
    }
    for (size_t i = 0; i < node.inputs.size(); ++i) count += compose_with(node, i);
    if (count == 0) return 0;
    become_view(node);
    return count;
  }

  // Makes the node read what its input's copy reads, where all its regions of that input allow it.
  size_t compose_with(Node& node, size_t input) {
    const Node* before = producer(node.inputs[input], Op::StridedCopy);
    if (!before) return 0;
    const auto& first = attributes<schema::StridedCopyAttributesT>(*before);
    if (first.regions.size() != 1) return 0;
    const int64_t elements = graph_.tensor(before->outputs[0]).elements();
    auto& own = attributes<schema::StridedCopyAttributesT>(node);
    std::vector<RegionT> composed;
    for (const auto& region : own.regions) {
      if (region->input != static_cast<int32_t>(input)) continue;
      const auto merged = compose(*first.regions[0], *region, elements);
      if (!merged) return 0;
      composed.push_back(*merged);
      composed.back().input = region->input;
    }
    if (composed.empty()) return 0;
    auto next = composed.begin();
    for (auto& region : own.regions)
      if (region->input == static_cast<int32_t>(input)) *region = std::move(*next++);
    read_instead(node.inputs[input], before->inputs[static_cast<size_t>(first.regions[0]->input)]);
    return 1;
  }

  void become_view(Node& node) {
    const auto& own = attributes<schema::StridedCopyAttributesT>(node);
    if (own.regions.size() != 1) return;
    const TensorId source = node.inputs[static_cast<size_t>(own.regions[0]->input)];
    const int64_t elements = graph_.tensor(node.outputs[0]).elements();
    if (graph_.tensor(source).elements() != elements || !is_plain_copy({*own.regions[0]}, elements)) return;
    for (TensorId id : node.inputs) --uses_[static_cast<size_t>(id)];
    ++uses_[static_cast<size_t>(source)];
    node.op = Op::Reshape;
    node.inputs = {source};
    node.attributes.Set(schema::ReshapeAttributesT{});
  }

  size_t merge_view(Node& node) {
    if (!graph_.tensor(node.outputs[0]).shape_known()) return 0;
    if (node.inputs.size() > 1) {  // the target shape is the output's
      if (node.inputs[1] != kNone) --uses_[static_cast<size_t>(node.inputs[1])];
      node.inputs.resize(1);
    }
    size_t count = 0;
    while (Node* view = producer(node.inputs[0], Op::Reshape)) {
      read_instead(node.inputs[0], view->inputs[0]);
      ++count;
    }
    return count + write_through(node);
  }

  // A copy that only this view reads writes the view's tensor itself.
  size_t write_through(Node& view) {
    const TensorId id = view.inputs[0];
    Node* copy = producer(id, Op::StridedCopy);
    if (!copy || uses_[static_cast<size_t>(id)] != 1 || graph_.is_output(id)) return 0;
    if (has_nested_graphs(graph_) || keep_.count(graph_.tensor(id).name) || keep_.count(copy->name) ||
        keep_.count(view.name))
      return 0;
    copy->outputs[0] = view.outputs[0];
    producers_[static_cast<size_t>(view.outputs[0])] = producers_[static_cast<size_t>(id)];
    producers_[static_cast<size_t>(id)] = -1;
    --uses_[static_cast<size_t>(id)];
    append_origins(*copy, view);
    view.outputs.clear();  // removed at the end, so that indices stay
    view.inputs.clear();
    return 1;
  }

  Graph& graph_;
  std::set<std::string> keep_;
  std::vector<int32_t> producers_;
  std::vector<int32_t> uses_;
};

}  // namespace

size_t merge_strided_copies(Graph& graph, const std::vector<std::string>& keep) {
  size_t total = 0;
  for (size_t count = 1; count > 0;) {
    count = Merger(graph, keep).run();
    total += count;
    remove_dead_except(graph, keep);  // what is dead would count as a reader in the next round
  }
  return total;
}

}  // namespace motley::graph
