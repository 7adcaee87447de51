// Sums and maxima over the taps of a window that slides along an array.
#pragma once

#include <cstddef>
#include <cstdint>

namespace motley::cpu {

// Sums and maxima write and read less than kWindowSlack floats past the last window.
struct WindowOps {
  // out[i] = bias + sum over t of weights[t] * in[i + offsets[t]]
  void (*weighted_sum)(const float* in, const int32_t* offsets, const float* weights, size_t taps, float bias,
                       float* out, size_t n);
  void (*sum)(const float* in, const int32_t* offsets, size_t taps, float* out, size_t n);
  // NaN in the window gives NaN.
  void (*max)(const float* in, const int32_t* offsets, size_t taps, float* out, size_t n);
  // out[i] = in[i] limited to [low, high]; NaN stays. n exact, out may be in.
  void (*clamp)(const float* in, float* out, size_t n, float low, float high);
  // out[i] = in[2 * i], of elements of four bytes, exactly n of them; reads in[0, 2 * n - 1).
  void (*take_even)(const void* in, void* out, size_t n);
};

const WindowOps& window_ops();

// Floats that an array needs beyond its end, whatever the instruction set.
inline constexpr size_t kWindowSlack = 128;

}  // namespace motley::cpu
