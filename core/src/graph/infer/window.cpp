// Windows that slide over spatial dimensions.
#include "graph/infer/window.hpp"

namespace motley::graph::infer {

Extents list_attribute(const Context& c, const std::vector<int64_t>& list, size_t count, int64_t fallback,
                       int64_t lowest, const char* what) {
  if (list.empty()) return Extents(count, fallback);
  if (list.size() != count) c.fail("% has % values (expected %)", {what, list.size(), count});
  for (int64_t value : list)
    if (value < lowest) c.fail("% has the value % (expected at least %)", {what, value, lowest});
  return list;
}

std::vector<Window> windows(const Context& c, std::span<const Dim> kernel, const std::vector<int64_t>& strides,
                            const std::vector<int64_t>& dilations, const std::vector<int64_t>& pads,
                            schema::AutoPad auto_pad) {
  const size_t count = kernel.size();
  const Extents stride = list_attribute(c, strides, count, 1, 1, "strides");
  const Extents dilation = list_attribute(c, dilations, count, 1, 1, "dilations");
  const bool explicit_pads = auto_pad == schema::AutoPad::explicit_;
  const Extents pad = list_attribute(c, explicit_pads ? pads : std::vector<int64_t>(), 2 * count, 0, 0, "pads");
  std::vector<Window> result(count);
  for (size_t i = 0; i < count; ++i) {
    if (kernel[i].known() && kernel[i].value < 1)
      c.fail("the kernel is empty (%)", {graph::to_string(Dims(kernel.begin(), kernel.end()))});
    result[i] = Window{kernel[i], stride[i], dilation[i], pad[i], pad[count + i]};
  }
  return result;
}

int64_t effective_kernel(const Context& c, const Window& window) {
  return checked_add(c, checked_mul(c, window.dilation, window.kernel.value - 1), 1);
}

Dim window_positions(const Context& c, const Dim& input, const Window& window, schema::AutoPad auto_pad,
                     Rounding rounding) {
  if (auto_pad == schema::AutoPad::same_upper || auto_pad == schema::AutoPad::same_lower) {
    if (window.stride == 1) return input;
    return input.known() ? Dim(input.value / window.stride + (input.value % window.stride != 0)) : Dim();
  }
  if (!window.kernel.known()) return Dim();
  const int64_t effective = effective_kernel(c, window);
  const int64_t pads = checked_add(c, window.pad_begin, window.pad_end);
  if (!input.known()) return window.stride == 1 && pads == effective - 1 ? input : Dim();

  const int64_t padded = checked_add(c, input.value, pads);
  if (padded < effective)
    c.fail("the kernel (%, dilation %) is larger than the padded input (%)",
           {window.kernel.value, window.dilation, padded});
  const int64_t room = padded - effective;
  int64_t positions = room / window.stride + 1;
  if (rounding == Rounding::up && room % window.stride != 0) {
    // The one more window must begin inside the input or its leading padding.
    if (checked_mul(c, positions, window.stride) < input.value + window.pad_begin) ++positions;
  }
  return Dim(positions);
}

}  // namespace motley::graph::infer
