// Attributes that convolutions and poolings share.
#pragma once

#include "onnx/op_context.hpp"

namespace motley::convert {

inline schema::AutoPad auto_pad(OpContext& c) {
  using A = schema::AutoPad;
  return c.choice<A>("auto_pad", "NOTSET",
                     {{"NOTSET", A::explicit_},
                      {"SAME_UPPER", A::same_upper},
                      {"SAME_LOWER", A::same_lower},
                      {"VALID", A::valid},
                      {"", A::explicit_}});
}

// strides, dilations, pads, auto_pad. With an automatic padding, explicit pads mean nothing.
template <class Attributes>
void read_window(OpContext& c, Attributes& attributes) {
  attributes.strides = c.integers("strides");
  attributes.dilations = c.integers("dilations");
  attributes.pads = c.integers("pads");
  attributes.auto_pad = auto_pad(c);
  if (attributes.auto_pad != schema::AutoPad::explicit_) attributes.pads.clear();
}

// Convolutions take the kernel's shape from the weights; the attribute must agree.
inline void check_kernel_shape(OpContext& c, TensorId weights) {
  const std::vector<int64_t> kernel = c.integers("kernel_shape");
  if (kernel.empty() || !c.shape(weights)) return;
  const graph::Dims& dims = *c.shape(weights);
  bool same = dims.size() == kernel.size() + 2;
  for (size_t i = 0; same && i < kernel.size(); ++i) same = !dims[i + 2].known() || dims[i + 2].value == kernel[i];
  if (!same)
    c.invalid("has a kernel_shape of " + std::to_string(kernel.size()) +
              " dimensions that differs from its weights' shape (" + graph::to_string(c.shape(weights)) + ")");
}

}  // namespace motley::convert
