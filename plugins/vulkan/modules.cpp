#include "modules.hpp"

#include <cstring>

#include "unpack.hpp"

namespace motley::vulkan {

// Written by embed.cmake.
extern const std::span<const Pack> kPacks;
extern const std::span<const Module> kModules;

std::span<const uint32_t> Modules::find(const std::string& variant) {
  for (const Module& m : kModules) {
    if (variant != m.name) continue;
    std::vector<uint32_t>& words = unpacked_[m.pack];
    if (words.empty()) {
      const Pack& pack = kPacks[m.pack];
      const std::vector<uint8_t> bytes = gpu::unpack(pack.packed, pack.bytes);
      words.resize(bytes.size() / 4);
      std::memcpy(words.data(), bytes.data(), words.size() * 4);
    }
    return std::span(words).subspan(m.first / 4, m.bytes / 4);
  }
  return {};
}

}  // namespace motley::vulkan
