// The rule of every op: how many inputs and outputs it has, and a function that checks the inputs and sets the outputs.
#pragma once

#include "graph/infer/context.hpp"

namespace motley::graph::infer {

struct Rule {
  Op op;
  uint8_t required;     // the first inputs, which must be present
  uint8_t max_inputs;   // kMany: any number
  uint8_t max_outputs;  // kMany: any number
  void (*infer)(Context& c);
};
inline constexpr uint8_t kMany = 255;

// Null for an op that has none. table.cpp
const Rule* find_rule(Op op);
// Checks counts, then applies the rule. Throws Error(unsupported) where there is none.
void apply_rule(Context& c);

// Rules of composites are declared from the table of ops: void transpose(Context&) and so on.
#define MOTLEY_COMPOSITE(op, kind, min_in, max_in, min_out, max_out, infer_rule, ...) void infer_rule(Context& c);
#include "graph/ops.inc"

// elementwise.cpp
void unary(Context& c);
void binary(Context& c);
void compare(Context& c);
void logical(Context& c);
void where(Context& c);
void cast(Context& c);
// convolution.cpp
void conv(Context& c);
void conv_transpose(Context& c);
void conv_integer(Context& c);
void qlinear_conv(Context& c);
void deform_conv(Context& c);
// pooling.cpp
void pool(Context& c);
// reduction.cpp
void reduce(Context& c);
void arg_reduce(Context& c);
void softmax(Context& c);
void cum_sum(Context& c);
void top_k(Context& c);
// matmul.cpp
void matmul(Context& c);
void matmul_integer(Context& c);
void qlinear_matmul(Context& c);
// gather.cpp
void gather(Context& c);
void gather_elements(Context& c);
void gather_nd(Context& c);
void scatter_elements(Context& c);
void scatter_nd(Context& c);
// selection.cpp
void non_zero(Context& c);
void non_max_suppression(Context& c);
// reshape.cpp
void reshape(Context& c);
// strided_copy.cpp
void strided_copy(Context& c);
// generate.cpp
void range(Context& c);
void fill(Context& c);
// normalization.cpp
void normalize(Context& c);
// resize.cpp
void resize(Context& c);
void grid_sample(Context& c);
void roi_align(Context& c);
// quantization.cpp
void quantize_linear(Context& c);
void dequantize_linear(Context& c);
void dynamic_quantize_linear(Context& c);
void require_quantized(const Context& c, size_t i, const char* what);
void require_quantization(const Context& c, size_t i);
// recurrent.cpp
void lstm(Context& c);
void gru(Context& c);
void rnn(Context& c);
// control_flow.cpp
void control_flow(Context& c);

}  // namespace motley::graph::infer
