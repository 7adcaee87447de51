// A file in memory, read-only.
#include "base/mapped_file.hpp"

#include <sys/mman.h>

#include "base/file.hpp"
#include "base/text.hpp"
#include "motley/error.hpp"

namespace motley::base {

Mapping map_file(int descriptor, uint64_t size, const std::string& what) {
  if (size == 0) return {};
  if (size > SIZE_MAX / 2) base::fail(ErrorCode::limit, "\"%\" does not fit into this machine's address space", {what});
  void* const start = ::mmap(nullptr, static_cast<size_t>(size), PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (start == MAP_FAILED) throw_io_error("map", what);
  std::shared_ptr<const void> owner(
      start, [size](const void* p) { ::munmap(const_cast<void*>(p), static_cast<size_t>(size)); });
  return {{static_cast<const uint8_t*>(start), static_cast<size_t>(size)}, std::move(owner)};
}

}  // namespace motley::base
