// The kernels' and preludes' texts, unpacked when the first is asked for: programs from a cache need none.
#include "sources.hpp"
#include "unpack.hpp"

namespace motley::gpu {

// Written by embed.cmake.
extern const Texts kTexts;

std::string_view text_of(std::string_view name) {
  static const auto* all = new std::vector<uint8_t>(unpack(kTexts.packed, kTexts.bytes));
  for (const TextPlace& place : kTexts.places)
    if (place.name == name) return {reinterpret_cast<const char*>(all->data()) + place.first, place.bytes};
  return {};
}

}  // namespace motley::gpu
