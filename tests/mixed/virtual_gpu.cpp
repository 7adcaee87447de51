// Two GPUs that are none: the kernels of another plugin behind memory of their own, queues that work in the background,
// and every way of moving tensors. They can be lost at any call. MOTLEY_VIRTUAL_GPU_KERNELS names the library whose
// first device computes.
#include "virtual_gpu.hpp"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "file_memory.hpp"
#include "motley/plugin.hpp"
#include "plugin_library.hpp"
#include "work_queue.hpp"

namespace motley::test {
namespace {

using sdk::guarded;
using sdk::read_struct;
using sdk::StatusError;

VirtualGpuControl& control() {
  static auto& one = *new VirtualGpuControl;
  return one;
}
const motley_plugin* kernels = nullptr;

struct Gpu {
  int index;
  motley_device* inner;
  std::atomic<bool> lost{false};
};
Gpu& gpu(motley_device* d) { return *reinterpret_cast<Gpu*>(d); }

// Counts a call, and throws where it is the one that fails.
void call(Gpu& device) {
  VirtualGpuControl& c = control();
  if (c.counted < 0 || c.counted == device.index) {
    if (c.calls++ == c.fail_at) {
      if (c.status == MOTLEY_DEVICE_LOST) device.lost = true;
      throw StatusError(static_cast<motley_status>(c.status.load()), "this call was to fail");
    }
  }
  if (device.lost) throw StatusError(MOTLEY_DEVICE_LOST, "the device is lost");
}

struct Buffer {
  Gpu* device;
  std::vector<std::max_align_t> owned;
  void* memory;
  std::unique_ptr<FileMemory> file = nullptr;  // of what is shared
};
Buffer& buffer(motley_buffer* b) { return *reinterpret_cast<Buffer*>(b); }

struct Executable {
  Gpu* device;
  motley_executable* inner;
};
Executable& executable(motley_executable* e) { return *reinterpret_cast<Executable*>(e); }

motley_binding on_host(const motley_binding& b) {
  if (!b.buffer) return b;
  return {nullptr, buffer(b.buffer).memory, b.offset, b.size};
}

// What a queue does with a job.
struct Work {
  Gpu* device;
  void operator()(const Job& job) const {
    if (const int delay = control().delay_us) std::this_thread::sleep_for(std::chrono::microseconds(delay));
    if (!job.executable) return job.copy();
    const motley_submission s = job.submission();
    auto* const inner = static_cast<const Executable*>(job.executable)->inner;
    if (const motley_status status = kernels->submit(device->inner, nullptr, inner, &s, nullptr); status != MOTLEY_OK)
      throw StatusError(status, "the kernels failed");
  }
};
struct Queue : WorkQueue<Work> {
  explicit Queue(Gpu& gpu) : WorkQueue(Work{&gpu}), device(gpu) {}
  Gpu& device;
};
Queue& queue(motley_queue* q) { return *reinterpret_cast<Queue*>(q); }

void fill_devices(motley_plugin& p) {
  p.enumerate_devices = [](void* context, void (*found)(void*, const motley_device_info*), motley_error*) {
    for (uint32_t i = 0; i < 2; ++i) {
      motley_device_info info =
          sdk::device_info(i, MOTLEY_DEVICE_GPU, "gpu" + std::to_string(i), "Virtual GPU", "Motley tests");
      info.memory_flags = 0;
      info.peak_gflops = 2 - i * 0.5;
      found(context, &info);
    }
    return MOTLEY_OK;
  };
  p.device_open = [](uint32_t index, motley_device** device, motley_error* error) {
    return guarded(error, [&] {
      auto made = std::make_unique<Gpu>();
      made->index = static_cast<int>(index);
      call(*made);
      ++control().opened;
      if (const motley_status status = kernels->device_open(0, &made->inner, error); status != MOTLEY_OK)
        throw StatusError(status, "the kernels' device cannot be opened");
      *device = reinterpret_cast<motley_device*>(made.release());
    });
  };
  p.device_close = [](motley_device* d) {
    kernels->device_close(gpu(d).inner);
    delete &gpu(d);
  };
}

void fill_compiling(motley_plugin& p) {
  p.query_support = [](motley_device* d, const motley_graph* graph, const motley_support_sink* sink,
                       motley_error* error) {
    return guarded(error, [&] {
      call(gpu(d));
      if (kernels->query_support(gpu(d).inner, graph, sink, error) != MOTLEY_OK) throw std::runtime_error("no answer");
    });
  };
  p.compile = [](motley_device* d, const motley_graph* segment, const motley_compile_options* options,
                 motley_executable** result, motley_error* error) {
    return guarded(error, [&] {
      call(gpu(d));
      auto made = std::make_unique<Executable>(Executable{&gpu(d), nullptr});
      const motley_status status = kernels->compile(gpu(d).inner, segment, options, &made->inner, error);
      if (status != MOTLEY_OK) throw StatusError(status, "the kernels cannot be compiled");
      *result = reinterpret_cast<motley_executable*>(made.release());
    });
  };
  p.exec_requirements = [](motley_executable* e, motley_exec_requirements* r) {
    return guarded(nullptr, [&] {
      call(*executable(e).device);
      kernels->exec_requirements(executable(e).inner, r);
    });
  };
  p.exec_release = [](motley_executable* e) {
    kernels->exec_release(executable(e).inner);
    delete &executable(e);
  };
}

motley_buffer* make_buffer(Gpu& device, uint64_t size, void* memory) {
  auto made = std::make_unique<Buffer>(Buffer{&device, {}, memory});
  if (!memory) {
    // Aligned as kernels want it, and full of what nobody has written.
    made->owned.resize(size / sizeof(std::max_align_t) + 8);
    std::memset(made->owned.data(), 0xA5, made->owned.size() * sizeof(std::max_align_t));
    const auto address = reinterpret_cast<uintptr_t>(made->owned.data());
    made->memory = reinterpret_cast<void*>((address + 63) / 64 * 64);
  }
  return reinterpret_cast<motley_buffer*>(made.release());
}

void fill_memory(motley_plugin& p) {
  p.buffer_alloc = [](motley_device* d, uint64_t size, motley_buffer** b, motley_error* error) {
    return guarded(error, [&] {
      call(gpu(d));
      *b = make_buffer(gpu(d), size, nullptr);
    });
  };
  p.buffer_import = [](motley_device* d, void* host, uint64_t size, motley_buffer** b, motley_error* error) {
    return guarded(error, [&] {
      call(gpu(d));
      if (control().refuse_import) throw StatusError(MOTLEY_UNSUPPORTED, "this memory is not taken");
      ++control().imports;
      *b = make_buffer(gpu(d), size, host);
    });
  };
  p.buffer_map = [](motley_buffer* b, void** host, motley_error* error) {
    return guarded(error, [&] {
      call(*buffer(b).device);
      ++control().maps;
      *host = buffer(b).memory;
    });
  };
  p.buffer_unmap = [](motley_buffer*) {};
  p.buffer_release = [](motley_buffer* b) { delete &buffer(b); };
}

// ---- memory as file descriptors ----

motley_buffer* shared_buffer(Gpu& device, std::unique_ptr<FileMemory> file, uint64_t offset = 0) {
  void* const memory = static_cast<std::byte*>(file->data()) + offset;
  return reinterpret_cast<motley_buffer*>(new Buffer{&device, {}, memory, std::move(file)});
}

motley_device_identity identity_of(const Gpu& device) {
  motley_device_identity own{};
  const bool exports = !(control().second_takes_only && device.index == 1);
  own.exports = exports ? 1u << MOTLEY_HANDLE_OPAQUE_FD : 0;
  own.imports = 1u << MOTLEY_HANDLE_OPAQUE_FD;
  std::memcpy(own.device_uuid, "virtual device", 14);
  std::memcpy(own.driver_uuid, "virtual driver", 14);
  if (control().strangers) own.device_uuid[15] = static_cast<uint8_t>(device.index + 1);
  return own;
}

motley_status identity(motley_device* d, motley_device_identity* result) {
  if (!control().lends) return MOTLEY_UNSUPPORTED;
  sdk::write_struct(result, identity_of(gpu(d)));
  return MOTLEY_OK;
}

motley_status alloc_shared(motley_device* d, uint64_t size, uint32_t, motley_buffer** b, motley_error* error) {
  return guarded(error, [&] {
    call(gpu(d));
    if (control().refuse_shared) throw StatusError(MOTLEY_OUT_OF_MEMORY, "there is no such memory");
    *b = shared_buffer(gpu(d), std::make_unique<FileMemory>(size));
  });
}

motley_status export_handle(motley_buffer* b, uint32_t, motley_memory_handle* result, motley_error* error) {
  return guarded(error, [&] {
    call(*buffer(b).device);
    if (control().refuse_export) throw StatusError(MOTLEY_UNSUPPORTED, "this memory is not given");
    motley_memory_handle handle = buffer(b).file->handle();
    const motley_device_identity own = identity_of(*buffer(b).device);
    std::memcpy(handle.device_uuid, own.device_uuid, sizeof own.device_uuid);
    std::memcpy(handle.driver_uuid, own.driver_uuid, sizeof own.driver_uuid);
    ++control().exports;
    sdk::write_struct(result, handle);
  });
}

motley_status import_handle(motley_device* d, const motley_memory_handle* given, motley_buffer** b,
                            motley_error* error) {
  return guarded(error, [&] {
    call(gpu(d));
    const motley_memory_handle handle = read_struct(given);
    if (control().strangers) throw std::logic_error("the host brings memory of other hardware");
    if (control().refuse_handle) throw StatusError(MOTLEY_UNSUPPORTED, "this memory is not taken");
    check_handle(handle, identity_of(gpu(d)));
    *b = shared_buffer(gpu(d), std::make_unique<FileMemory>(handle), handle.offset);
    ++control().taken;
  });
}

const void* get_extension(const char* id) {
  static const motley_external_memory external{sizeof external, identity, alloc_shared, export_handle, import_handle};
  return std::strcmp(id, MOTLEY_EXTERNAL_MEMORY_EXTENSION) == 0 ? &external : nullptr;
}

void fill_queues(motley_plugin& p) {
  p.queue_create = [](motley_device* d, motley_queue** q, motley_error* error) {
    return guarded(error, [&] {
      call(gpu(d));
      *q = reinterpret_cast<motley_queue*>(new Queue(gpu(d)));
    });
  };
  p.queue_destroy = [](motley_queue* q) { delete &queue(q); };
  p.fence_wait = [](motley_queue* q, uint64_t value, uint64_t timeout_ns, motley_error* error) {
    return guarded(error, [&] {
      call(queue(q).device);
      ++control().waits;
      if (const motley_status status = queue(q).wait(value, timeout_ns); status != MOTLEY_OK)
        throw StatusError(status, "the work failed or is not done");
    });
  };
  p.submit = [](motley_device* d, motley_queue* q, motley_executable* e, const motley_submission* submission,
                motley_error* error) {
    return guarded(error, [&] {
      call(gpu(d));
      ++control().submits;
      const motley_submission s = read_struct(submission);
      queue(q).add([&](Job& job) { fill(job, &executable(e), s, on_host); });
    });
  };
  p.copy = [](motley_device* d, motley_queue* q, const motley_copy* copy, motley_error* error) {
    return guarded(error, [&] {
      call(gpu(d));
      ++control().copies;
      const motley_copy c = read_struct(copy);
      queue(q).add([&](Job& job) { fill(job, c, on_host); });
    });
  };
  p.profile_read = [](motley_executable* e, const motley_profile_sink* sink) {
    return kernels->profile_read(executable(e).inner, sink);
  };
  p.edge_caps = [](motley_device*, motley_device* other, motley_edge_caps* caps) {
    motley_edge_caps own{};
    own.read = own.write = other ? control().peer : control().host;
    own.wait = other ? control().wait.load() : 0;
    sdk::write_struct(caps, own);
    return MOTLEY_OK;
  };
}

}  // namespace
}  // namespace motley::test

extern "C" MOTLEY_PLUGIN_EXPORT motley::test::VirtualGpuControl* motley_virtual_gpu_control() {
  return &motley::test::control();
}

extern "C" MOTLEY_PLUGIN_EXPORT const motley_plugin* motley_plugin_entry(uint32_t abi, const motley_host* host) {
  using namespace motley::test;
  static motley_plugin plugin{};
  if ((abi >> 16) != MOTLEY_ABI_MAJOR) return nullptr;
  if (plugin.struct_size) return &plugin;
  const char* library = std::getenv("MOTLEY_VIRTUAL_GPU_KERNELS");
  kernels = plugin_of(library ? library : MOTLEY_REFERENCE_LIBRARY, abi, *host);
  if (!kernels) return nullptr;
  plugin.struct_size = sizeof plugin;
  plugin.abi_version = MOTLEY_ABI_VERSION;
  plugin.id = "virtual";
  plugin.version = plugin.build_id = "1";
  fill_devices(plugin);
  fill_compiling(plugin);
  fill_memory(plugin);
  fill_queues(plugin);
  plugin.get_extension = get_extension;
  return &plugin;
}
