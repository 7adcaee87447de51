// Convolution's choice of algorithm, for the emitter and the tuner.
#pragma once

#include "convolution.hpp"
#include "ops.hpp"

namespace motley::gpu {

enum class ConvAlgorithm : uint8_t { direct, gemm, winograd2, winograd4, depthwise };

reference::Convolution convolution_of(const NodeView& node);
// Those that can compute the node, the default first.
std::vector<ConvAlgorithm> conv_algorithms(const reference::Convolution& c, const NodeView& node, const Capabilities& device);
const char* algorithm_name(ConvAlgorithm algorithm);

// Tiles of m x m outputs from 3 x 3 taps; conv_winograd.cpp.
void emit_winograd(Emitter& e, const reference::Convolution& c, int64_t m);

}  // namespace motley::gpu
