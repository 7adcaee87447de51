// What it costs to move bytes between the host and a device, or two devices, as the core moves them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "plan/schedule.hpp"
#include "plugin/registry.hpp"

namespace motley::tuner {

// A way from one end to the other; null is the host's memory.
struct Edge {
  plugin::Device* from = nullptr;
  plugin::Device* to = nullptr;
  plan::Way way = plan::Way::map;
};

// The ways that the core uses between these devices and the host, both directions. What shares memory is left out,
// unless it works in the background: then the way back carries the wait for it.
std::vector<Edge> edges_between(const std::vector<std::shared_ptr<plugin::Device>>& devices);

// Nanoseconds of one movement of `bytes`, an average over some. Throws Error(plugin) where the device fails.
double move_ns(const Edge& edge, uint64_t bytes);

// Nanoseconds that handing a small kernel to the device and waiting for it take beyond the kernel itself; 0 for a
// device that works on the spot, or has no small kernel that is known here. Throws Error(plugin).
double fence_ns(plugin::Device& device);

}  // namespace motley::tuner
