// Memory of one tensor on a device, with canaries around it where the host can see them.
#pragma once

#include <cstdint>
#include <vector>

#include "plugin/registry.hpp"

namespace motley::tuner {

class TensorMemory {
 public:
  // `alignment` is a power of two, at most 4096. Throws Error(plugin) where the device has no more memory.
  TensorMemory(plugin::Device& device, uint64_t bytes, uint64_t alignment);
  ~TensorMemory();
  TensorMemory(TensorMemory&& other) noexcept;
  TensorMemory& operator=(TensorMemory&&) = delete;

  motley_binding binding() const;
  uint64_t bytes() const { return bytes_; }
  // Both renew what intact() looks at: what one kernel wrote around the tensor is no other's fault.
  void write(const void* data);
  // Every byte of the tensor, so that what a kernel leaves out shows.
  void fill(uint8_t value);
  std::vector<uint8_t> read() const;
  // Whether nothing was written around the tensor.
  bool intact() const;

 private:
  uint8_t* map() const;
  uint8_t* map_guarded();  // the tensor's first byte
  void unmap() const;

  plugin::Device* device_;
  uint64_t bytes_, before_, total_;
  std::vector<uint8_t> host_;        // host memory, where the device takes its pointers
  uint64_t host_start_ = 0;          // of the aligned part in host_
  motley_buffer* buffer_ = nullptr;  // else
};

}  // namespace motley::tuner
