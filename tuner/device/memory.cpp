// Memory of one tensor on a device.
#include "device/memory.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.hpp"
#include "plugin/call.hpp"

namespace motley::tuner {

namespace {

constexpr uint8_t kCanary = 0xa5;
constexpr uint64_t kAround = 256;  // bytes of canaries on each side, more where the alignment asks for it

}  // namespace

TensorMemory::TensorMemory(plugin::Device& device, uint64_t bytes, uint64_t alignment)
    : device_(&device), bytes_(bytes), before_(std::max(kAround, alignment)), total_(before_ + bytes + kAround) {
  if (device.info().memory_flags & MOTLEY_MEMORY_HOST_POINTERS) {
    host_.resize(total_ + alignment);
    host_start_ = (alignment - reinterpret_cast<uintptr_t>(host_.data()) % alignment) % alignment;
  } else {
    plugin::ErrorRoom room;
    const motley_status status = plugin::guarded(
        room, [&] { return device.api().buffer_alloc(device.handle(), total_, &buffer_, &room.error); });
    if (status != MOTLEY_OK)
      base::fail(ErrorCode::plugin, "the device \"%\" gives no % bytes of memory (%)",
                 {device.name(), total_, room.describe(status)});
  }
  std::memset(map(), kCanary, total_);
  unmap();
}

TensorMemory::~TensorMemory() {
  if (buffer_) device_->api().buffer_release(buffer_);
}

TensorMemory::TensorMemory(TensorMemory&& other) noexcept
    : device_(other.device_),
      bytes_(other.bytes_),
      before_(other.before_),
      total_(other.total_),
      host_(std::move(other.host_)),
      host_start_(other.host_start_),
      buffer_(std::exchange(other.buffer_, nullptr)) {}

uint8_t* TensorMemory::map() const {
  if (!buffer_) return const_cast<uint8_t*>(host_.data()) + host_start_;
  void* host = nullptr;
  plugin::ErrorRoom room;
  const motley_status status =
      plugin::guarded(room, [&] { return device_->api().buffer_map(buffer_, &host, &room.error); });
  if (status != MOTLEY_OK)
    base::fail(ErrorCode::plugin, "the device \"%\" does not map its memory (%)",
               {device_->name(), room.describe(status)});
  return static_cast<uint8_t*>(host);
}
void TensorMemory::unmap() const {
  if (buffer_) device_->api().buffer_unmap(buffer_);
}

motley_binding TensorMemory::binding() const {
  if (buffer_) return {buffer_, nullptr, before_, bytes_};
  return {nullptr, const_cast<uint8_t*>(host_.data()) + host_start_ + before_, 0, bytes_};
}

uint8_t* TensorMemory::map_guarded() {
  uint8_t* const at = map();
  std::memset(at, kCanary, before_);
  std::memset(at + before_ + bytes_, kCanary, total_ - before_ - bytes_);
  return at + before_;
}

void TensorMemory::write(const void* data) {
  uint8_t* const at = map_guarded();
  if (bytes_ > 0) std::memcpy(at, data, bytes_);
  unmap();
}
void TensorMemory::fill(uint8_t value) {
  std::memset(map_guarded(), value, bytes_);
  unmap();
}
std::vector<uint8_t> TensorMemory::read() const {
  const uint8_t* at = map() + before_;
  std::vector<uint8_t> data(at, at + bytes_);
  unmap();
  return data;
}
bool TensorMemory::intact() const {
  const uint8_t* at = map();
  const auto is_canary = [](uint8_t byte) { return byte == kCanary; };
  const bool result =
      std::all_of(at, at + before_, is_canary) && std::all_of(at + before_ + bytes_, at + total_, is_canary);
  unmap();
  return result;
}

}  // namespace motley::tuner
