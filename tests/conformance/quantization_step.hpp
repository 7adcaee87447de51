// How far apart neighbouring values of an output are, where it comes from quantized numbers.
#pragma once

#include <filesystem>
#include <string>

namespace motley::conformance {

// The largest scale among the DequantizeLinear nodes that an output is computed from without others in between; 0 where
// there is none.
double quantization_step(const std::filesystem::path& model, const std::string& output);

}  // namespace motley::conformance
