// What a lowering rule works with: the node's tensors, and one function per primitive it may emit.
#pragma once

#include <string>
#include <vector>

#include "base/text.hpp"
#include "graph/graph.hpp"
#include "graph/lower/regions.hpp"
#include "graph/lower/scalars.hpp"

namespace motley::graph {

// Collects the primitives of one node. Emitting functions return the tensor that holds the result: `out` where it is
// given, else a new one. They follow numpy's broadcasting where the primitive does.
class Lowering {
 public:
  Lowering(Graph& graph, const Node& node) : graph_(graph), node_(node) {}

  // ---- the node
  const Node& node() const { return node_; }
  bool has_input(size_t i) const { return node_.input(i) != kNone; }
  bool has_output(size_t i) const { return node_.output(i) != kNone; }
  TensorId in(size_t i) const;  // Throws Error(invalid_model) where it is absent.
  TensorId out(size_t i = 0) const;
  template <class AttributesT>
  const AttributesT& attr() const {
    return attributes<AttributesT>(node_);
  }
  const Tensor& tensor(TensorId id) const { return graph_.tensor(id); }
  Extents shape(TensorId id) const { return graph_.tensor(id).extents(); }
  DataType type(TensorId id) const { return graph_.tensor(id).type; }
  // A constant integer input. Throws Error(unsupported) where it is computed.
  std::vector<int64_t> integer_input(size_t i) const;
  // An axis within [0, rank), from one that may be negative. Throws Error(invalid_model).
  size_t axis(int64_t axis, size_t rank) const;
  [[noreturn]] void unsupported(const char* format, std::initializer_list<base::Piece> values = {}) const;
  [[noreturn]] void invalid(const char* format, std::initializer_list<base::Piece> values = {}) const;

  // ---- tensors
  TensorId temporary(DataType type, const Extents& extents);
  TensorId constant(DataType type, const Extents& extents, const std::vector<double>& values);
  TensorId scalar(DataType type, double value) { return constant(type, {}, {value}); }

  // ---- primitives
  template <class AttributesT>
  TensorId emit(Op op, TensorList inputs, TensorId out, AttributesT attributes) {
    new_node(op, inputs, out).Set(std::move(attributes));
    return out;
  }
  TensorId emit_as(Op op, TensorList inputs, TensorId out, const AttributesUnion& attributes);
  TensorId unary(UnaryFunction function, TensorId x, TensorId out = kNone, float alpha = 0, float beta = 0);
  TensorId binary(schema::BinaryFunction function, TensorId a, TensorId b, TensorId out = kNone);
  TensorId add(TensorId a, TensorId b, TensorId out = kNone) { return binary(schema::BinaryFunction::add, a, b, out); }
  TensorId sub(TensorId a, TensorId b, TensorId out = kNone) { return binary(schema::BinaryFunction::sub, a, b, out); }
  TensorId mul(TensorId a, TensorId b, TensorId out = kNone) { return binary(schema::BinaryFunction::mul, a, b, out); }
  TensorId div(TensorId a, TensorId b, TensorId out = kNone) { return binary(schema::BinaryFunction::div, a, b, out); }
  TensorId compare(schema::CompareFunction function, TensorId a, TensorId b);
  TensorId where(TensorId condition, TensorId yes, TensorId no, TensorId out = kNone);
  // x itself where it has the type already and no `out` is given.
  TensorId cast(TensorId x, DataType to, TensorId out = kNone);
  // x itself where it has the shape already and no `out` is given.
  TensorId reshape(TensorId x, const Extents& extents, TensorId out = kNone);
  TensorId transpose(TensorId x, const AxisList& perm, TensorId out = kNone);
  TensorId reduce(schema::ReduceFunction function, TensorId x, const Extents& axes,
                  TensorId out = kNone);  // keeps dims
  TensorId normalize(TensorId x, TensorId scale, TensorId bias, size_t axis, float epsilon, bool center,
                     TensorId out = kNone);
  TensorId matmul(TensorId a, TensorId b, bool transpose_b, float alpha, TensorId out = kNone);
  TensorId softmax(TensorId x, int64_t axis, TensorId out = kNone);
  // The regions, normalized and checked, into `out`; a Reshape where they move nothing.
  TensorId copy(TensorList inputs, std::vector<RegionT> regions, TensorId out, std::vector<uint8_t> fill = {});
  TensorId copy(TensorList inputs, RegionT region, TensorId out);

  // The nodes, named after the node they stand for.
  std::vector<Node> take();

 private:
  // Its attributes, to be set.
  AttributesUnion& new_node(Op op, TensorList inputs, TensorId out);
  TensorId or_temporary(TensorId out, DataType type, const Extents& extents);

  Graph& graph_;
  const Node& node_;
  std::vector<Node> nodes_;
};

// The shape that a and b broadcast to. Throws Error(invalid_model) where they don't.
Extents broadcast(const Extents& a, const Extents& b);

}  // namespace motley::graph
