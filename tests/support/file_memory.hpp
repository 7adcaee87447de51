// Memory in a file without a name, which a descriptor of it hands on: what drivers do for GPUs' memory.
#pragma once

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <memory>

#include "motley/plugin.hpp"

namespace motley::test {

class FileMemory {
 public:
  // New memory, full of what nobody has written.
  explicit FileMemory(uint64_t bytes) : fd_(memfd_create("motley test device", MFD_CLOEXEC)), bytes_(bytes) {
    if (fd_ >= 0 && ftruncate(fd_, static_cast<off_t>(bytes)) == 0) map(fd_);
    if (!data_) {
      if (fd_ >= 0) close(fd_);
      throw sdk::StatusError(MOTLEY_OUT_OF_MEMORY, "a file for memory that is shared cannot be made");
    }
    std::memset(data_, 0xA5, bytes_);
  }
  // That of a handle, from its offset on.
  explicit FileMemory(const motley_memory_handle& handle) : bytes_(handle.memory_size) {
    struct stat file {};
    if (fstat(handle.fd, &file) != 0 || static_cast<uint64_t>(file.st_size) < bytes_)
      throw sdk::StatusError(MOTLEY_INVALID_ARGUMENT, "the descriptor is of less memory than the handle says");
    map(handle.fd);
    if (!data_) throw sdk::StatusError(MOTLEY_OUT_OF_MEMORY, "the memory cannot be mapped");
  }
  ~FileMemory() {
    munmap(data_, bytes_);
    if (fd_ >= 0) close(fd_);
  }
  FileMemory(const FileMemory&) = delete;
  FileMemory& operator=(const FileMemory&) = delete;

  void* data() const { return data_; }
  // All but the UUIDs, with a descriptor of its own.
  motley_memory_handle handle() const {
    motley_memory_handle handle{};
    handle.kind = MOTLEY_HANDLE_OPAQUE_FD;
    handle.size = handle.memory_size = bytes_;
    handle.memory_type = UINT32_MAX;
    handle.fd = dup(fd_);
    return handle;
  }

 private:
  void map(int fd) {
    void* const data = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (data != MAP_FAILED) data_ = data;
  }
  int fd_ = -1;
  uint64_t bytes_;
  void* data_ = nullptr;
};

// Refuses what another device, or no device, can have given.
inline void check_handle(const motley_memory_handle& handle, const motley_device_identity& own) {
  const auto equal = [](const uint8_t(&a)[16], const uint8_t(&b)[16]) { return std::memcmp(a, b, sizeof a) == 0; };
  if (handle.kind != MOTLEY_HANDLE_OPAQUE_FD)
    throw sdk::StatusError(MOTLEY_UNSUPPORTED, "handles are opaque file descriptors");
  if (!equal(handle.device_uuid, own.device_uuid) || !equal(handle.driver_uuid, own.driver_uuid))
    throw sdk::StatusError(MOTLEY_INVALID_ARGUMENT, "the memory is that of another device or driver");
  if (handle.offset > handle.memory_size || handle.memory_size - handle.offset < handle.size || handle.size == 0)
    throw sdk::StatusError(MOTLEY_INVALID_ARGUMENT, "the buffer does not lie in the memory");
}

}  // namespace motley::test
