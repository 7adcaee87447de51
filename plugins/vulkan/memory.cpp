// Placing buffers in blocks, importing host memory, sharing memory with other devices, mapping.
#include "memory.hpp"

#include <unistd.h>

#include <algorithm>
#include <bit>

#include "device.hpp"
#include "motley/sdk/arena.hpp"
#include "recording.hpp"

namespace motley::vulkan {

namespace {

constexpr VkExternalMemoryHandleTypeFlagBits kFd = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT;
constexpr VkMemoryPropertyFlags kMapped = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
// Kernels that read four floats at a time read whole ones, and views of them are as long as lavapipe wants them (see Bindings::set_for).
constexpr uint64_t kGranule = 256;
// Over PCI Express the host reads 61 MB/s from a GPU's memory, and a copy that it waits for takes 30 to 40 us (NVIDIA
// H200).
constexpr uint64_t kReadUncached = 2048;

uint64_t next_id() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

}  // namespace

// With room for whole granules.
uint64_t padded(uint64_t bytes) {
  const uint64_t whole = sdk::align_up(bytes, kGranule);
  // lavapipe compiles kernels once more for texel buffers whose size is a power of two.
  return std::has_single_bit(whole) ? whole + kGranule : whole;
}

// ---- blocks ----

Allocator::~Allocator() {
  for (Block& b : blocks_) device_.vk.vkFreeMemory(device_.handle(), b.memory, nullptr);
}

Allocator::Block& Allocator::add_block(uint64_t bytes, uint32_t type) {
  VkMemoryAllocateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
  info.allocationSize = bytes;
  info.memoryTypeIndex = type;
  Block& block = blocks_.emplace_back();
  try {
    block.size = bytes;
    block.type = type;
    block.ranges.emplace(0, Block::Range{bytes, false});
    VkResult result = device_.vk.vkAllocateMemory(device_.handle(), &info, nullptr, &block.memory);
    if (result != VK_SUCCESS) check(result, "device memory can't be allocated", std::to_string(bytes) + " bytes");
    const VkMemoryPropertyFlags flags = device_.found().memory.memoryTypes[type].propertyFlags;
    if ((flags & kMapped) == kMapped) {
      void* mapped = nullptr;
      result = device_.vk.vkMapMemory(device_.handle(), block.memory, 0, VK_WHOLE_SIZE, 0, &mapped);
      check(result, "device memory can't be mapped");
      block.mapped = static_cast<std::byte*>(mapped);
    }
  } catch (...) {
    device_.vk.vkFreeMemory(device_.handle(), block.memory, nullptr);
    blocks_.pop_back();
    throw;
  }
  return block;
}

// A place in the block, or none. Where memory for the bookkeeping runs out the block is as before, but for smaller
// unused ranges.
Allocator::Place Allocator::fit(Block& block, const VkMemoryRequirements& needs) {
  for (auto at = block.ranges.begin(); at != block.ranges.end(); ++at) {
    if (at->second.used) continue;
    const uint64_t offset = sdk::align_up(at->first, needs.alignment), lost = offset - at->first;
    if (at->second.bytes < lost || at->second.bytes - lost < needs.size) continue;
    if (lost) at = split(block, at, lost);
    if (at->second.bytes > needs.size) split(block, at, needs.size);
    at->second.used = true;
    return {&block, offset, needs.size};
  }
  return {};
}

// Cuts a range after so many bytes; gives the second part.
Allocator::RangeAt Allocator::split(Block& block, RangeAt at, uint64_t bytes) {
  const RangeAt rest =
      block.ranges.emplace_hint(std::next(at), at->first + bytes, Block::Range{at->second.bytes - bytes, false});
  at->second.bytes = bytes;
  return rest;
}

Allocator::Place Allocator::take(const VkMemoryRequirements& needs, uint32_t type) {
  const std::lock_guard lock(mutex_);
  const bool alone = needs.size > kBlock / 4;
  if (!alone)
    for (Block& block : blocks_)
      if (block.type == type)
        if (const Place place = fit(block, needs); place.block) return place;
  return fit(add_block(alone ? needs.size : kBlock, type), needs);
}

void Allocator::give_back(const Place& place) noexcept {
  const std::lock_guard lock(mutex_);
  Block& block = *place.block;
  RangeAt at = block.ranges.find(place.offset);
  at->second.used = false;
  const auto join_next = [&](RangeAt first) {
    const RangeAt next = std::next(first);
    if (next == block.ranges.end() || next->second.used) return;
    first->second.bytes += next->second.bytes;
    block.ranges.erase(next);
  };
  join_next(at);
  if (at != block.ranges.begin() && !std::prev(at)->second.used) join_next(std::prev(at));
  if (block.ranges.size() > 1 || block.ranges.begin()->second.used) return;
  // One empty block stays, so that a model that is closed and opened finds it.
  const bool keep = block.size == kBlock && std::count_if(blocks_.begin(), blocks_.end(), [&](const Block& b) {
                                              return b.type == block.type && b.size == kBlock;
                                            }) == 1;
  if (keep) return;
  device_.vk.vkFreeMemory(device_.handle(), block.memory, nullptr);
  blocks_.remove_if([&](const Block& b) { return &b == &block; });
}

// ---- buffers ----

void VulkanMemory::make_buffer(uint64_t bytes, const void* next) {
  VkBufferCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
  info.pNext = next;
  info.size = buffer_bytes_ = bytes;
  info.usage = kBufferUsage;
  check(device_.vk.vkCreateBuffer(device_.handle(), &info, nullptr, &buffer_), "a buffer can't be made");
}

void VulkanMemory::release() {
  if (buffer_) device_.vk.vkDestroyBuffer(device_.handle(), buffer_, nullptr);
  if (own_) device_.vk.vkFreeMemory(device_.handle(), own_, nullptr);
  if (place_.block) device_.allocator().give_back(place_);
}

VulkanMemory::VulkanMemory(VulkanDevice& device, uint64_t bytes, Where where)
    : device_(device), size_(bytes), id_(next_id()) {
  const uint64_t most = device.capabilities().max_buffer_bytes;
  if (most && bytes > most)
    throw StatusError(MOTLEY_OUT_OF_MEMORY, "a buffer of " + std::to_string(bytes) + " bytes is more than the device allows (" +
                                                std::to_string(most) + ")");
  const bool shared = where == Where::shared;
  if (shared) make_shared_buffer(padded(bytes));
  else make_buffer(padded(bytes), nullptr);
  try {
    VkMemoryRequirements needs;
    device_.vk.vkGetBufferMemoryRequirements(device_.handle(), buffer_, &needs);
    if (shared) {
      take_shared(needs);
      return;
    }
    place_ = device_.allocator().take(needs, type_for(needs.memoryTypeBits, where));
    check(device_.vk.vkBindBufferMemory(device_.handle(), buffer_, place_.block->memory, place_.offset),
          "memory can't be bound");
  } catch (...) {
    release();
    throw;
  }
  const bool staged = where == Where::device && device_.has(Workaround::staged_memory);
  if (place_.block->mapped && !staged) host_ = place_.block->mapped + place_.offset;
  cached_ = is_cached(place_.block->type);
}

uint32_t VulkanMemory::type_for(uint32_t allowed, Where where) const {
  constexpr VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
                                  cached = VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
  // Others take plain memory of the device most readily, and the host seldom looks at what is shared.
  if (where == Where::shared)
    if (const int32_t type = device_.memory_type(allowed, local); type >= 0) return static_cast<uint32_t>(type);
  const bool host = where == Where::host;  // which reads it
  for (VkMemoryPropertyFlags wanted : {local | kMapped | cached, host ? kMapped | cached : local | kMapped,
                                       host ? kMapped : local, kMapped | cached, kMapped})
    if (const int32_t type = device_.memory_type(allowed, wanted); type >= 0) return static_cast<uint32_t>(type);
  throw StatusError(MOTLEY_OUT_OF_MEMORY, "the device has no memory for buffers");
}

VulkanMemory::VulkanMemory(VulkanDevice& device, void* host, uint64_t bytes)
    : device_(device), size_(bytes), id_(next_id()) {
  const uint64_t page = device_.found().import_alignment;
  if (page == 0 || !device_.vk.vkGetMemoryHostPointerPropertiesEXT || device_.has(Workaround::no_host_pointers))
    throw StatusError(MOTLEY_UNSUPPORTED, "the driver does not import host memory");
  const auto address = reinterpret_cast<uint64_t>(host);
  // Whole pages are there where a part of them is, up to the pages that the system itself uses.
  constexpr uint64_t kSystemPage = 4096;
  if (page > kSystemPage && (address % page || bytes % page))
    throw StatusError(MOTLEY_UNSUPPORTED, "the driver imports host memory in multiples of " + std::to_string(page) + " bytes");
  const uint64_t first = address / page * page, end = sdk::align_up(address + bytes, page);
  base_ = address - first;
  if (base_ % device_.binding_alignment())
    throw StatusError(MOTLEY_UNSUPPORTED, "host memory that does not begin at a multiple of " +
                                              std::to_string(device_.binding_alignment()) + " bytes can't be imported");
  constexpr auto handle_type = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
  VkMemoryHostPointerPropertiesEXT properties{};
  properties.sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT;
  check(device_.vk.vkGetMemoryHostPointerPropertiesEXT(device_.handle(), handle_type, reinterpret_cast<void*>(first),
                                                       &properties),
        "host memory can't be imported");
  VkExternalMemoryBufferCreateInfo external{};
  external.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO;
  external.handleTypes = handle_type;
  make_buffer(end - first, &external);
  try {
    VkMemoryRequirements needs;
    device_.vk.vkGetBufferMemoryRequirements(device_.handle(), buffer_, &needs);
    const int32_t type = device_.memory_type(needs.memoryTypeBits & properties.memoryTypeBits, kMapped);
    if (type < 0 || needs.size > end - first)
      throw StatusError(MOTLEY_UNSUPPORTED, "the driver does not take buffers in host memory");
    VkImportMemoryHostPointerInfoEXT import{};
    import.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT;
    import.handleType = handle_type;
    import.pHostPointer = reinterpret_cast<void*>(first);
    VkMemoryAllocateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
    info.pNext = &import;
    info.allocationSize = end - first;
    info.memoryTypeIndex = static_cast<uint32_t>(type);
    check(device_.vk.vkAllocateMemory(device_.handle(), &info, nullptr, &own_), "host memory can't be imported");
    check(device_.vk.vkBindBufferMemory(device_.handle(), buffer_, own_, 0), "imported memory can't be bound");
  } catch (...) {
    release();
    throw;
  }
  host_ = static_cast<std::byte*>(host);
}

// ---- memory that other devices and APIs use too ----

void VulkanMemory::make_shared_buffer(uint64_t bytes) {
  VkExternalMemoryBufferCreateInfo external{};
  external.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO;
  external.handleTypes = kFd;
  make_buffer(bytes, &external);
  shared_ = true;
}

void VulkanMemory::allocate_own(uint64_t bytes, uint32_t type, bool dedicated, const void* next) {
  VkMemoryDedicatedAllocateInfo only{};
  only.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO;
  only.pNext = next;
  only.buffer = buffer_;
  VkMemoryAllocateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
  info.pNext = dedicated ? &only : next;
  info.allocationSize = own_bytes_ = bytes;
  info.memoryTypeIndex = own_type_ = type;
  check(device_.vk.vkAllocateMemory(device_.handle(), &info, nullptr, &own_), "memory that is shared can't be had");
}

void VulkanMemory::take_shared(const VkMemoryRequirements& needs) {
  VkExportMemoryAllocateInfo exported{};
  exported.sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO;
  exported.handleTypes = kFd;
  allocate_own(needs.size, type_for(needs.memoryTypeBits, Where::shared), device_.found().dedicated_fds(), &exported);
  exportable_ = true;
  check(device_.vk.vkBindBufferMemory(device_.handle(), buffer_, own_, 0), "shared memory can't be bound");
  map_own(0);
}

// Where the host does not see the memory, mapping goes through staging memory.
void VulkanMemory::map_own(uint64_t offset) {
  const VkMemoryPropertyFlags flags = device_.found().memory.memoryTypes[own_type_].propertyFlags;
  if ((flags & kMapped) != kMapped || device_.has(Workaround::staged_memory)) return;
  void* mapped = nullptr;
  check(device_.vk.vkMapMemory(device_.handle(), own_, 0, VK_WHOLE_SIZE, 0, &mapped), "shared memory can't be mapped");
  host_ = static_cast<std::byte*>(mapped) + offset;
  cached_ = is_cached(own_type_);
}

bool VulkanMemory::is_cached(uint32_t type) const {
  return (device_.found().memory.memoryTypes[type].propertyFlags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT) &&
         !device_.has(Workaround::uncached_memory);
}

VulkanMemory::VulkanMemory(VulkanDevice& device, const motley_memory_handle& handle)
    : device_(device), size_(handle.size), id_(next_id()) {
  make_shared_buffer(std::min(padded(handle.size), handle.memory_size - handle.offset));
  try {
    VkMemoryRequirements needs;
    device_.vk.vkGetBufferMemoryRequirements(device_.handle(), buffer_, &needs);
    import(handle, needs);
    check(device_.vk.vkBindBufferMemory(device_.handle(), buffer_, own_, handle.offset),
          "shared memory can't be bound");
    map_own(handle.offset);
  } catch (...) {
    release();
    throw;
  }
}

void VulkanMemory::import(const motley_memory_handle& handle, const VkMemoryRequirements& needs) {
  if (handle.offset % needs.alignment || handle.memory_size - handle.offset < needs.size)
    throw StatusError(MOTLEY_UNSUPPORTED, "a buffer of " + std::to_string(handle.size) + " bytes at " +
                                              std::to_string(handle.offset) +
                                              " does not fit the memory that is shared");
  const uint32_t type =
      handle.memory_type == UINT32_MAX ? type_for(needs.memoryTypeBits, Where::shared) : handle.memory_type;
  if (type >= device_.found().memory.memoryTypeCount || !(needs.memoryTypeBits >> type & 1))
    throw StatusError(MOTLEY_INVALID_ARGUMENT,
                      "the device has no memory for buffers of type " + std::to_string(handle.memory_type));
  VkImportMemoryFdInfoKHR info{};
  info.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR;
  info.handleType = kFd;
  info.fd = dup(handle.fd);
  if (info.fd < 0) throw StatusError(MOTLEY_INVALID_ARGUMENT, "the handle's file descriptor is not open");
  try {
    const bool dedicated = (handle.flags & MOTLEY_HANDLE_DEDICATED) || device_.found().dedicated_fds();
    allocate_own(handle.memory_size, type, dedicated, &info);  // owns the duplicate from here on
  } catch (...) {
    if (!device_.has(Workaround::closes_refused_fds)) close(info.fd);
    throw;
  }
}

motley_memory_handle VulkanMemory::export_handle() const {
  if (!exportable_) return Memory::export_handle();  // refuses
  VkMemoryGetFdInfoKHR info{};
  info.sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR;
  info.memory = own_;
  info.handleType = kFd;
  motley_memory_handle handle{};
  handle.fd = -1;
  check(device_.vk.vkGetMemoryFdKHR(device_.handle(), &info, &handle.fd), "memory can't be exported");
  handle.kind = MOTLEY_HANDLE_OPAQUE_FD;
  if (device_.found().dedicated_fds()) handle.flags = MOTLEY_HANDLE_DEDICATED;
  handle.size = size_;
  handle.memory_size = own_bytes_;
  handle.memory_type = own_type_;
  const motley_device_identity own = device_.identity();
  std::copy(std::begin(own.device_uuid), std::end(own.device_uuid), handle.device_uuid);
  std::copy(std::begin(own.driver_uuid), std::end(own.driver_uuid), handle.driver_uuid);
  return handle;
}

VulkanMemory::~VulkanMemory() { release(); }

void VulkanMemory::copy(VkBuffer from, VkBuffer to) {
  const VkBufferCopy all{0, 0, size_};
  device_.run_now([&](VkCommandBuffer c) {
    take_over(device_, c, *this);
    device_.vk.vkCmdCopyBuffer(c, from, to, 1, &all);
    hand_on(device_, c, *this);
  });
}

// Where the host does not see the memory, or reads it slowly, it is copied to staging memory and back.
void* VulkanMemory::map(Access access) {
  if (host_ && (cached_ || access == Access::write || size_ <= kReadUncached)) return host_;
  staging_ = std::make_unique<VulkanMemory>(device_, size_, Where::host);
  if (!staging_->host_) throw StatusError(MOTLEY_INTERNAL, "the device has no memory that the host sees");
  writes_back_ = access != Access::read;
  if (access != Access::write) copy(buffer_, staging_->buffer_);
  return staging_->host_;
}

void VulkanMemory::unmap() {
  if (!staging_) return;
  if (writes_back_) copy(staging_->buffer_, buffer_);
  staging_.reset();
}

}  // namespace motley::vulkan
