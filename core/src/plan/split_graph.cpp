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

constexpr uintptr_t kAlignment = 16;  // of constants that are copied

class Splitter {
 public:
  Splitter(const Graph& graph, const std::vector<Cut>& cuts) : whole_(graph), cuts_(cuts) { result_.graph = graph; }

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
  // A tensor that is the Concat of two parts.
  struct Joined {
    TensorId whole = kNone, low = kNone, high = kNone;
    int axis = 0;
    int64_t first = 0, of = 0;
  };

  void split(const Node& node, const Cut& cut) {
    Joined joined{node.outputs[0], kNone, kNone, cut.axis, cut.first, cut.of};
    joined.low = add_part(node, cut, 0, cut.first, "#1");
    joined.high = add_part(node, cut, cut.first, cut.of, "#2");
    schema::AxisAttributesT axis;
    axis.axis = cut.axis;
    const std::string name = node.name + "#joined";
    result_.graph.add_node(name, Op::Concat, {joined.low, joined.high}, {joined.whole}, axis).origins = node.origins;
    if (is_view(joined.whole, cut.axis, cut.first)) result_.views.push_back({name, 0});
    joined_.push_back(joined);
  }

  bool is_view(TensorId whole, int axis, int64_t first) const {
    return is_contiguous(whole_, whole, axis) &&
           bytes_per_step(whole_, whole, axis) * static_cast<uint64_t>(first) % kViewAlignment == 0;
  }

  TensorId add_part(const Node& node, const Cut& cut, int64_t first, int64_t end, const char* suffix) {
    Graph& graph = result_.graph;
    std::vector<TensorId> inputs = node.inputs;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (const Piece piece = piece_of(whole_, node, cut.axis, i, first, end); piece.axis >= 0)
        inputs[i] = cut_input(inputs[i], node, i, piece, suffix);
    graph::Tensor output = graph.tensor(node.outputs[0]);
    output.name += suffix;
    (*output.shape)[static_cast<size_t>(cut.axis)] = graph::Dim(end - first);
    const TensorId result = graph.add_tensor(std::move(output));
    Node part = node;
    cut_attributes(whole_, node, cut.axis, first, end, part);
    part.name += suffix;
    part.inputs = std::move(inputs);
    part.outputs = {result};
    result_.parts.push_back({part.name, node.name, cut.unit, first, end, cut.of, cut.axis});
    graph.nodes.push_back(std::move(part));
    return result;
  }

  TensorId cut_input(TensorId id, const Node& node, size_t input, const Piece& piece, const char* suffix) {
    const graph::Tensor& tensor = whole_.tensor(id);
    if (piece.first == 0 && piece.end == tensor.extents()[static_cast<size_t>(piece.axis)]) return id;
    if (tensor.is_constant()) return cut_constant(id, static_cast<size_t>(piece.axis), piece.first, piece.end, suffix);
    for (const Joined& joined : joined_) {
      if (joined.whole != id || joined.axis != piece.axis) continue;
      if (piece.first == 0 && piece.end == joined.first) return joined.low;
      if (piece.first == joined.first && piece.end == joined.of) return joined.high;
    }
    return cut_computed(id, node, input, piece, suffix);
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

  // By a Slice.
  TensorId cut_computed(TensorId id, const Node& node, size_t input, const Piece& piece, const char* suffix) {
    Graph& graph = result_.graph;
    const std::string name = node.name + suffix + "/input" + std::to_string(input);
    graph::Tensor cut = graph.tensor(id);
    cut.name = name;
    (*cut.shape)[static_cast<size_t>(piece.axis)] = graph::Dim(piece.end - piece.first);
    const TensorId result = graph.add_tensor(std::move(cut));
    const TensorId begins = graph.add_int64(name + "/starts", {piece.first}),
                   ends = graph.add_int64(name + "/ends", {piece.end}),
                   axes = graph.add_int64(name + "/axes", {piece.axis});
    graph.add_node(name, Op::Slice, {id, begins, ends, axes}, {result}).origins = node.origins;
    if (is_view(id, piece.axis, piece.first))
      result_.views.push_back({name, bytes_per_step(whole_, id, piece.axis) * static_cast<uint64_t>(piece.first)});
    return result;
  }

  const Graph& whole_;
  const std::vector<Cut>& cuts_;
  Split result_;
  std::vector<Joined> joined_;
};

}  // namespace

Split split_graph(const Graph& graph, const std::vector<Cut>& cuts) { return Splitter(graph, cuts).run(); }

}  // namespace motley::plan
