// What a compute API (OpenCL, Vulkan, …) must provide for the shared GPU code to run networks on it.
//
//   Platform ── enumerates ──► Device ── makes ──► Memory, Pipeline, Work, Queue
//
// The shared code turns a segment into a list of Launch once (segment.hpp) and hands it to Device::prepare, which gives a
// Work: the API's own form of the list (kernel objects with arguments set, a recorded command buffer). A run passes the Work
// and the memory behind each slot to Queue::submit. All failures are sdk::StatusError. Unless said otherwise members are
// [any], as the plugin ABI means it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "motley/plugin.h"
#include "motley/sdk/kernel.hpp"

namespace motley::gpu {

enum class DeviceClass : uint8_t { cpu, integrated, discrete };

// What a device can do, by query. Kernels and their parameters are chosen by this alone.
struct Capabilities {
  std::string id;      // "gpu0": unique within the plugin, stable across runs
  std::string name, vendor, driver;  // driver: name and version, one line
  DeviceClass device_class = DeviceClass::integrated;
  uint32_t compute_units = 1;
  uint32_t clock_mhz = 0;
  uint32_t max_group_size = 1;                     // work items
  std::array<uint32_t, 3> max_group{1, 1, 1};      // work items per dimension
  std::array<uint32_t, 3> max_groups{UINT32_MAX, UINT32_MAX, UINT32_MAX};  // work groups per dimension
  uint64_t local_bytes = 0;                        // local memory per work group
  bool local_is_fast = true;                       // false where local memory is plain memory (a CPU)
  uint32_t max_vector = 4;                         // widest VW of float: 16 in OpenCL, 4 in GLSL
  uint32_t native_vector = 1;                      // floats that one work item handles at once in hardware; 1 on a SIMT device
  uint32_t subgroup_size = 0;                      // 0: none or not known
  uint64_t memory_bytes = 0, max_buffer_bytes = 0;
  bool texel_loads = false;                        // four floats load as fast as one, through f32x4 buffers (CPUs behind Vulkan)
  bool unified_memory = false;                     // the host sees the same memory
  bool storage_8bit = false, storage_16bit = false;
  bool int64 = false, float64 = false, float16_arithmetic = false;
  bool int8_dot = false;                           // packed 4 x 8 bit dot product
  uint32_t max_params_bytes = 128;                 // of Launch::params
};

// MOTLEY_GPU_CLASS=integrated or discrete: a CPU behind a GPU's API counts as such a GPU, and gets the kernels of one.
// For tests.
void follow_class_from_environment(Capabilities& capabilities);

// Device memory. Destroying it releases it; the caller has waited for what uses it.
class Memory {
 public:
  virtual ~Memory() = default;
  virtual uint64_t size() const = 0;
  // The whole memory as host bytes until unmap; waits for nothing. For `write` alone, what it held is lost. Calls don't
  // nest.
  enum class Access : uint8_t {
    read = MOTLEY_MAP_READ,
    write = MOTLEY_MAP_WRITE,
    both = MOTLEY_MAP_READ | MOTLEY_MAP_WRITE
  };
  virtual void* map(Access access) = 0;
  virtual void unmap() = 0;
  // A handle to what Device::allocate_shared made; its descriptor belongs to the caller. Throws MOTLEY_UNSUPPORTED.
  virtual motley_memory_handle export_handle() const;
};

// Which kernel: a line of kernels/variants.txt, its CONSTANTs by id, the work group's size.
struct PipelineKey {
  std::string variant;
  std::vector<int32_t> constants;
  std::array<uint32_t, 3> group{1, 1, 1};
  bool operator==(const PipelineKey&) const = default;
};

// A compiled kernel; owned by the device's cache, shared by every Work that uses it.
class Pipeline {
 public:
  virtual ~Pipeline() = default;
};

// Where a kernel's buffer lies: `offset` bytes into the memory that stands in `slot` when the work is submitted. Offsets are
// multiples of the element's size, not more; an API that needs coarser ones rounds down and passes the rest in its own way
// or asks for alignment by Device::binding_alignment.
struct SlotBinding {
  uint32_t slot = 0;  // 0: constants, which nothing writes to
  uint64_t offset = 0;
  uint64_t bytes = 0;
  bool half_texels = false;  // an f32x4 buffer whose elements are four f16
};

// One dispatch. Launches run as if one after another: `barrier` false says that it touches nothing that launches since the
// last barrier wrote, so they may overlap.
struct Launch {
  PipelineKey pipeline;
  std::vector<SlotBinding> bindings;  // in the order of the kernel's BUFFERS, IN and OUT alike
  std::vector<std::byte> params;      // the kernel's PARAMS, 32-bit fields without gaps
  std::array<uint32_t, 3> groups{1, 1, 1};
  bool barrier = true;
  uint32_t node = 0;                  // index in the segment, for profiles
  double estimated_ns = 0;            // a guess of the whole launch's time, for slices; 0: none
};

// Memory behind a slot for one submission. `memory` is null for a slot without bytes.
struct SlotMemory {
  Memory* memory = nullptr;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

// A launch has several rows where it runs in pieces.
struct ProfileRow {
  uint32_t launch = 0;
  uint64_t begin_ns = 0, end_ns = 0;  // on the host's clock
};

// How long one uninterrupted piece of work may be, so that rendering on the same GPU stays smooth; see pacing.hpp.
struct Pacing {
  uint64_t slice_ns = 0;   // longest piece of work between two gaps; 0: no limit
  uint32_t window = 0;     // slices in flight at most; 0: no limit
};

// A prepared list of launches. It may be submitted again and again, to several queues from several threads; the
// implementation locks what it must. Destroyed only when no submission is pending.
class Work {
 public:
  virtual ~Work() = default;
  // Times of the pieces of each launch of the last submission with `profile`; waits for it. Its queue may be gone by then. [any]
  virtual std::vector<ProfileRow> profile() = 0;
};

struct Submission {
  Work* work = nullptr;
  std::span<const SlotMemory> slots;
  const uint32_t* cancel = nullptr;   // polled between slices
  uint64_t signal_value = 0;          // the queue's timeline when all is done
  bool profile = false;               // collect rows for Work::profile
};

// In-order timeline of work. [queue] apart from wait.
class Queue {
 public:
  virtual ~Queue() = default;  // waits for what is pending
  // Makes later submissions wait until `other`, a queue of the same device, reaches `value`.
  virtual void wait_for(Queue& other, uint64_t value) = 0;
  // Where it throws, nothing of the submission is still at work, and the timeline stays where it was.
  virtual void submit(const Submission& submission) = 0;
  // True once the timeline has reached `value`; false after `timeout_ns`, also where nothing that signals it was
  // submitted. Throws what a submission failed with. [any]
  virtual bool wait(uint64_t value, uint64_t timeout_ns) = 0;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual const Capabilities& capabilities() const = 0;
  // Multiple of bytes at which SlotMemory::offset + SlotBinding::offset may stand. 1 where kernels take any offset. The
  // shared code places constants and scratch accordingly and copies what the host binds elsewhere.
  virtual uint32_t binding_alignment() const = 0;

  virtual std::unique_ptr<Memory> allocate(uint64_t bytes) = 0;
  // Device memory over host bytes that stay valid as long as it; throws MOTLEY_UNSUPPORTED where it can't be done.
  virtual std::unique_ptr<Memory> import_host(void* host, uint64_t bytes) = 0;

  // Which hardware it is, and what handles to memory it gives and takes; zeros where the driver does not say.
  virtual motley_device_identity identity() const { return {}; }
  // As allocate, of memory that can be given as a file descriptor that the driver understands. Throws
  // MOTLEY_UNSUPPORTED.
  virtual std::unique_ptr<Memory> allocate_shared(uint64_t bytes);
  // Memory behind a handle whose kind, UUIDs and sizes were checked; the descriptor stays the caller's. Throws
  // MOTLEY_UNSUPPORTED.
  virtual std::unique_ptr<Memory> import_handle(const motley_memory_handle& handle);

  // Compiles what is not compiled yet (several at once where that helps) and fixes arguments.
  virtual std::unique_ptr<Work> prepare(std::vector<Launch> launches, const Pacing& pacing) = 0;
  virtual std::unique_ptr<Queue> create_queue() = 0;

  // Compiled kernels as bytes, for the host's cache: of the given keys. Empty: nothing worth caching. What comes back to
  // load_binaries was checked for length, checksum and this device's driver by the shared code (cache.hpp).
  virtual std::vector<std::byte> save_binaries(std::span<const PipelineKey> keys) = 0;
  virtual void load_binaries(std::span<const std::byte> bytes) = 0;
};

// An API on this machine. Default constructible; one per process. Enumerating without a driver gives no devices and says
// why in `explanation`, which is no error.
class Platform {
 public:
  virtual ~Platform() = default;
  virtual const char* id() const = 0;  // of the plugin: "opencl"
  // Devices usable now; the index is what open takes. [control]
  virtual std::vector<Capabilities> enumerate(std::string& explanation) = 0;
  virtual std::unique_ptr<Device> open(uint32_t index) = 0;
};

}  // namespace motley::gpu
