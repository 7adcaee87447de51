// TensorProtos as constants of the IR.
#include "onnx/constants.hpp"

#include <cstring>

#include "io/tensor_pb.hpp"

namespace motley::convert {
namespace {

constexpr size_t kBorrowFrom = 4096;  // bytes; below, one allocation is cheaper than keeping the whole message
constexpr uintptr_t kAlignment = 16;

bool is_external(const onnx::TensorProto& proto) {
  return proto.has_data_location() && proto.data_location() == onnx::TensorProto::EXTERNAL;
}

}  // namespace

const ImportedConstant& ConstantReader::read(const onnx::TensorProto& proto, const std::string& what) {
  const auto known = known_.find(&proto);
  return known != known_.end() ? known->second : known_.emplace(&proto, read_new(proto, what)).first->second;
}

// Bytes in files, float32 in memory.
ImportedConstant ConstantReader::read_float8(const onnx::TensorProto& proto, const std::string& what) {
  ImportedConstant result;
  result.float8 = true;
  result.type = graph::DataType::float32;
  result.extents.assign(proto.dims().begin(), proto.dims().end());
  const auto number = static_cast<int32_t>(proto.data_type());
  if (is_external(proto)) {
    const uint64_t bytes = io::checked_bytes(DataType::uint8, result.extents, what);
    const graph::Constant stored = external_.read(proto, bytes, what);
    result.constant =
        graph::Constant::of(io::floats_of({static_cast<const std::byte*>(stored.data), stored.bytes}, number));
    return result;
  }
  onnx::TensorProto bytes = proto;
  bytes.set_data_type(onnx::TensorProto::UINT8);
  result.constant = graph::Constant::of(io::floats_of(io::decode(bytes, what).bytes, number));
  return result;
}

ImportedConstant ConstantReader::read_new(const onnx::TensorProto& proto, const std::string& what) {
  if (static_cast<uint32_t>(proto.dims_size()) > limits_.max_rank)
    throw Error(ErrorCode::limit, what + " has " + std::to_string(proto.dims_size()) + " dimensions (at most " +
                                      std::to_string(limits_.max_rank) + ")");
  if (io::is_float8(proto.data_type())) return read_float8(proto, what);
  ImportedConstant result;
  result.four_bit = io::is_four_bit(proto.data_type());
  if (is_external(proto)) {
    const DataType type = io::data_type_of_onnx(proto.data_type());
    if (type == DataType::undefined)
      throw Error(ErrorCode::unsupported, what + " has elements of a type that is not supported (" +
                                              io::onnx_type_text(proto.data_type()) + ")");
    result.type = static_cast<graph::DataType>(type);
    result.extents.assign(proto.dims().begin(), proto.dims().end());
    const uint64_t bytes = io::checked_bytes(type, result.extents, what);
    if (result.four_bit) {
      const graph::Constant packed = external_.read(proto, bytes / 2 + bytes % 2, what);
      const auto* data = static_cast<const std::byte*>(packed.data);
      result.constant = graph::Constant::of(io::unpack_nibbles({data, packed.bytes}, bytes, type));
      return result;
    }
    result.constant = external_.read(proto, bytes, what);
    if (type == DataType::bool_) {  // any byte but 0 and 1 would be no bool
      const auto* bytes = static_cast<const uint8_t*>(result.constant.data);
      std::vector<uint8_t> clean(bytes, bytes + result.constant.bytes);
      for (uint8_t& b : clean) b = b != 0;
      result.constant = graph::Constant::of(clean);
    }
    return result;
  }
  io::DecodedTensor decoded = io::decode(proto, what);
  result.type = static_cast<graph::DataType>(decoded.type);
  result.extents = std::move(decoded.shape);
  const bool borrow = decoded.storage.empty() && decoded.bytes.size() >= kBorrowFrom &&
                      reinterpret_cast<uintptr_t>(decoded.bytes.data()) % kAlignment == 0;
  if (borrow) {
    result.constant.data = decoded.bytes.data();
    result.constant.bytes = decoded.bytes.size();
    result.constant.owner = owner_;
  } else {
    result.constant = graph::Constant::copy_of(decoded.bytes.data(), decoded.bytes.size());
  }
  return result;
}

}  // namespace motley::convert
