// Shorthand for networks of tests, node by node.
#pragma once

#include "graph/graph.hpp"

namespace motley::test {

using graph::Dim;
using graph::Dims;
using graph::Graph;
using graph::TensorId;
using schema::DataType;
using schema::Op;

inline TensorId tensor(Graph& g, const std::string& name, DataType type, std::optional<Dims> shape = std::nullopt) {
  graph::Tensor t;
  t.name = name;
  t.type = type;
  t.shape = std::move(shape);
  return g.add_tensor(std::move(t));
}

inline schema::UnaryAttributesT unary(schema::UnaryFunction f) {
  schema::UnaryAttributesT a;
  a.function = f;
  return a;
}
inline schema::BinaryAttributesT binary(schema::BinaryFunction f) {
  schema::BinaryAttributesT a;
  a.function = f;
  return a;
}
inline schema::CompareAttributesT compare(schema::CompareFunction f) {
  schema::CompareAttributesT a;
  a.function = f;
  return a;
}
inline schema::CastAttributesT cast_to(DataType type) {
  schema::CastAttributesT a;
  a.to = type;
  return a;
}

template <class T>
TensorId constant(Graph& g, const std::string& name, DataType type, std::vector<int64_t> shape,
                  const std::vector<T>& values) {
  return g.add_constant(name, type, std::move(shape), graph::Constant::of(values));
}

// A node of that name with one output, which has its name too.
template <class Attributes>
TensorId node(Graph& g, const std::string& name, Op op, std::vector<TensorId> in, DataType type, Attributes attributes) {
  const TensorId out = tensor(g, name, type);
  g.add_node(name, op, std::move(in), {out}, std::move(attributes));
  return out;
}

}  // namespace motley::test
