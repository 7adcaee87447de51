// Ops by short names, for handlers that make one ONNX op from several of the IR's.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "onnx/op_context.hpp"

namespace motley::convert {

// Each call adds a node named after its op and gives its output. Types follow the inputs; nothing is converted.
//
//     Build b(c);
//     c.connect(b.gelu(b.add(c.in(0), c.in(1))), c.out(0));
class Build {
 public:
  explicit Build(OpContext& context) : c(context) {}

  // ---- elements
  TensorId binary(schema::BinaryFunction f, TensorId x, TensorId y);
  TensorId add(TensorId x, TensorId y) { return binary(schema::BinaryFunction::add, x, y); }
  TensorId sub(TensorId x, TensorId y) { return binary(schema::BinaryFunction::sub, x, y); }
  TensorId mul(TensorId x, TensorId y) { return binary(schema::BinaryFunction::mul, x, y); }
  TensorId div(TensorId x, TensorId y) { return binary(schema::BinaryFunction::div, x, y); }
  TensorId max(TensorId x, TensorId y) { return binary(schema::BinaryFunction::max, x, y); }
  TensorId unary(schema::UnaryFunction f, TensorId x, float alpha = 0, float beta = 0);
  TensorId compare(schema::CompareFunction f, TensorId x, TensorId y);
  TensorId both(TensorId x, TensorId y);
  TensorId where(TensorId condition, TensorId x, TensorId y);
  TensorId cast(TensorId x, DataType to) { return c.cast("cast", x, to); }
  TensorId gelu(TensorId x, bool tanh_approximation = false);

  // ---- constants
  TensorId scalar(DataType type, double value) { return c.scalar("constant", type, value); }
  // A scalar of the type of `x`.
  TensorId like(TensorId x, double value) { return scalar(c.type(x), value); }
  TensorId ints(const std::vector<int64_t>& values) { return c.ints("constant", values); }

  // ---- shapes. 0 takes the input's dimension, -1 what is left.
  TensorId reshape(TensorId x, const std::vector<int64_t>& shape);
  TensorId reshape_to(TensorId x, TensorId shape);
  TensorId transpose(TensorId x, std::vector<int64_t> perm);
  TensorId unsqueeze(TensorId x, const std::vector<int64_t>& axes);
  TensorId squeeze(TensorId x, const std::vector<int64_t>& axes);
  TensorId slice(TensorId x, int64_t axis, int64_t start, int64_t end);
  TensorId concat(std::vector<TensorId> parts, int64_t axis);
  std::vector<TensorId> split(TensorId x, int64_t axis, const std::vector<int64_t>& sizes);
  TensorId expand(TensorId x, TensorId shape);
  TensorId pad(TensorId x, TensorId pads, TensorId value);
  TensorId shape(TensorId x);
  // One dimension of x as int64, of shape (1).
  TensorId extent(TensorId x, int64_t axis);
  // 0, 1, … below `limit`, an int64 of one element; its shape does not matter.
  TensorId count_to(TensorId limit);

  // ---- the rest
  TensorId matmul(TensorId a, TensorId b, bool transpose_b = false);
  TensorId reduce(schema::ReduceFunction f, TensorId x, std::vector<int64_t> axes, bool keepdims = true);
  TensorId gather(TensorId x, TensorId indices, int64_t axis);
  TensorId gather_elements(TensorId x, TensorId indices, int64_t axis);
  TensorId scatter_elements(TensorId x, TensorId indices, TensorId updates, int64_t axis);
  TensorId cum_sum(TensorId x, int64_t axis);
  TensorId nonzero(TensorId x);
  TensorId softmax(schema::SoftmaxFunction f, TensorId x, int64_t axis, bool flatten = false);
  TensorId layer_norm(TensorId x, TensorId scale, TensorId bias, float epsilon);
  TensorId rms_norm(TensorId x, TensorId scale, float epsilon);

  OpContext& c;
};

// The dimensions of a tensor as numbers; the node is unsupported where they are not all known.
std::vector<int64_t> known_extents(OpContext& c, TensorId id, const char* what);
// One dimension, where it is known; -1 otherwise. Negative axes count from the end.
int64_t known_extent(const OpContext& c, TensorId id, int64_t axis);
// Whether two dimensions are surely equal: the same number or the same symbol.
bool same_extent(const OpContext& c, TensorId x, int64_t axis_x, TensorId y, int64_t axis_y);
bool is_floating(DataType type);

}  // namespace motley::convert
