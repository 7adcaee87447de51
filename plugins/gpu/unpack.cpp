// .xz by liblzma.
#include "unpack.hpp"

#include <lzma.h>

#include <new>

#include "motley/sdk/kernel.hpp"

namespace motley::gpu {

std::vector<uint8_t> unpack(std::span<const uint8_t> xz, size_t bytes) {
  std::vector<uint8_t> out(bytes);
  uint64_t most_memory = UINT64_MAX;
  size_t read = 0, written = 0;
  const lzma_ret result = lzma_stream_buffer_decode(&most_memory, 0, nullptr, xz.data(), &read, xz.size(), out.data(),
                                                    &written, out.size());
  if (result == LZMA_MEM_ERROR) throw std::bad_alloc();
  if (result != LZMA_OK || read != xz.size() || written != bytes)
    throw sdk::StatusError(MOTLEY_INTERNAL,
                           "what the build packed can't be unpacked: the plugin's file is damaged; install it again");
  return out;
}

}  // namespace motley::gpu
