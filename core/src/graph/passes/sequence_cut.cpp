// The tensor that the steps of a sequence were cut from.
#include "graph/passes/sequence_cut.hpp"

#include "graph/passes/all.hpp"

namespace motley::graph {
namespace {

bool is_view(const Node& node) {
  return node.op == Op::Reshape || node.op == Op::Squeeze || node.op == Op::Unsqueeze || node.op == Op::Flatten;
}

std::optional<SequenceCut> split_cut(const Rewriter& r, const Node& node, TensorId output, int64_t rank) {
  const int64_t axis = attributes<schema::SplitAttributesT>(node).axis;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const TensorId id = node.outputs[i];
    const int64_t at = axis < 0 ? axis + rank : axis;
    if (id == kNone || !r.tensor(id).shape_known() || at < 0 || at >= rank) return std::nullopt;
    if ((*r.tensor(id).shape)[static_cast<size_t>(at)].value != 1) return std::nullopt;
    if (id == output) return SequenceCut{node.inputs[0], at, static_cast<int64_t>(i)};
  }
  return std::nullopt;
}

// One axis may have become 1; begins with a constant.
std::optional<SequenceCut> slice_cut(const Rewriter& r, const Node& node, TensorId output) {
  const Extents from = r.tensor(node.inputs[0]).extents(), to = r.tensor(output).extents();
  if (node.input(1) == kNone || node.input(3) == kNone) return std::nullopt;
  const auto starts = integers(r.tensor(node.input(1)));
  if (!starts || starts->size() != 1) return std::nullopt;
  const auto axes = integers(r.tensor(node.input(3)));
  if (!axes || axes->size() != 1) return std::nullopt;
  const int64_t axis = (*axes)[0] < 0 ? (*axes)[0] + static_cast<int64_t>(from.size()) : (*axes)[0];
  if (axis < 0 || axis >= static_cast<int64_t>(from.size()) || to[static_cast<size_t>(axis)] != 1) return std::nullopt;
  const int64_t extent = from[static_cast<size_t>(axis)];
  const int64_t index = (*starts)[0] < 0 ? (*starts)[0] + extent : (*starts)[0];
  if (index < 0 || index >= extent) return std::nullopt;
  return SequenceCut{node.inputs[0], axis, index};
}

std::optional<SequenceCut> gather_cut(const Rewriter& r, const Node& node) {
  const Tensor& source = r.tensor(node.inputs[0]);
  const auto index = integers(r.tensor(node.input(1)));
  if (!index || index->size() != 1) return std::nullopt;
  const auto rank = static_cast<int64_t>(source.shape->size());
  int64_t axis = attributes<schema::AxisAttributesT>(node).axis;
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return std::nullopt;
  const int64_t extent = (*source.shape)[static_cast<size_t>(axis)].value;
  return SequenceCut{node.inputs[0], axis, (*index)[0] < 0 ? (*index)[0] + extent : (*index)[0]};
}

std::optional<SequenceCut> cut_of(const Rewriter& r, TensorId id) {
  auto i = r.producer(id);
  for (int views = 0; i && is_view(r.node(*i)) && views < 4; ++views) {
    id = r.node(*i).inputs[0];
    i = r.producer(id);
  }
  if (!i || !r.tensor(id).shape_known() || !r.tensor(r.node(*i).inputs[0]).shape_known()) return std::nullopt;
  const Node& node = r.node(*i);
  const auto rank = static_cast<int64_t>(r.tensor(node.inputs[0]).shape->size());
  if (node.op == Op::Split) return split_cut(r, node, id, rank);
  if (node.op == Op::Slice) return slice_cut(r, node, id);
  if (node.op == Op::Gather) return gather_cut(r, node);
  return std::nullopt;
}

}  // namespace

std::optional<SequenceCut> sequence_of(const Rewriter& r, const std::vector<TensorId>& steps, int64_t batch) {
  const auto count = static_cast<int64_t>(steps.size());
  std::optional<SequenceCut> all;
  for (int64_t t = 0; t < count; ++t) {
    const auto cut = cut_of(r, steps[static_cast<size_t>(t)]);
    if (!cut || cut->index != t) return std::nullopt;
    if (!all) all = cut;
    if (cut->sequence != all->sequence || cut->axis != all->axis) return std::nullopt;
  }
  const Extents extents = r.tensor(all->sequence).extents();
  const bool rows_are_steps = all->axis == 0 || (all->axis == 1 && extents[0] == 1);
  if (extents[static_cast<size_t>(all->axis)] != count) return std::nullopt;
  if (rows_are_steps) return SequenceCut{all->sequence, 0, 0};
  if (all->axis != 1 || extents.size() != 3 || extents[0] != batch) return std::nullopt;
  return all;
}

}  // namespace motley::graph
