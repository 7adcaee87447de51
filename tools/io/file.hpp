// Whole files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace motley::io {

// A file mapped for reading; the bytes live as long as this object.
class MappedFile {
 public:
  // Throws Error(io), naming the file. Folders and devices are refused.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

// Replaces or makes the file. Throws Error(io).
void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes);

}  // namespace motley::io
