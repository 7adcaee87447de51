// Sliding windows over up to three spatial axes: strides, dilations, padding, ONNX's auto_pad.
#pragma once

#include "support.hpp"

namespace motley::reference {

// One axis. Output position o and kernel tap k meet at input position o · stride + k · dilation - pad_begin.
struct WindowAxis {
  int64_t input = 1, output = 1, kernel = 1, stride = 1, dilation = 1, pad_begin = 0, pad_end = 0;

  // Input elements between the first and the last tap, both included.
  int64_t reach() const { return (kernel - 1) * dilation + 1; }
  int64_t position(int64_t o, int64_t k) const { return o * stride + k * dilation - pad_begin; }
  bool inside(int64_t position) const { return position >= 0 && position < input; }
};

// Always three axes; ones of lower rank have leading axes of extent 1.
struct Window {
  std::array<WindowAxis, 3> axes;
  size_t rank = 0;  // how many of them are real

  // The i-th real axis.
  WindowAxis& axis(size_t i) { return axes[3 - rank + i]; }
  const WindowAxis& axis(size_t i) const { return axes[3 - rank + i]; }
  int64_t input_elements() const { return axes[0].input * axes[1].input * axes[2].input; }
  int64_t output_elements() const { return axes[0].output * axes[1].output * axes[2].output; }
  int64_t taps() const { return axes[0].kernel * axes[1].kernel * axes[2].kernel; }

  // The tap of that number, in row-major order.
  std::array<int64_t, 3> tap(int64_t number) const {
    const int64_t w = axes[2].kernel, h = axes[1].kernel;
    return {number / (w * h), number / w % h, number % w};
  }

  // Calls fn(output index, input index) for all output positions whose input under `tap` is not padding.
  template <class Fn>
  void visit(const std::array<int64_t, 3>& tap, Fn&& fn) const {
    const auto& [d, h, w] = axes;
    int64_t o = 0;
    for (int64_t od = 0; od < d.output; ++od)
      for (int64_t oh = 0; oh < h.output; ++oh) {
        const int64_t id = d.position(od, tap[0]), ih = h.position(oh, tap[1]);
        const bool row = d.inside(id) && h.inside(ih);
        for (int64_t ow = 0; ow < w.output; ++ow, ++o) {
          const int64_t iw = w.position(ow, tap[2]);
          if (row && w.inside(iw)) fn(o, (id * h.input + ih) * w.input + iw);
        }
      }
  }
};

struct WindowLists {
  std::vector<int64_t> kernel, strides, dilations, pads;
};

// Kernel, strides, dilations and pads (empty: ONNX's defaults) for the given input extents; outputs are not set yet.
// Throws where a list has a wrong length or a value out of range.
Window make_window(std::span<const int64_t> input, const WindowLists& lists);

// Sets pads for auto_pad and the outputs of a convolution or pooling.
void set_outputs(Window& window, schema::AutoPad auto_pad, bool ceil_mode);

// X's shape with the spatial extents replaced by the window's outputs and channels by `channels`.
Shape output_shape(const Shape& x, int64_t channels, const Window& window);

}  // namespace motley::reference
