// Slice, Split and Concat: blocks of a tensor.
#include <algorithm>

#include "graph/lower/rules.hpp"

namespace motley::graph {
namespace {

struct Range {
  int64_t start = 0, count = 0, step = 1;
};

// numpy's rules: negative positions count from the end, and all are clamped.
Range resolve(const Lowering& l, int64_t start, int64_t end, int64_t step, int64_t extent) {
  if (step == 0) l.invalid("a step is 0");
  const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? extent : extent - 1;
  // The most negative number stands for "from the very end" and must not overflow.
  const auto position = [&](int64_t i) { return std::clamp(i < 0 ? std::max(i, -extent - 1) + extent : i, low, high); };
  Range range{position(start), 0, step};
  const int64_t distance = position(end) - range.start;
  if (extent > 0 && step > 0 && distance > 0) range.count = (distance - 1) / step + 1;
  if (extent > 0 && step < 0 && distance < 0) range.count = (-distance - 1) / -std::max(step, -INT64_MAX) + 1;
  return range;
}

}  // namespace

void lower_slice(Lowering& l) {
  const Extents extents = l.shape(l.in(0));
  const auto starts = l.integer_input(1), ends = l.integer_input(2);
  std::vector<int64_t> axes, steps(starts.size(), 1);
  if (l.has_input(3)) axes = l.integer_input(3);
  else
    for (size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  if (l.has_input(4)) steps = l.integer_input(4);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    l.invalid("its starts, ends, axes and steps differ in number");

  const Extents strides = row_major_strides(extents);
  Extents result = extents, src = strides;
  int64_t offset = 0;
  for (size_t i = 0; i < starts.size(); ++i) {
    const size_t a = l.axis(axes[i], extents.size());
    const Range range = resolve(l, starts[i], ends[i], steps[i], extents[a]);
    result[a] = range.count;
    src[a] = range.count > 1 ? strides[a] * range.step : 0;
    if (range.count > 0) offset += strides[a] * range.start;
  }
  if (result != l.shape(l.out())) l.invalid("its output has another shape than its starts and ends give");
  l.copy({l.in(0)}, {make_region(0, result, offset, src, 0, row_major_strides(result))}, l.out());
}

void lower_split(Lowering& l) {
  const Extents extents = l.shape(l.in(0));
  const size_t a = l.axis(l.attr<schema::SplitAttributesT>().axis, extents.size());
  const int64_t outer = product(extents, 0, a), inner = product(extents, a + 1, extents.size());
  int64_t at = 0;
  for (size_t i = 0; i < l.node().outputs.size(); ++i) {
    if (!l.has_output(i)) l.unsupported("its output % is left out, and so is its size", {i});
    const int64_t size = l.shape(l.out(i)).at(a);
    l.copy({l.in(0)},
           {make_region(0, {outer, size * inner}, at * inner, {extents[a] * inner, 1}, 0, {size * inner, 1})},
           l.out(i));
    at += size;
  }
}

void lower_concat(Lowering& l) {
  const Extents result = l.shape(l.out());
  const size_t a = l.axis(l.attr<schema::AxisAttributesT>().axis, result.size());
  const int64_t outer = product(result, 0, a), inner = product(result, a + 1, result.size());
  std::vector<TensorId> inputs;
  std::vector<RegionT> regions;
  int64_t at = 0;
  for (size_t i = 0; i < l.node().inputs.size(); ++i) {
    const int64_t size = l.shape(l.in(i)).at(a);
    regions.push_back(make_region(static_cast<int32_t>(i), {outer, size * inner}, 0, {size * inner, 1}, at * inner,
                                  {result[a] * inner, 1}));
    inputs.push_back(l.in(i));
    at += size;
  }
  if (at != result[a]) l.invalid("its inputs do not fill its output");
  l.copy(std::move(inputs), std::move(regions), l.out());
}

}  // namespace motley::graph
