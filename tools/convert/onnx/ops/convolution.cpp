// Convolutions.
#include "onnx/ops/windows.hpp"

namespace motley::convert {
namespace {

schema::ConvAttributesT conv_attributes(OpContext& c, TensorId weights) {
  schema::ConvAttributesT attributes;
  read_window(c, attributes);
  attributes.group = c.integer("group", 1);
  check_kernel_shape(c, weights);
  return attributes;
}

void conv(OpContext& c) { c.emit(Op::Conv, c.inputs(), conv_attributes(c, c.in(1))); }
void conv_integer(OpContext& c) { c.emit(Op::ConvInteger, c.inputs(), conv_attributes(c, c.in(1))); }
void qlinear_conv(OpContext& c) { c.emit(Op::QLinearConv, c.inputs(), conv_attributes(c, c.in(3))); }

void conv_transpose(OpContext& c) {
  schema::ConvTransposeAttributesT attributes;
  read_window(c, attributes);
  attributes.group = c.integer("group", 1);
  attributes.output_padding = c.integers("output_padding");
  attributes.output_shape = c.integers("output_shape");
  check_kernel_shape(c, c.in(1));
  c.emit(Op::ConvTranspose, c.inputs(), std::move(attributes));
}

void deform_conv(OpContext& c) {
  schema::DeformConvAttributesT attributes;
  attributes.strides = c.integers("strides");
  attributes.dilations = c.integers("dilations");
  attributes.pads = c.integers("pads");
  attributes.group = c.integer("group", 1);
  attributes.offset_group = c.integer("offset_group", 1);
  check_kernel_shape(c, c.in(1));
  c.emit(Op::DeformConv, c.inputs(), std::move(attributes));
}

// com.microsoft.FusedConv: a residual that is added, then an activation with its parameters in a list.
void fused_conv(OpContext& c) {
  using F = schema::UnaryFunction;
  schema::ConvAttributesT attributes = conv_attributes(c, c.in(1));
  const F function = c.choice<F>("activation", "",
                                 {{"", F::identity},
                                  {"Relu", F::relu},
                                  {"Tanh", F::tanh},
                                  {"Sigmoid", F::sigmoid},
                                  {"LeakyRelu", F::leaky_relu},
                                  {"Clip", F::clip},
                                  {"HardSigmoid", F::hard_sigmoid}});
  const std::vector<float> parameters = c.numbers("activation_params");
  const auto parameter = [&](size_t i) { return i < parameters.size() ? parameters[i] : 0.0f; };
  attributes.activation = schema::Activation(parameter(0), parameter(1), function);
  c.emit(Op::Conv, c.inputs(), std::move(attributes));
}

constexpr OpRule kRules[] = {
    {"Conv", 1, 2, 3, 1, conv},
    {"ConvTranspose", 1, 2, 3, 1, conv_transpose},
    {"ConvInteger", 10, 2, 4, 1, conv_integer},
    {"QLinearConv", 10, 8, 9, 1, qlinear_conv},
    {"DeformConv", 19, 3, 5, 1, deform_conv},
    {"FusedConv", 1, 2, 4, 1, fused_conv, 0, nullptr, 0, nullptr, 0, "com.microsoft"},
};

}  // namespace

std::span<const OpRule> ops::convolution() { return kRules; }

}  // namespace motley::convert
