// Device memory: buffers placed in larger blocks, host memory imported as it is, memory shared with other devices and
// APIs.
#pragma once

#include <atomic>
#include <list>
#include <map>
#include <mutex>

#include "backend.hpp"
#include "loader.hpp"

namespace motley::vulkan {

class VulkanDevice;

constexpr VkBufferUsageFlags kBufferUsage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT |
                                            VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT |
                                            VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;

// A driver gives few allocations (4096 on many), so small ones share blocks; first fit, neighbours join when freed.
class Allocator {
 public:
  struct Block {
    VkDeviceMemory memory = VK_NULL_HANDLE;
    uint64_t size = 0;
    uint32_t type = 0;
    std::byte* mapped = nullptr;          // null where the host can't see it
    struct Range {
      uint64_t bytes = 0;
      bool used = false;
    };
    std::map<uint64_t, Range> ranges;  // the whole block, by offset; giving back joins them, which needs no memory
  };
  struct Place {
    Block* block = nullptr;
    uint64_t offset = 0, bytes = 0;
  };
  explicit Allocator(VulkanDevice& device) : device_(device) {}
  ~Allocator();
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  Place take(const VkMemoryRequirements& needs, uint32_t type);
  void give_back(const Place& place) noexcept;

  static constexpr uint64_t kBlock = uint64_t{16} << 20;  // and what is more than a quarter of it gets its own

 private:
  using RangeAt = std::map<uint64_t, Block::Range>::iterator;
  Block& add_block(uint64_t bytes, uint32_t type);
  static Place fit(Block& block, const VkMemoryRequirements& needs);
  static RangeAt split(Block& block, RangeAt at, uint64_t bytes);
  VulkanDevice& device_;
  std::mutex mutex_;
  std::list<Block> blocks_;
};

class VulkanMemory final : public gpu::Memory {
 public:
  enum class Where : uint8_t { device, host, shared };
  // Fresh memory. On the device: in the fastest type that the host can map; where the device's own memory is not to be
  // seen by the host, or slow to read, mapping copies through memory of the host. Shared: the device's, by itself, so
  // that it can be exported.
  VulkanMemory(VulkanDevice& device, uint64_t bytes, Where where = Where::device);
  // Over the host's pages that hold [host, host + bytes).
  VulkanMemory(VulkanDevice& device, void* host, uint64_t bytes);
  // Over memory that another device, or the app, exported as a file descriptor. What the driver keeps is a duplicate.
  VulkanMemory(VulkanDevice& device, const motley_memory_handle& handle);
  ~VulkanMemory() override;
  uint64_t size() const override { return size_; }
  void* map(Access access) override;
  void unmap() override;
  motley_memory_handle export_handle() const override;

  VkBuffer buffer() const { return buffer_; }
  // Other devices and APIs use it too: submissions take it over, and hand it on.
  bool is_shared() const { return shared_; }
  // Of the first byte in the buffer.
  uint64_t base() const { return base_; }
  // Of the buffer, from its start.
  uint64_t buffer_bytes() const { return buffer_bytes_; }
  // Never used again, unlike handles.
  uint64_t id() const { return id_; }

 private:
  void make_buffer(uint64_t bytes, const void* next);
  void make_shared_buffer(uint64_t bytes);
  // Index of the fastest memory type among those allowed. Throws where there is none.
  uint32_t type_for(uint32_t allowed, Where where) const;
  void take_shared(const VkMemoryRequirements& needs);
  void import(const motley_memory_handle& handle, const VkMemoryRequirements& needs);
  // Memory that is not in a block; `next` says where it comes from or goes.
  void allocate_own(uint64_t bytes, uint32_t type, bool dedicated, const void* next);
  void map_own(uint64_t offset);
  bool is_cached(uint32_t type) const;
  void copy(VkBuffer from, VkBuffer to);
  void release();
  VulkanDevice& device_;
  uint64_t size_, base_ = 0, buffer_bytes_ = 0;
  uint64_t id_;
  VkBuffer buffer_ = VK_NULL_HANDLE;
  Allocator::Place place_;
  VkDeviceMemory own_ = VK_NULL_HANDLE;  // imported, or allocated to be shared
  uint64_t own_bytes_ = 0;
  uint32_t own_type_ = 0;
  bool shared_ = false, exportable_ = false;
  std::byte* host_ = nullptr;              // what map gives; null: through staging_
  bool cached_ = true;                     // the host reads it by its caches, not over a bus
  bool writes_back_ = false;
  std::unique_ptr<VulkanMemory> staging_;  // while mapped
};

}  // namespace motley::vulkan
