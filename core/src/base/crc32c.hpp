// CRC-32C (Castagnoli), as iSCSI (RFC 3720, B.4) uses it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace motley::base {

// Of `size` bytes; `before` continues a checksum over what came earlier.
uint32_t crc32c(const void* data, size_t size, uint32_t before = 0);

}  // namespace motley::base
