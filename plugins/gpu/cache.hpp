// Compiled kernels as bytes that outlive the process: wrapped so that a damaged, truncated or foreign one never reaches a driver.
// Drivers crash on such bytes, or accept them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace motley::gpu {

// 64-bit FNV-1a; continues from `seed`.
uint64_t hash(std::span<const std::byte> bytes, uint64_t seed = 0xcbf29ce484222325u);
inline uint64_t hash(const std::string& text, uint64_t seed = 0xcbf29ce484222325u) {
  return hash(std::as_bytes(std::span(text.data(), text.size())), seed);
}

// `identity` names all that the bytes depend on: driver, device, kernels' build.
std::vector<std::byte> wrap(std::span<const std::byte> content, const std::string& identity);

enum class Wrapping : uint8_t { intact, foreign, damaged };
// Points `content` into `bytes` where they are intact and of this identity.
Wrapping unwrap(std::span<const std::byte> bytes, const std::string& identity, std::span<const std::byte>& content);

// Lists of blobs inside of a content.
void append_blob(std::vector<std::byte>& to, std::span<const std::byte> blob);
// False where `from` ends early. Moves `from` past the blob.
bool take_blob(std::span<const std::byte>& from, std::span<const std::byte>& blob);

// A folder of such files, one per name. Every failure to read or write is a miss, never an error.
class DiskCache {
 public:
  // In $XDG_CACHE_HOME/motley, else ~/.cache/motley; off where MOTLEY_KERNEL_CACHE is 0, elsewhere where it is a path.
  explicit DiskCache(const std::string& plugin);
  bool is_on() const { return !folder_.empty(); }
  std::vector<std::byte> read(const std::string& name, const std::string& identity) const;
  void write(const std::string& name, const std::string& identity, std::span<const std::byte> content) const;

 private:
  std::string folder_;  // empty: off
};

}  // namespace motley::gpu
