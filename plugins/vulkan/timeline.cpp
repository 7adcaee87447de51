// Making semaphores, lending them, waiting for their values.
#include "timeline.hpp"

#include "device.hpp"

namespace motley::vulkan {

namespace {

uint64_t value_of(VulkanDevice& device, VkSemaphore semaphore) {
  uint64_t value = 0;
  check(device.vk.vkGetSemaphoreCounterValue(device.handle(), semaphore, &value), "a timeline can't be read");
  return value;
}

}  // namespace

Semaphores::~Semaphores() {
  for (VkSemaphore s : all_) device_.vk.vkDestroySemaphore(device_.handle(), s, nullptr);
}

Point Semaphores::take() {
  // A timeline has to leave room for the values of the next.
  constexpr uint64_t kMost = uint64_t{1} << 48;
  const std::lock_guard lock(mutex_);
  while (!spare_.empty()) {
    const VkSemaphore semaphore = spare_.back();
    const uint64_t value = value_of(device_, semaphore);
    spare_.pop_back();
    if (value < kMost) return {semaphore, value};
  }
  return {make(), 0};
}

VkSemaphore Semaphores::take_new() {
  const std::lock_guard lock(mutex_);
  return make();
}

VkSemaphore Semaphores::make() {
  spare_.reserve(all_.size() + 1);  // giving back needs no memory
  VkSemaphore& semaphore = all_.emplace_back(VkSemaphore{});
  VkSemaphoreTypeCreateInfo type{};
  type.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO;
  type.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE;
  VkSemaphoreCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO;
  info.pNext = &type;
  const VkResult result = device_.vk.vkCreateSemaphore(device_.handle(), &info, nullptr, &semaphore);
  if (result == VK_SUCCESS) return semaphore;
  all_.pop_back();
  check(result, "a semaphore can't be made");
  return VK_NULL_HANDLE;
}

void Semaphores::give_back(VkSemaphore semaphore) noexcept {
  const std::lock_guard lock(mutex_);
  spare_.push_back(semaphore);
}

Timeline::Timeline(VulkanDevice& device)
    : device_(device), begin_(device.semaphores().take()), limit_(UINT64_MAX - begin_.value) {}

Timeline::~Timeline() {
  device_.semaphores().give_back(begin_.semaphore);
  if (late_) device_.semaphores().give_back(late_);
}

VkSemaphore Timeline::late() const {
  const std::lock_guard lock(mutex_);
  if (!late_) late_ = device_.semaphores().take_new();
  return late_;
}

Point Timeline::at(uint64_t value) const {
  if (value > limit_) return {late(), value};
  return {begin_.semaphore, begin_.value + value};
}

// Who waits for less than the limit is woken too.
std::vector<Point> Timeline::signals(uint64_t last, uint64_t value) const {
  std::vector<Point> points{at(value)};
  if (value > limit_ && last < limit_) points.push_back({begin_.semaphore, UINT64_MAX});
  return points;
}

uint64_t Timeline::value() const {
  VkSemaphore late;
  {
    const std::lock_guard lock(mutex_);
    late = late_;
  }
  if (late)
    if (const uint64_t value = value_of(device_, late)) return value;
  return value_of(device_, begin_.semaphore) - begin_.value;
}

bool Timeline::wait(uint64_t value, uint64_t timeout_ns) const {
  const Point point = at(value);
  VkSemaphoreWaitInfo info{};
  info.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO;
  info.semaphoreCount = 1;
  info.pSemaphores = &point.semaphore;
  info.pValues = &point.value;
  const VkResult result = device_.vk.vkWaitSemaphores(device_.handle(), &info, timeout_ns);
  if (result == VK_TIMEOUT) return false;
  check(result, "waiting for the device failed");
  return true;
}

}  // namespace motley::vulkan
