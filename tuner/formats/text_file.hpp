// Files of text that may be compressed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace motley::tuner {

constexpr uint64_t kMaxTextBytes = 512ull << 20;

// All of a file, decompressed where it begins as gzip does. Throws Error(not_found), Error(io), Error(limit) past
// `limit` bytes (of the text, not of the file), Error(invalid_argument) where the compressed data is damaged or cut.
std::string read_text_file(const std::filesystem::path& path, uint64_t limit = kMaxTextBytes);

// Text as gzip.
std::string gzip(const std::string& text);

}  // namespace motley::tuner
