// Reductions along an array and across arrays, and what softmax and normalization need.
#pragma once

#include <cstddef>

namespace motley::cpu {

enum class Fold { sum, max, min, product, sum_abs, sum_square };
inline constexpr size_t kFolds = 6;

struct RowOps {
  // The fold of x[0, n), by Fold; n > 0. NaN gives NaN.
  float (*along[kFolds])(const float* x, size_t n);
  // into[i] = into[i] folded with x[i].
  void (*across[kFolds])(const float* x, float* into, size_t n);
  // out[i] = e^(x[i] - shift); returns their sum. out may be x, or null for the sum alone.
  float (*exp_along)(const float* x, float shift, float* out, size_t n);
  // out[i] = e^(x[i] - shift[i]), sums[i] += out[i]; out may be x, or null.
  void (*exp_across)(const float* x, const float* shift, float* out, float* sums, size_t n);
  // The sum of (x[i] - mean)^2.
  float (*deviation)(const float* x, float mean, size_t n);
  // out[i] = (x[i] - shift) * factor * scale[i] + bias[i]; scale and bias may be null.
  void (*normalize)(const float* x, float shift, float factor, const float* scale, const float* bias, float* out,
                    size_t n);
};

const RowOps& row_ops();

}  // namespace motley::cpu
