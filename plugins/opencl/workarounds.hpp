// Drivers' faults that the plugin works around, as data: each has a name, a reason and the drivers it serves. A capability that
// can be queried is never listed here.
#pragma once

#include <cstdint>
#include <set>
#include <string>

namespace motley::opencl {

enum class Workaround : uint8_t {
  no_program_binaries,  // compiled programs are neither cached nor exported
  driver_caches,        // compiled programs are exported when the host asks, and not kept on disk by the plugin
  no_host_pointers,     // CL_MEM_USE_HOST_PTR is not used
  no_relaxed_math,      // never -cl-fast-relaxed-math
  finish_before_unmap,  // clFinish before memory is unmapped
  no_shared_memory,     // memory of other devices and APIs is not taken
  staged_memory,        // memory is copied to the host and back in place of being mapped
  keep_memory,          // memory is released with the device only
  map_imports,          // imported memory is mapped also where kernels work on it in place
};

// Those that apply to a driver. `driver` is CL_DRIVER_VERSION, `platform` CL_PLATFORM_NAME. MOTLEY_OPENCL_WORKAROUNDS, a list
// of names with commas, adds to them, so that a suspicion can be tried without a build.
std::set<Workaround> workarounds_for(const std::string& platform, const std::string& device, const std::string& driver);

}  // namespace motley::opencl
