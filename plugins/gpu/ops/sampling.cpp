// Resize, GridSample, RoiAlign.
#include <algorithm>
#include <cmath>

#include "checks.hpp"
#include "indexing.hpp"

namespace motley::gpu {

namespace {

using reference::AxisView;
using schema::ResizeCoordinates;
using schema::ResizeMode;
using schema::ResizeRounding;

// One axis that changes.
struct Axis {
  size_t axis = 0;
  int64_t in = 0, out = 0;
  double scale = 1, crop_start = 0, crop_end = 1;
};

const TensorView* given(const NodeView& node, size_t i) {
  const TensorView* t = node.input(i);
  return t && t->elements() > 0 ? t : nullptr;
}

// The reference's check has seen that lists and shapes fit together.
std::vector<Axis> resize_axes(const NodeView& node) {
  const auto& a = node.attributes<schema::ResizeAttributes>();
  const Shape &x = node.input(0)->shape, &y = node.output(0)->shape;
  std::vector<int64_t> numbers = reference::list_of(a.axes());
  if (numbers.empty())
    for (int64_t i = 0; i < x.rank(); ++i) numbers.push_back(i);
  std::vector<Axis> axes;
  for (int64_t n : numbers) {
    const auto i = static_cast<size_t>(n < 0 ? n + x.rank() : n);
    axes.push_back({i, x[i], y[i], 1, 0, 1});
  }
  const size_t count = axes.size();
  if (a.coordinates() == ResizeCoordinates::tf_crop_and_resize) {
    const std::vector<double> roi = reference::constant_reals(*given(node, 1), "roi");
    for (size_t i = 0; i < count; ++i) axes[i].crop_start = roi[i], axes[i].crop_end = roi[count + i];
  }
  if (given(node, 2)) {
    const std::vector<double> scales = reference::constant_reals(*given(node, 2), "scales");
    for (size_t i = 0; i < count; ++i) axes[i].scale = scales[i];
    return axes;
  }
  const std::vector<int64_t> sizes = reference::constant_integers(*given(node, 3), "sizes");
  double common = 0;
  const int policy = a.keep_aspect_ratio_policy();
  for (size_t i = 0; i < count; ++i) {
    if (axes[i].in == 0) continue;
    axes[i].scale = static_cast<double>(sizes[i]) / static_cast<double>(axes[i].in);
    common = i == 0 ? axes[i].scale : policy == 1 ? std::min(common, axes[i].scale) : std::max(common, axes[i].scale);
  }
  for (Axis& axis : axes)
    if (policy != 0) axis.scale = common;
  return axes;
}

double original(const Axis& a, ResizeCoordinates coordinates, int64_t position) {
  const auto x = static_cast<double>(position), in = static_cast<double>(a.in), out = static_cast<double>(a.out);
  switch (coordinates) {
    case ResizeCoordinates::half_pixel: return (x + 0.5) / a.scale - 0.5;
    case ResizeCoordinates::half_pixel_symmetric: return in / 2 * (1 - out / (a.scale * in)) + (x + 0.5) / a.scale - 0.5;
    case ResizeCoordinates::pytorch_half_pixel: return out > 1 ? (x + 0.5) / a.scale - 0.5 : 0;
    case ResizeCoordinates::align_corners: return out > 1 ? x * (in - 1) / (out - 1) : 0;
    case ResizeCoordinates::asymmetric: return x / a.scale;
    case ResizeCoordinates::tf_crop_and_resize:
      return out > 1 ? a.crop_start * (in - 1) + x * (a.crop_end - a.crop_start) * (in - 1) / (out - 1)
                     : 0.5 * (a.crop_start + a.crop_end) * (in - 1);
  }
  return 0;
}

double cubic_weight(double distance, double a) {
  const double t = std::fabs(distance);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

int64_t nearest(const Axis& a, ResizeRounding rounding, double x) {
  double r = std::floor(x);
  if (rounding == ResizeRounding::round_prefer_floor) r = std::ceil(x - 0.5);
  if (rounding == ResizeRounding::round_prefer_ceil) r = std::floor(x + 0.5);
  if (rounding == ResizeRounding::ceil) r = std::ceil(x);
  return static_cast<int64_t>(std::clamp(r, 0.0, static_cast<double>(a.in - 1)));
}

// What each output position reads: `taps` pairs each, index -1 where it lies outside of the input.
struct Taps {
  int64_t taps = 1;
  std::vector<int32_t> index;
  std::vector<float> weight;
};

Taps taps_of(const Axis& a, const schema::ResizeAttributes& s) {
  Taps t;
  const double stretch = s.antialias() ? std::min(a.scale, 1.0) : 1.0;
  const double radius = (s.mode() == ResizeMode::cubic ? 2 : 1) / stretch;
  const auto first = static_cast<int64_t>(std::floor(-radius)) + 1;
  if (s.mode() != ResizeMode::nearest) t.taps = 2 - 2 * first;
  t.index.assign(static_cast<size_t>(a.out * t.taps), 0);
  t.weight.assign(t.index.size(), 0.0f);
  for (int64_t o = 0; o < a.out; ++o) {
    const double x = original(a, s.coordinates(), o);
    const auto at = static_cast<size_t>(o * t.taps);
    if (s.coordinates() == ResizeCoordinates::tf_crop_and_resize && (x < 0 || x > static_cast<double>(a.in - 1))) {
      t.index[at] = -1;
      continue;
    }
    if (s.mode() == ResizeMode::nearest) {
      t.index[at] = static_cast<int32_t>(nearest(a, s.rounding(), x));
      t.weight[at] = 1;
      continue;
    }
    const auto base = static_cast<int64_t>(std::ceil(x)) - 1;
    double sum = 0;
    std::vector<double> weights;
    for (int64_t i = first; i < 2 - first; ++i) {
      const double distance = (static_cast<double>(base + i) - x) * stretch;
      double w = s.mode() == ResizeMode::cubic ? cubic_weight(distance, s.cubic_coeff_a()) : std::max(0.0, 1 - std::fabs(distance));
      if (s.exclude_outside() && (base + i < 0 || base + i >= a.in)) w = 0;
      sum += w;
      weights.push_back(w);
      t.index[at + weights.size() - 1] = static_cast<int32_t>(std::clamp<int64_t>(base + i, 0, a.in - 1));
    }
    const bool divide = (s.antialias() || s.exclude_outside()) && sum != 0;
    for (size_t i = 0; i < weights.size(); ++i) t.weight[at + i] = static_cast<float>(divide ? weights[i] / sum : weights[i]);
  }
  return t;
}

void check_resize(const NodeView& node, const Capabilities&) {
  const auto& a = node.attributes<schema::ResizeAttributes>();
  const DataType type = node.input(0)->type;
  if (a.mode() != ResizeMode::nearest) return require_type(*node.input(0), {DataType::float32}, "input 0");
  // A value for outside of the input is a number of the type, which only these have kernels for.
  const bool outside = a.coordinates() == ResizeCoordinates::tf_crop_and_resize;
  require(!outside || type == DataType::float32, "extrapolation of this type not supported");
}

void emit_resize(Emitter& e) {
  const auto& a = e.node.attributes<schema::ResizeAttributes>();
  const TensorView& x = *e.node.input(0);
  if (e.node.output(0)->elements() == 0) return;
  std::vector<Axis> axes;
  const bool crop = a.coordinates() == ResizeCoordinates::tf_crop_and_resize;
  for (const Axis& axis : resize_axes(e.node))
    if (axis.in != axis.out || axis.scale != 1 || crop) axes.push_back(axis);
  if (axes.empty()) return emit_bytes_copy(e, e.input(0), e.output(0), x.elements(), x.type);
  // Axes that grow least come first, so that what lies between is small.
  std::stable_sort(axes.begin(), axes.end(), [](const Axis& l, const Axis& r) { return l.out * r.in < r.out * l.in; });
  Shape shape = x.shape;
  Operand from = e.input(0);
  const bool pick = a.mode() == ResizeMode::nearest;
  for (size_t i = 0; i < axes.size(); ++i) {
    const AxisView view(shape, static_cast<int64_t>(axes[i].axis));
    shape[axes[i].axis] = axes[i].out;
    const int64_t count = shape.elements();
    const Operand to = i + 1 == axes.size() ? e.output(0) : e.scratch(static_cast<uint64_t>(count) * sdk::element_bytes(x.type));
    const Taps taps = taps_of(axes[i], a);
    Call call = elementwise(e, pick ? std::string("pick_axis.") + size_name(x.type) : "resize_axis", count);
    if (pick) {
      int32_t bits = 0;
      const float value = a.extrapolation_value();
      std::memcpy(&bits, &value, sizeof bits);
      call.params = Params(count, view.length, axes[i].out, view.inner, bits);
      call.uses = {in(from), in(e.constant(taps.index)), out(to)};
    } else {
      call.params = Params(count, view.length, axes[i].out, view.inner, taps.taps, a.extrapolation_value());
      call.uses = {in(from), in(e.constant(taps.index)), in(e.constant(taps.weight)), out(to)};
    }
    call.operations = static_cast<double>(count * taps.taps) * 4;
    e.launch(std::move(call));
    from = to;
  }
}

void check_grid(const NodeView& node, const Capabilities&) {
  require_type(*node.input(0), {DataType::float32}, "input 0");
  require_type(*node.input(1), {DataType::float32}, "grid");
}
void emit_grid(Emitter& e) {
  const auto& a = e.node.attributes<schema::GridSampleAttributes>();
  const Shape &x = e.node.input(0)->shape, &y = e.node.output(0)->shape;
  const int rank = x.rank() - 2;
  Call call = elementwise(e, "grid_sample", y.elements());
  call.constants = {a.mode(), a.padding_mode(), a.align_corners() ? 1 : 0, rank};
  call.params = Params(y.elements(), x[1], y.elements(2, y.rank()), rank == 3 ? x[2] : 1, x[x.size() - 2], x[x.size() - 1]);
  call.uses = {in(e.input(0)), in(e.input(1)), out(e.output(0))};
  call.operations *= 20;
  e.launch(std::move(call));
}

void check_roi(const NodeView& node, const Capabilities&) { require_type(*node.input(0), {DataType::float32}, "input 0"); }
void emit_roi(Emitter& e) {
  const auto& a = e.node.attributes<schema::RoiAlignAttributes>();
  const Shape &x = e.node.input(0)->shape, &y = e.node.output(0)->shape;
  require(y.elements() == 0 || x.elements() > 0, "there is no image to pool from");
  Call call = elementwise(e, std::string("roi_align.") + type_name(e.node.input(2)->type), y.elements());
  call.constants = {a.average() ? 1 : 0, a.half_pixel() ? 1 : 0};
  call.params = Params(y.elements(), x[0], x[1], x[2], x[3], y[2], y[3], a.sampling_ratio(), a.spatial_scale());
  call.uses = {in(e.input(0)), in(e.input(1)), in(e.input(2)), out(e.output(0))};
  call.operations *= 50;
  e.launch(std::move(call));
}

}  // namespace

const std::vector<OpEntry>& sampling_ops() {
  static const auto* table = new std::vector<OpEntry>{op<reference::resize_kernel, check_resize>(emit_resize),
                                                      op<reference::grid_sample_kernel, check_grid>(emit_grid),
                                                      op<reference::roi_align_kernel, check_roi>(emit_roi)};
  return *table;
}

}  // namespace motley::gpu
