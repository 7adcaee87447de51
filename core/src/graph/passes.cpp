// The list of passes and the loop that runs them.
#include "graph/passes.hpp"

#include <iterator>

#include "graph/passes/all.hpp"

namespace motley::graph {
namespace {

// First what tidies, so that patterns are found in one form; then patterns, large before small; then what widens
// convolutions and products: pads and factors before residuals, and activations last, as nothing fuses after them.
constexpr Pass kPasses[] = {
    {"dead_code", "drop nodes that no output needs", remove_dead_code},
    {"simple_ops", "write Clip, Gelu, Gemm and two-input Variadic as the primitives they are", bring_to_simple_ops},
    {"common_subexpressions", "compute equal nodes once", share_common_subexpressions},
    {"no_ops", "drop nodes that return their input", remove_no_ops},
    {"reshapes", "join chains of views into one Reshape", join_reshapes},
    {"quantized", "compute on the integers between DequantizeLinear and QuantizeLinear", form_integer_segments},
    {"unrolled_recurrence", "find LSTM and GRU layers written out step by step", fuse_unrolled_recurrence},
    {"transposes", "join or cancel transposes in a row", cancel_transposes},
    {"sink_transposes", "move a transpose behind elementwise ops to meet the next one", sink_transposes},
    {"gelu", "find GELU in its erf and tanh forms", fuse_gelu},
    {"hard_swish", "find hard-sigmoid, hard-swish and swish", fuse_hard_swish},
    {"layer_norm", "find layer and RMS normalization", fuse_layer_norm},
    {"attention", "find scaled dot-product attention", fuse_attention},
    {"pad", "give zero padding to the convolution or pool behind it", fuse_pad},
    {"batch_norm", "fold batch normalization into a convolution's weights", fold_batch_norm},
    {"channel_arithmetic", "fold per-channel constants into a convolution's weights and bias", fold_channel_arithmetic},
    {"matmul_bias", "make an addition the matrix product's C", fuse_matmul_bias},
    {"residual", "make an addition the convolution's residual", fuse_residual},
    {"activation", "apply an activation in the node before it", fuse_activation},
};

constexpr int kRounds = 8;

}  // namespace

std::span<const Pass> passes() { return kPasses; }

std::vector<PassReport> optimize(Graph& graph, const PassContext& context) {
  std::vector<PassReport> reports;
  for (const Pass& pass : kPasses) reports.push_back({pass.name, 0});
  for (int round = 0; round < kRounds; ++round) {
    size_t rewrites = 0;
    for (size_t i = 0; i < std::size(kPasses); ++i) {
      const size_t count = kPasses[i].run(graph, context);
      reports[i].rewrites += count;
      rewrites += count;
    }
    if (rewrites == 0) break;
  }
  remove_dead_except(graph, context.keep);
  return reports;
}

}  // namespace motley::graph
