// What kernels check before they take a node.
#include "support.hpp"

namespace motley::cpu {

namespace {

constexpr int64_t kMostBytes = int64_t{1} << 48;

void check_tensor(const TensorView& tensor) {
  int64_t product = static_cast<int64_t>(sdk::element_bytes(tensor.type));
  require(product > 0, "a tensor has no element type");
  require(tensor.raw->layout() == schema::Layout::row_major, "only the row-major layout is supported");
  for (int64_t d : tensor.shape) {
    // A zero extent must not hide that the others overflow when multiplied alone.
    if (d > 1) require(!__builtin_mul_overflow(product, d, &product) && product <= kMostBytes, "a tensor is too large");
  }
}

}  // namespace

void check_arity(const NodeView& node, size_t required, size_t all) {
  for (size_t i = 0; i < required; ++i) require(node.input(i) != nullptr, "input " + std::to_string(i) + " is missing");
  for (size_t i = all; i < node.input_count(); ++i)
    require(node.input(i) == nullptr, "input " + std::to_string(i) + " is not known to this op");
  require(node.output(0) != nullptr, "output 0 is missing");
  for (size_t i = 1; i < node.output_count(); ++i)
    require(node.output(i) == nullptr, "output " + std::to_string(i) + " not supported");
  for (size_t i = 0; i < node.input_count(); ++i)
    if (node.input(i)) check_tensor(*node.input(i));
  check_tensor(*node.output(0));
}

void check_type(const TensorView& tensor, DataType type, const char* what) {
  if (tensor.type != type) require(false, std::string(what) + " of type " + describe(tensor.type) + " not supported");
}

void check_all_float(const NodeView& node) {
  for (size_t i = 0; i < node.input_count(); ++i)
    if (node.input(i)) check_type(*node.input(i), DataType::float32, ("input " + std::to_string(i)).c_str());
  check_type(*node.output(0), DataType::float32, "output 0");
}

void check_shape(const TensorView& tensor, const Shape& shape, const char* what) {
  if (!(tensor.shape == shape))
    require(false, std::string(what) + " has shape " + describe(tensor.shape) + ", expected " + describe(shape));
}

int64_t checked_axis(int64_t axis, int rank) {
  require(axis >= -rank && axis < rank,
          "axis (" + std::to_string(axis) + ") is outside of rank " + std::to_string(rank));
  return axis < 0 ? axis + rank : axis;
}

std::vector<int64_t> constant_integers(const TensorView& tensor, const char* what) {
  require(tensor.is_constant(), std::string(what) + " must be constant");
  std::vector<int64_t> values;
  if (tensor.type == DataType::int64) {
    for (int64_t v : tensor.constant_as<int64_t>()) values.push_back(v);
  } else {
    check_type(tensor, DataType::int32, what);
    for (int32_t v : tensor.constant_as<int32_t>()) values.push_back(v);
  }
  return values;
}

Shape broadcast_shape(const Shape& a, const Shape& b) {
  Shape result = a.size() >= b.size() ? a : b;
  const Shape& other = a.size() >= b.size() ? b : a;
  const size_t lead = result.size() - other.size();
  for (size_t i = 0; i < other.size(); ++i) {
    const int64_t x = result[lead + i], y = other[i];
    require(x == y || x == 1 || y == 1, "shapes " + describe(a) + " and " + describe(b) + " do not broadcast");
    result[lead + i] = x == 1 ? y : x;
  }
  return result;
}

std::string describe(DataType type) {
  const char* name = schema::EnumNameDataType(type);
  return type == DataType::bool_ ? "bool" : *name ? name : "unknown";
}

std::string describe(const Shape& shape) {
  std::string text = "(";
  for (int64_t d : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(d);
  return text + ")";
}

}  // namespace motley::cpu
