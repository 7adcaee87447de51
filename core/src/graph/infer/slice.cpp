// Cutting and padding along axes.
#include <algorithm>
#include <limits>

#include "graph/infer/dims.hpp"
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

namespace {

// Bounds that mean "to the end" whatever the dimension is; exporters use those of either width.
constexpr int64_t kFarEnd = std::numeric_limits<int32_t>::max();
constexpr int64_t kFarBegin = std::numeric_limits<int32_t>::min() + 1;

// How many elements start, start + step, … before end lie in a dimension, bounds clamped to it.
int64_t slice_length(int64_t dim, int64_t start, int64_t end, int64_t step) {
  if (start < 0) start += dim;
  if (end < 0) end += dim;
  if (step > 0) {
    start = std::clamp<int64_t>(start, 0, dim);
    end = std::clamp<int64_t>(end, 0, dim);
    return start >= end ? 0 : (end - start - 1) / step + 1;
  }
  start = std::clamp<int64_t>(start, -1, dim - 1);
  end = std::clamp<int64_t>(end, -1, dim - 1);
  // Written without negating the step, whose lowest value has no positive.
  return start <= end ? 0 : (end - start + 1) / step + 1;
}

Dim sliced(const Dim& dim, const Element& start, const Element& end, const Element& step) {
  if (!step.known) return Dim();
  if (dim.known() && start.known && end.known)
    return Dim(slice_length(dim.value, start.integer, end.integer, step.integer));
  const bool to_end = (end.known && end.integer >= kFarEnd) || end.same_as(Element::of_dim(dim));
  if (step.integer == 1 && start.is(0) && to_end) return dim;
  if (step.integer == -1 && start.is(-1) && end.known && end.integer <= kFarBegin) return dim;
  // The first end elements of a dimension at least that large are not certain, so no symbol is claimed for them.
  return Dim();
}

}  // namespace

// data, starts, ends, axes, steps
void slice(Context& c) {
  const std::optional<Elements> starts = c.shape_values(1, "the starts"), ends = c.shape_values(2, "the ends");
  const std::optional<Elements> axes = c.has(3) ? c.shape_values(3, "the axes") : std::nullopt;
  const std::optional<Elements> steps = c.has(4) ? c.shape_values(4, "the steps") : std::nullopt;
  const auto check_count = [&](const std::optional<Elements>& list, const char* what) {
    if (starts && list && list->size() != starts->size())
      c.fail("there are % % for % starts", {list->size(), what, starts->size()});
  };
  check_count(ends, "ends");
  check_count(axes, "axes");
  check_count(steps, "steps");
  if (steps)
    for (const Element& step : *steps)
      if (step.is(0)) c.fail("a step is 0");

  const Dims* x = c.shape(0);
  if (!x) return c.set(0, c.type(0), std::nullopt);
  std::vector<int64_t> list;
  if (axes) {
    for (const Element& axis : *axes)
      if (axis.known) list.push_back(axis.integer);
  } else if (starts && !c.has(3)) {
    if (starts->size() > x->size()) c.fail("there are % starts for an input of rank %", {starts->size(), x->size()});
    for (size_t i = 0; i < starts->size(); ++i) list.push_back(static_cast<int64_t>(i));
  }
  if (!starts || list.size() != starts->size()) return c.set(0, c.type(0), Dims(x->size()));
  const AxisList at = c.axes(list, x->size());
  Dims shape = *x;
  for (size_t i = 0; i < at.size(); ++i) {
    const Element step = !c.has(4) ? Element::of(1) : steps ? (*steps)[i] : Element();
    shape[at[i]] = ends ? sliced(shape[at[i]], (*starts)[i], (*ends)[i], step) : Dim();
  }
  c.set(0, c.type(0), std::move(shape));
}

namespace {

Dim padded(const Context& c, const Dim& dim, const Element& begin, const Element& end, schema::PadMode mode) {
  if (begin.is(0) && end.is(0)) return dim;
  if (!begin.known || !end.known) return Dim();
  const int64_t most = std::max(begin.integer, end.integer);
  if (dim.known() && mode != schema::PadMode::constant && most > 0) {
    if (dim.value == 0) c.fail("an empty dimension has no elements to pad with");
    if (mode == schema::PadMode::reflect && most >= dim.value)
      c.unsupported("padding by reflection (%) reaches past a dimension of %", {most, dim.value});
  }
  const int64_t sum = checked_add(c, begin.integer, end.integer);
  if (!dim.known()) return sum > 0 ? add(c, dim, Dim(sum)) : Dim();
  const int64_t result = checked_add(c, dim.value, sum);
  if (result < 0) c.fail("pads (%, %) remove more than the dimension has (%)", {begin.integer, end.integer, dim.value});
  return Dim(result);
}

}  // namespace

// data, pads, value, axes
void pad(Context& c) {
  const schema::PadMode mode = c.attributes<schema::PadAttributesT>().mode;
  const std::optional<Elements> pads = c.shape_values(1, "the pads");
  if (c.has(2)) {
    c.require_same_type(2);
    c.require_broadcasts_to(2, Dims{1}, "the padding value");
  }
  const Dims* x = c.shape(0);
  if (!x) return c.set(0, c.type(0), std::nullopt);
  AxisList axes(x->size());
  for (size_t i = 0; i < axes.size(); ++i) axes[i] = i;
  if (c.has(3)) {
    const std::optional<std::vector<int64_t>> list = c.numbers(3, "the axes");
    if (!list) return c.set(0, c.type(0), Dims(x->size()));
    axes = c.axes(*list, x->size());
  }
  if (!pads) return c.set(0, c.type(0), Dims(x->size()));
  if (pads->size() != 2 * axes.size())
    c.fail("there are % pads (expected %, two per axis)", {pads->size(), 2 * axes.size()});
  Dims shape = *x;
  for (size_t i = 0; i < axes.size(); ++i)
    shape[axes[i]] = padded(c, shape[axes[i]], (*pads)[i], (*pads)[axes.size() + i], mode);
  c.set(0, c.type(0), std::move(shape));
}

void center_crop_pad(Context& c) {
  const std::vector<int64_t>& list = c.attributes<schema::CenterCropPadAttributesT>().axes;
  const std::optional<Elements> target = c.shape_values(1, "the target shape");
  const Dims* x = c.shape(0);
  if (!x) return c.set(0, c.type(0), std::nullopt);
  AxisList axes = c.axes(list, x->size());
  if (list.empty())
    for (size_t i = 0; i < x->size(); ++i) axes.push_back(i);
  if (target && target->size() != axes.size())
    c.fail("the target shape has % values for % axes", {target->size(), axes.size()});
  Dims shape = *x;
  for (size_t i = 0; i < axes.size(); ++i)
    shape[axes[i]] = target ? extent(c, (*target)[i], "the target shape") : Dim();
  c.set(0, c.type(0), std::move(shape));
}

}  // namespace motley::graph::infer
