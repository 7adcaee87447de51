// Along which axes an operator can be cut in two, and what each part then reads. In libmotley_planner.
#include <algorithm>
#include <numeric>

#include "plan/split.hpp"

namespace motley::plan {

using graph::Extents;
using graph::Graph;
using graph::kNone;
using graph::Node;
using graph::Op;
using graph::TensorId;

namespace {

constexpr int64_t kFewestChannels = 16, kFewestRows = 4, kFewest = 2;
constexpr const char *kChannels = "output channels", *kRows = "rows", *kImages = "batch entries", *kSlices = "slices";

int64_t item(const std::vector<int64_t>& list, size_t i, int64_t missing) {
  return i < list.size() ? list[i] : missing;
}

// One spatial dimension of a convolution or pooling.
struct Window {
  int64_t kernel = 1, stride = 1, before = 0, after = 0, extent = 0;  // kernel: with dilation
  bool possible = false;
};

template <class AttributesT>
Window window_of(const AttributesT& a, int64_t kernel, size_t spatial, int64_t extent) {
  Window w;
  w.kernel = (kernel - 1) * item(a.dilations, 0, 1) + 1;
  w.stride = item(a.strides, 0, 1);
  w.before = item(a.pads, 0, 0);
  w.after = item(a.pads, spatial, 0);
  w.extent = extent;
  // With less padding than kernel, every window reads something.
  w.possible = a.auto_pad == schema::AutoPad::explicit_ && w.before >= 0 && w.after >= 0 && w.before < w.kernel &&
               w.after < w.kernel;
  return w;
}

// Of the first spatial dimension.
Window window_of(const Graph& graph, const Node& node) {
  const Extents x = graph.tensor(node.inputs[0]).extents();
  if (x.size() < 3) return {};
  if (node.op == Op::Conv)
    return window_of(graph::attributes<schema::ConvAttributesT>(node), graph.tensor(node.inputs[1]).extents()[2],
                     x.size() - 2, x[2]);
  const auto& pool = graph::attributes<schema::PoolAttributesT>(node);
  Window w = window_of(pool, item(pool.kernel_shape, 0, 1), x.size() - 2, x[2]);
  w.possible = w.possible && !pool.ceil_mode;
  return w;
}

Piece rows_read(const Window& w, int64_t first, int64_t end) {
  return {2, std::clamp<int64_t>(first * w.stride - w.before, 0, w.extent),
          std::clamp<int64_t>((end - 1) * w.stride - w.before + w.kernel, 0, w.extent)};
}

template <class AttributesT>
void pad_rows(AttributesT& a, const Window& w, size_t spatial, int64_t first, int64_t end) {
  a.pads.resize(2 * spatial);
  a.pads[0] = std::max<int64_t>(0, w.before - first * w.stride);
  a.pads[spatial] = std::max<int64_t>(0, (end - 1) * w.stride - w.before + w.kernel - w.extent);
}

bool is_weight(const Graph& graph, TensorId id) { return id != kNone && graph.tensor(id).is_constant(); }

// A constant for each channel, one for all, or none.
bool is_bias(const Graph& graph, TensorId id, int64_t channels) {
  if (id == kNone) return true;
  if (!is_weight(graph, id)) return false;
  const Extents extents = graph.tensor(id).extents();
  const int64_t elements = graph.tensor(id).elements();
  return elements == 1 || (elements == channels && !extents.empty() && extents.back() == channels);
}

bool is_plain(const Graph& graph, TensorId id) {
  const graph::Tensor& tensor = graph.tensor(id);
  return tensor.shape_known() && tensor.elements() > 0 && tensor.quantization.empty() &&
         graph::element_bytes(tensor.type) > 0;
}

// An input that is broadcast to the output's shape, as far as the axis is concerned.
Piece broadcast(const Graph& graph, TensorId id, size_t rank, int axis, int64_t first, int64_t end) {
  const Extents extents = graph.tensor(id).extents();
  const int own = axis - static_cast<int>(rank) + static_cast<int>(extents.size());
  if (own < 0 || extents[static_cast<size_t>(own)] == 1) return {};
  return {own, first, end};
}

class AxisFinder {
 public:
  AxisFinder(const Graph& graph, const Node& node) : graph_(graph), node_(node) {}

  std::vector<CutAxis> run() {
    if (node_.outputs.size() != 1 || node_.inputs.empty() || node_.input(0) == kNone ||
        graph_.tensor(node_.inputs[0]).is_constant() || !is_plain(graph_, node_.outputs[0]))
      return {};
    for (TensorId id : node_.inputs)
      if (id != kNone && !is_plain(graph_, id)) return {};
    out_ = graph_.tensor(node_.outputs[0]).extents();
    switch (node_.op) {
      case Op::Conv: convolution(); break;
      case Op::MatMul: product(); break;
      case Op::Pool: pooling(); break;
      case Op::Unary:
      case Op::Binary:
      case Op::Gelu: outermost(static_cast<int64_t>(out_.size())); break;
      case Op::Softmax: outermost(axis_of(graph::attributes<schema::SoftmaxAttributesT>(node_).axis)); break;
      case Op::Normalize: outermost(axis_of(graph::attributes<schema::NormalizeAttributesT>(node_).axis)); break;
      case Op::LayerNormalization:
        outermost(axis_of(graph::attributes<schema::LayerNormalizationAttributesT>(node_).axis));
        break;
      default: break;
    }
    return std::move(axes_);
  }

 private:
  int64_t axis_of(int64_t axis) const { return axis < 0 ? axis + static_cast<int64_t>(out_.size()) : axis; }
  void add(size_t axis, int64_t fewest, int64_t grain, const char* unit) {
    if (out_[axis] >= std::max(fewest, 2 * grain)) axes_.push_back({static_cast<int>(axis), out_[axis], grain, unit});
  }
  static int64_t grain_of(int64_t channels) { return channels >= 32 ? 8 : 4; }

  void convolution() {
    const auto& a = graph::attributes<schema::ConvAttributesT>(node_);
    if (out_.size() < 3) return;
    add(0, kFewest, 1, kImages);
    const int64_t per_group = out_[1] / std::max<int64_t>(1, a.group);
    const int64_t grain = a.group == 1 ? grain_of(out_[1]) : per_group * std::max<int64_t>(1, 8 / per_group);
    if (is_weight(graph_, node_.input(1)) && is_bias(graph_, node_.input(2), out_[1]))
      add(1, kFewestChannels, grain, kChannels);
    if (window_of(graph_, node_).possible) add(2, kFewestRows, 1, kRows);
  }

  void pooling() {
    if (out_.size() < 3) return;
    add(0, kFewest, 1, kImages);
    add(1, kFewestChannels, 1, kChannels);
    if (window_of(graph_, node_).possible) add(2, kFewestRows, 1, kRows);
  }

  void product() {
    const size_t rank = out_.size(), rank_a = graph_.tensor(node_.inputs[0]).extents().size(),
                 rank_b = graph_.tensor(node_.inputs[1]).extents().size();
    if (rank < 2 || rank_a < 2 || rank_b < 2) return;
    if (is_weight(graph_, node_.inputs[1]) && rank_b == 2 && is_bias(graph_, node_.input(2), out_[rank - 1]))
      add(rank - 1, kFewestChannels, grain_of(out_[rank - 1]), kChannels);
    add(rank - 2, kFewestRows, out_[rank - 2] >= 32 ? 4 : 1, kRows);
    for (size_t axis = 0; axis + 2 < rank; ++axis) {
      if (out_[axis] == 1) continue;
      add(axis, kFewest, 1, kImages);
      break;
    }
  }

  // What computes each slice along the outer axes by itself: the outermost that is longer than 1.
  void outermost(int64_t until) {
    for (size_t axis = 0; static_cast<int64_t>(axis) < until; ++axis) {
      if (out_[axis] == 1) continue;
      return add(axis, kFewest, 1, kSlices);
    }
  }

  const Graph& graph_;
  const Node& node_;
  Extents out_;
  std::vector<CutAxis> axes_;
};

Piece piece_of_convolution(const Graph& graph, const Node& node, int axis, size_t input, int64_t first, int64_t end) {
  const int64_t group = graph::attributes<schema::ConvAttributesT>(node).group;
  if (input == 3) return {axis, first, end};
  if (input == 2 && axis == 1 && graph.tensor(node.inputs[2]).elements() > 1)
    return {static_cast<int>(graph.tensor(node.inputs[2]).extents().size()) - 1, first, end};
  if (input == 1 && axis == 1) return {0, first, end};
  if (input > 0 || (axis == 1 && group == 1)) return {};
  if (axis == 0) return {0, first, end};
  if (axis == 2) return rows_read(window_of(graph, node), first, end);
  const int64_t out = graph.tensor(node.outputs[0]).extents()[1] / group,
                in = graph.tensor(node.inputs[0]).extents()[1] / group;
  return {1, first / out * in, end / out * in};
}

Piece piece_of_product(const Graph& graph, const Node& node, int axis, size_t input, int64_t first, int64_t end) {
  const auto& a = graph::attributes<schema::MatMulAttributesT>(node);
  const auto rank = static_cast<int>(graph.tensor(node.outputs[0]).extents().size());
  const auto own = static_cast<int>(graph.tensor(node.inputs[input]).extents().size());
  if (input == 2 || axis < rank - 2)
    return broadcast(graph, node.inputs[input], static_cast<size_t>(rank), axis, first, end);
  if (axis == rank - 2) return input == 0 ? Piece{a.transpose_a ? own - 1 : own - 2, first, end} : Piece{};
  return input == 1 ? Piece{a.transpose_b ? own - 2 : own - 1, first, end} : Piece{};
}

}  // namespace

std::vector<CutAxis> axes_to_cut(const Graph& graph, const Node& node) { return AxisFinder(graph, node).run(); }

Piece piece_of(const Graph& graph, const Node& node, int axis, size_t input, int64_t first, int64_t end) {
  if (node.input(input) == kNone) return {};
  switch (node.op) {
    case Op::Conv: return piece_of_convolution(graph, node, axis, input, first, end);
    case Op::MatMul: return piece_of_product(graph, node, axis, input, first, end);
    case Op::Pool: return axis == 2 ? rows_read(window_of(graph, node), first, end) : Piece{axis, first, end};
    case Op::Binary:
      return broadcast(graph, node.inputs[input], graph.tensor(node.outputs[0]).extents().size(), axis, first, end);
    default: return input == 0 ? Piece{axis, first, end} : Piece{};
  }
}

void cut_attributes(const Graph& graph, const Node& whole, int axis, int64_t first, int64_t end, Node& part) {
  if (whole.op == Op::Conv && axis == 1) {
    const auto& a = graph::attributes<schema::ConvAttributesT>(whole);
    const int64_t per_group = graph.tensor(whole.outputs[0]).extents()[1] / a.group;
    if (a.group > 1) graph::attributes<schema::ConvAttributesT>(part).group = (end - first) / per_group;
  }
  if (axis != 2 || (whole.op != Op::Conv && whole.op != Op::Pool)) return;
  const Window w = window_of(graph, whole);
  const size_t spatial = graph.tensor(whole.inputs[0]).extents().size() - 2;
  if (whole.op == Op::Conv) pad_rows(graph::attributes<schema::ConvAttributesT>(part), w, spatial, first, end);
  else pad_rows(graph::attributes<schema::PoolAttributesT>(part), w, spatial, first, end);
}

bool is_contiguous(const Graph& graph, TensorId id, int axis) {
  const Extents extents = graph.tensor(id).extents();
  for (int a = 0; a < axis; ++a)
    if (extents[static_cast<size_t>(a)] != 1) return false;
  return true;
}

uint64_t bytes_per_step(const Graph& graph, TensorId id, int axis) {
  const Extents extents = graph.tensor(id).extents();
  uint64_t bytes = graph::element_bytes(graph.tensor(id).type);
  for (size_t a = static_cast<size_t>(axis) + 1; a < extents.size(); ++a) bytes *= static_cast<uint64_t>(extents[a]);
  return bytes;
}

}  // namespace motley::plan
