// Inputs of a model that steer shapes.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace motley::conformance {

// Names of graph inputs that a shape depends on by their values: a Reshape's target, a Slice's starts, what these are
// computed from. Operator tests feed them as inputs; networks have constants there.
std::set<std::string> shape_inputs(const std::filesystem::path& model);

// Names of the graph's inputs, in order, without those that are initializers.
std::vector<std::string> model_inputs(const std::filesystem::path& model);

}  // namespace motley::conformance
