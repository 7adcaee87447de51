// The reader of .npy files.
#include "io/npy.hpp"

#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return motley::fuzz::answer(data, size, [](std::span<const std::byte> bytes) { motley::io::parse_npy(bytes, "it"); });
}
