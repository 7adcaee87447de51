// The reader of TensorProto files.
#include "io/tensor_pb.hpp"

#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return motley::fuzz::answer(data, size,
                              [](std::span<const std::byte> bytes) { motley::io::parse_tensor_pb(bytes, "it"); });
}
