// ONNX tensors: TensorProto messages, and the .pb files that hold one.
#pragma once

#include <filesystem>
#include <span>

#include "io/tensor.hpp"

namespace onnx {
class TensorProto;
}

namespace motley::io {

// The type of an ONNX type number; undefined for those that tensors here cannot have (string, complex, 4 and 8 bit
// floats). INT4 and UINT4 are int8 and uint8, which hold their values.
DataType data_type_of_onnx(int32_t type);
// INT4 or UINT4: two elements per byte in files, the first in the low half.
bool is_four_bit(int32_t type);
// `count` elements out of such bytes, sign-extended for int8.
std::vector<std::byte> unpack_nibbles(std::span<const std::byte> packed, uint64_t count, DataType type);
// One of the four 8-bit floating-point types, which no tensor here has; constants of them become float32.
bool is_float8(int32_t type);
// Bytes of such a type as numbers.
std::vector<float> floats_of(std::span<const std::byte> bytes, int32_t type);
// "FLOAT8E4M3FN (17)": how messages call an ONNX type number.
std::string onnx_type_text(int32_t type);

// The elements of a TensorProto: a view of the message where it stores them as they are, else of `storage`.
struct DecodedTensor {
  DataType type = DataType::undefined;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
  std::vector<std::byte> storage;  // empty while `bytes` points into the message
};

// `what` begins error sentences. Throws Error(invalid_model) where data and shape do not fit, Error(limit) on overflow,
// Error(unsupported) for other types and for external data.
DecodedTensor decode(const onnx::TensorProto& proto, const std::string& what);

// Throws like decode(), and Error(io). The name is the message's.
Tensor read_tensor_pb(const std::filesystem::path& path);
Tensor parse_tensor_pb(std::span<const std::byte> bytes, const std::string& what);

}  // namespace motley::io
