// DeformConv: a 2-D convolution whose taps are moved by learned offsets and read bilinearly.
#include "indexing.hpp"
#include "kernels.hpp"
#include "numeric.hpp"
#include "spatial.hpp"

namespace motley::reference {

namespace {

// Inputs X, W, offset, optional bias, optional mask.
struct Deformable {
  int64_t batch = 0, in_channels = 0, out_channels = 0, group = 1, offset_group = 1;
  Window window;
};

Deformable make_deformable(const NodeView& node) {
  const TensorView &x = *node.input(0), &w = *node.input(1), &offset = *node.input(2);
  const auto& attributes = node.attributes<schema::DeformConvAttributes>();
  require(x.shape.rank() == 4 && w.shape.rank() == 4, "only 2 spatial dimensions are supported");
  Deformable d{x.shape[0], x.shape[1], w.shape[0], attributes.group(), attributes.offset_group(), {}};
  require(d.group >= 1 && d.in_channels % d.group == 0 && d.out_channels % d.group == 0,
          "group does not divide the channels");
  require(d.offset_group >= 1 && d.in_channels % d.offset_group == 0, "offset_group does not divide the channels");
  require(w.shape[1] == d.in_channels / d.group, "the weights are for another number of channels");
  d.window = make_window({x.shape.begin() + 2, x.shape.end()}, {{w.shape.begin() + 2, w.shape.end()},
                                                                list_of(attributes.strides()),
                                                                list_of(attributes.dilations()),
                                                                list_of(attributes.pads())});
  set_outputs(d.window, schema::AutoPad::explicit_, false);
  check_shape(*node.output(0), output_shape(x.shape, d.out_channels, d.window), "output 0");
  const int64_t height = d.window.axis(0).output, width = d.window.axis(1).output;
  int64_t planes;
  require(!__builtin_mul_overflow(d.offset_group, d.window.taps(), &planes) && planes < INT64_MAX / 2,
          "offset_group is too large");
  check_shape(offset, Shape{d.batch, 2 * planes, height, width}, "offset");
  if (node.input(4)) check_shape(*node.input(4), Shape{d.batch, planes, height, width}, "mask");
  return d;
}

void check(const NodeView& node) {
  check_arity(node, {3, 5});
  check_type(*node.input(0), is_real, "input 0");
  for (size_t i = 1; i < 5; ++i)
    if (node.input(i)) check_same_type(*node.input(0), *node.input(i));
  check_same_type(*node.input(0), *node.output(0));
  make_deformable(node);
  if (node.input(3)) check_shape(*node.input(3), Shape{node.input(1)->shape[0]}, "bias");
}

// X at a place between elements; zero outside.
template <class T>
double bilinear(const T* plane, int64_t height, int64_t width, double y, double x) {
  if (!(y > -1 && y < static_cast<double>(height) && x > -1 && x < static_cast<double>(width))) return 0;
  const auto top = static_cast<int64_t>(std::floor(y)), left = static_cast<int64_t>(std::floor(x));
  const double v = y - static_cast<double>(top), h = x - static_cast<double>(left);
  const auto at = [&](int64_t r, int64_t c) {
    return r < 0 || r >= height || c < 0 || c >= width ? 0 : real(plane[r * width + c]);
  };
  return (1 - v) * ((1 - h) * at(top, left) + h * at(top, left + 1)) +
         v * ((1 - h) * at(top + 1, left) + h * at(top + 1, left + 1));
}

struct DeformConvKernel final : Kernel {
  DataType type;
  Deformable d;
  bool has_bias, has_mask;

  template <class T>
  double sum_at(const RunContext& c, int64_t image, int64_t m, int64_t row, int64_t column) const {
    const WindowAxis &v = d.window.axis(0), &h = d.window.axis(1);
    const int64_t group_inputs = d.in_channels / d.group, taps = v.kernel * h.kernel, points = v.output * h.output;
    double sum = has_bias ? real(c.input<T>(3)[m]) : 0;
    for (int64_t k = 0; k < group_inputs; ++k) {
      const int64_t channel = m / (d.out_channels / d.group) * group_inputs + k;
      const T* plane = c.input<T>(0) + (image * d.in_channels + channel) * v.input * h.input;
      const int64_t shared = channel / (d.in_channels / d.offset_group);
      for (int64_t tap = 0; tap < taps; ++tap) {
        const int64_t number = (image * d.offset_group + shared) * taps + tap, point = row * h.output + column;
        const double dy = real(c.input<T>(2)[2 * number * points + point]);
        const double dx = real(c.input<T>(2)[(2 * number + 1) * points + point]);
        const double mask = has_mask ? real(c.input<T>(4)[number * points + point]) : 1;
        const double y = static_cast<double>(v.position(row, tap / h.kernel)) + dy;
        const double x = static_cast<double>(h.position(column, tap % h.kernel)) + dx;
        sum +=
            real(c.input<T>(1)[(m * group_inputs + k) * taps + tap]) * mask * bilinear(plane, v.input, h.input, y, x);
      }
    }
    return sum;
  }
  template <class T>
  void run_as(const RunContext& c) const {
    T* out = c.output<T>(0);
    for (int64_t image = 0; image < d.batch; ++image)
      for (int64_t m = 0; m < d.out_channels; ++m)
        for (int64_t row = 0; row < d.window.axis(0).output; ++row)
          for (int64_t column = 0; column < d.window.axis(1).output; ++column)
            *out++ = static_cast<T>(sum_at<T>(c, image, m, row, column));
  }
  void run(const RunContext& c) const override {
    with_real(type, [&](auto t) { run_as<typename decltype(t)::type>(c); });
  }
  std::string_view name() const override { return "deform_conv"; }
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  auto kernel = std::make_unique<DeformConvKernel>();
  kernel->type = node.input(0)->type;
  kernel->d = make_deformable(node);
  kernel->has_bias = node.input(3) != nullptr;
  kernel->has_mask = node.input(4) != nullptr;
  return kernel;
}

}  // namespace

KernelEntry deform_conv_kernel() { return entry<check>(Op::DeformConv, prepare); }

}  // namespace motley::reference
