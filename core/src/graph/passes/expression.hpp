// Reading arithmetic out of a graph: products as factors, and polynomials in one tensor. Exporters write one formula in
// many orders; comparing what it computes finds them all.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "graph/rewrite.hpp"

namespace motley::graph {

// A binary node of that function without an activation.
bool is_binary(const Node& node, schema::BinaryFunction function);
bool is_unary(const Node& node, UnaryFunction function);

// The node that writes the tensor, where it is that function.
std::optional<size_t> unary_producer(const Rewriter& r, TensorId id, UnaryFunction function);
std::optional<size_t> binary_producer(const Rewriter& r, TensorId id, schema::BinaryFunction function);

// constant · factor · factor · …
struct Product {
  double constant = 1;
  std::vector<TensorId> factors;
  std::set<size_t> nodes;  // those that multiply
};
// What node `root` (a mul, or a div by a constant) multiplies, through nodes whose result nothing else reads.
std::optional<Product> product_of(const Rewriter& r, size_t root);
// The same of a tensor; a single factor where nothing multiplies.
Product product_of_tensor(const Rewriter& r, TensorId id);

// Coefficients by power: {c0, c1, c2, …}.
using Polynomial = std::vector<double>;
// The tensor as a polynomial in x, of degree 4 at most; the nodes that compute it are added to `nodes`.
std::optional<Polynomial> polynomial_of(const Rewriter& r, TensorId id, TensorId x, std::set<size_t>& nodes);
Polynomial times(const Polynomial& a, const Polynomial& b);
// Equal within the type's precision, up to trailing zeros.
bool nearly(const Polynomial& a, const Polynomial& b, DataType type);

// Tensors that a formula ending at `id` may be one of: `id`, and what the arithmetic before it reads, nearest first.
std::vector<TensorId> possible_variables(const Rewriter& r, TensorId id);

}  // namespace motley::graph
