// What a test says to the virtual GPUs, and what they count. Shared by both sides through one exported function.
#pragma once

#include <atomic>

#include "motley/plugin.h"

namespace motley::test {

struct VirtualGpuControl {
  // Calls that reach a device, of device `counted` alone unless it is -1. Call `fail_at` fails with `status`; if that
  // is MOTLEY_DEVICE_LOST, so does every later one until the device is opened again.
  std::atomic<int> calls{0}, fail_at{-1}, counted{-1};
  std::atomic<int> status{MOTLEY_DEVICE_LOST};
  // motley_edge_access to the host and to the other device; MOTLEY_EDGE_NATIVE in `wait` for the other's fences.
  std::atomic<uint32_t> host{MOTLEY_EDGE_NONE}, peer{MOTLEY_EDGE_NONE}, wait{MOTLEY_EDGE_NONE};
  std::atomic<bool> refuse_import{false};
  // Devices give each other memory as file descriptors; where `strangers`, they are different hardware. What fails:
  // making memory to be shared, exporting it, taking it.
  std::atomic<bool> lends{false}, strangers{false}, refuse_shared{false}, refuse_export{false}, refuse_handle{false};
  std::atomic<bool> second_takes_only{false};  // gpu1 exports nothing
  std::atomic<int> delay_us{0};  // before each piece of work
  // Since reset().
  std::atomic<int> maps{0}, imports{0}, copies{0}, submits{0}, waits{0}, opened{0}, exports{0}, taken{0};

  void reset() {
    fail_at = counted = -1;
    status = MOTLEY_DEVICE_LOST;
    host = peer = wait = MOTLEY_EDGE_NONE;
    refuse_import = lends = strangers = refuse_shared = refuse_export = refuse_handle = second_takes_only = false;
    calls = delay_us = maps = imports = copies = submits = waits = opened = exports = taken = 0;
  }
};

// The symbol that the plugin exports beside its entry.
inline constexpr const char* kVirtualGpuControl = "motley_virtual_gpu_control";
using VirtualGpuControlFn = VirtualGpuControl* (*)();

}  // namespace motley::test
