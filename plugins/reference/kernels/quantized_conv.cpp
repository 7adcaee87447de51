// ConvInteger and QLinearConv: convolutions of 8-bit integers.
#include "convolution.hpp"
#include "functions.hpp"
#include "kernels.hpp"
#include "quantization.hpp"

namespace motley::reference {

namespace {

// Sums of (x - zero of x) · (w - zero of w) for one output plane. 64 bits hold any sum of 8-bit products that memory
// has room for.
std::vector<int64_t> convolve(const Convolution& shape, int64_t plane, DataType x_type, const void* x, int64_t x_zero,
                              DataType w_type, const void* w, int64_t w_zero) {
  std::vector<int64_t> sums;
  with_byte(x_type, [&](auto xt) {
    with_byte(w_type, [&](auto wt) {
      const auto* xs = static_cast<const typename decltype(xt)::type*>(x);
      const auto* ws = static_cast<const typename decltype(wt)::type*>(w);
      convolve_plane(
          shape, plane, [&](int64_t i) { return static_cast<int64_t>(xs[i]) - x_zero; },
          [&](int64_t i) { return static_cast<int64_t>(ws[i]) - w_zero; }, sums);
    });
  });
  return sums;
}

void check_integer(const NodeView& node) {
  check_arity(node, {2, 4});
  const TensorView &x = *node.input(0), &w = *node.input(1), &y = *node.output(0);
  check_type(x, is_byte, "input 0");
  check_type(w, is_byte, "input 1");
  check_type(y, is_int32, "output 0");
  const auto& attributes = node.attributes<schema::ConvAttributes>();
  make_convolution(x, w, y, attributes);
  check_parameters(node.input(2), is_byte, 1, "x_zero_point");
  check_parameters(node.input(3), is_byte, w.shape[0], "w_zero_point");
  require(Activation(attributes.activation()).function == UnaryFunction::identity, "activation not supported");
}

std::unique_ptr<Kernel> prepare_integer(const NodeView& node, const PrepareContext&) {
  const TensorView &x = *node.input(0), &w = *node.input(1);
  return make_kernel(
      "conv_integer",
      [shape = make_convolution(x, w, *node.output(0), node.attributes<schema::ConvAttributes>()), x_type = x.type,
       w_type = w.type, x_zero = Parameters(node.input(2)), w_zero = Parameters(node.input(3))](const RunContext& c) {
        c.threads.parallel_for(static_cast<uint64_t>(shape.planes()), [&](uint64_t number, uint32_t) {
          const auto plane = static_cast<int64_t>(number);
          const int64_t xz = x_zero.count ? x_zero.zero_point(c.inputs[2], 0) : 0;
          const int64_t wz = w_zero.count ? w_zero.zero_point(c.inputs[3], plane % shape.out_channels) : 0;
          const auto sums = convolve(shape, plane, x_type, c.inputs[0], xz, w_type, c.inputs[1], wz);
          int32_t* y = c.output<int32_t>(0) + plane * static_cast<int64_t>(sums.size());
          for (int64_t sum : sums) *y++ = static_cast<int32_t>(sum);
        });
      });
}

// Inputs x, its scale and zero point, w with the same, y's scale and zero point, optional int32 bias.
void check_qlinear(const NodeView& node) {
  check_arity(node, {8, 9});
  const TensorView &x = *node.input(0), &w = *node.input(3), &y = *node.output(0);
  check_type(x, is_byte, "input 0");
  check_type(w, is_byte, "input 3");
  check_type(y, is_byte, "output 0");
  const auto& attributes = node.attributes<schema::ConvAttributes>();
  make_convolution(x, w, y, attributes);
  check_parameters(node.input(1), is_real, 1, "x_scale");
  check_parameters(node.input(2), is_byte, 1, "x_zero_point");
  check_parameters(node.input(4), is_real, w.shape[0], "w_scale");
  check_parameters(node.input(5), is_byte, w.shape[0], "w_zero_point");
  check_parameters(node.input(6), is_real, 1, "y_scale");
  check_parameters(node.input(7), is_byte, 1, "y_zero_point");
  if (const TensorView* bias = node.input(8)) {
    check_type(*bias, is_int32, "bias");
    check_shape(*bias, Shape{w.shape[0]}, "bias");
  }
  check_activation(attributes.activation(), DataType::float32);
}

struct QLinearConvKernel final : Kernel {
  Convolution shape;
  Activation activation;
  DataType x_type, w_type, y_type;
  bool has_bias;
  std::array<Parameters, 8> parameters;  // by input

  int64_t zero(const RunContext& c, size_t input, int64_t channel) const {
    return parameters[input].zero_point(c.inputs[input], channel);
  }
  float scale(const RunContext& c, size_t input, int64_t channel) const {
    return static_cast<float>(parameters[input].scale(c.inputs[input], channel));
  }

  template <class T>
  void run_plane(const RunContext& c, int64_t plane) const {
    const int64_t m = plane % shape.out_channels;
    const auto sums = convolve(shape, plane, x_type, c.inputs[0], zero(c, 2, 0), w_type, c.inputs[3], zero(c, 5, m));
    const int64_t bias = has_bias ? c.input<int32_t>(8)[m] : 0, y_zero = zero(c, 7, 0);
    const float real_scale = scale(c, 1, 0) * scale(c, 4, m), y_scale = scale(c, 6, 0);
    T* y = c.output<T>(0) + plane * static_cast<int64_t>(sums.size());
    for (int64_t sum : sums) {
      const auto total = static_cast<double>(sum + bias);
      if (activation.function == UnaryFunction::identity)
        *y++ = quantize<T>(total * static_cast<double>(real_scale / y_scale), y_zero);
      else *y++ = quantize<T>(activation(total * real_scale) / y_scale, y_zero);
    }
  }
  void run(const RunContext& c) const override {
    with_byte(y_type, [&](auto t) {
      c.threads.parallel_for(static_cast<uint64_t>(shape.planes()), [&](uint64_t plane, uint32_t) {
        run_plane<typename decltype(t)::type>(c, static_cast<int64_t>(plane));
      });
    });
  }
  std::string_view name() const override { return "qlinear_conv"; }
};

std::unique_ptr<Kernel> prepare_qlinear(const NodeView& node, const PrepareContext&) {
  const auto& attributes = node.attributes<schema::ConvAttributes>();
  auto kernel = std::make_unique<QLinearConvKernel>();
  kernel->shape = make_convolution(*node.input(0), *node.input(3), *node.output(0), attributes);
  kernel->activation = Activation(attributes.activation());
  kernel->x_type = node.input(0)->type;
  kernel->w_type = node.input(3)->type;
  kernel->y_type = node.output(0)->type;
  kernel->has_bias = node.input(8) != nullptr;
  for (size_t i = 0; i < 8; ++i) kernel->parameters[i] = Parameters(node.input(i));
  return kernel;
}

}  // namespace

KernelEntry conv_integer_kernel() { return entry<check_integer>(Op::ConvInteger, prepare_integer); }
KernelEntry qlinear_conv_kernel() { return entry<check_qlinear>(Op::QLinearConv, prepare_qlinear); }

}  // namespace motley::reference
