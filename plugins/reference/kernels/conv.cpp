// Conv: Y = activation(conv(X, W) + B + residual), in 1 to 3 dimensions.
#include "convolution.hpp"
#include "functions.hpp"
#include "kernels.hpp"

namespace motley::reference {

Convolution make_convolution(const TensorView& x, const TensorView& w, const TensorView& y,
                             const schema::ConvAttributes& attributes) {
  require(x.shape.rank() >= 3 && x.shape.rank() <= 5, "only 1 to 3 spatial dimensions are supported");
  require(w.shape.rank() == x.shape.rank(), "the ranks of input and weights differ");
  Convolution c;
  c.batch = x.shape[0];
  c.in_channels = x.shape[1];
  c.out_channels = w.shape[0];
  c.group = attributes.group();
  require(c.group >= 1, "group must be positive");
  require(c.in_channels % c.group == 0 && c.out_channels % c.group == 0, "group does not divide the channels");
  require(w.shape[1] == c.in_channels / c.group, "the weights are for another number of channels");
  c.window = make_window({x.shape.begin() + 2, x.shape.end()}, {{w.shape.begin() + 2, w.shape.end()},
                                                                list_of(attributes.strides()),
                                                                list_of(attributes.dilations()),
                                                                list_of(attributes.pads())});
  set_outputs(c.window, attributes.auto_pad(), false);
  check_shape(y, output_shape(x.shape, c.out_channels, c.window), "output 0");
  return c;
}

namespace {

void check(const NodeView& node) {
  check_arity(node, {2, 4});
  const TensorView &x = *node.input(0), &w = *node.input(1), &y = *node.output(0);
  const auto& attributes = node.attributes<schema::ConvAttributes>();
  check_type(x, is_real, "input 0");
  check_same_type(x, w);
  check_same_type(x, y);
  make_convolution(x, w, y, attributes);
  if (const TensorView* bias = node.input(2)) {
    check_same_type(x, *bias);
    check_shape(*bias, Shape{w.shape[0]}, "bias");
  }
  if (const TensorView* residual = node.input(3)) {
    check_same_type(x, *residual);
    check_shape(*residual, y.shape, "residual");
  }
  check_activation(attributes.activation(), y.type);
}

struct ConvKernel final : Kernel {
  DataType type;
  Convolution convolution;
  Activation activation;
  bool has_bias, has_residual;

  template <class T>
  void run_plane(const RunContext& c, int64_t plane) const {
    std::vector<double> sums;
    convolve_plane(
        convolution, plane, [x = c.input<T>(0)](int64_t i) { return real(x[i]); },
        [w = c.input<T>(1)](int64_t i) { return real(w[i]); }, sums);
    const double bias = has_bias ? real(c.input<T>(2)[plane % convolution.out_channels]) : 0;
    const auto count = static_cast<int64_t>(sums.size());
    for (int64_t i = 0; i < count; ++i) {
      const int64_t o = plane * count + i;
      const double residual = has_residual ? real(c.input<T>(3)[o]) : 0;
      c.output<T>(0)[o] = static_cast<T>(activation(sums[static_cast<size_t>(i)] + bias + residual));
    }
  }
  void run(const RunContext& c) const override {
    with_real(type, [&](auto t) {
      c.threads.parallel_for(static_cast<uint64_t>(convolution.planes()), [&](uint64_t plane, uint32_t) {
        run_plane<typename decltype(t)::type>(c, static_cast<int64_t>(plane));
      });
    });
  }
  std::string_view name() const override { return "conv"; }
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const auto& attributes = node.attributes<schema::ConvAttributes>();
  auto kernel = std::make_unique<ConvKernel>();
  kernel->type = node.input(0)->type;
  kernel->convolution = make_convolution(*node.input(0), *node.input(1), *node.output(0), attributes);
  kernel->activation = Activation(attributes.activation());
  kernel->has_bias = node.input(2) != nullptr;
  kernel->has_residual = node.input(3) != nullptr;
  return kernel;
}

}  // namespace

KernelEntry conv_kernel() { return entry<check>(Op::Conv, prepare); }

}  // namespace motley::reference
