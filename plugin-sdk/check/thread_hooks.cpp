// pthread_create, with the plugin's threads counted, on top of that of the C library.
#include "thread_hooks.hpp"

#include "allocation_hooks.hpp"

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <new>

#include "caller.hpp"

namespace motley::check {

namespace {

std::atomic<int> live{0};

struct Start {
  void* (*routine)(void*);
  void* argument;
};

// Counts down also where the thread ends in pthread_exit, which unwinds.
struct Counted {
  ~Counted() { live.fetch_sub(1); }
};

void* run_counted(void* pointer) {
  const Counted counted;
  const Start start = *std::unique_ptr<Start>(static_cast<Start*>(pointer));
  return start.routine(start.argument);
}

using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
Create next_create() {
  static const auto next = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  return next;
}

int create_counted(pthread_t* thread, const pthread_attr_t* attributes, const Start& start) {
  std::unique_ptr<Start> copy(new (std::nothrow) Start(start));
  if (!copy) return EAGAIN;
  live.fetch_add(1);
  const int result = next_create()(thread, attributes, run_counted, copy.get());
  if (result != 0) live.fetch_sub(1);
  else copy.release();
  return result;
}

}  // namespace

bool can_count_threads() { return true; }
int plugin_threads() { return live.load(); }

}  // namespace motley::check

#pragma GCC visibility push(default)
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*routine)(void*),
                              void* argument) {
  using namespace motley::check;
  if (!called_by_plugin(__builtin_return_address(0))) return next_create()(thread, attributes, routine, argument);
  return create_counted(thread, attributes, {routine, argument});
}
#pragma GCC visibility pop

#else

namespace motley::check {

bool can_count_threads() { return false; }
int plugin_threads() { return 0; }

}  // namespace motley::check

#endif
