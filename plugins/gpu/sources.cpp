// Finding kernels' texts and variants.
#include "sources.hpp"

namespace motley::gpu {

// Written by embed.cmake.
extern const std::span<const Variant> kVariants;

std::span<const Variant> variants() { return kVariants; }
const Variant* find_variant(std::string_view name) {
  for (const Variant& v : kVariants)
    if (v.name == name) return &v;
  return nullptr;
}

}  // namespace motley::gpu
