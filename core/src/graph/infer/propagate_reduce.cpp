// Values of sums, products and extremes along axes, and of ranges.
#include "graph/infer/propagate.hpp"

namespace motley::graph::infer {

namespace {

std::optional<schema::BinaryFunction> pairwise(schema::ReduceFunction function) {
  switch (function) {
    case schema::ReduceFunction::sum: return schema::BinaryFunction::add;
    case schema::ReduceFunction::prod: return schema::BinaryFunction::mul;
    case schema::ReduceFunction::max: return schema::BinaryFunction::max;
    case schema::ReduceFunction::min: return schema::BinaryFunction::min;
    default: return std::nullopt;
  }
}

}  // namespace

Elements reduce_values(const Context& c) {
  const auto& a = c.attributes<schema::ReduceAttributesT>();
  const std::optional<schema::BinaryFunction> function = pairwise(a.function);
  std::vector<int64_t> list = a.axes;
  if (c.has(1)) {
    const std::optional<std::vector<int64_t>> numbers = c.numbers(1, "the axes");
    if (!numbers) return {};
    list = *numbers;
  }
  const Extents extents = c.input(0).extents();
  const Elements input = operand(c, 0);
  if (!function || c.type(0) == DataType::bool_) return {};
  if (list.empty() && a.noop_with_empty_axes) return input;

  // For each element of the input, which element of the output it goes to.
  std::vector<bool> reduced(extents.size(), list.empty());
  for (size_t axis : c.axes(list, extents.size())) reduced[axis] = true;
  Extents kept = extents;
  for (size_t d = 0; d < extents.size(); ++d)
    if (reduced[d]) kept[d] = 1;
  Extents strides = row_major_strides(kept);
  for (size_t d = 0; d < extents.size(); ++d)
    if (reduced[d]) strides[d] = 0;

  const std::vector<size_t> target = walk(extents, strides);
  Elements result(static_cast<size_t>(c.output(0).elements()));
  std::vector<bool> begun(result.size(), false);
  for (size_t i = 0; i < target.size(); ++i) {
    Element& into = result[target[i]];
    into = begun[target[i]] ? combine(c, *function, c.type(0), into, input[i]) : input[i];
    begun[target[i]] = true;
  }
  for (size_t i = 0; i < result.size(); ++i) {  // of nothing at all
    if (begun[i]) continue;
    const bool sum = a.function == schema::ReduceFunction::sum, product = a.function == schema::ReduceFunction::prod;
    if (!sum && !product) return {};
    result[i] = is_float(c.type(0)) ? Element::of_real(product) : Element::of(product);
  }
  return result;
}

Elements range_values(const Context& c) {
  const Elements start = operand(c, 0), delta = operand(c, 2);
  Elements result;
  for (int64_t i = 0; i < c.output(0).elements(); ++i) {
    // start + i·delta is inside the limits that were checked with the length.
    if (!start[0].known || !delta[0].known) result.push_back(Element());
    else if (is_float(c.type(0)))
      result.push_back(Element::of_real(static_cast<float>(start[0].real + static_cast<double>(i) * delta[0].real)));
    else result.push_back(Element::of(start[0].integer + i * delta[0].integer));
  }
  return result;
}

}  // namespace motley::graph::infer
