// Objects of the process by address, and a walk up the stack to the first that is not a run-time library.
#include "caller.hpp"

#if defined(__linux__)

#include <dlfcn.h>
#include <link.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

namespace motley::check {

namespace {

// Addresses that a loaded library takes up.
struct Object {
  uintptr_t begin = 0, end = 0;
};

// Filled while the plugin is loaded, read from then on; never shrinks, so that readers need no lock.
template <size_t N>
struct Objects {
  std::array<Object, N> list;
  std::atomic<size_t> count{0};

  void add(Object object) {
    const size_t at = count.load(std::memory_order_relaxed);
    if (at == N || has(object.begin)) return;
    list[at] = object;
    count.store(at + 1, std::memory_order_release);
  }
  bool has(uintptr_t address) const {
    const size_t n = count.load(std::memory_order_acquire);
    return std::any_of(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(n),
                       [&](const Object& o) { return address >= o.begin && address < o.end; });
  }
};
Objects<64> plugin_objects;
Objects<16> runtime_objects;
Objects<256> earlier_objects;

bool is_runtime(const char* path) {
  const char* slash = std::strrchr(path, '/');
  const char* name = slash ? slash + 1 : path;
  for (const char* runtime : {"libc.so", "libstdc++.so", "libgcc_s.so", "libm.so", "libpthread.so", "libc++.so",
                              "libc++abi.so", "ld-linux", "libdl.so", "librt.so"})
    if (std::strncmp(name, runtime, std::strlen(runtime)) == 0) return true;
  return false;
}

template <class Fn>
void for_each_object(Fn fn) {
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* context) {
        Object object{UINTPTR_MAX, 0};
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& segment = info->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD) continue;
          object.begin = std::min<uintptr_t>(object.begin, info->dlpi_addr + segment.p_vaddr);
          object.end = std::max<uintptr_t>(object.end, info->dlpi_addr + segment.p_vaddr + segment.p_memsz);
        }
        if (object.begin < object.end) (*static_cast<Fn*>(context))(object, info->dlpi_name ? info->dlpi_name : "");
        return 0;
      },
      &fn);
}

struct Walk {
  uintptr_t from;
  bool begun = false, found = false;
};

_Unwind_Reason_Code step(_Unwind_Context* context, void* pointer) {
  auto& walk = *static_cast<Walk*>(pointer);
  const uintptr_t address = _Unwind_GetIP(context);
  walk.begun = walk.begun || address == walk.from;
  if (!walk.begun || runtime_objects.has(address)) return _URC_NO_REASON;
  walk.found = plugin_objects.has(address);
  return _URC_END_OF_STACK;
}

}  // namespace

void watch_plugin(const char* path, const std::function<void()>& load) {
  for_each_object([](const Object& o, const char*) { earlier_objects.add(o); });
  load();
  for_each_object([](const Object& o, const char* name) {
    if (is_runtime(name)) runtime_objects.add(o);
    else if (!earlier_objects.has(o.begin)) plugin_objects.add(o);
  });
  // The plugin itself may have been there before: the oracle is a plugin too.
  for_each_object([&](const Object& o, const char* name) {
    if (std::strcmp(name, path) == 0) plugin_objects.add(o);
  });
}

bool called_by_plugin(const void* return_address) {
  const auto address = reinterpret_cast<uintptr_t>(return_address);
  if (plugin_objects.has(address)) return true;
  if (!runtime_objects.has(address)) return false;
  static thread_local bool walking =
      false;  // the walk may allocate, where a compiler at run time registered its functions
  if (walking) return false;
  walking = true;
  Walk walk{address};
  _Unwind_Backtrace(step, &walk);
  walking = false;
  return walk.found;
}

}  // namespace motley::check

#else

namespace motley::check {

void watch_plugin(const char*, const std::function<void()>& load) { load(); }
bool called_by_plugin(const void*) { return true; }

}  // namespace motley::check

#endif
