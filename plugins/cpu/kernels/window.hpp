// Sliding windows over images: geometry from attributes, and the padded copy of an image that windows read without
// looking at borders.
#pragma once

#include <span>
#include <vector>

#include "kernels/window_simd.hpp"
#include "support.hpp"

namespace motley::cpu {

// One axis: output o and tap k meet at input o * stride + k * dilation - pad_begin.
struct WindowAxis {
  int64_t input = 1, output = 1, kernel = 1, stride = 1, dilation = 1, pad_begin = 0, pad_end = 0;
  int64_t reach() const { return (kernel - 1) * dilation + 1; }
  // One tap, moving by one, never outside.
  bool is_trivial() const { return kernel == 1 && stride == 1 && pad_begin == 0 && output == input; }
};

// Height and width; one-dimensional windows have height 1.
struct Window {
  WindowAxis y, x;
  int64_t inputs() const { return y.input * x.input; }
  int64_t outputs() const { return y.output * x.output; }
  int64_t taps() const { return y.kernel * x.kernel; }
};

struct WindowAttributes {
  std::span<const int64_t> kernel, strides, dilations, pads;
  schema::AutoPad auto_pad = schema::AutoPad::explicit_;
  bool ceil_mode = false;
};

// For images of rank 3 or 4, channels second. Throws StatusError where the attributes are wrong or not supported.
Window make_window(const Shape& image, const WindowAttributes& attributes);

// A plane of an image, padded and taken apart by stride: for each vertical and horizontal phase that a tap meets, a
// grid of rows x pitch elements, so that all outputs of one tap lie at consecutive addresses, `pitch` per row. That
// makes strides free and borders invisible. Elements outside of the image are `fill`.
class PaddedPlane {
 public:
  PaddedPlane() = default;
  explicit PaddedPlane(const Window& window);

  // The plane is the image itself: no copy needed.
  bool is_image() const { return is_image_; }
  int64_t pitch() const { return pitch_; }
  int64_t elements() const { return elements_; }
  // Columns from the first output to the last, counting those between rows.
  int64_t columns() const { return (window_.y.output - 1) * pitch_ + window_.x.output; }
  // Where each tap's first element lies, row by row of the kernel.
  const std::vector<int32_t>& tap_offsets() const { return taps_; }
  // How many outputs lie before a column: outputs and columns count up together.
  int64_t outputs_before(int64_t column) const {
    return column / pitch_ * window_.x.output + std::min(column % pitch_, window_.x.output);
  }
  void copy(const float* image, float* plane, float fill) const;
  void copy(const uint32_t* image, uint32_t* plane, uint32_t fill) const;
  const Window& window() const { return window_; }

 private:
  template <class Element>
  void copy_all(const Element* image, Element* plane, Element fill) const;
  template <class Element>
  void copy_phase(const Element* image, int64_t phase_y, int64_t phase_x, Element* grid, Element fill) const;
  template <class Element>
  void copy_row(const Element* in, int64_t n, int64_t stride, Element* out) const;

  Window window_;
  const WindowOps* ops_ = nullptr;
  int64_t rows_ = 0, pitch_ = 0, elements_ = 0;
  bool is_image_ = false;
  std::vector<int64_t> phases_y_, phases_x_;  // those that are used
  std::vector<int32_t> taps_;
};

// Calls fn(first column - begin, first output, how many) for each run of outputs among columns [begin, begin + n), of
// which there are `pitch` per row, and `width` outputs.
template <class Fn>
void for_output_runs(int64_t pitch, int64_t width, int64_t begin, int64_t n, Fn&& fn) {
  for (int64_t column = begin; column < begin + n;) {
    const int64_t x = column % pitch, row_end = column - x + pitch;
    const int64_t count = std::min(begin + n, column - x + width) - column;
    if (count > 0) fn(column - begin, column / pitch * width + x, count);
    column = row_end;
  }
}
template <class Fn>
void for_output_runs(const PaddedPlane& plane, int64_t begin, int64_t n, Fn&& fn) {
  for_output_runs(plane.pitch(), plane.window().x.output, begin, n, fn);
}

}  // namespace motley::cpu
