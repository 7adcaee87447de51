// Sizes of tensors, checked.
#include "io/tensor.hpp"

namespace motley::io {

std::string shape_text(const std::vector<int64_t>& shape) {
  if (shape.empty()) return "scalar";
  std::string text;
  for (int64_t dim : shape) text += (text.empty() ? "" : "x") + std::to_string(dim);
  return text;
}

int64_t checked_elements(const std::vector<int64_t>& shape, const std::string& what) {
  int64_t count = 1;
  bool empty = false, overflow = false;
  for (int64_t dim : shape) {
    if (dim < 0) throw Error(ErrorCode::invalid_model, what + " has a negative dimension (" + shape_text(shape) + ")");
    empty |= dim == 0;
    overflow |= __builtin_mul_overflow(count, dim, &count);
  }
  if (empty) return 0;
  if (overflow)
    throw Error(ErrorCode::limit, what + " has more elements (" + shape_text(shape) + ") than 64 bits count");
  return count;
}

uint64_t checked_bytes(DataType type, const std::vector<int64_t>& shape, const std::string& what) {
  const auto elements = static_cast<uint64_t>(checked_elements(shape, what));
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(elements, static_cast<uint64_t>(size_of(type)), &bytes))
    throw Error(ErrorCode::limit, what + " has more bytes (" + shape_text(shape) + ") than 64 bits count");
  return bytes;
}

}  // namespace motley::io
