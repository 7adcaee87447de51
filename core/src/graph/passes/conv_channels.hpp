// A convolution whose weights and bias can be changed per output channel.
#pragma once

#include "graph/passes/all.hpp"

namespace motley::graph {

// Conv or ConvTranspose, without activation and residual.
bool is_bare_convolution(const Node& node);
// Number of output channels; nothing where the weights' shape is not known.
std::optional<int64_t> output_channels(const Rewriter& r, const Node& conv);
// y · factor + shift per output channel, as new weights and bias of a copy of the node; `factor` or `shift` may be
// empty. Nothing where a constant that must change is computed, or the type is not floating.
std::optional<Node> with_channels(Rewriter& r, const Node& conv, const std::vector<double>& factor,
                                  const std::vector<double>& shift);

}  // namespace motley::graph
