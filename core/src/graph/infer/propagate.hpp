// Element values of a node's outputs, from those of its inputs: shape arithmetic, done before any run.
#pragma once

#include "graph/infer/dims.hpp"

namespace motley::graph::infer {

// One list per output, where the op has a rule here and all shapes are known and small; elements may be unknown. Call
// after the shapes were inferred.
std::optional<std::vector<Elements>> propagate_values(const Context& c);

// ---- for the rules

// The values of input i, all unknown where nothing is known of it; its shape must be known.
Elements operand(const Context& c, size_t i);

// For each element of a row-major block of `extents`, offset + i·strides.
std::vector<size_t> walk(const Extents& extents, const Extents& strides, int64_t offset = 0);
Extents row_major_strides(const Extents& extents);
// For each element of the output, where the element of input i that broadcasts to it lies.
std::vector<size_t> broadcast_map(const Context& c, size_t i, const Extents& output);

// Arithmetic: propagate_arithmetic.cpp. Reductions: propagate_reduce.cpp. Movement: propagate_movement.cpp.
Elements unary_values(const Context& c);
Elements binary_values(const Context& c);
Elements compare_values(const Context& c);
Elements logical_values(const Context& c);
Elements where_values(const Context& c);
Elements cast_values(const Context& c);
Elements variadic_values(const Context& c);
Elements reduce_values(const Context& c);
Elements shape_values(const Context& c);
Elements size_values(const Context& c);
Elements gather_values(const Context& c);
Elements slice_values(const Context& c);
Elements concat_values(const Context& c);
Elements same_values(const Context& c);
Elements transpose_values(const Context& c);
Elements expand_values(const Context& c);
Elements tile_values(const Context& c);
Elements range_values(const Context& c);
Elements non_zero_values(const Context& c);

// The result of `function` on two elements of a type; unknown where it is not certain.
Element combine(const Context& c, schema::BinaryFunction function, DataType type, const Element& a, const Element& b);

}  // namespace motley::graph::infer
