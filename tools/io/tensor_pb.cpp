// ONNX tensors: TensorProto messages, and the .pb files that hold one.
#include "io/tensor_pb.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <onnx/onnx_pb.h>

#include <climits>
#include <cstring>

#include "io/file.hpp"
#include "io/float8.hpp"

namespace motley::io {
namespace {

struct TypeRow {
  int32_t number;
  const char* name;
  DataType type;
};
// Numbers past 16 are newer than the installed onnx.proto; they are only named in messages.
constexpr TypeRow kTypes[] = {{1, "FLOAT", DataType::float32},
                              {2, "UINT8", DataType::uint8},
                              {3, "INT8", DataType::int8},
                              {4, "UINT16", DataType::uint16},
                              {5, "INT16", DataType::int16},
                              {6, "INT32", DataType::int32},
                              {7, "INT64", DataType::int64},
                              {8, "STRING", DataType::undefined},
                              {9, "BOOL", DataType::bool_},
                              {10, "FLOAT16", DataType::float16},
                              {11, "DOUBLE", DataType::float64},
                              {12, "UINT32", DataType::uint32},
                              {13, "UINT64", DataType::uint64},
                              {14, "COMPLEX64", DataType::undefined},
                              {15, "COMPLEX128", DataType::undefined},
                              {16, "BFLOAT16", DataType::bfloat16},
                              {17, "FLOAT8E4M3FN", DataType::undefined},
                              {18, "FLOAT8E4M3FNUZ", DataType::undefined},
                              {19, "FLOAT8E5M2", DataType::undefined},
                              {20, "FLOAT8E5M2FNUZ", DataType::undefined},
                              {21, "UINT4", DataType::uint8},
                              {22, "INT4", DataType::int8},
                              {23, "FLOAT4E2M1", DataType::undefined}};

[[noreturn]] void mismatch(const std::string& what, const std::vector<int64_t>& shape, uint64_t needed, uint64_t have,
                           const char* unit) {
  throw Error(ErrorCode::invalid_model, what + " holds " + std::to_string(have) + " " + unit + ", and its shape (" +
                                            shape_text(shape) + ") needs " + std::to_string(needed));
}

// Elements kept in a typed field, each narrowed to Element.
template <class Element, class Field>
void unpack(const Field& field, const std::string& what, DecodedTensor& out) {
  const auto elements = static_cast<uint64_t>(checked_elements(out.shape, what));
  if (static_cast<uint64_t>(field.size()) != elements)
    mismatch(what, out.shape, elements, static_cast<uint64_t>(field.size()), "elements");
  if constexpr (std::is_same_v<Element, std::remove_cvref_t<decltype(field[0])>>) {
    out.bytes = std::as_bytes(std::span(field.data(), elements));
    return;
  }
  out.storage.resize(elements * sizeof(Element));
  for (size_t i = 0; i < elements; ++i) {
    const auto value = static_cast<Element>(field[static_cast<int>(i)]);
    std::memcpy(out.storage.data() + i * sizeof(Element), &value, sizeof(Element));
  }
  out.bytes = out.storage;
}

// The typed field has a packed byte per entry.
void unpack_four_bit(const onnx::TensorProto& proto, uint64_t elements, const std::string& what, DecodedTensor& out) {
  const uint64_t needed = elements / 2 + elements % 2;
  std::vector<std::byte> packed;
  if (proto.has_raw_data()) {
    for (char byte : proto.raw_data()) packed.push_back(static_cast<std::byte>(byte));
  } else {
    for (int32_t byte : proto.int32_data()) packed.push_back(static_cast<std::byte>(byte));
  }
  if (packed.size() != needed) mismatch(what, out.shape, needed, packed.size(), "bytes");
  out.storage = unpack_nibbles(packed, elements, out.type);
  out.bytes = out.storage;
}

void unpack_typed(const onnx::TensorProto& proto, const std::string& what, DecodedTensor& out) {
  switch (out.type) {
    case DataType::float32: return unpack<float>(proto.float_data(), what, out);
    case DataType::float64: return unpack<double>(proto.double_data(), what, out);
    case DataType::int64: return unpack<int64_t>(proto.int64_data(), what, out);
    case DataType::uint64: return unpack<uint64_t>(proto.uint64_data(), what, out);
    case DataType::uint32: return unpack<uint32_t>(proto.uint64_data(), what, out);
    case DataType::int32: return unpack<int32_t>(proto.int32_data(), what, out);
    case DataType::int8: return unpack<int8_t>(proto.int32_data(), what, out);
    case DataType::uint8: return unpack<uint8_t>(proto.int32_data(), what, out);
    case DataType::int16: return unpack<int16_t>(proto.int32_data(), what, out);
    case DataType::uint16:
    case DataType::float16:
    case DataType::bfloat16: return unpack<uint16_t>(proto.int32_data(), what, out);
    case DataType::bool_: return unpack<bool>(proto.int32_data(), what, out);
    case DataType::undefined: return;
  }
}

}  // namespace

DataType data_type_of_onnx(int32_t type) {
  for (const TypeRow& row : kTypes)
    if (row.number == type) return row.type;
  return DataType::undefined;
}

bool is_four_bit(int32_t type) { return type == 21 || type == 22; }

bool is_float8(int32_t type) { return type >= 17 && type <= 20; }

std::vector<float> floats_of(std::span<const std::byte> bytes, int32_t type) {
  const Float8Format& format = type == 17 ? kE4M3FN : type == 18 ? kE4M3FNUZ : type == 19 ? kE5M2 : kE5M2FNUZ;
  std::vector<float> values;
  for (std::byte b : bytes) values.push_back(float8_to_float(std::to_integer<uint8_t>(b), format));
  return values;
}

std::vector<std::byte> unpack_nibbles(std::span<const std::byte> packed, uint64_t count, DataType type) {
  std::vector<std::byte> elements(count);
  for (uint64_t i = 0; i < count; ++i) {
    const auto half = static_cast<uint8_t>(std::to_integer<uint8_t>(packed[i / 2]) >> (i % 2 * 4) & 15);
    const bool negative = type == DataType::int8 && half >= 8;
    elements[i] = static_cast<std::byte>(negative ? half | 0xf0 : half);
  }
  return elements;
}

std::string onnx_type_text(int32_t type) {
  for (const TypeRow& row : kTypes)
    if (row.number == type) return row.name;
  return "type number " + std::to_string(type);
}

DecodedTensor decode(const onnx::TensorProto& proto, const std::string& what) {
  DecodedTensor out;
  out.type = data_type_of_onnx(proto.data_type());
  out.shape.assign(proto.dims().begin(), proto.dims().end());
  if (out.type == DataType::undefined)
    throw Error(ErrorCode::unsupported,
                what + " has elements of a type that is not supported (" + onnx_type_text(proto.data_type()) + ")");
  if (proto.has_segment()) throw Error(ErrorCode::unsupported, what + " is stored in segments; save it as one");
  if (proto.data_location() == onnx::TensorProto::EXTERNAL)
    throw Error(ErrorCode::unsupported, what + " keeps its data in another file, which cannot be followed from here");
  const uint64_t needed = checked_bytes(out.type, out.shape, what);
  if (is_four_bit(proto.data_type())) {
    unpack_four_bit(proto, needed, what, out);
    return out;
  }
  if (!proto.has_raw_data()) {
    unpack_typed(proto, what, out);
    return out;
  }
  const std::string& raw = proto.raw_data();
  if (raw.size() != needed) mismatch(what, out.shape, needed, raw.size(), "bytes");
  out.bytes = std::as_bytes(std::span(raw));
  if (out.type == DataType::bool_) {  // any byte but 0 and 1 would be no bool
    out.storage.assign(out.bytes.begin(), out.bytes.end());
    for (std::byte& b : out.storage) b = b == std::byte{0} ? std::byte{0} : std::byte{1};
    out.bytes = out.storage;
  }
  return out;
}

Tensor parse_tensor_pb(std::span<const std::byte> bytes, const std::string& what) {
  if (bytes.size() > INT_MAX) throw Error(ErrorCode::limit, what + " is over 2 GiB, more than a .pb file can be");
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t*>(bytes.data()),
                                                static_cast<int>(bytes.size()));
  onnx::TensorProto proto;
  if (!proto.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    throw Error(ErrorCode::invalid_argument, what + " is not a readable TensorProto");
  DecodedTensor decoded = decode(proto, what);
  Tensor tensor;
  tensor.name = proto.name();
  tensor.type = decoded.type;
  tensor.shape = std::move(decoded.shape);
  tensor.bytes.assign(decoded.bytes.begin(), decoded.bytes.end());
  return tensor;
}

Tensor read_tensor_pb(const std::filesystem::path& path) {
  const MappedFile file(path);
  return parse_tensor_pb(file.bytes(), "\"" + path.string() + "\"");
}

}  // namespace motley::io
