// Every kernel of the backend, one function per op. device.cpp makes the table of them.
#pragma once

#include "support.hpp"

namespace motley::reference {

KernelEntry unary_kernel();
KernelEntry binary_kernel();
KernelEntry compare_kernel();
KernelEntry logical_kernel();
KernelEntry where_kernel();
KernelEntry cast_kernel();
KernelEntry strided_copy_kernel();
KernelEntry matmul_kernel();
KernelEntry conv_kernel();
KernelEntry conv_transpose_kernel();
KernelEntry pool_kernel();
KernelEntry reduce_kernel();
KernelEntry arg_reduce_kernel();
KernelEntry softmax_kernel();
KernelEntry normalize_kernel();
KernelEntry cumsum_kernel();
KernelEntry gather_kernel();
KernelEntry gather_elements_kernel();
KernelEntry gather_nd_kernel();
KernelEntry scatter_elements_kernel();
KernelEntry scatter_nd_kernel();
KernelEntry topk_kernel();
KernelEntry nonzero_kernel();
KernelEntry non_max_suppression_kernel();
KernelEntry resize_kernel();
KernelEntry grid_sample_kernel();
KernelEntry roi_align_kernel();
KernelEntry range_kernel();
KernelEntry fill_kernel();
KernelEntry quantize_kernel();
KernelEntry dequantize_kernel();
KernelEntry dynamic_quantize_kernel();
KernelEntry qlinear_conv_kernel();
KernelEntry qlinear_matmul_kernel();
KernelEntry conv_integer_kernel();
KernelEntry matmul_integer_kernel();
KernelEntry lstm_kernel();
KernelEntry gru_kernel();
KernelEntry rnn_kernel();
KernelEntry deform_conv_kernel();

}  // namespace motley::reference
