// Element values that are known before a run: of constants, and of the small tensors that shape arithmetic makes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.hpp"

namespace motley::graph::infer {

// Tensors of more elements carry no values.
inline constexpr int64_t kMaxValues = 1024;

// One element: a number, or unknown, then perhaps with the symbol of the dimension it came from.
struct Element {
  bool known = false;
  bool non_negative = false;  // said of an unknown one: it is a dimension, or computed from dimensions
  int64_t integer = 0;        // of integer and bool tensors
  double real = 0;            // of floating-point tensors
  Symbol symbol;

  static Element of(int64_t value);
  static Element of_real(double value);
  static Element of_dim(const Dim& dim);
  bool is(int64_t value) const { return known && integer == value; }
  // As a dimension; a known element must not be negative.
  Dim dim() const { return known ? Dim(integer) : Dim(symbol); }
  // Surely equal, both of integer type.
  bool same_as(const Element& other) const;
};
using Elements = std::vector<Element>;

// What is known of computed tensors. Constants are read where they are.
class ValueTable {
 public:
  const Elements* find(TensorId id) const;
  void set(TensorId id, Elements elements);

 private:
  std::map<TensorId, Elements> elements_;
};

// Types whose values shape arithmetic computes: int64, int32, bool, float32.
bool is_value_type(DataType type);

// The elements of a constant of at most kMaxValues; nothing for a larger one, a computed tensor, or uint64.
std::optional<Elements> read_constant(const Tensor& tensor);

// A constant of a value type. Nothing where an element is unknown.
std::optional<Constant> make_constant(DataType type, const Elements& elements);

// Number of elements where the shape is known and small enough to carry values.
std::optional<int64_t> value_count(const Tensor& tensor);

}  // namespace motley::graph::infer
