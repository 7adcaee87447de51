// The passes, one per file; the order they run in is in ../passes.cpp.
#pragma once

#include "graph/lower/scalars.hpp"
#include "graph/rewrite.hpp"

namespace motley::graph {

size_t remove_dead_code(Graph& graph, const PassContext& context);
size_t bring_to_simple_ops(Graph& graph, const PassContext& context);
size_t share_common_subexpressions(Graph& graph, const PassContext& context);
size_t remove_no_ops(Graph& graph, const PassContext& context);
size_t join_reshapes(Graph& graph, const PassContext& context);
size_t cancel_transposes(Graph& graph, const PassContext& context);
size_t sink_transposes(Graph& graph, const PassContext& context);
size_t form_integer_segments(Graph& graph, const PassContext& context);
size_t fuse_unrolled_recurrence(Graph& graph, const PassContext& context);
size_t fuse_gelu(Graph& graph, const PassContext& context);
size_t fuse_hard_swish(Graph& graph, const PassContext& context);
size_t fuse_layer_norm(Graph& graph, const PassContext& context);
size_t fuse_attention(Graph& graph, const PassContext& context);
size_t fuse_pad(Graph& graph, const PassContext& context);
size_t fold_batch_norm(Graph& graph, const PassContext& context);
size_t fold_channel_arithmetic(Graph& graph, const PassContext& context);
size_t fuse_matmul_bias(Graph& graph, const PassContext& context);
size_t fuse_residual(Graph& graph, const PassContext& context);
size_t fuse_activation(Graph& graph, const PassContext& context);

}  // namespace motley::graph
