// Is a result what it should be?
#pragma once

#include <optional>
#include <string>

#include "io/tensor.hpp"

namespace motley::conformance {

// Element by element: float32 and float64 within 1e-5 + 1e-3 · |expected|, float16 within 5e-3 + 1e-2 · |expected|,
// everything else exactly. NaN equals NaN. Nothing where they agree, else what differs.
std::optional<std::string> compare_elements(const io::Tensor& expected, const io::Tensor& actual);

// As outputs of whole networks: floats within 1e-3 · max(1, range), at an angle of cosine 0.9999 or better; 8-bit
// integers within 6, with the same largest element; others exactly. Floats that stand for quantized numbers, `step` apart,
// may be 6 steps off.
std::optional<std::string> compare_network(const io::Tensor& expected, const io::Tensor& actual, double step = 0);

}  // namespace motley::conformance
