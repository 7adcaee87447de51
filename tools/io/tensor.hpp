// A tensor in host memory, as files give it and take it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "motley/motley.hpp"

namespace motley::io {

struct Tensor {
  std::string name;
  DataType type = DataType::undefined;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;  // row-major, little-endian

  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(bytes.data());
  }
};

// Elements of a shape. `what` ("tensor \"x\" of model.onnx") begins the sentence of the error where a dimension is
// negative (invalid_model) or the product overflows (limit).
int64_t checked_elements(const std::vector<int64_t>& shape, const std::string& what);
// The same in bytes.
uint64_t checked_bytes(DataType type, const std::vector<int64_t>& shape, const std::string& what);

// "2x3", "scalar".
std::string shape_text(const std::vector<int64_t>& shape);

}  // namespace motley::io
