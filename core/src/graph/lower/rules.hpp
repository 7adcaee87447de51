// One lowering rule per composite op; the table that dispatches to them is in ../lower.cpp.
#pragma once

#include "graph/lower/lowering.hpp"

namespace motley::graph {

// views.cpp, permute.cpp, slice.cpp, pad.cpp, repeat.cpp, triangle.cpp, sequence.cpp, select.cpp
void lower_view(Lowering& l);   // Squeeze, Unsqueeze, Flatten, Identity
void lower_known(Lowering& l);  // Shape, Size
void lower_transpose(Lowering& l);
void lower_depth_to_space(Lowering& l);
void lower_space_to_depth(Lowering& l);
void lower_slice(Lowering& l);
void lower_split(Lowering& l);
void lower_concat(Lowering& l);
void lower_pad(Lowering& l);
void lower_center_crop_pad(Lowering& l);
void lower_expand(Lowering& l);
void lower_tile(Lowering& l);
void lower_constant_of_shape(Lowering& l);
void lower_trilu(Lowering& l);
void lower_eye_like(Lowering& l);
void lower_reverse_sequence(Lowering& l);
void lower_compress(Lowering& l);
void lower_one_hot(Lowering& l);

// batch_norm.cpp, group_norm.cpp, layer_norm.cpp, lp_norm.cpp, elementwise.cpp, products.cpp
void lower_batch_normalization(Lowering& l);
void lower_instance_normalization(Lowering& l);
void lower_group_normalization(Lowering& l);
void lower_layer_normalization(Lowering& l);
void lower_rms_normalization(Lowering& l);
void lower_lrn(Lowering& l);
void lower_lp_normalization(Lowering& l);
void lower_mean_variance_normalization(Lowering& l);
void lower_prelu(Lowering& l);
void lower_clip(Lowering& l);
void lower_gelu(Lowering& l);
void lower_variadic(Lowering& l);
void lower_gemm(Lowering& l);
void lower_global_pool(Lowering& l);

// attention.cpp, rotary.cpp, einsum.cpp
void lower_attention(Lowering& l);
void lower_rotary_embedding(Lowering& l);
void lower_einsum(Lowering& l);

// fused.cpp: a primitive with an activation or a residual, as its plain form and what follows.
void lower_fused(Lowering& l);
bool is_fused(const Node& node);

}  // namespace motley::graph
