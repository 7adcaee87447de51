// Windows that slide over spatial dimensions: their parameters, checked, and how many positions they have.
#pragma once

#include <span>

#include "graph/infer/dims.hpp"

namespace motley::graph::infer {

// One spatial dimension of a convolution or pooling.
struct Window {
  Dim kernel;
  int64_t stride = 1, dilation = 1, pad_begin = 0, pad_end = 0;
};

// Lists as ONNX gives them; empty ones take the defaults. Fails for lengths other than the kernel's (twice that for
// pads) and for strides or dilations below 1, negative pads, or an empty kernel. Pads count only with
// AutoPad::explicit_.
std::vector<Window> windows(const Context& c, std::span<const Dim> kernel, const std::vector<int64_t>& strides,
                            const std::vector<int64_t>& dilations, const std::vector<int64_t>& pads,
                            schema::AutoPad auto_pad);

// dilation · (kernel - 1) + 1, of a known kernel.
int64_t effective_kernel(const Context& c, const Window& window);

enum class Rounding { down, up };
// Positions of a window in an input dimension. Fails where the kernel does not fit once.
Dim window_positions(const Context& c, const Dim& input, const Window& window, schema::AutoPad auto_pad,
                     Rounding rounding);

// A list attribute of `count` values, each at least `lowest`; empty: `fallback` for all.
Extents list_attribute(const Context& c, const std::vector<int64_t>& list, size_t count, int64_t fallback,
                       int64_t lowest, const char* what);

}  // namespace motley::graph::infer
