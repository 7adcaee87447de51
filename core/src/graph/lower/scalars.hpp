// Constants of any element type, written from and read as doubles.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "graph/graph.hpp"

namespace motley::graph {

// One element, little-endian. Integers are rounded and clamped to their range; NaN becomes 0 there.
std::vector<uint8_t> encode_scalar(DataType type, double value);
// The elements one after another.
Constant encode_constant(DataType type, const std::vector<double>& values);
// An element of a constant as a double; 64-bit integers past 2^53 lose their low bits.
double decode_scalar(DataType type, const uint8_t* bytes);
// All elements of a constant. Throws Error(internal) for a computed tensor or one whose bytes don't fit its shape.
std::vector<double> decode_constant(const Tensor& tensor);
// The elements of an int64 or int32 constant; nothing for a computed tensor or one of another type.
std::optional<std::vector<int64_t>> integers(const Tensor& tensor);
// The value of a constant with one element, of any rank; nothing otherwise.
std::optional<double> scalar_value(const Tensor& tensor);

bool is_floating(DataType type);

}  // namespace motley::graph
