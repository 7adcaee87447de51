// SHA-256 (FIPS 180-4).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace motley::base {

class Sha256 {
 public:
  using Digest = std::array<uint8_t, 32>;

  void update(const void* data, size_t size);
  // Ends the message; the object is of no further use.
  Digest finish();

 private:
  void block(const uint8_t* data);

  std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> pending_{};
  size_t pending_size_ = 0;
  uint64_t bytes_ = 0;
};

// Lower-case hexadecimal digits.
std::string sha256_hex(const void* data, size_t size);
// Of all that an open file holds, read from its beginning; its file position stays. Throws Error(io), naming `what`.
std::string sha256_hex_of_file(int descriptor, const std::string& what);

}  // namespace motley::base
