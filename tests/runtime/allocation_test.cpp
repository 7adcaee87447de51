// A run after the first allocates nothing in the core.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "../mixed/virtual_gpu.hpp"
#include "graphs.hpp"

// Every operator new of this program and the core linked into it is counted while `counting` is on. Plugins are
// libraries of their own with their own operators bound first to these, so kernels are counted too.
namespace {
std::atomic<bool> counting{false};
std::atomic<long> allocations{0};
void* counted(std::size_t size) {
  if (counting.load(std::memory_order_relaxed)) ++allocations;
  if (void* p = std::malloc(size ? size : 1)) return p;
  throw std::bad_alloc();
}
}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

namespace motley::test {
namespace {

TEST(Allocation, CounterCounts) {
  counting = true;
  allocations = 0;
  std::vector<int>* probe = new std::vector<int>(100);
  counting = false;
  delete probe;
  EXPECT_GE(allocations.load(), 2);
}

// The plain kernels of the reference plugin may allocate; those of cpu and the template do not, nor does the core.
TEST(Allocation, RunsAfterTheFirstAllocateNothing) {
  const Runtime rt = runtime_with({"template"});
  for (const std::vector<std::string>& devices :
       {std::vector<std::string>{"cpu"}, {"template", "cpu"}}) {
    Session session = rt.compile(small_cnn(), {.devices = devices, .optimize = devices.size() == 1});
    session.input("image").copy_from(noise(192, 4));
    session.run();
    allocations = 0;
    counting = true;
    for (int i = 0; i < 5; ++i) session.run();
    counting = false;
    EXPECT_EQ(allocations.load(), 0) << devices.front();
  }
}

// Moves, fences and waits of devices that work in the background. The virtual GPU computes with the kernels of cpu
// here.
TEST(Allocation, NorDoMixedRuns) {
  setenv("MOTLEY_VIRTUAL_GPU_KERNELS", MOTLEY_PLUGINS "/libmotley_cpu.so", 1);
  void* library = dlopen(MOTLEY_TEST_PLUGINS "/libmotley_virtual_gpu.so", RTLD_NOW | RTLD_LOCAL);
  ASSERT_TRUE(library) << dlerror();
  VirtualGpuControl& gpus = *reinterpret_cast<VirtualGpuControlFn>(dlsym(library, kVirtualGpuControl))();
  const Runtime rt = runtime_with({"virtual_gpu"});
  for (const uint32_t host : {MOTLEY_EDGE_NONE, MOTLEY_EDGE_COPY, MOTLEY_EDGE_IMPORT}) {
    gpus.reset();
    gpus.host = host;
    gpus.peer = host == MOTLEY_EDGE_COPY ? MOTLEY_EDGE_COPY : MOTLEY_EDGE_NONE;
    gpus.wait = MOTLEY_EDGE_NATIVE;
    Session session = rt.compile(
        small_cnn(),
        {.devices = {"cpu"}, .pins = {{"conv*", "virtual:gpu0"}, {"relu*", "virtual:gpu1"}}, .optimize = false});
    session.input("image").copy_from(noise(192, 4));
    for (int i = 0; i < 40; ++i) session.run();  // the plugin's ring of jobs has gone round
    gpus.submits = 0;
    allocations = 0;
    counting = true;
    for (int i = 0; i < 5; ++i) session.run();
    counting = false;
    EXPECT_EQ(allocations.load(), 0) << "host access " << host;
    EXPECT_GE(gpus.submits, 20);
  }
}

}  // namespace
}  // namespace motley::test
