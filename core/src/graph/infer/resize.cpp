// Resampling: Resize, GridSample, RoiAlign.
#include <algorithm>
#include <cmath>

#include "graph/infer/dims.hpp"
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

namespace {

// Largest extent that a scale may give; doubles count exactly up to here.
constexpr double kMaxExtent = 9e15;

int64_t to_extent(const Context& c, double value) {
  if (!(value >= 0 && value < kMaxExtent)) c.fail("the resized extent (%) is out of range", {std::to_string(value)});
  return static_cast<int64_t>(value);
}

std::vector<size_t> resize_axes(const Context& c, size_t rank) {
  const auto& a = c.attributes<schema::ResizeAttributesT>();
  AxisList axes = c.axes(a.axes, rank);
  if (a.axes.empty())
    for (size_t i = 0; i < rank; ++i) axes.push_back(i);
  return axes;
}

void check_count(const Context& c, size_t count, size_t expected, const char* what) {
  if (count != expected) c.fail("there are % % (expected %, one per axis)", {count, what, expected});
}

// floor(extent · scale), in single precision as the operator's definition has it. With tf_crop_and_resize the extent is
// that of the region.
Dims scaled(const Context& c, Dims shape, const std::vector<size_t>& axes, const Elements& scales) {
  const bool crop =
      c.attributes<schema::ResizeAttributesT>().coordinates == schema::ResizeCoordinates::tf_crop_and_resize;
  std::optional<Elements> roi = crop && c.has(1) ? c.values(1) : std::nullopt;
  if (roi && roi->size() != 2 * axes.size()) check_count(c, roi->size() / 2, axes.size(), "pairs in the region");
  for (size_t i = 0; i < axes.size(); ++i) {
    Dim& dim = shape[axes[i]];
    const Element& scale = scales[i];
    if (!scale.known) {
      dim = Dim();
      continue;
    }
    if (!(scale.real > 0) || !std::isfinite(scale.real))
      c.fail("a scale (%) is not a positive number", {std::to_string(scale.real)});
    if (!crop && scale.real == 1) continue;
    const Element begin = roi ? (*roi)[i] : Element(), end = roi ? (*roi)[axes.size() + i] : Element();
    if (!dim.known() || (crop && (!begin.known || !end.known))) {
      dim = Dim();
      continue;
    }
    const float part = crop ? static_cast<float>(end.real) - static_cast<float>(begin.real) : 1.0f;
    dim = Dim(to_extent(c, std::floor(static_cast<float>(dim.value) * part * static_cast<float>(scale.real))));
  }
  return shape;
}

// Target extents; with a policy on the aspect ratio, one scale for all axes that keeps within or covers them.
Dims sized(const Context& c, Dims shape, const std::vector<size_t>& axes, const Elements& sizes) {
  const uint8_t policy = c.attributes<schema::ResizeAttributesT>().keep_aspect_ratio_policy;
  if (policy > 2) c.fail("keep_aspect_ratio_policy (%) is not 0 to 2", {policy});
  double scale = policy == 1 ? HUGE_VAL : 0;
  bool known = true;
  for (size_t i = 0; i < axes.size(); ++i) {
    const Dim size = extent(c, sizes[i], "the sizes");
    const Dim& dim = shape[axes[i]];
    known = known && size.known() && dim.known();
    if (policy == 0) {
      shape[axes[i]] = size;
    } else if (known) {
      const double ratio = static_cast<double>(size.value) / static_cast<double>(std::max<int64_t>(dim.value, 1));
      scale = policy == 1 ? std::min(scale, ratio) : std::max(scale, ratio);
    }
  }
  if (policy == 0) return shape;
  for (size_t axis : axes)
    shape[axis] = known ? Dim(to_extent(c, std::floor(scale * static_cast<double>(shape[axis].value) + 0.5))) : Dim();
  return shape;
}

}  // namespace

// X, roi, scales, sizes
void resize(Context& c) {
  c.require_type(0, kNumeric, "the input");
  const bool by_scales = c.has_elements(2), by_sizes = c.has_elements(3);
  if (by_scales == by_sizes)
    c.fail("%", {by_scales ? "both scales and sizes are given (expected one)" : "neither scales nor sizes are given"});
  if (by_scales) c.require_type(2, kFloat, "the scales");
  const Dims* x = c.shape(0);
  if (!x) return c.set(0, c.type(0), std::nullopt);
  const std::vector<size_t> axes = resize_axes(c, x->size());
  c.require_rank(by_scales ? 2 : 3, 1, by_scales ? "the scales" : "the sizes");
  const std::optional<Elements> target = by_scales ? c.values(2) : c.shape_values(3, "the sizes");
  Dims shape = *x;
  if (!target) {
    for (size_t axis : axes) shape[axis] = Dim();
    return c.set(0, c.type(0), std::move(shape));
  }
  check_count(c, target->size(), axes.size(), by_scales ? "scales" : "sizes");
  shape = by_scales ? scaled(c, std::move(shape), axes, *target) : sized(c, std::move(shape), axes, *target);
  for (size_t axis : axes)
    if ((*x)[axis].known() && (*x)[axis].value == 0 && shape[axis].known() && shape[axis].value > 0)
      c.fail("dimension % is empty, so it cannot be resized to %", {axis, to_string(shape[axis])});
  c.set(0, c.type(0), std::move(shape));
}

// X (N, C, spatial), grid (N, spatial of the output, number of spatial dimensions)
void grid_sample(Context& c) {
  c.require_type(0, kNumeric, "the input");
  c.require_type(1, kFloat, "the grid");
  c.require_rank(0, 4, 5, "the input");
  c.require_rank(1, 4, 5, "the grid");
  const Dims *x = c.shape(0), *grid = c.shape(1);
  if (!x || !grid) return c.set(0, c.type(0), std::nullopt);
  Dims expected(x->size());
  expected.front() = (*x)[0];
  expected.back() = Dim(static_cast<int64_t>(x->size()) - 2);
  c.require_shape(1, expected, "the grid");
  Dims shape{unify(c, (*x)[0], (*grid)[0], "the batches of input and grid"), (*x)[1]};
  shape.insert(shape.end(), grid->begin() + 1, grid->end() - 1);
  c.set(0, c.type(0), std::move(shape));
}

// X (N, C, H, W), regions (count, 4), batch of each region (count)
void roi_align(Context& c) {
  const auto& a = c.attributes<schema::RoiAlignAttributesT>();
  c.require_type(0, kFloat, "the input");
  c.require_same_type(1);
  c.require_index_type(2, "the batch indices");
  c.require_rank(0, 4, "the input");
  c.require_rank(1, 2, "the regions");
  c.require_rank(2, 1, "the batch indices");
  if (a.output_height < 1 || a.output_width < 1)
    c.fail("the output size (% by %) is not positive", {a.output_height, a.output_width});
  if (a.sampling_ratio < 0) c.fail("sampling_ratio (%) is negative", {a.sampling_ratio});
  Dim count;
  if (c.shape(2)) count = (*c.shape(2))[0];
  if (c.shape(1)) {
    c.require_shape(1, Dims{count, 4}, "the regions");
    count = unify(c, count, (*c.shape(1))[0], "the numbers of regions and of batch indices");
  }
  c.set(0, c.type(0), Dims{count, c.shape(0) ? (*c.shape(0))[1] : Dim(), a.output_height, a.output_width});
}

}  // namespace motley::graph::infer
