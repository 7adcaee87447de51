// The ONNX importer, with small limits.
#include "convert/convert.hpp"
#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return motley::fuzz::answer(data, size, [](std::span<const std::byte> bytes) {
    motley::convert::ImportOptions options;
    options.limits.max_nodes = 20'000;
    options.limits.max_tensor_bytes = 1 << 26;
    motley::convert::import_onnx(bytes, {}, options);
  });
}
