// Walking over tensors: strides, broadcasting, and an odometer over several tensors at once.
#pragma once

#include <array>

#include "support.hpp"

namespace motley::reference {

using sdk::Shape;
using Strides = std::array<int64_t, sdk::kMaxRank>;

inline Strides row_major_strides(const Shape& shape) {
  Strides strides{};
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0; step *= shape[i]) strides[i] = step;
  return strides;
}

inline bool broadcasts_to(const Shape& from, const Shape& to) {
  if (from.size() > to.size()) return false;
  const size_t lead = to.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i)
    if (from[i] != 1 && from[i] != to[lead + i]) return false;
  return true;
}

// Strides for reading a tensor of shape `from` as if it had shape `to`: 0 where it repeats.
inline Strides broadcast_strides(const Shape& from, const Shape& to) {
  const Strides own = row_major_strides(from);
  Strides strides{};
  const size_t lead = to.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i) strides[lead + i] = from[i] == 1 ? 0 : own[i];
  return strides;
}

// The shape two tensors broadcast to; throws where they do not.
Shape broadcast_shape(const Shape& a, const Shape& b);

// All indices of a shape in row-major order, with the offsets of N tensors kept up to date:
//     for (Walk<2> w(shape, {strides_a, strides_b}); w.more(); w.next()) … a[w[0]] … b[w[1]] …
template <size_t N>
class Walk {
 public:
  Walk(const Shape& shape, const std::array<Strides, N>& strides)
      : shape_(shape), strides_(strides), left_(shape.elements()) {}
  bool more() const { return left_ > 0; }
  int64_t operator[](size_t k) const { return offsets_[k]; }
  int64_t index(size_t axis) const { return index_[axis]; }
  void next() {
    --left_;
    for (size_t axis = shape_.size(); axis-- > 0;) {
      for (size_t k = 0; k < N; ++k) offsets_[k] += strides_[k][axis];
      if (++index_[axis] < shape_[axis]) return;
      for (size_t k = 0; k < N; ++k) offsets_[k] -= strides_[k][axis] * shape_[axis];
      index_[axis] = 0;
    }
  }

 private:
  Shape shape_;
  std::array<Strides, N> strides_;
  std::array<int64_t, N> offsets_{};
  std::array<int64_t, sdk::kMaxRank> index_{};
  int64_t left_;
};

// A tensor seen as outer × length × inner around one axis.
struct AxisView {
  int64_t outer, length, inner;
  AxisView(const Shape& shape, int64_t axis)
      : outer(shape.elements(0, static_cast<int>(axis))),
        length(shape[static_cast<size_t>(axis)]),
        inner(shape.elements(static_cast<int>(axis) + 1, shape.rank())) {}
  int64_t offset(int64_t o, int64_t i) const { return o * length * inner + i; }
};

// `index` counted from the end where negative. Throws where it is outside of [-extent, extent).
inline int64_t checked_index(int64_t index, int64_t extent) {
  if (index < -extent || index >= extent)
    throw StatusError(MOTLEY_INVALID_ARGUMENT, "index (" + std::to_string(index) +
                                                   ") is outside of a dimension of extent " + std::to_string(extent) +
                                                   "; pass indices within it");
  return index < 0 ? index + extent : index;
}

// Element i of an int32 or int64 tensor.
inline int64_t index_at(const void* data, DataType type, int64_t i) {
  return type == DataType::int32 ? static_cast<const int32_t*>(data)[i] : static_cast<const int64_t*>(data)[i];
}

}  // namespace motley::reference
