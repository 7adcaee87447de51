// Resize: nearest and linear interpolation of float32 images along the last two axes.
#include <cmath>

#include "kernels/gemm.hpp"
#include "kernels/kernels.hpp"

namespace motley::cpu {

namespace {

using Coordinates = schema::ResizeCoordinates;
using Mode = schema::ResizeMode;
using Rounding = schema::ResizeRounding;

struct Axis {
  int64_t in = 1, out = 1;
  double scale = 1;
};

// What one output position reads: two elements and the weight of the second.
struct Tap {
  int32_t first, second;
  float weight;
};

const TensorView* given(const NodeView& node, size_t i) {
  const TensorView* t = node.input(i);
  return t && t->elements() > 0 ? t : nullptr;
}

double scale_at(const NodeView& node, size_t position, const Axis& axis) {
  if (const TensorView* scales = given(node, 2)) {
    const double scale = static_cast<double>(scales->constant_as<float>()[position]);
    require(std::isfinite(scale) && scale > 0, "scales must be positive");
    const double wanted = static_cast<double>(axis.in) * scale, out = static_cast<double>(axis.out);
    // The product is rounded down, and floating point may put it at either side of an integer.
    require(out <= wanted * (1 + 1e-5) + 1e-5 && out >= wanted * (1 - 1e-5) - 1 - 1e-5,
            "scales do not lead to the output");
    return scale;
  }
  const int64_t size = constant_integers(*given(node, 3), "sizes")[position];
  require(size == axis.out, "sizes do not lead to the output");
  return static_cast<double>(size) / static_cast<double>(axis.in);
}

// Every axis of the input; those that are not listed keep scale 1.
std::vector<Axis> read_axes(const NodeView& node) {
  const auto& a = node.attributes<schema::ResizeAttributes>();
  const Shape &x = node.input(0)->shape, &y = node.output(0)->shape;
  require(x.size() == y.size() && x.rank() >= 1, "the ranks of input and output differ");
  std::vector<Axis> axes;
  for (size_t i = 0; i < x.size(); ++i) axes.push_back({x[i], y[i], 1});
  const auto listed = sdk::numbers(a.axes());
  const size_t count = listed.empty() ? x.size() : listed.size();
  const TensorView* numbers = given(node, 2) ? given(node, 2) : given(node, 3);
  require(numbers != nullptr, "neither scales nor sizes are given");
  require(numbers->is_constant(), "scales and sizes must be constant");
  if (given(node, 2)) check_type(*numbers, DataType::float32, "scales");
  require(numbers->elements() == static_cast<int64_t>(count), "scales or sizes do not have one value per axis");
  std::array<bool, sdk::kMaxRank> seen{};
  for (size_t i = 0; i < count; ++i) {
    const auto axis = listed.empty() ? i : static_cast<size_t>(checked_axis(listed[i], x.rank()));
    require(!seen[axis], "an axis is listed twice");
    seen[axis] = true;
    require(axes[axis].in > 0, "an empty axis can't be resized");
    axes[axis].scale = scale_at(node, i, axes[axis]);
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    const bool image = i + 2 >= axes.size();
    require(image ? seen[i] || axes[i].in == axes[i].out : axes[i].in == axes[i].out && axes[i].scale == 1,
            "resizing other than the last two axes not supported");
    require(!image || (axes[i].in < INT32_MAX && axes[i].out < INT32_MAX), "an axis is too large");
  }
  return axes;
}

void check(const NodeView& node) {
  check_arity(node, 1, 4);
  const auto& a = node.attributes<schema::ResizeAttributes>();
  check_type(*node.input(0), DataType::float32, "input 0");
  check_type(*node.output(0), DataType::float32, "output 0");
  require(a.mode() == Mode::nearest || a.mode() == Mode::linear, "cubic interpolation not supported");
  require(a.coordinates() < Coordinates::tf_crop_and_resize, "tf_crop_and_resize not supported");
  require(a.rounding() <= Rounding::ceil, "unknown nearest mode");
  require(!a.antialias() && !a.exclude_outside(), "antialias and exclude_outside not supported");
  require(a.keep_aspect_ratio_policy() == 0, "keep_aspect_ratio_policy not supported");
  read_axes(node);
}

// Where in the input the output position lies.
double original(const Axis& a, Coordinates coordinates, int64_t position) {
  const auto x = static_cast<double>(position), in = static_cast<double>(a.in), out = static_cast<double>(a.out);
  switch (coordinates) {
    case Coordinates::half_pixel_symmetric: return in / 2 * (1 - out / (a.scale * in)) + (x + 0.5) / a.scale - 0.5;
    case Coordinates::pytorch_half_pixel: return out > 1 ? (x + 0.5) / a.scale - 0.5 : 0;
    case Coordinates::align_corners: return out > 1 ? x * (in - 1) / (out - 1) : 0;
    case Coordinates::asymmetric: return x / a.scale;
    default: return (x + 0.5) / a.scale - 0.5;
  }
}

double nearest(Rounding rounding, double x) {
  switch (rounding) {
    case Rounding::round_prefer_floor: return std::ceil(x - 0.5);
    case Rounding::round_prefer_ceil: return std::floor(x + 0.5);
    case Rounding::ceil: return std::ceil(x);
    default: return std::floor(x);
  }
}

// An unchanged axis reads itself, as rounding could make it do otherwise.
std::vector<Tap> taps_of(const Axis& a, const schema::ResizeAttributes& attributes) {
  std::vector<Tap> taps;
  const auto within = [&a](double i) {
    return static_cast<int32_t>(std::clamp(i, 0.0, static_cast<double>(a.in - 1)));
  };
  for (int64_t i = 0; i < a.out; ++i) {
    const double x = a.in == a.out && a.scale == 1 ? static_cast<double>(i) : original(a, attributes.coordinates(), i);
    if (attributes.mode() == Mode::nearest) {
      const int32_t at = within(nearest(attributes.rounding(), x));
      taps.push_back({at, at, 0});
      continue;
    }
    const double left = std::ceil(x) - 1;
    taps.push_back({within(left), within(left + 1), static_cast<float>(x - left)});
  }
  return taps;
}

class Resize final : public Kernel {
 public:
  Resize(std::vector<Tap> rows, std::vector<Tap> columns, bool nearest, const Shape& in, const Threads& threads)
      : rows_(std::move(rows)), columns_(std::move(columns)), nearest_(nearest), workers_(threads.count()) {
    in_width_ = in[in.size() - 1];
    in_height_ = in.size() > 1 ? in[in.size() - 2] : 1;
    planes_ = in.elements(0, std::max(in.rank() - 2, 0));
  }

  void run(const RunContext& c) const override {
    const auto height = static_cast<int64_t>(rows_.size()), width = static_cast<int64_t>(columns_.size());
    if (planes_ * height * width == 0) return;
    parallel_ranges(c.threads, planes_ * height, std::max<int64_t>(1, kGrain / (width + in_width_)),
                    [&](int64_t begin, int64_t end, uint32_t worker) {
                      float* mixed = static_cast<float*>(c.scratch) + worker * round_up(in_width_, 16);
                      for (int64_t i = begin; i < end; ++i) {
                        const Tap& row = rows_[static_cast<size_t>(i % height)];
                        run_row(c.input<float>(0) + i / height * in_height_ * in_width_, row, mixed,
                                c.output<float>(0) + i * width);
                      }
                    });
  }
  uint64_t scratch_bytes() const override {
    return static_cast<uint64_t>(workers_) * static_cast<uint64_t>(round_up(in_width_, 16)) * sizeof(float);
  }
  std::string_view name() const override { return nearest_ ? "resize_nearest" : "resize_linear"; }

 private:
  void run_row(const float* plane, const Tap& row, float* mixed, float* out) const {
    const float* first = plane + row.first * in_width_;
    if (nearest_) {
      for (size_t x = 0; x < columns_.size(); ++x) out[x] = first[columns_[x].first];
      return;
    }
    if (row.first != row.second) {
      const float* second = plane + row.second * in_width_;
      for (int64_t x = 0; x < in_width_; ++x) mixed[x] = first[x] * (1 - row.weight) + second[x] * row.weight;
      first = mixed;
    }
    for (size_t x = 0; x < columns_.size(); ++x) {
      const Tap& t = columns_[x];
      out[x] = t.first == t.second ? first[t.first] : first[t.first] * (1 - t.weight) + first[t.second] * t.weight;
    }
  }

  std::vector<Tap> rows_, columns_;
  bool nearest_;
  int64_t in_height_ = 1, in_width_ = 1, planes_ = 1;
  uint32_t workers_;
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext& context) {
  if (node.output(0)->elements() == 0) return make_kernel("resize_empty", [](const RunContext&) {});
  const auto& a = node.attributes<schema::ResizeAttributes>();
  const std::vector<Axis> axes = read_axes(node);
  const Axis row = axes.size() > 1 ? axes[axes.size() - 2] : Axis{};
  return std::make_unique<Resize>(taps_of(row, a), taps_of(axes.back(), a), a.mode() == Mode::nearest,
                                  node.input(0)->shape, context.threads);
}

}  // namespace

KernelEntry resize_kernel() { return entry<check>(Op::Resize, prepare); }

}  // namespace motley::cpu
