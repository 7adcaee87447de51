// CRC-32C by table, four bytes at a time: tables[k][b] is the checksum of byte b followed by k zero bytes.
#include "base/crc32c.hpp"

#include <array>

namespace motley::base {
namespace {

constexpr uint32_t kReversedPolynomial = 0x82f63b78;

using Tables = std::array<std::array<uint32_t, 256>, 4>;

// Made on first use: 4 kB that the library's file need not hold.
Tables make_tables() {
  Tables tables;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? kReversedPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < 4; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      tables[k][byte] = (tables[k - 1][byte] >> 8) ^ tables[0][tables[k - 1][byte] & 0xff];
    }
  }
  return tables;
}

}  // namespace

uint32_t crc32c(const void* data, size_t size, uint32_t before) {
  static const Tables tables = make_tables();
  const auto* p = static_cast<const uint8_t*>(data);
  uint32_t crc = ~before;
  for (; size >= 4; size -= 4, p += 4) {
    crc ^= uint32_t{p[0]} | uint32_t{p[1]} << 8 | uint32_t{p[2]} << 16 | uint32_t{p[3]} << 24;
    crc = tables[3][crc & 0xff] ^ tables[2][(crc >> 8) & 0xff] ^ tables[1][(crc >> 16) & 0xff] ^ tables[0][crc >> 24];
  }
  for (; size > 0; --size, ++p) crc = (crc >> 8) ^ tables[0][(crc ^ *p) & 0xff];
  return ~crc;
}

}  // namespace motley::base
