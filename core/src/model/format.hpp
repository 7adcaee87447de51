// The first 64 bytes of a .motley file, and where the rest lies. See docs/model-format.md.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace motley::model {

inline constexpr uint32_t kFormatVersion = 1;
inline constexpr uint64_t kHeaderBytes = 64;
inline constexpr uint64_t kWeightsAlignment =
    4096;  // of the segment in the file: a page, so that it can be mapped alone
inline constexpr uint64_t kConstantAlignment = 64;       // of each constant in the segment: a cache line, a SIMD vector
inline constexpr uint64_t kMostGraphBytes = 0x7fffffff;  // what FlatBuffers can address

using HeaderBytes = std::array<uint8_t, kHeaderBytes>;

struct FileHeader {
  uint64_t graph_bytes = 0;    // the FlatBuffer begins at kHeaderBytes
  uint64_t weights_bytes = 0;  // the segment begins at weights_offset()
  uint32_t graph_crc = 0;

  uint64_t weights_offset() const;
  uint64_t file_bytes() const { return weights_offset() + weights_bytes; }
};

enum class Checksums { verify, ignore };

HeaderBytes encode(const FileHeader& header);
// The header of a file of `file_bytes` bytes that begins with `bytes` (at least kHeaderBytes of them). Everything is
// checked, sizes against the file's. Throws Error(invalid_model); `what` begins the message.
FileHeader decode(const uint8_t* bytes, uint64_t file_bytes, Checksums checksums, const std::string& what);
// Throws Error(invalid_model) where a file is too short to have a header.
void check_has_header(uint64_t file_bytes, const std::string& what);

inline uint64_t align_to(uint64_t value, uint64_t alignment) { return (value + alignment - 1) / alignment * alignment; }

}  // namespace motley::model
