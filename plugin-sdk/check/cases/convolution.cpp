// Conv, ConvTranspose, Pool.
#include "../cases.hpp"

namespace motley::check {

using schema::Activation;
using schema::Op;
using schema::UnaryFunction;
using Input = CaseList::Input;

namespace {

struct Shape2d {
  int64_t batch, channels, height, width, outputs, kernel, stride, pad, dilation, group;
};

// Channels 1, 3, 17; one pixel; stride beyond the kernel; padding beyond the image; empty batch; depthwise; grouped.
const std::vector<Shape2d> kConvolutions = {
    {1, 3, 9, 7, 17, 3, 1, 1, 1, 1},    {2, 17, 8, 8, 16, 1, 1, 0, 1, 1},  {1, 17, 1, 1, 3, 1, 1, 0, 1, 1},
    {1, 1, 5, 5, 1, 3, 1, 1, 1, 1},     {1, 3, 11, 13, 8, 2, 5, 0, 1, 1},  {1, 17, 9, 9, 17, 3, 1, 1, 1, 17},
    {1, 32, 10, 6, 32, 3, 2, 1, 1, 32}, {1, 16, 7, 7, 24, 3, 2, 1, 1, 4},  {1, 3, 12, 12, 5, 3, 1, 2, 2, 1},
    {0, 3, 5, 5, 4, 3, 1, 1, 1, 1},     {1, 2, 3, 3, 4, 3, 1, 4, 1, 1},    {3, 8, 14, 14, 40, 3, 1, 1, 1, 1},
    {1, 64, 7, 7, 64, 1, 2, 0, 1, 1},   {1, 3, 32, 32, 16, 7, 2, 3, 1, 1}, {1, 4, 6, 6, 8, 5, 1, 2, 1, 4}};

std::string text(const Shape2d& s) {
  return shape_text({s.batch, s.channels, s.height, s.width}) + " to " + std::to_string(s.outputs) + ", kernel " +
         std::to_string(s.kernel) + ", stride " + std::to_string(s.stride) + ", pad " + std::to_string(s.pad) +
         ", dilation " + std::to_string(s.dilation) + ", group " + std::to_string(s.group);
}

void conv(CaseList& list, const Shape2d& s, bool bias, bool residual, UnaryFunction function, bool constant_weights) {
  schema::ConvAttributesT a;
  a.strides = {s.stride, s.stride};
  a.dilations = {s.dilation, s.dilation};
  a.pads = {s.pad, s.pad, s.pad, s.pad};
  a.group = s.group;
  // A clip that leaves some of the largest sums: the tolerance goes by them.
  a.activation = function == UnaryFunction::clip ? Activation(-3.5f, 6.0f, function) : Activation(0.1f, 1.5f, function);
  std::vector<Input> inputs = {
      {{s.batch, s.channels, s.height, s.width}},
      {{s.outputs, s.channels / s.group, s.kernel, s.kernel}, schema::DataType::float32, {-1, 1}, constant_weights}};
  Input b{{s.outputs}, schema::DataType::float32, {-1, 1}, constant_weights};
  b.absent = !bias;
  if (bias || residual) inputs.push_back(b);
  const int64_t span = (s.kernel - 1) * s.dilation + 1;
  if (residual)
    inputs.push_back({{s.batch, s.outputs, (s.height + 2 * s.pad - span) / s.stride + 1,
                       (s.width + 2 * s.pad - span) / s.stride + 1}});
  list.add(
      Op::Conv, a, inputs, 1,
      text(s) + (bias ? ", bias" : "") + (residual ? ", residual" : "") +
          (function != UnaryFunction::identity ? std::string(", ") + schema::EnumNameUnaryFunction(function) : "") +
          (constant_weights ? "" : ", computed weights"));
}

void pool(CaseList& list) {
  for (schema::PoolFunction function : schema::EnumValuesPoolFunction()) {
    for (int64_t kernel : {1, 2, 3}) {
      for (int64_t stride : {1, 2, 4}) {
        for (int variant = 0; variant < 4; ++variant) {
          schema::PoolAttributesT a;
          a.function = function;
          a.kernel_shape = {kernel, kernel};
          a.strides = {stride, stride};
          const int64_t pad = variant & 1 ? kernel / 2 : 0;
          a.pads = {pad, pad, pad, pad};
          a.ceil_mode = (variant & 2) != 0;
          a.count_include_pad = variant == 3;
          for (const std::vector<int64_t>& shape : {std::vector<int64_t>{1, 3, 8, 7}, {2, 17, 5, 5}, {1, 1, 3, 3}})
            list.add(Op::Pool, a, {{shape}}, 1,
                     std::string(schema::EnumNamePoolFunction(function)) + " " + shape_text(shape) + ", kernel " +
                         std::to_string(kernel) + ", stride " + std::to_string(stride));
        }
      }
    }
  }
}

}  // namespace

void convolution_cases(CaseList& list) {
  for (const Shape2d& s : kConvolutions) {
    conv(list, s, false, false, UnaryFunction::identity, true);
    conv(list, s, true, false, UnaryFunction::relu, true);
    conv(list, s, true, true, UnaryFunction::clip, true);
    conv(list, s, true, false, UnaryFunction::identity, false);
  }
  for (UnaryFunction function :
       {UnaryFunction::leaky_relu, UnaryFunction::sigmoid, UnaryFunction::hard_swish, UnaryFunction::tanh})
    conv(list, kConvolutions[0], true, false, function, true);
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{1, 3, 20}, {2, 17, 9}}) {
    schema::ConvAttributesT a;
    a.strides = {2};
    a.pads = {1, 1};
    list.add(Op::Conv, a, {{shape}, {{5, shape[1], 3}, schema::DataType::float32, {-1, 1}, true}}, 1,
             "1-d " + shape_text(shape));
  }
  for (int64_t stride : {1, 2, 3}) {
    schema::ConvTransposeAttributesT a;
    a.strides = {stride, stride};
    a.pads = {1, 1, 1, 1};
    list.add(Op::ConvTranspose, a, {{{1, 3, 5, 4}}, {{3, 17, 3, 3}, schema::DataType::float32, {-1, 1}, true}}, 1,
             "1x3x5x4, kernel 3, stride " + std::to_string(stride));
  }
  pool(list);
}

}  // namespace motley::check
