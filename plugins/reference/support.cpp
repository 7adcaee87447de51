// Checks that kernels share.
#include "support.hpp"

#include "indexing.hpp"
#include "numeric.hpp"

namespace motley::reference {

namespace {
constexpr int64_t kMostBytes = int64_t{1} << 56;

void check_tensor(const TensorView& tensor) {
  const auto bytes = static_cast<int64_t>(sdk::element_bytes(tensor.type));
  require(bytes > 0, "a tensor has no element type");
  require(tensor.raw->layout() == schema::Layout::row_major, "only the row-major layout is supported");
  int64_t product = bytes;
  for (int64_t d : tensor.shape) {
    // A zero extent must not hide that the others overflow when multiplied alone.
    if (d > 1) require(!__builtin_mul_overflow(product, d, &product) && product <= kMostBytes, "a tensor is too large");
  }
}
}  // namespace

void throw_type(DataType type) { throw StatusError(MOTLEY_UNSUPPORTED, describe(type) + " is not supported here"); }

void check_arity(const NodeView& node, const Arity& arity) {
  for (size_t i = 0; i < arity.required_inputs; ++i)
    require(node.input(i) != nullptr, "input " + std::to_string(i) + " is missing");
  for (size_t i = arity.all_inputs; i < node.input_count(); ++i)
    require(node.input(i) == nullptr, "input " + std::to_string(i) + " is not known to this op");
  for (size_t i = 0; i < arity.required_outputs; ++i)
    require(node.output(i) != nullptr, "output " + std::to_string(i) + " is missing");
  for (size_t i = arity.all_outputs; i < node.output_count(); ++i)
    require(node.output(i) == nullptr, "output " + std::to_string(i) + " is not known to this op");
}

void check_tensors(const NodeView& node) {
  for (size_t i = 0; i < node.input_count(); ++i)
    if (node.input(i)) check_tensor(*node.input(i));
  for (size_t i = 0; i < node.output_count(); ++i)
    if (node.output(i)) check_tensor(*node.output(i));
}

void check_type(const TensorView& tensor, TypePredicate allowed, const char* what) {
  if (!allowed(tensor.type)) require(false, std::string(what) + " of type " + describe(tensor.type) + " not supported");
}

void check_same_type(const TensorView& a, const TensorView& b) {
  if (a.type != b.type) require(false, "types " + describe(a.type) + " and " + describe(b.type) + " differ");
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
  check_type(tensor, is_index, what);
  std::vector<int64_t> values;
  for (int64_t i = 0; i < tensor.elements(); ++i) values.push_back(index_at(tensor.constant, tensor.type, i));
  return values;
}

std::vector<double> constant_reals(const TensorView& tensor, const char* what) {
  require(tensor.is_constant(), std::string(what) + " must be constant");
  check_type(tensor, is_real, what);
  return with_real(tensor.type, [&](auto type) {
    std::vector<double> values;
    for (auto x : tensor.constant_as<typename decltype(type)::type>()) values.push_back(real(x));
    return values;
  });
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

Shape broadcast_shape(const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape result = longer;
  const size_t lead = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    const int64_t x = longer[lead + i], y = shorter[i];
    require(x == y || x == 1 || y == 1, "shapes " + describe(a) + " and " + describe(b) + " do not broadcast");
    result[lead + i] = x == 1 ? y : x;
  }
  return result;
}

}  // namespace motley::reference
