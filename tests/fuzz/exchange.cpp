// The readers of what other tuners write: T4 results, T1 spaces and Kernel Tuner's cache. Each gets every input.
#include "formats/read.hpp"
#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto give = [&](auto&& read) {
    motley::fuzz::answer(data, size, [&](std::span<const std::byte> bytes) {
      read(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "the file");
    });
  };
  give(motley::tuner::read_t4);
  give(motley::tuner::read_cache);
  give(motley::tuner::read_t1);
  return 0;
}
