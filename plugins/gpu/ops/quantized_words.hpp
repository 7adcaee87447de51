// Convolutions and products of bytes as products of words of four bytes (dot_gemm.gpu), where weights are constant.
#pragma once

#include "convolution.hpp"
#include "matrix.hpp"
#include "ops.hpp"

namespace motley::gpu {

// Where the inputs of a quantized op stand; -1: it has none. `left` and `right` as in A · B.
struct QuantizedInputs {
  int left, right, left_zero, right_zero, left_scale, right_scale, y_scale, y_zero, addend;
};

// False, and nothing emitted, where the form is not for words: grouped, few outputs, weights that are computed.
bool emit_conv_words(Emitter& e, const reference::Convolution& c, bool to_bytes);
bool emit_matmul_words(Emitter& e, const reference::MatrixProduct& p, bool to_bytes);

}  // namespace motley::gpu
