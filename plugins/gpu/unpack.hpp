// Data that the build packed as .xz: kernels as text and as SPIR-V are seven to ten times smaller so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace motley::gpu {

// The content, of `bytes` bytes, of an .xz file. Throws StatusError (MOTLEY_INTERNAL) where it is damaged or has
// another length, and std::bad_alloc.
std::vector<uint8_t> unpack(std::span<const uint8_t> xz, size_t bytes);

}  // namespace motley::gpu
