// The IR: graphs of nodes over tensors, as read from a model, rewritten by passes, and cut into segments.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/dims.hpp"
#include "motley/error.hpp"
#include "motley/schema/model_generated.h"
#include "motley/sdk/graph_view.hpp"

namespace motley::graph {

using schema::Activation;
using schema::AttributesUnion;
using schema::DataType;
using schema::Op;
using schema::UnaryFunction;
using sdk::element_bytes;

// Bytes of a constant. `owner` keeps them alive: a memory-mapped file or a vector.
struct Constant {
  const void* data = nullptr;
  uint64_t bytes = 0;
  std::shared_ptr<const void> owner;

  // Copies.
  static Constant copy_of(const void* data, uint64_t bytes);
  template <class T> static Constant of(const std::vector<T>& values) { return copy_of(values.data(), values.size() * sizeof(T)); }
};

struct Quantization {
  std::vector<float> scales;
  std::vector<int64_t> zero_points;
  int axis = 0;
  bool empty() const { return scales.empty(); }
};

struct Tensor {
  std::string name;
  DataType type = DataType::undefined;
  std::optional<Dims> shape;          // nothing: not even the rank is known
  std::optional<Constant> constant;
  Quantization quantization;
  // Of one that is not row-major, `shape` is what lies in memory: 1x56x56x64 in nhwc for 1x64x56x56. Only plans have
  // such (plan/layout.hpp).
  schema::Layout layout = schema::Layout::row_major;

  bool is_constant() const { return constant.has_value(); }
  // Rank and every dimension are known.
  bool shape_known() const;
  // The dimensions as numbers. Throws Error(internal) unless shape_known().
  Extents extents() const;
  int64_t elements() const;
  uint64_t bytes() const;
  // Elements of a constant of type T. Throws Error(internal) for another type or a computed tensor.
  template <class T> const T* values() const { return static_cast<const T*>(constant->data); }
};

using TensorId = int32_t;  // index into Graph::tensors; kNone: absent
inline constexpr TensorId kNone = -1;

// Ids as an argument: seen, not kept.
class TensorList {
 public:
  TensorList(std::initializer_list<TensorId> ids) : ids_(std::data(ids)), size_(ids.size()) {}
  TensorList(const std::vector<TensorId>& ids) : ids_(ids.data()), size_(ids.size()) {}  // NOLINT: the same list
  operator std::vector<TensorId>() const { return {ids_, ids_ + size_}; }                // NOLINT
  TensorId operator[](size_t i) const { return ids_[i]; }

 private:
  const TensorId* ids_;
  size_t size_;
};

struct Node {
  std::string name;
  Op op = Op::Unary;
  std::vector<TensorId> inputs, outputs;
  AttributesUnion attributes;
  // What it was made from, for explain(): the names of the model's nodes, in order, never empty after reading.
  std::vector<std::string> origins;

  TensorId input(size_t i) const { return i < inputs.size() ? inputs[i] : kNone; }
  TensorId output(size_t i) const { return i < outputs.size() ? outputs[i] : kNone; }
};

// Nodes stand in a topological order; each tensor is written by at most one node.
struct Graph {
  std::string name;
  std::vector<Tensor> tensors;
  std::vector<Node> nodes;
  std::vector<TensorId> inputs, outputs;

  Tensor& tensor(TensorId id) { return tensors[static_cast<size_t>(id)]; }
  const Tensor& tensor(TensorId id) const { return tensors[static_cast<size_t>(id)]; }

  TensorId add_tensor(Tensor tensor);
  TensorId add_constant(std::string name, DataType type, const Extents& extents, Constant constant);
  // An int64 vector constant, as shape arguments are.
  TensorId add_int64(std::string name, const std::vector<int64_t>& values);
  // Without attributes so far; what it was made from is itself.
  Node& add_node(std::string name, Op op, TensorList in, TensorList out);
  template <class AttributesT>
  Node& add_node(std::string name, Op op, TensorList in, TensorList out, AttributesT attributes) {
    Node& node = add_node(std::move(name), op, in, out);
    node.attributes.Set(std::move(attributes));
    return node;
  }

  // kNone where there is none of that name. Linear.
  TensorId find_tensor(std::string_view name) const;
  // Index of the node that writes each tensor; -1 for inputs and constants.
  std::vector<int32_t> producers() const;
  // Indices of the nodes that read each tensor, ascending; once per node.
  std::vector<std::vector<int32_t>> consumers() const;
  bool is_output(TensorId id) const;

  // Orders nodes topologically (stable). Throws Error(invalid_model) naming a node on a cycle.
  void sort_nodes();
  // Drops nodes whose outputs nobody reads, and tensors that nothing names; renumbers.
  void remove_dead();
};

// graphs[0] is the main graph; If, Loop and Scan refer to the others by index.
struct Module {
  std::vector<Graph> graphs;
  std::map<std::string, std::string> metadata;
  std::string producer;

  Graph& main() { return graphs.front(); }
  const Graph& main() const { return graphs.front(); }
};

// Attributes of a node. Throws Error(internal) where the node carries another kind: a bug, since reading checks kinds.
template <class AttributesT> const AttributesT& attributes(const Node& node);
template <class AttributesT> AttributesT& attributes(Node& node);

// "2x3x?xbatch", "scalar", "unknown rank".
std::string to_string(const std::optional<Dims>& shape);
// "Conv", "Unary"; and with the function where the op has one: "Unary(relu)".
std::string describe_op(const Node& node);
const char* to_string(DataType type);

[[noreturn]] void throw_wrong_attributes(const Node& node);

template <class AttributesT> const AttributesT& attributes(const Node& node) {
  if (node.attributes.type != schema::AttributesUnionTraits<AttributesT>::enum_value) throw_wrong_attributes(node);
  return *static_cast<const AttributesT*>(node.attributes.value);
}
template <class AttributesT> AttributesT& attributes(Node& node) {
  return const_cast<AttributesT&>(attributes<AttributesT>(static_cast<const Node&>(node)));
}

}  // namespace motley::graph
