// Resize: nearest, linear and cubic interpolation along any axes, as ONNX opset 19 defines it.
#include "indexing.hpp"
#include "kernels.hpp"
#include "numeric.hpp"

namespace motley::reference {

namespace {

using Coordinates = schema::ResizeCoordinates;
using Mode = schema::ResizeMode;
using Rounding = schema::ResizeRounding;

// One axis that changes. The crop is in fractions of the input, for tf_crop_and_resize.
struct Axis {
  size_t axis = 0;
  int64_t in = 0, out = 0;
  double scale = 1, crop_start = 0, crop_end = 1;
};

struct Tap {
  int64_t index;
  double weight;
};

struct Settings {
  Mode mode;
  Coordinates coordinates;
  Rounding rounding;
  double cubic_a, extrapolation;
  bool exclude_outside, antialias;
};

const TensorView* given(const NodeView& node, size_t i) {
  const TensorView* t = node.input(i);
  return t && t->elements() > 0 ? t : nullptr;
}

std::vector<Axis> listed_axes(const NodeView& node) {
  const TensorView &x = *node.input(0), &y = *node.output(0);
  require(y.shape.size() == x.shape.size(), "the ranks of input and output differ");
  std::vector<int64_t> list = list_of(node.attributes<schema::ResizeAttributes>().axes());
  if (list.empty())
    for (int64_t i = 0; i < x.shape.rank(); ++i) list.push_back(i);
  std::vector<Axis> axes;
  std::array<bool, sdk::kMaxRank> seen{};
  for (int64_t number : list) {
    const auto i = static_cast<size_t>(checked_axis(number, x.shape.rank()));
    require(!seen[i], "an axis is listed twice");
    seen[i] = true;
    axes.push_back({i, x.shape[i], y.shape[i], 1, 0, 1});
    require(axes.back().in > 0 || axes.back().out == 0, "an empty axis can't be resized");
  }
  for (size_t i = 0; i < x.shape.size(); ++i)
    require(seen[i] || x.shape[i] == y.shape[i], "an axis changes that is not listed");
  return axes;
}

void set_scales(const NodeView& node, std::vector<Axis>& axes) {
  const std::vector<double> scales = constant_reals(*given(node, 2), "scales");
  require(scales.size() == axes.size(), "scales do not have one value per axis");
  for (size_t i = 0; i < axes.size(); ++i) {
    axes[i].scale = scales[i];
    require(std::isfinite(scales[i]) && scales[i] > 0, "scales must be positive");
    const double wanted = static_cast<double>(axes[i].in) * (axes[i].crop_end - axes[i].crop_start) * scales[i];
    const auto out = static_cast<double>(axes[i].out);
    // The product is rounded down, and floating point may put it at either side of an integer.
    require(out <= wanted * (1 + 1e-5) + 1e-5 && out >= wanted * (1 - 1e-5) - 1 - 1e-5,
            "scales do not lead to the output");
  }
}

void set_sizes(const NodeView& node, std::vector<Axis>& axes) {
  const std::vector<int64_t> sizes = constant_integers(*given(node, 3), "sizes");
  require(sizes.size() == axes.size(), "sizes do not have one value per axis");
  const int policy = node.attributes<schema::ResizeAttributes>().keep_aspect_ratio_policy();
  require(policy <= 2, "unknown keep_aspect_ratio_policy");
  double common = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i].in == 0) continue;
    axes[i].scale = static_cast<double>(sizes[i]) / static_cast<double>(axes[i].in);
    require(policy != 0 || sizes[i] == axes[i].out, "sizes do not lead to the output");
    require(sizes[i] > 0 || axes[i].out == 0, "sizes must be positive");
    common = i == 0 ? axes[i].scale : policy == 1 ? std::min(common, axes[i].scale) : std::max(common, axes[i].scale);
  }
  for (Axis& a : axes) {
    if (policy == 0) continue;
    a.scale = common;
    require(std::fabs(static_cast<double>(a.in) * common - static_cast<double>(a.out)) <= 0.501,
            "sizes do not lead to the output");
  }
}

void set_crops(const NodeView& node, std::vector<Axis>& axes) {
  require(given(node, 1) != nullptr, "roi is missing");
  const std::vector<double> roi = constant_reals(*given(node, 1), "roi");
  require(roi.size() == 2 * axes.size(), "roi does not have two values per axis");
  for (size_t i = 0; i < axes.size(); ++i) {
    axes[i].crop_start = roi[i];
    axes[i].crop_end = roi[axes.size() + i];
    require(std::fabs(roi[i]) < 1e6 && std::fabs(roi[axes.size() + i]) < 1e6, "roi is out of range");
  }
}

std::vector<Axis> read_axes(const NodeView& node) {
  const auto& attributes = node.attributes<schema::ResizeAttributes>();
  std::vector<Axis> axes = listed_axes(node);
  if (attributes.coordinates() == Coordinates::tf_crop_and_resize) set_crops(node, axes);
  require(given(node, 2) || given(node, 3), "neither scales nor sizes are given");
  if (given(node, 2)) set_scales(node, axes);
  else set_sizes(node, axes);
  // The filter spans 1 / scale elements: not many more than there are.
  for (const Axis& a : axes)
    require(!attributes.antialias() || a.out == 0 || a.scale * static_cast<double>(a.in) > 0.4, "a scale is too small");
  return axes;
}

void check(const NodeView& node) {
  check_arity(node, {1, 4});
  const auto& attributes = node.attributes<schema::ResizeAttributes>();
  const TensorView &x = *node.input(0), &y = *node.output(0);
  check_type(x, attributes.mode() == Mode::nearest ? is_any : is_number, "input 0");
  check_same_type(x, y);
  require(attributes.mode() <= Mode::cubic, "unknown mode");
  require(attributes.coordinates() <= Coordinates::tf_crop_and_resize, "unknown coordinate transformation");
  require(attributes.rounding() <= Rounding::ceil, "unknown nearest mode");
  read_axes(node);
}

// Where in the input the output position lies.
double original(const Axis& a, Coordinates coordinates, int64_t position) {
  const auto x = static_cast<double>(position), in = static_cast<double>(a.in), out = static_cast<double>(a.out);
  switch (coordinates) {
    case Coordinates::half_pixel: return (x + 0.5) / a.scale - 0.5;
    case Coordinates::half_pixel_symmetric: {
      const double adjustment = out / (a.scale * in), offset = in / 2 * (1 - adjustment);
      return offset + (x + 0.5) / a.scale - 0.5;
    }
    case Coordinates::pytorch_half_pixel: return out > 1 ? (x + 0.5) / a.scale - 0.5 : 0;
    case Coordinates::align_corners: return out > 1 ? x * (in - 1) / (out - 1) : 0;
    case Coordinates::asymmetric: return x / a.scale;
    case Coordinates::tf_crop_and_resize:
      return out > 1 ? a.crop_start * (in - 1) + x * (a.crop_end - a.crop_start) * (in - 1) / (out - 1)
                     : 0.5 * (a.crop_start + a.crop_end) * (in - 1);
  }
  return 0;
}

double cubic_weight(double distance, double a) {
  const double t = std::fabs(distance);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  return 0;
}

// The input elements that make up one output position; those past an edge repeat the edge.
std::vector<Tap> taps_at(const Axis& a, const Settings& s, double x) {
  // With antialiasing the filter is stretched over the elements that shrink into one.
  const double stretch = s.antialias ? std::min(a.scale, 1.0) : 1.0;
  const double radius = (s.mode == Mode::cubic ? 2 : 1) / stretch;
  const auto base = static_cast<int64_t>(std::ceil(x)) - 1;  // the element left of x
  const auto first = static_cast<int64_t>(std::floor(-radius)) + 1;
  std::vector<Tap> taps;
  double sum = 0;
  for (int64_t i = first; i < 2 - first; ++i) {
    const double distance = (static_cast<double>(base + i) - x) * stretch;
    double weight = s.mode == Mode::cubic ? cubic_weight(distance, s.cubic_a) : std::max(0.0, 1 - std::fabs(distance));
    if (s.exclude_outside && (base + i < 0 || base + i >= a.in)) weight = 0;
    sum += weight;
    if (weight != 0) taps.push_back({std::clamp<int64_t>(base + i, 0, a.in - 1), weight});
  }
  if ((s.antialias || s.exclude_outside) && sum != 0)
    for (Tap& tap : taps) tap.weight /= sum;
  return taps;
}

int64_t nearest(const Axis& a, Rounding rounding, double x) {
  double r = std::floor(x);
  switch (rounding) {
    case Rounding::round_prefer_floor: r = std::ceil(x - 0.5); break;
    case Rounding::round_prefer_ceil: r = std::floor(x + 0.5); break;
    case Rounding::floor: break;
    case Rounding::ceil: r = std::ceil(x); break;
  }
  return static_cast<int64_t>(std::clamp(r, 0.0, static_cast<double>(a.in - 1)));
}

// An axis with what each output position reads; no taps: it lies outside of the input and is extrapolated.
struct AxisPlan {
  Axis axis;
  std::vector<std::vector<Tap>> taps;
};

AxisPlan plan_axis(const Axis& a, const Settings& s) {
  AxisPlan plan{a, {}};
  for (int64_t i = 0; i < a.out; ++i) {
    const double x = original(a, s.coordinates, i);
    const bool outside =
        s.coordinates == Coordinates::tf_crop_and_resize && (x < 0 || x > static_cast<double>(a.in - 1));
    plan.taps.emplace_back();
    if (outside) continue;
    plan.taps.back() = s.mode == Mode::nearest ? std::vector<Tap>{{nearest(a, s.rounding, x), 1}} : taps_at(a, s, x);
  }
  return plan;
}

struct ResizeKernel final : Kernel {
  DataType type;
  Settings settings;
  Shape in, out;
  std::vector<AxisPlan> plans;

  // Replaces one axis of `data` by its resized form.
  void resize_axis(const AxisPlan& plan, Shape& shape, std::vector<double>& data) const {
    const AxisView view(shape, static_cast<int64_t>(plan.axis.axis));
    std::vector<double> result(static_cast<size_t>(view.outer * plan.axis.out * view.inner));
    auto to = result.begin();
    for (int64_t o = 0; o < view.outer; ++o)
      for (const std::vector<Tap>& taps : plan.taps)
        for (int64_t i = 0; i < view.inner; ++i) {
          double sum = taps.empty() ? settings.extrapolation : 0;
          for (const Tap& tap : taps)
            sum += tap.weight * data[static_cast<size_t>(view.offset(o, tap.index * view.inner + i))];
          *to++ = sum;
        }
    shape[plan.axis.axis] = plan.axis.out;
    data = std::move(result);
  }
  template <class T>
  void interpolate(const RunContext& c) const {
    Shape shape = in;
    std::vector<double> data;
    for (int64_t i = 0; i < in.elements(); ++i) data.push_back(real(c.input<T>(0)[i]));
    for (const AxisPlan& plan : plans) resize_axis(plan, shape, data);
    for (size_t i = 0; i < data.size(); ++i) c.output<T>(0)[i] = convert<T>(data[i]);
  }
  // Moves elements without touching them, so 64-bit integers stay exact.
  template <class T>
  void pick(const RunContext& c) const {
    const Strides strides = row_major_strides(in);
    Strides kept = strides;
    for (const AxisPlan& plan : plans) kept[plan.axis.axis] = 0;
    T* y = c.output<T>(0);
    for (Walk<1> w(out, {kept}); w.more(); w.next(), ++y) {
      int64_t from = w[0];
      bool outside = false;
      for (const AxisPlan& plan : plans) {
        const auto& taps = plan.taps[static_cast<size_t>(w.index(plan.axis.axis))];
        outside = outside || taps.empty();
        if (!taps.empty()) from += taps[0].index * strides[plan.axis.axis];
      }
      *y = outside ? convert<T>(settings.extrapolation) : c.input<T>(0)[from];
    }
  }
  void run(const RunContext& c) const override {
    with_any(type, [&](auto t) {
      using T = typename decltype(t)::type;
      if (settings.mode == Mode::nearest) pick<T>(c);
      else interpolate<T>(c);
    });
  }
  std::string_view name() const override { return "resize"; }
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const auto& a = node.attributes<schema::ResizeAttributes>();
  auto kernel = std::make_unique<ResizeKernel>();
  kernel->type = node.input(0)->type;
  kernel->settings = {a.mode(),          a.coordinates(),         a.rounding(),
                      a.cubic_coeff_a(), a.extrapolation_value(), a.exclude_outside(),
                      a.antialias()};
  kernel->in = node.input(0)->shape;
  kernel->out = node.output(0)->shape;
  for (const Axis& axis : read_axes(node)) {
    const bool crop = a.coordinates() == Coordinates::tf_crop_and_resize;
    if (axis.in != axis.out || axis.scale != 1 || crop) kernel->plans.push_back(plan_axis(axis, kernel->settings));
  }
  return kernel;
}

}  // namespace

KernelEntry resize_kernel() { return entry<check>(Op::Resize, prepare); }

}  // namespace motley::reference
