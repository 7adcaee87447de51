// The table of workarounds.
#include "workarounds.hpp"

#include <array>
#include <cstdlib>

namespace motley::vulkan {

namespace {

struct Entry {
  Workaround workaround;
  const char* name;
  const char* driver;  // beginning of the driver's name; null: none, only by MOTLEY_VULKAN_WORKAROUNDS
  const char* why;
};

constexpr std::array kEntries{
    Entry{Workaround::no_pipeline_cache, "no_pipeline_cache", nullptr, "the driver's own cache goes wrong"},
    Entry{Workaround::no_host_pointers, "no_host_pointers", nullptr, "imported host memory reads old values"},
    Entry{Workaround::no_texel_loads, "no_texel_loads", nullptr, "texel buffers are slow or wrong"},
    // Mesa 22.3's lavapipe, in vkAllocateMemory. Closing it once more might close another thread's file.
    Entry{Workaround::closes_refused_fds, "closes_refused_fds", "llvmpipe",
          "a file descriptor that is refused is closed"},
    Entry{Workaround::no_shared_memory, "no_shared_memory", nullptr, "shared memory shows old values"},
    Entry{Workaround::uncached_memory, "uncached_memory", nullptr, "device memory is slow to read when mapped"},
    Entry{Workaround::staged_memory, "staged_memory", nullptr, "device memory is slow or wrong when mapped"},
};

}  // namespace

std::set<Workaround> workarounds_for(const std::string& driver) {
  std::set<Workaround> result;
  const char* extra = std::getenv("MOTLEY_VULKAN_WORKAROUNDS");
  const std::string wanted = std::string(",") + (extra ? extra : "") + ",";
  for (const Entry& e : kEntries) {
    const bool listed = wanted.find(std::string(",") + e.name + ",") != std::string::npos;
    if (listed || (e.driver && driver.rfind(e.driver, 0) == 0)) result.insert(e.workaround);
  }
  return result;
}

}  // namespace motley::vulkan
