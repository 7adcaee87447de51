// A file in memory, read-only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace motley::base {

// Bytes that live as long as `owner`.
struct Mapping {
  std::span<const uint8_t> bytes;
  std::shared_ptr<const void> owner;
};

// Maps the whole of an open file; the descriptor may be closed afterwards. The file must not be cut while it is mapped:
// touching what is gone ends the process with SIGBUS, as for every memory-mapped file. Throws Error(io), naming `what`.
Mapping map_file(int descriptor, uint64_t size, const std::string& what);

}  // namespace motley::base
