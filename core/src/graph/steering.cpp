// Inputs whose values decide the shape of a result.
#include "graph/steering.hpp"

#include <algorithm>

namespace motley::graph {

namespace {

// Op and a bit per steering input.
struct Row {
  Op op;
  uint32_t inputs;
};
constexpr uint32_t bits(std::initializer_list<int> list) {
  uint32_t mask = 0;
  for (int i : list) mask |= 1u << i;
  return mask;
}
constexpr Row kSteering[] = {
    {Op::Reshape, bits({1})},       {Op::Expand, bits({1})},
    {Op::Tile, bits({1})},          {Op::Slice, bits({1, 2, 3, 4})},
    {Op::Pad, bits({1, 2, 3})},     {Op::Resize, bits({1, 2, 3})},
    {Op::Split, bits({1})},         {Op::Squeeze, bits({1})},
    {Op::Unsqueeze, bits({1})},     {Op::TopK, bits({1})},
    {Op::OneHot, bits({1})},        {Op::ConstantOfShape, bits({0})},
    {Op::Fill, bits({0})},          {Op::Range, bits({0, 1, 2})},
    {Op::Reduce, bits({1})},        {Op::Compress, bits({1})},
    {Op::CenterCropPad, bits({1})}, {Op::ReverseSequence, bits({1})},
    {Op::Trilu, bits({1})},         {Op::If, bits({0})},
    {Op::CumSum, bits({1})},
};

}  // namespace

bool steers(Op op, size_t index) {
  for (const Row& row : kSteering)
    if (row.op == op) return index < 32 && (row.inputs >> index & 1) != 0;
  return false;
}

bool size_depends_on_data(Op op) {
  return op == Op::NonZero || op == Op::NonMaxSuppression || op == Op::Loop || op == Op::Scan;
}

bool blocked(const Graph& graph, const Node& node) {
  if (size_depends_on_data(node.op) || node.op == Op::If) return true;
  for (size_t i = 0; i < node.inputs.size(); ++i)
    if (node.inputs[i] != kNone && steers(node.op, i) && !graph.tensor(node.inputs[i]).is_constant()) return true;
  return std::any_of(node.outputs.begin(), node.outputs.end(),
                     [&](TensorId id) { return id != kNone && !graph.tensor(id).shape_known(); });
}

}  // namespace motley::graph
