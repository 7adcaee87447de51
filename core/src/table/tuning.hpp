// The tuning functions of a device: what names a node's problem, and which configs it may get.
#pragma once

#include "plugin/registry.hpp"

namespace motley::table {

// Null where the device's plugin has none.
const motley_tuning* tuning_of(const plugin::Device& device);

// `segment` holds one node. All [any].

// The canonical text of the problem; "" where the device gives none.
std::string problem_key(plugin::Device& device, const motley_graph& segment);
// Whether every value is one that the device offers for the node, and the device's own check passes. A table's word is
// not enough: a value that no kernel was made for could ask for any amount of memory. The empty config always is
// offered.
bool offers(plugin::Device& device, const motley_graph& segment, const std::string& config);

}  // namespace motley::table
