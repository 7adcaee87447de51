// Sliding windows: geometry from attributes.
#include "spatial.hpp"

#include "indexing.hpp"

namespace motley::reference {

namespace {
// Products of two such numbers fit int64_t.
constexpr int64_t kMost = int64_t{1} << 30;

std::vector<int64_t> list_or(const std::vector<int64_t>& list, size_t length, int64_t fallback, const char* what) {
  if (list.empty()) return std::vector<int64_t>(length, fallback);
  require(list.size() == length,
          std::string(what) + " has " + std::to_string(list.size()) + " values, expected " + std::to_string(length));
  return list;
}

void set_same_pads(WindowAxis& a, bool upper) {
  a.output = (a.input + a.stride - 1) / a.stride;
  const int64_t total = std::max<int64_t>(0, (a.output - 1) * a.stride + a.reach() - a.input);
  a.pad_begin = upper ? total / 2 : total - total / 2;
  a.pad_end = total - a.pad_begin;
}

// Windows that would start in the padding at the end are dropped.
void set_explicit_output(WindowAxis& a, bool ceil_mode) {
  const int64_t room = a.input + a.pad_begin + a.pad_end - a.reach();
  require(room >= 0, "the kernel is larger than the padded input");
  a.output = (room + (ceil_mode ? a.stride - 1 : 0)) / a.stride + 1;
  if (ceil_mode && (a.output - 1) * a.stride >= a.input + a.pad_begin) --a.output;
}
}  // namespace

Window make_window(std::span<const int64_t> input, const WindowLists& lists) {
  const size_t rank = input.size();
  require(rank >= 1 && rank <= 3, "only 1 to 3 spatial dimensions are supported");
  const auto kernel = list_or(lists.kernel, rank, 1, "kernel_shape"),
             strides = list_or(lists.strides, rank, 1, "strides"),
             dilations = list_or(lists.dilations, rank, 1, "dilations"),
             pads = list_or(lists.pads, 2 * rank, 0, "pads");
  Window window;
  window.rank = rank;
  for (size_t i = 0; i < rank; ++i) {
    WindowAxis& a = window.axis(i);
    a = {input[i], 0, kernel[i], strides[i], dilations[i], pads[i], pads[rank + i]};
    require(a.input >= 0 && a.input < kMost, "a spatial dimension is too large");
    require(a.kernel >= 1 && a.kernel < kMost, "kernel extents must be positive");
    require(a.stride >= 1 && a.stride < kMost, "strides must be positive");
    require(a.dilation >= 1 && a.dilation < kMost, "dilations must be positive");
    require(a.pad_begin >= 0 && a.pad_end >= 0 && a.pad_begin < kMost && a.pad_end < kMost,
            "negative pads are not supported");
  }
  return window;
}

void set_outputs(Window& window, schema::AutoPad auto_pad, bool ceil_mode) {
  for (size_t i = 0; i < window.rank; ++i) {
    WindowAxis& a = window.axis(i);
    if (auto_pad == schema::AutoPad::same_upper || auto_pad == schema::AutoPad::same_lower) {
      set_same_pads(a, auto_pad == schema::AutoPad::same_upper);
      continue;
    }
    if (auto_pad == schema::AutoPad::valid) a.pad_begin = a.pad_end = 0;
    set_explicit_output(a, ceil_mode && auto_pad != schema::AutoPad::valid);
  }
}

Shape output_shape(const Shape& x, int64_t channels, const Window& window) {
  Shape y{x[0], channels};
  for (size_t i = 0; i < window.rank; ++i) y.push_back(window.axis(i).output);
  return y;
}

}  // namespace motley::reference
