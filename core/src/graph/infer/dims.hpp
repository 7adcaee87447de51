// Arithmetic of dimensions that may be unknown. Sums and products of symbols are symbols: "n*12".
#pragma once

#include <span>

#include "graph/infer/context.hpp"

namespace motley::graph::infer {

// Fail with a sentence about the node where the result does not fit 64 bits.
int64_t checked_add(const Context& c, int64_t a, int64_t b);
int64_t checked_mul(const Context& c, int64_t a, int64_t b);

Dim add(const Context& c, const Dim& a, const Dim& b);
Dim multiply(const Context& c, const Dim& a, const Dim& b);
// a / b where b is surely a divisor; fails where both are known and it is not. `what` names a.
Dim divide(const Context& c, const Dim& a, int64_t b, const char* what);
// a / b rounded down, b positive.
Dim quotient(const Dim& a, int64_t b);
Dim product(const Context& c, std::span<const Dim> dims);

// An element as a dimension; fails where it is negative. `what` names the input it is of.
Dim extent(const Context& c, const Element& element, const char* what);

// Surely different.
inline bool differ(const Dim& a, const Dim& b) { return a.known() && b.known() && a.value != b.value; }
// The better known of two dimensions that must be equal; fails where they differ.
Dim unify(const Context& c, const Dim& a, const Dim& b, const char* what);

// One dimension of two operands that broadcast: nothing where they do not.
std::optional<Dim> broadcast_dim(const Dim& a, const Dim& b);
Dims broadcast(const Context& c, const Dims& a, const Dims& b);
// Nothing where a rank is unknown.
std::optional<Dims> broadcast(const Context& c, const Dims* a, const Dims* b);

std::string to_string(const Dim& dim);

}  // namespace motley::graph::infer
