// Which op propagates values by which rule, and when it is tried.
#include "graph/infer/propagate.hpp"

#include <algorithm>

namespace motley::graph::infer {

namespace {

using ValueRule = Elements (*)(const Context& c);

ValueRule value_rule(Op op) {
  switch (op) {
    case Op::Unary: return unary_values;
    case Op::Binary: return binary_values;
    case Op::Compare: return compare_values;
    case Op::Logical: return logical_values;
    case Op::Where: return where_values;
    case Op::Cast: return cast_values;
    case Op::Variadic: return variadic_values;
    case Op::Reduce: return reduce_values;
    case Op::Shape: return shape_values;
    case Op::Size: return size_values;
    case Op::Gather: return gather_values;
    case Op::Slice: return slice_values;
    case Op::Concat: return concat_values;
    case Op::Reshape:
    case Op::Squeeze:
    case Op::Unsqueeze:
    case Op::Flatten:
    case Op::Identity: return same_values;
    case Op::Transpose: return transpose_values;
    case Op::Expand: return expand_values;
    case Op::Tile: return tile_values;
    case Op::Range: return range_values;
    case Op::NonZero: return non_zero_values;
    default: return nullptr;
  }
}

// Parts of the input, one per output.
std::vector<Elements> split_values(const Context& c) {
  const Elements input = operand(c, 0);
  const Extents extents = c.input(0).extents(), strides = row_major_strides(extents);
  const size_t axis = c.axis(c.attributes<schema::SplitAttributesT>().axis, extents.size());
  std::vector<Elements> result;
  int64_t begin = 0;
  for (size_t i = 0; i < c.output_count(); ++i) {
    Elements& part = result.emplace_back();
    if (!c.writes(i)) return {};  // where the next part begins is not known
    const Extents part_extents = c.output(i).extents();
    for (size_t at : walk(part_extents, strides, begin * strides[axis])) part.push_back(input[at]);
    begin += part_extents[axis];
  }
  return result;
}

bool small_and_of_value_type(const Tensor& tensor) {
  return is_value_type(tensor.type) && value_count(tensor).has_value();
}

// Whether the rules can index all tensors, and at least one input has values.
bool applicable(const Context& c) {
  for (size_t i = 0; i < c.output_count(); ++i)
    if (c.writes(i) && !small_and_of_value_type(c.output(i))) return false;
  if (c.node().op == Op::Shape || c.node().op == Op::Size) return true;
  bool any = false;
  for (size_t i = 0; i < c.input_count(); ++i) {
    if (!c.has(i)) continue;
    if (!value_count(c.input(i))) return false;
    any = any || c.values(i).has_value();
  }
  return any;
}

}  // namespace

std::optional<std::vector<Elements>> propagate_values(const Context& c) {
  const ValueRule rule = value_rule(c.node().op);
  if ((!rule && c.node().op != Op::Split) || !applicable(c)) return std::nullopt;
  std::vector<Elements> result = rule ? std::vector<Elements>{rule(c)} : split_values(c);
  if (result.size() != c.output_count()) return std::nullopt;
  for (size_t i = 0; i < result.size(); ++i)
    if (c.writes(i) && static_cast<int64_t>(result[i].size()) != value_count(c.output(i))) return std::nullopt;
  return result;
}

Elements operand(const Context& c, size_t i) {
  if (std::optional<Elements> elements = c.values(i)) return *elements;
  return Elements(static_cast<size_t>(c.input(i).elements()));
}

Extents row_major_strides(const Extents& extents) {
  Extents strides(extents.size(), 1);
  for (size_t i = extents.size(); i-- > 1;) strides[i - 1] = strides[i] * extents[i];
  return strides;
}

std::vector<size_t> walk(const Extents& extents, const Extents& strides, int64_t offset) {
  int64_t count = 1;
  for (int64_t extent : extents) count *= extent;
  std::vector<size_t> result;
  Extents index(extents.size(), 0);
  for (int64_t n = 0; n < count; ++n) {
    result.push_back(static_cast<size_t>(offset));
    for (size_t d = extents.size(); d-- > 0;) {
      offset += strides[d];
      if (++index[d] < extents[d]) break;
      offset -= strides[d] * extents[d];
      index[d] = 0;
    }
  }
  return result;
}

std::vector<size_t> broadcast_map(const Context& c, size_t i, const Extents& output) {
  const Extents extents = c.input(i).extents(), dense = row_major_strides(extents);
  Extents strides(output.size(), 0);
  const size_t lead = output.size() - extents.size();
  for (size_t d = 0; d < extents.size(); ++d)
    if (extents[d] != 1) strides[lead + d] = dense[d];
  return walk(output, strides);
}

}  // namespace motley::graph::infer
