// Data that the build packed as .xz: kernels as text and as SPIR-V are seven to ten times smaller so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace motley::gpu {

// The content, of `bytes` bytes, of an .xz file of one block without filters, as cmake's file(ARCHIVE_CREATE … FORMAT
// raw COMPRESSION XZ) writes it. Its checksums are left alone. Throws StatusError (MOTLEY_INTERNAL) where it is no such
// file or has another length. Some 10 MB/s of packed bytes.
std::vector<uint8_t> unpack(std::span<const uint8_t> xz, size_t bytes);

}  // namespace motley::gpu
