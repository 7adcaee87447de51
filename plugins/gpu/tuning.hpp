// What a tuner may choose for a node, and what names its problem.
#pragma once

#include "emitter.hpp"
#include "motley/sdk/executable.hpp"
#include "segment.hpp"

namespace motley::gpu {

inline constexpr uint32_t kSpaceRevision = 1;

std::string problem_key(const NodeView& node);
std::vector<sdk::Parameter> tuning_space(const NodeView& node, const Capabilities& device);
// Whether the device runs the node with its weights kept as float16, by the config "precision=f16".
bool offers_half(const NodeView& node, const Capabilities& device);
sdk::Reason config_check(const NodeView& node, const Config& config, const Capabilities& device);
// A prior, by a roofline.
double estimated_ns(const NodeView& node, const Capabilities& device);

}  // namespace motley::gpu
