// malloc and its relatives, counted, on top of those of the C library.
#include "allocation_hooks.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MOTLEY_CHECK_SANITIZED 1
#else
#define MOTLEY_CHECK_SANITIZED 0
#endif

bool motley::check::under_sanitizer() { return MOTLEY_CHECK_SANITIZED; }

#if defined(__GLIBC__) && !MOTLEY_CHECK_SANITIZED

#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

#include "caller.hpp"

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);
}

namespace motley::check {

namespace {

std::atomic<int64_t> live{0}, live_bytes{0};
std::atomic<bool> armed{false}, failed{false};
std::atomic<int64_t> countdown{0};
std::atomic<bool> forever{false};

// `caller`: where the function that allocates returns to.
bool must_fail(const void* caller) {
  if (!armed.load(std::memory_order_relaxed) || !called_by_plugin(caller)) return false;
  const int64_t left = countdown.fetch_sub(1);
  if (left > 0 || (left < 0 && !forever.load())) return false;
  failed.store(true);
  return true;
}

void* counted(void* p) {
  if (p) {
    live.fetch_add(1, std::memory_order_relaxed);
    live_bytes.fetch_add(static_cast<int64_t>(malloc_usable_size(p)), std::memory_order_relaxed);
  } else {
    errno = ENOMEM;
  }
  return p;
}

void uncount(void* p) {
  live.fetch_sub(1, std::memory_order_relaxed);
  live_bytes.fetch_sub(static_cast<int64_t>(malloc_usable_size(p)), std::memory_order_relaxed);
}

void* aligned(size_t alignment, size_t size, const void* caller) {
  return counted(must_fail(caller) ? nullptr : __libc_memalign(alignment, size));
}

}  // namespace

bool can_fail_allocations() { return true; }
AllocationCount allocation_count() { return {live.load(), live_bytes.load()}; }

void fail_allocation(int64_t nth, Failing failing) {
  failed = false;
  forever = failing == Failing::forever;
  countdown = nth;
  armed = true;
}
bool stop_failing() {
  armed = false;
  return failed.load();
}

}  // namespace motley::check

// The names that the dynamic linker finds here first.
#pragma GCC visibility push(default)
extern "C" {
void* malloc(size_t size) {
  using namespace motley::check;
  return counted(must_fail(__builtin_return_address(0)) ? nullptr : __libc_malloc(size));
}
void* calloc(size_t count, size_t size) {
  using namespace motley::check;
  return counted(must_fail(__builtin_return_address(0)) ? nullptr : __libc_calloc(count, size));
}
void* realloc(void* p, size_t size) {
  using namespace motley::check;
  if (must_fail(__builtin_return_address(0))) {
    errno = ENOMEM;
    return nullptr;
  }
  if (!p) return counted(__libc_malloc(size));
  const auto before = static_cast<int64_t>(malloc_usable_size(p));
  void* moved = __libc_realloc(p, size);
  if (moved) live_bytes.fetch_add(static_cast<int64_t>(malloc_usable_size(moved)) - before, std::memory_order_relaxed);
  else if (size == 0) live.fetch_sub(1, std::memory_order_relaxed);
  return moved;
}
void free(void* p) {
  if (!p) return;
  const int saved = errno;
  motley::check::uncount(p);
  __libc_free(p);
  errno = saved;
}
void* memalign(size_t alignment, size_t size) {
  return motley::check::aligned(alignment, size, __builtin_return_address(0));
}
void* aligned_alloc(size_t alignment, size_t size) {
  return motley::check::aligned(alignment, size, __builtin_return_address(0));
}
int posix_memalign(void** p, size_t alignment, size_t size) {
  *p = motley::check::aligned(alignment, size, __builtin_return_address(0));
  return *p ? 0 : ENOMEM;
}
}
#pragma GCC visibility pop

#else

namespace motley::check {

bool can_fail_allocations() { return false; }
AllocationCount allocation_count() { return {}; }
void fail_allocation(int64_t, Failing) {}
bool stop_failing() { return false; }

}  // namespace motley::check

#endif
