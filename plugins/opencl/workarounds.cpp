// The table of workarounds.
#include "workarounds.hpp"

#include <array>
#include <cstdlib>

namespace motley::opencl {

namespace {

struct Entry {
  Workaround workaround;
  const char* name;
  const char* platform;  // part of CL_PLATFORM_NAME; null: none, only by MOTLEY_OPENCL_WORKAROUNDS
  const char* driver;    // beginning of CL_DRIVER_VERSION; "" any
  const char* why;
};

constexpr std::array kEntries{
    // Seen with Mesa 22.3: a damaged or foreign binary ends the process, and the checksum can't vouch for another
    // machine's.
    Entry{Workaround::no_program_binaries, "no_program_binaries", "rusticl", "",
          "a binary that does not fit ends the process"},
    // PoCL 3.1 compiles every kernel once more when asked for a binary, and keeps a cache of its own. With this a first
    // session of
    // SqueezeNet takes 3.9 s in place of 6.5 until its first result, and a later one 0.21 s in place of 0.04, so it is
    // off.
    Entry{Workaround::driver_caches, "driver_caches", nullptr, "", "asking for a binary compiles again"},
    Entry{Workaround::no_host_pointers, "no_host_pointers", nullptr, "", "imported host memory reads old values"},
    Entry{Workaround::no_relaxed_math, "no_relaxed_math", nullptr, "", "relaxed mathematics is too inexact"},
    Entry{Workaround::finish_before_unmap, "finish_before_unmap", nullptr, "", "unmapping overtakes kernels"},
    Entry{Workaround::no_shared_memory, "no_shared_memory", nullptr, "", "shared memory shows old values"},
    // Oclgrind 21.10 takes memory that was written while mapped for memory that was never written.
    Entry{Workaround::staged_memory, "staged_memory", "Oclgrind", "",
          "what the host writes to mapped memory is not seen"},
    // Oclgrind 21.10 again, looking for uninitialized reads: what it knows of a buffer stays with the buffer's number,
    // which a later and
    // larger one gets. For such runs only, since memory piles up.
    Entry{Workaround::keep_memory, "keep_memory", nullptr, "", "a new buffer is taken for one released before"},
    Entry{Workaround::map_imports, "map_imports", nullptr, "", "imported memory shows old values unless it is mapped"},
};

}  // namespace

std::set<Workaround> workarounds_for(const std::string& platform, const std::string& device,
                                     const std::string& driver) {
  (void)device;
  std::set<Workaround> result;
  const char* extra = std::getenv("MOTLEY_OPENCL_WORKAROUNDS");
  const std::string wanted = std::string(",") + (extra ? extra : "") + ",";
  for (const Entry& e : kEntries) {
    const bool listed = wanted.find(std::string(",") + e.name + ",") != std::string::npos;
    const bool applies = e.platform && platform.find(e.platform) != std::string::npos && driver.rfind(e.driver, 0) == 0;
    if (listed || applies) result.insert(e.workaround);
  }
  return result;
}

}  // namespace motley::opencl
