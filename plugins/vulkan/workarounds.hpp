// Drivers' faults that the plugin works around, as data: each has a name, a reason and the drivers it serves. A capability that
// can be queried is never listed here.
#pragma once

#include <cstdint>
#include <set>
#include <string>

namespace motley::vulkan {

enum class Workaround : uint8_t {
  no_pipeline_cache,   // the driver's cache is neither read nor written
  no_host_pointers,    // host memory is not imported
  no_texel_loads,      // kernels for texel buffers are not used
  closes_refused_fds,  // a descriptor that it does not import is closed all the same
  no_shared_memory,    // memory is neither given to nor taken from other devices and APIs
  uncached_memory,     // mapped memory is read through copies, as if the host had no cache for it
  staged_memory,       // memory is mapped through copies, as if the host did not see it
};

// Those that apply to a driver. MOTLEY_VULKAN_WORKAROUNDS, a list of names with commas, adds to them, so that a suspicion can be
// tried without a build.
std::set<Workaround> workarounds_for(const std::string& driver);

}  // namespace motley::vulkan
