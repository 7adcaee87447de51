// Sliding windows over images: geometry, and the padded copy.
#include "kernels/window.hpp"

#include <algorithm>
#include <cstring>

namespace motley::cpu {

namespace {

constexpr int64_t kMost = int64_t{1} << 30;  // products of two such numbers fit int64_t

void set_same_pads(WindowAxis& a, bool upper) {
  a.output = (a.input + a.stride - 1) / a.stride;
  const int64_t total = std::max<int64_t>(0, (a.output - 1) * a.stride + a.reach() - a.input);
  a.pad_begin = upper ? total / 2 : total - total / 2;
  a.pad_end = total - a.pad_begin;
}

// Windows that would start in the padding at the end are dropped.
void set_output(WindowAxis& a, bool ceil_mode) {
  const int64_t room = a.input + a.pad_begin + a.pad_end - a.reach();
  require(room >= 0, "the kernel is larger than the padded input");
  a.output = (room + (ceil_mode ? a.stride - 1 : 0)) / a.stride + 1;
  if (ceil_mode && (a.output - 1) * a.stride >= a.input + a.pad_begin) --a.output;
}

int64_t item(std::span<const int64_t> list, size_t rank, size_t i, int64_t fallback, const char* what) {
  if (list.empty()) return fallback;
  require(list.size() == rank,
          std::string(what) + " has " + std::to_string(list.size()) + " values, expected " + std::to_string(rank));
  require(list[i] >= fallback && list[i] < kMost,
          std::string(what) + " (" + std::to_string(list[i]) + ") not supported");
  return list[i];
}

}  // namespace

Window make_window(const Shape& image, const WindowAttributes& a) {
  require(image.rank() == 3 || image.rank() == 4, "only 1 and 2 spatial dimensions are supported");
  const size_t rank = image.size() - 2;
  Window window;
  for (size_t i = 0; i < rank; ++i) {
    WindowAxis& axis = i + 1 == rank ? window.x : window.y;
    axis.input = image[i + 2];
    require(axis.input < kMost, "a spatial dimension is too large");
    axis.kernel = item(a.kernel, rank, i, 1, "kernel_shape");
    axis.stride = item(a.strides, rank, i, 1, "strides");
    axis.dilation = item(a.dilations, rank, i, 1, "dilations");
    require(axis.reach() < kMost, "the kernel is too large");
    const bool same = a.auto_pad == schema::AutoPad::same_upper || a.auto_pad == schema::AutoPad::same_lower;
    if (same) {
      set_same_pads(axis, a.auto_pad == schema::AutoPad::same_upper);
      continue;
    }
    if (a.auto_pad != schema::AutoPad::valid) {
      axis.pad_begin = item(a.pads, 2 * rank, i, 0, "pads");
      axis.pad_end = item(a.pads, 2 * rank, rank + i, 0, "pads");
    }
    set_output(axis, a.ceil_mode && a.auto_pad != schema::AutoPad::valid);
  }
  return window;
}

PaddedPlane::PaddedPlane(const Window& window) : window_(window), ops_(&window_ops()) {
  const WindowAxis &y = window.y, &x = window.x;
  require(window.taps() < (int64_t{1} << 20), "the kernel is too large");
  rows_ = y.output + (y.kernel - 1) * y.dilation / y.stride;
  pitch_ = x.output + (x.kernel - 1) * x.dilation / x.stride;
  const auto phases = [](const WindowAxis& a) {
    std::vector<int64_t> used;
    for (int64_t k = 0; k < a.kernel; ++k) used.push_back(k * a.dilation % a.stride);
    std::sort(used.begin(), used.end());
    used.erase(std::unique(used.begin(), used.end()), used.end());
    return used;
  };
  phases_y_ = phases(y);
  phases_x_ = phases(x);
  const auto grids = static_cast<int64_t>(phases_y_.size() * phases_x_.size());
  require(!__builtin_mul_overflow(rows_, pitch_, &elements_) && !__builtin_mul_overflow(elements_, grids, &elements_) &&
              elements_ < kMost,
          "the padded image is too large");
  is_image_ =
      y.stride == 1 && x.stride == 1 && y.pad_begin == 0 && x.pad_begin == 0 && rows_ == y.input && pitch_ == x.input;
  const auto rank_of = [](const std::vector<int64_t>& list, int64_t phase) {
    return std::lower_bound(list.begin(), list.end(), phase) - list.begin();
  };
  for (int64_t ky = 0; ky < y.kernel; ++ky)
    for (int64_t kx = 0; kx < x.kernel; ++kx) {
      const int64_t dy = ky * y.dilation, dx = kx * x.dilation;
      const int64_t grid = rank_of(phases_y_, dy % y.stride) * static_cast<int64_t>(phases_x_.size()) +
                           rank_of(phases_x_, dx % x.stride);
      taps_.push_back(static_cast<int32_t>((grid * rows_ + dy / y.stride) * pitch_ + dx / x.stride));
    }
}

void PaddedPlane::copy(const float* image, float* plane, float fill) const { copy_all(image, plane, fill); }
void PaddedPlane::copy(const uint32_t* image, uint32_t* plane, uint32_t fill) const { copy_all(image, plane, fill); }

template <class Element>
void PaddedPlane::copy_all(const Element* image, Element* plane, Element fill) const {
  for (int64_t phase_y : phases_y_)
    for (int64_t phase_x : phases_x_) {
      copy_phase(image, phase_y, phase_x, plane, fill);
      plane += rows_ * pitch_;
    }
}

template <class Element>
void PaddedPlane::copy_row(const Element* in, int64_t n, int64_t stride, Element* out) const {
  if (stride == 1) std::memcpy(out, in, static_cast<size_t>(n) * sizeof(Element));
  else if (stride == 2) ops_->take_even(in, out, static_cast<size_t>(n));
  else
    for (int64_t i = 0; i < n; ++i) out[i] = in[i * stride];
}

template <class Element>
void PaddedPlane::copy_phase(const Element* image, int64_t phase_y, int64_t phase_x, Element* grid,
                             Element fill) const {
  const WindowAxis &ay = window_.y, &ax = window_.x;
  // Column c of the grid is input column c * stride + phase - pad_begin; [first, last) of them are in the image.
  const int64_t shift = ax.pad_begin - phase_x;
  const int64_t first = std::clamp<int64_t>(shift > 0 ? (shift + ax.stride - 1) / ax.stride : 0, 0, pitch_);
  const int64_t last =
      std::clamp<int64_t>(ax.input + shift > 0 ? (ax.input + shift + ax.stride - 1) / ax.stride : 0, first, pitch_);
  for (int64_t row = 0; row < rows_; ++row, grid += pitch_) {
    const int64_t y = row * ay.stride + phase_y - ay.pad_begin;
    if (y < 0 || y >= ay.input || first == last) {
      std::fill_n(grid, pitch_, fill);
      continue;
    }
    const Element* in = image + y * ax.input + first * ax.stride - shift;
    std::fill_n(grid, first, fill);
    copy_row(in, last - first, ax.stride, grid + first);
    std::fill_n(grid + last, pitch_ - last, fill);
  }
}

}  // namespace motley::cpu
