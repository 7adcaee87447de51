// Timeline semaphores, used again rather than destroyed.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "loader.hpp"

namespace motley::vulkan {

class VulkanDevice;

struct Point {
  VkSemaphore semaphore;
  uint64_t value;
};

// The semaphores of a device. None is destroyed before the device is idle: drivers that emulate timelines (Mesa's
// lavapipe, v3dv and others) look once more at what a submission waited for after it has signalled, when a host that
// saw the signal may already destroy it. [any]
class Semaphores {
 public:
  explicit Semaphores(VulkanDevice& device) : device_(device) {}
  // The device is idle.
  ~Semaphores();
  Semaphores(const Semaphores&) = delete;
  Semaphores& operator=(const Semaphores&) = delete;

  // A semaphore with its value, which no pending work signals.
  Point take();
  // One that stands at 0.
  VkSemaphore take_new();
  // Back from who took it; work that signals it or waits for it is done.
  void give_back(VkSemaphore semaphore) noexcept;

 private:
  VkSemaphore make();
  VulkanDevice& device_;
  std::mutex mutex_;
  std::vector<VkSemaphore> all_, spare_;
};

// A timeline that begins at 0. Its semaphore may begin later: values that the device sees come from `at` and `signals`.
// The last values then lie beyond what the semaphore can count, and have a second one, which is made when it is asked
// for.
class Timeline {
 public:
  explicit Timeline(VulkanDevice& device);
  // Nothing pending signals it or waits for it.
  ~Timeline();
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;
  // For submissions that wait for a value.
  Point at(uint64_t value) const;
  // For a submission that brings it to `value`, from where the last one does: what it has to signal.
  std::vector<Point> signals(uint64_t last, uint64_t value) const;
  uint64_t value() const;
  // False after `timeout_ns`. Throws MOTLEY_DEVICE_LOST.
  bool wait(uint64_t value, uint64_t timeout_ns) const;

 private:
  VkSemaphore late() const;
  VulkanDevice& device_;
  const Point begin_;
  const uint64_t limit_;  // what the first semaphore counts to
  mutable std::mutex mutex_;
  mutable VkSemaphore late_ = VK_NULL_HANDLE;  // for values beyond, as they are
};

}  // namespace motley::vulkan
