// Compress and OneHot: a constant condition as runs of what it keeps; indices as comparisons with their classes.
#include "graph/lower/rules.hpp"

namespace motley::graph {

void lower_compress(Lowering& l) {
  const auto& attributes = l.attr<schema::CompressAttributesT>();
  Extents in = l.shape(l.in(0));
  if (!attributes.has_axis) in = {product(in)};
  const size_t a = attributes.has_axis ? l.axis(attributes.axis, in.size()) : 0;
  if (!l.tensor(l.in(1)).is_constant()) l.unsupported("its condition is not constant, so its output's size is unknown");
  const std::vector<double> condition = decode_constant(l.tensor(l.in(1)));
  const int64_t count = std::min(in[a], static_cast<int64_t>(condition.size()));

  const int64_t outer = product(in, 0, a), inner = product(in, a + 1, in.size());
  const int64_t kept = attributes.has_axis ? l.shape(l.out()).at(a) : product(l.shape(l.out()));
  std::vector<RegionT> regions;
  int64_t at = 0;
  for (int64_t first = 0, last = 0; first < count; first = last) {
    for (last = first;
         last < count && (condition[static_cast<size_t>(last)] != 0) == (condition[static_cast<size_t>(first)] != 0);)
      ++last;
    if (condition[static_cast<size_t>(first)] == 0) continue;
    regions.push_back(make_region(0, {outer, (last - first) * inner}, first * inner, {in[a] * inner, 1}, at * inner,
                                  {kept * inner, 1}));
    at += last - first;
  }
  if (at != kept) l.invalid("its output has another size than its condition keeps");
  l.copy({l.in(0)}, std::move(regions), l.out());
}

// Where(indices == class, on, off), with the classes along a new axis.
void lower_one_hot(Lowering& l) {
  using schema::CompareFunction;
  const Extents in = l.shape(l.in(0)), out = l.shape(l.out());
  const size_t a = l.axis(l.attr<schema::OneHotAttributesT>().axis, in.size() + 1);
  const int64_t depth = out.at(a);

  TensorId indices = l.in(0);
  // Small types may not hold every class.
  if (element_bytes(l.type(indices)) < 4)
    indices = l.cast(indices, is_floating(l.type(indices)) ? DataType::float32 : DataType::int32);
  const DataType type = l.type(indices);
  if (type != DataType::uint32 && type != DataType::uint64) {  // negative indices count from the end
    const TensorId negative = l.compare(CompareFunction::less, indices, l.scalar(type, 0));
    indices = l.where(negative, l.add(indices, l.scalar(type, static_cast<double>(depth))), indices);
  }
  Extents expanded = in, row(out.size(), 1);
  expanded.insert(expanded.begin() + static_cast<std::ptrdiff_t>(a), 1);
  row[a] = depth;
  std::vector<double> classes;
  for (int64_t i = 0; i < depth; ++i) classes.push_back(static_cast<double>(i));
  const TensorId hit = l.compare(CompareFunction::equal, l.reshape(indices, expanded), l.constant(type, row, classes));

  const TensorId values = l.in(2);
  if (l.shape(values) != Extents{2}) l.invalid("its values are not two numbers");
  const auto value = [&](int64_t i) {
    return l.copy({values}, {make_region(0, {1}, i, {1}, 0, {1})}, l.temporary(l.type(values), {1}));
  };
  const TensorId off = value(0), on = value(1);
  l.where(hit, on, off, l.out());
}

}  // namespace motley::graph
