// Products and polynomials read out of a graph.
#include "graph/passes/expression.hpp"

#include <algorithm>
#include <cmath>

#include "graph/lower/scalars.hpp"

namespace motley::graph {
namespace {

using schema::BinaryFunction;

constexpr int kMaxDepth = 8;  // of a formula; deeper ones are not what is looked for, and the search stays small
constexpr size_t kMaxDegree = 4;

std::optional<double> constant_of(const Rewriter& r, TensorId id) {
  return id == kNone ? std::nullopt : scalar_value(r.tensor(id));
}

void collect(const Rewriter& r, TensorId id, Product& product, int depth);

// False where the node multiplies nothing.
bool collect_node(const Rewriter& r, size_t i, Product& product, int depth) {
  const Node& node = r.node(i);
  if (is_binary(node, BinaryFunction::mul)) {
    product.nodes.insert(i);
    collect(r, node.inputs[0], product, depth + 1);
    collect(r, node.inputs[1], product, depth + 1);
    return true;
  }
  const auto divisor = is_binary(node, BinaryFunction::div) ? constant_of(r, node.inputs[1]) : std::nullopt;
  if (!divisor || *divisor == 0) return false;
  product.nodes.insert(i);
  product.constant /= *divisor;
  collect(r, node.inputs[0], product, depth + 1);
  return true;
}

void collect(const Rewriter& r, TensorId id, Product& product, int depth) {
  if (const auto constant = constant_of(r, id)) {
    product.constant *= *constant;
    return;
  }
  const auto i = r.producer(id);
  if (i && depth < kMaxDepth && r.may_absorb(*i) && collect_node(r, *i, product, depth)) return;
  product.factors.push_back(id);
}

Polynomial plus(const Polynomial& a, const Polynomial& b, double factor) {
  Polynomial sum(std::max(a.size(), b.size()), 0.0);
  for (size_t i = 0; i < a.size(); ++i) sum[i] += a[i];
  for (size_t i = 0; i < b.size(); ++i) sum[i] += factor * b[i];
  return sum;
}

class PolynomialReader {
 public:
  PolynomialReader(const Rewriter& r, TensorId x, std::set<size_t>& nodes) : r_(r), x_(x), nodes_(nodes) {}

  std::optional<Polynomial> read(TensorId id, int depth = 0) {
    if (id == x_) return Polynomial{0, 1};
    if (const auto constant = constant_of(r_, id)) return Polynomial{*constant};
    const auto i = r_.producer(id);
    if (!i || depth > kMaxDepth) return std::nullopt;
    const Node& node = r_.node(*i);
    std::optional<Polynomial> result;
    if (is_unary(node, UnaryFunction::square)) result = power(read(node.inputs[0], depth + 1), 2);
    else if (is_unary(node, UnaryFunction::neg)) result = scaled(read(node.inputs[0], depth + 1), -1);
    else if (node.op == Op::Binary && node.inputs.size() == 2) result = binary(node, depth);
    if (!result || result->size() > kMaxDegree + 1) return std::nullopt;
    nodes_.insert(*i);
    return result;
  }

 private:
  using Maybe = std::optional<Polynomial>;

  static Maybe scaled(const Maybe& a, double factor) { return a ? Maybe(times(*a, {factor})) : a; }

  static Maybe power(const Maybe& a, double exponent) {
    if (!a || exponent < 1 || exponent > static_cast<double>(kMaxDegree) || exponent != std::floor(exponent))
      return std::nullopt;
    Polynomial result = *a;
    for (int i = 1; i < static_cast<int>(exponent); ++i) result = times(result, *a);
    return result;
  }

  Maybe binary(const Node& node, int depth) {
    if (is_binary(node, BinaryFunction::pow)) {
      const auto exponent = constant_of(r_, node.inputs[1]);
      return exponent ? power(read(node.inputs[0], depth + 1), *exponent) : std::nullopt;
    }
    if (is_binary(node, BinaryFunction::div)) {
      const auto divisor = constant_of(r_, node.inputs[1]);
      return divisor && *divisor != 0 ? scaled(read(node.inputs[0], depth + 1), 1 / *divisor) : std::nullopt;
    }
    const Maybe a = read(node.inputs[0], depth + 1);
    const Maybe b = a ? read(node.inputs[1], depth + 1) : std::nullopt;
    if (!a || !b) return std::nullopt;
    if (is_binary(node, BinaryFunction::mul)) return times(*a, *b);
    if (is_binary(node, BinaryFunction::add)) return plus(*a, *b, 1);
    if (is_binary(node, BinaryFunction::sub)) return plus(*a, *b, -1);
    return std::nullopt;
  }

  const Rewriter& r_;
  TensorId x_;
  std::set<size_t>& nodes_;
};

}  // namespace

bool is_binary(const Node& node, BinaryFunction function) {
  if (node.op != Op::Binary || node.inputs.size() != 2) return false;
  const auto& attributes = graph::attributes<schema::BinaryAttributesT>(node);
  return attributes.function == function && attributes.activation.function() == UnaryFunction::identity;
}

bool is_unary(const Node& node, UnaryFunction function) {
  return node.op == Op::Unary && attributes<schema::UnaryAttributesT>(node).function == function;
}

std::optional<size_t> unary_producer(const Rewriter& r, TensorId id, UnaryFunction function) {
  const auto i = r.producer(id, Op::Unary);
  return i && is_unary(r.node(*i), function) ? i : std::nullopt;
}

std::optional<size_t> binary_producer(const Rewriter& r, TensorId id, BinaryFunction function) {
  const auto i = r.producer(id, Op::Binary);
  return i && is_binary(r.node(*i), function) ? i : std::nullopt;
}

std::optional<Product> product_of(const Rewriter& r, size_t root) {
  Product product;
  if (!collect_node(r, root, product, 0)) return std::nullopt;
  return product;
}

Product product_of_tensor(const Rewriter& r, TensorId id) {
  Product product;
  collect(r, id, product, 0);
  return product;
}

std::optional<Polynomial> polynomial_of(const Rewriter& r, TensorId id, TensorId x, std::set<size_t>& nodes) {
  return PolynomialReader(r, x, nodes).read(id);
}

Polynomial times(const Polynomial& a, const Polynomial& b) {
  if (a.empty() || b.empty()) return {};
  Polynomial product(a.size() + b.size() - 1, 0.0);
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = 0; j < b.size(); ++j) product[i + j] += a[i] * b[j];
  return product;
}

bool nearly(const Polynomial& a, const Polynomial& b, DataType type) {
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const double left = i < a.size() ? a[i] : 0, right = i < b.size() ? b[i] : 0;
    if (left != right && !nearly(left, right, type)) return false;
  }
  return true;
}

std::vector<TensorId> possible_variables(const Rewriter& r, TensorId id) {
  std::vector<TensorId> found{id};
  for (size_t next = 0; next < found.size() && found.size() < 32; ++next) {
    const auto i = r.producer(found[next]);
    if (!i || (r.node(*i).op != Op::Binary && r.node(*i).op != Op::Unary)) continue;
    for (TensorId input : r.node(*i).inputs)
      if (input != kNone && !r.tensor(input).is_constant() &&
          std::find(found.begin(), found.end(), input) == found.end())
        found.push_back(input);
  }
  return found;
}

}  // namespace motley::graph
