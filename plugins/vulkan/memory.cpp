// Placing buffers in blocks, importing host memory, mapping.
#include "memory.hpp"

#include <algorithm>
#include <bit>

#include "device.hpp"
#include "motley/sdk/arena.hpp"

namespace motley::vulkan {

namespace {

constexpr VkBufferUsageFlags kUsage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT |
                                      VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;
constexpr VkMemoryPropertyFlags kMapped = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
// Kernels that read four floats at a time read whole ones, and views of them are as long as lavapipe wants them (see Bindings::set_for).
constexpr uint64_t kGranule = 256;

uint64_t next_id() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

}  // namespace

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
  info.usage = kUsage;
  check(device_.vk.vkCreateBuffer(device_.handle(), &info, nullptr, &buffer_), "a buffer can't be made");
}

void VulkanMemory::release() {
  if (buffer_) device_.vk.vkDestroyBuffer(device_.handle(), buffer_, nullptr);
  if (imported_) device_.vk.vkFreeMemory(device_.handle(), imported_, nullptr);
  if (place_.block) device_.allocator().give_back(place_);
}

VulkanMemory::VulkanMemory(VulkanDevice& device, uint64_t bytes, Where where)
    : device_(device), size_(bytes), id_(next_id()) {
  const uint64_t most = device.capabilities().max_buffer_bytes;
  if (most && bytes > most)
    throw StatusError(MOTLEY_OUT_OF_MEMORY, "a buffer of " + std::to_string(bytes) + " bytes is more than the device allows (" +
                                                std::to_string(most) + ")");
  uint64_t whole = sdk::align_up(bytes, kGranule);
  // lavapipe compiles kernels once more for texel buffers whose size is a power of two.
  if (std::has_single_bit(whole)) whole += kGranule;
  make_buffer(whole, nullptr);
  try {
    VkMemoryRequirements needs;
    device_.vk.vkGetBufferMemoryRequirements(device_.handle(), buffer_, &needs);
    constexpr VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, cached = VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    int32_t type = -1;
    for (VkMemoryPropertyFlags wanted : {local | kMapped | cached, local | kMapped, local, kMapped | cached, kMapped})
      if (type < 0 && (where == Where::device || (wanted & kMapped))) type = device_.memory_type(needs.memoryTypeBits, wanted);
    if (type < 0) throw StatusError(MOTLEY_OUT_OF_MEMORY, "the device has no memory for buffers");
    place_ = device_.allocator().take(needs, static_cast<uint32_t>(type));
    check(device_.vk.vkBindBufferMemory(device_.handle(), buffer_, place_.block->memory, place_.offset),
          "memory can't be bound");
  } catch (...) {
    release();
    throw;
  }
  const bool staged = where == Where::device && device_.has(Workaround::staged_memory);
  if (place_.block->mapped && !staged) host_ = place_.block->mapped + place_.offset;
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
    check(device_.vk.vkAllocateMemory(device_.handle(), &info, nullptr, &imported_), "host memory can't be imported");
    check(device_.vk.vkBindBufferMemory(device_.handle(), buffer_, imported_, 0), "imported memory can't be bound");
  } catch (...) {
    release();
    throw;
  }
  host_ = static_cast<std::byte*>(host);
}

VulkanMemory::~VulkanMemory() { release(); }

// Where the host does not see the memory, it is copied to staging memory and back.
void* VulkanMemory::map() {
  if (host_) return host_;
  staging_ = std::make_unique<VulkanMemory>(device_, size_, Where::host);
  if (!staging_->host_) throw StatusError(MOTLEY_INTERNAL, "the device has no memory that the host sees");
  const VkBufferCopy all{0, 0, size_};
  device_.run_now([&](VkCommandBuffer c) { device_.vk.vkCmdCopyBuffer(c, buffer_, staging_->buffer_, 1, &all); });
  return staging_->host_;
}

void VulkanMemory::unmap() {
  if (!staging_) return;
  const VkBufferCopy all{0, 0, size_};
  device_.run_now([&](VkCommandBuffer c) { device_.vk.vkCmdCopyBuffer(c, staging_->buffer_, buffer_, 1, &all); });
  staging_.reset();
}

}  // namespace motley::vulkan
