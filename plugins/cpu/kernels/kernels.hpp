// One entry per op; each stands in the file of its name.
#pragma once

#include "motley/sdk/kernel.hpp"

namespace motley::cpu {

sdk::KernelEntry unary_kernel();
sdk::KernelEntry binary_kernel();
sdk::KernelEntry compare_kernel();
sdk::KernelEntry logical_kernel();
sdk::KernelEntry where_kernel();
sdk::KernelEntry cast_kernel();
sdk::KernelEntry strided_copy_kernel();
sdk::KernelEntry matmul_kernel();
sdk::KernelEntry conv_kernel();
sdk::KernelEntry conv_transpose_kernel();
sdk::KernelEntry pool_kernel();
sdk::KernelEntry reduce_kernel();
sdk::KernelEntry softmax_kernel();
sdk::KernelEntry normalize_kernel();
sdk::KernelEntry gather_kernel();
sdk::KernelEntry resize_kernel();
sdk::KernelEntry lstm_kernel();
sdk::KernelEntry gru_kernel();
sdk::KernelEntry rnn_kernel();
sdk::KernelEntry quantize_kernel();
sdk::KernelEntry dequantize_kernel();
sdk::KernelEntry dynamic_quantize_kernel();
sdk::KernelEntry qlinear_conv_kernel();
sdk::KernelEntry conv_integer_kernel();
sdk::KernelEntry qlinear_matmul_kernel();
sdk::KernelEntry matmul_integer_kernel();
sdk::KernelEntry qlinear_unary_kernel();
sdk::KernelEntry qlinear_binary_kernel();
sdk::KernelEntry qlinear_pool_kernel();
sdk::KernelEntry byte_pool_kernel();
sdk::KernelEntry attention_kernel();

}  // namespace motley::cpu
