// Rewriting operators into two parts and a Concat. In libmotley_planner.
#include <cstring>

#include "plan/split.hpp"

namespace motley::plan {

using graph::Graph;
using graph::kNone;
using graph::Node;
using graph::Op;
using graph::TensorId;

namespace {

constexpr int64_t kFewest = 16;       // channels
constexpr uintptr_t kAlignment = 16;  // of constants that are copied

bool is_weight(const Graph& graph, TensorId id) {
  return id != kNone && graph.tensor(id).is_constant() && graph.tensor(id).shape_known() &&
         graph.tensor(id).quantization.empty() && graph::element_bytes(graph.tensor(id).type) > 0;
}

// A constant for each channel, one for all, or none.
bool is_bias(const Graph& graph, TensorId id, int64_t channels) {
  if (id == kNone) return true;
  if (!is_weight(graph, id)) return false;
  const graph::Extents extents = graph.tensor(id).extents();
  const int64_t elements = graph.tensor(id).elements();
  return elements == 1 || (elements == channels && !extents.empty() && extents.back() == channels);
}

bool is_cuttable(const Graph& graph, const Node& node, int64_t channels) {
  if (node.op == Op::Conv) {
    const TensorId residual = node.input(3);
    return graph::attributes<schema::ConvAttributesT>(node).group == 1 && is_bias(graph, node.input(2), channels) &&
           (residual == kNone || (graph.tensor(residual).shape_known() && !graph.tensor(residual).is_constant()));
  }
  return node.op == Op::MatMul && graph.tensor(node.input(1)).extents().size() == 2 &&
         is_bias(graph, node.input(2), channels);
}

}  // namespace

int channel_axis(const Graph& graph, const Node& node) {
  return node.op == Op::Conv ? 1 : static_cast<int>(graph.tensor(node.outputs[0]).extents().size()) - 1;
}

int64_t channels_to_cut(const Graph& graph, const Node& node) {
  if ((node.op != Op::Conv && node.op != Op::MatMul) || node.outputs.size() != 1 || !is_weight(graph, node.input(1)))
    return 0;
  const graph::Tensor& output = graph.tensor(node.outputs[0]);
  if (!output.shape_known() || output.extents().size() < 2 || output.elements() == 0 || !output.quantization.empty() ||
      !graph.tensor(node.inputs[0]).shape_known() || graph.tensor(node.inputs[0]).is_constant())
    return 0;
  const int64_t channels = output.extents()[static_cast<size_t>(channel_axis(graph, node))];
  return channels >= kFewest && is_cuttable(graph, node, channels) ? channels : 0;
}

namespace {

class Splitter {
 public:
  Splitter(const Graph& graph, const std::vector<Cut>& cuts) : cuts_(cuts) { result_.graph = graph; }

  Split run() {
    std::vector<Node> nodes = std::move(result_.graph.nodes);
    result_.graph.nodes.clear();
    size_t next = 0;
    for (uint32_t n = 0; n < nodes.size(); ++n) {
      if (next < cuts_.size() && cuts_[next].node == n) split(nodes[n], cuts_[next++]);
      else result_.graph.nodes.push_back(std::move(nodes[n]));
    }
    return std::move(result_);
  }

 private:
  void split(const Node& node, const Cut& cut) {
    const TensorId low = add_part(node, cut, 0, cut.first, "#1"), high = add_part(node, cut, cut.first, cut.of, "#2");
    schema::AxisAttributesT axis;
    axis.axis = channel_axis(result_.graph, node);
    result_.graph.add_node(node.name + "#joined", Op::Concat, {low, high}, {node.outputs[0]}, axis).origins =
        node.origins;
  }

  TensorId add_part(const Node& node, const Cut& cut, int64_t first, int64_t end, const char* suffix) {
    Graph& graph = result_.graph;
    const auto axis = static_cast<size_t>(channel_axis(graph, node));
    std::vector<TensorId> inputs = node.inputs;
    inputs[1] = cut_constant(inputs[1], weight_axis(node), first, end, suffix);
    if (inputs.size() > 2 && inputs[2] != kNone && graph.tensor(inputs[2]).elements() > 1)
      inputs[2] = cut_constant(inputs[2], graph.tensor(inputs[2]).extents().size() - 1, first, end, suffix);
    if (inputs.size() > 3 && inputs[3] != kNone) inputs[3] = cut_computed(inputs[3], node, axis, first, end, suffix);
    graph::Tensor output = graph.tensor(node.outputs[0]);
    output.name += suffix;
    (*output.shape)[axis] = graph::Dim(end - first);
    const TensorId result = graph.add_tensor(std::move(output));
    Node part = node;
    part.name += suffix;
    part.inputs = std::move(inputs);
    part.outputs = {result};
    result_.parts.push_back({part.name, node.name, first, end, cut.of});
    graph.nodes.push_back(std::move(part));
    return result;
  }

  static size_t weight_axis(const Node& node) {
    return node.op == Op::MatMul && !graph::attributes<schema::MatMulAttributesT>(node).transpose_b ? 1 : 0;
  }

  TensorId cut_constant(TensorId id, size_t axis, int64_t first, int64_t end, const char* suffix) {
    const graph::Tensor& whole = result_.graph.tensor(id);
    graph::Extents extents = whole.extents();
    uint64_t rows = 1, row_bytes = graph::element_bytes(whole.type);
    for (size_t a = 0; a < axis; ++a) rows *= static_cast<uint64_t>(extents[a]);
    for (size_t a = axis + 1; a < extents.size(); ++a) row_bytes *= static_cast<uint64_t>(extents[a]);
    const uint64_t stride = row_bytes * static_cast<uint64_t>(extents[axis]);
    const uint64_t bytes = row_bytes * static_cast<uint64_t>(end - first);
    const auto* from = static_cast<const std::byte*>(whole.constant->data) + row_bytes * static_cast<uint64_t>(first);
    extents[axis] = end - first;
    graph::Constant part{from, rows * bytes, whole.constant->owner};
    if (rows > 1 || reinterpret_cast<uintptr_t>(from) % kAlignment) {
      std::vector<std::byte> copy(rows * bytes);
      for (uint64_t r = 0; r < rows; ++r) std::memcpy(copy.data() + r * bytes, from + r * stride, bytes);
      part = graph::Constant::of(copy);
    }
    return result_.graph.add_constant(whole.name + suffix, whole.type, extents, std::move(part));
  }

  // A residual's channels, by a Slice.
  TensorId cut_computed(TensorId id, const Node& node, size_t axis, int64_t first, int64_t end, const char* suffix) {
    Graph& graph = result_.graph;
    const std::string name = node.name + suffix + "/residual";
    graph::Tensor cut = graph.tensor(id);
    cut.name += suffix;
    (*cut.shape)[axis] = graph::Dim(end - first);
    const TensorId result = graph.add_tensor(std::move(cut));
    const TensorId begins = graph.add_int64(name + "/starts", {first}), ends = graph.add_int64(name + "/ends", {end}),
                   axes = graph.add_int64(name + "/axes", {static_cast<int64_t>(axis)});
    graph.add_node(name, Op::Slice, {id, begins, ends, axes}, {result}).origins = node.origins;
    return result;
  }

  const std::vector<Cut>& cuts_;
  Split result_;
};

}  // namespace

Split split_graph(const Graph& graph, const std::vector<Cut>& cuts) { return Splitter(graph, cuts).run(); }

}  // namespace motley::plan
