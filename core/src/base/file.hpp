// Files: descriptors that close themselves, whole small files, and writing that leaves the old file or the new one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

namespace motley::base {

// Throws Error(io): `what` could not be done to `path`, and the operating system's reason (from errno).
[[noreturn]] void throw_io_error(const std::string& what, const std::filesystem::path& path);

// An open file, closed at the end.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  int get() const { return number_; }
  // The caller closes it, or keeps it.
  int release() { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

// Opens an ordinary file for reading. Throws Error(not_found), or Error(io) also for folders and devices.
Descriptor open_for_reading(const std::filesystem::path& path);
uint64_t size_of_file(int descriptor, const std::string& what);
// Reads up to `size` bytes at `offset`, fewer only at the end of the file. Throws Error(io).
size_t read_at(int descriptor, uint64_t offset, void* data, size_t size, const std::string& what);
// All of a file of at most `limit` bytes. Throws Error(not_found), Error(io), Error(limit).
std::string read_small_file(const std::filesystem::path& path, uint64_t limit);

// Writes a file that appears under its name only when it is whole: a temporary file in the same folder, synced and
// renamed by commit(). Without commit() nothing is left. All throw Error(io).
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, uint64_t size);
  void write_zeros(uint64_t size);
  uint64_t written() const { return written_; }
  void commit();

 private:
  std::filesystem::path path_;
  std::string temporary_;
  Descriptor descriptor_;
  uint64_t written_ = 0;
};

}  // namespace motley::base
