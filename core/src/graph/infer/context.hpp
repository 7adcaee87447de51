// One node while its outputs are inferred: its inputs with the usual checks, errors that name it, and its outputs.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "graph/graph.hpp"
#include "graph/infer/values.hpp"

namespace motley::graph::infer {

// Sets of types that ops accept, as bits.
enum TypeSet : unsigned { kFloat = 1, kInteger = 2, kBool = 4, kNumeric = kFloat | kInteger, kAny = 7 };
bool is_float(DataType type);
bool is_integer(DataType type);

class Context {
 public:
  // `values` may be null: then only constants have values.
  Context(Graph& graph, const Node& node, const ValueTable* values) : graph_(graph), node_(node), values_(values) {}

  const Node& node() const { return node_; }
  const Graph& graph() const { return graph_; }
  template <class AttributesT>
  const AttributesT& attributes() const {
    return graph::attributes<AttributesT>(node_);
  }

  // Throw Error(invalid_model) or Error(unsupported): node "conv1" (Conv): TEXT.
  [[noreturn]] void fail(const char* format, std::initializer_list<base::Piece> values = {}) const;
  [[noreturn]] void unsupported(const char* format, std::initializer_list<base::Piece> values = {}) const;

  // ---- inputs; past the last one present there is none
  size_t input_count() const;
  bool has(size_t i) const { return node_.input(i) != kNone; }
  const Tensor& input(size_t i) const;
  DataType type(size_t i) const { return input(i).type; }
  // Null where not even the rank is known.
  const Dims* shape(size_t i) const { return input(i).shape ? &*input(i).shape : nullptr; }
  // Present, and known to have elements or not known to have none: an empty tensor stands for an absent one in old
  // models.
  bool has_elements(size_t i) const;

  // Element values, where the tensor is small and anything is known of it.
  std::optional<Elements> values(size_t i) const;
  // Of a shape-like input (a vector or scalar of int32 or int64): one element each, all unknown where the count alone
  // is known, nothing where not even that. Fails for another type or rank. `what` names it: "the starts".
  std::optional<Elements> shape_values(size_t i, const char* what) const;
  // The same, where all elements are known.
  std::optional<std::vector<int64_t>> numbers(size_t i, const char* what) const;
  // The only element of an integer input, unknown where it is not known.
  Element scalar(size_t i, const char* what) const;

  // ---- checks
  // `axis` counted from the front, checked against the rank.
  size_t axis(int64_t axis, size_t rank, const char* what = "axis") const;
  // The same for a list, each at most once.
  AxisList axes(const std::vector<int64_t>& axes, size_t rank) const;
  // Quantized integers count as floating point.
  void require_type(size_t i, unsigned types, const char* what) const;
  void require_index_type(size_t i, const char* what) const;
  void require_type_is(size_t i, DataType type, const char* what) const;
  // Same type as input `j`; quantized operands may differ.
  void require_same_type(size_t i, size_t j = 0) const;
  // Fails where the rank is known and outside [low, high].
  void require_rank(size_t i, size_t low, size_t high, const char* what) const;
  void require_rank(size_t i, size_t rank, const char* what) const { require_rank(i, rank, rank, what); }
  // Fails where the input's shape surely differs from `dims`.
  void require_shape(size_t i, const Dims& dims, const char* what) const;
  // Fails where the input does not broadcast to `dims` without enlarging it.
  void require_broadcasts_to(size_t i, const Dims& dims, const char* what) const;

  // ---- outputs
  size_t output_count() const { return node_.outputs.size(); }
  bool writes(size_t i) const { return node_.output(i) != kNone; }
  const Tensor& output(size_t i) const { return graph_.tensor(node_.output(i)); }
  // Type and shape of output i, merged with what is declared. Absent outputs are skipped.
  void set(size_t i, DataType type, std::optional<Dims> shape);

 private:
  bool any_input_quantized() const;

  Graph& graph_;
  const Node& node_;
  const ValueTable* values_;
};

// Fails for ranks over 8, negative dimensions, and element or byte counts that do not fit 63 bits. Unknown dimensions
// count as 1. `where` begins the message.
void check_shape(const std::string& where, DataType type, const Dims& dims);

}  // namespace motley::graph::infer
