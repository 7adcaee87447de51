// A device as GPUs are: memory of its own that the host reaches only by mapping, and queues that work in the
// background. Runs relu and add. It stands in for hardware that no test machine has; broken variants of it are in
// tests/check.
#pragma once

#include <chrono>
#include <cstdlib>
#include <thread>

#include "file_memory.hpp"
#include "motley/plugin.hpp"
#include "relu.hpp"
#include "work_queue.hpp"

namespace motley::test::queued {

using namespace motley::sdk;
using motley::schema::BinaryAttributes;
using motley::schema::BinaryFunction;

inline std::unique_ptr<Kernel> prepare_relu(const NodeView& node, const PrepareContext&) {
  const int64_t n = node.output(0)->elements();
  return make_kernel("relu", [n](const RunContext& run) {
    for (int64_t i = 0; i < n; ++i)
      run.output<float>(0)[i] = run.input<float>(0)[i] < 0 ? 0.0f : run.input<float>(0)[i];
  });
}
inline Reason supports_add(const NodeView& node) {
  const bool add = node.attributes<BinaryAttributes>().function() == BinaryFunction::add;
  const bool same = node.input(0)->shape == node.input(1)->shape && node.input(0)->type == DataType::float32;
  return add && same ? Reason() : "only add of float32 of one shape";
}
inline std::unique_ptr<Kernel> prepare_add(const NodeView& node, const PrepareContext&) {
  const int64_t n = node.output(0)->elements();
  return make_kernel("add", [n](const RunContext& run) {
    for (int64_t i = 0; i < n; ++i) run.output<float>(0)[i] = run.input<float>(0)[i] + run.input<float>(1)[i];
  });
}
inline constexpr KernelEntry kKernels[] = {{Op::Unary, supports_relu, prepare_relu},
                                           {Op::Binary, supports_add, prepare_add}};

// Memory of the device, or of the host or another device, which it was lent.
struct Buffer {
  std::vector<std::max_align_t> owned;
  void* memory = nullptr;
  std::unique_ptr<FileMemory> file = nullptr;  // of what is shared
};
inline Buffer* as_buffer(motley_buffer* b) { return reinterpret_cast<Buffer*>(b); }
inline Executable* as_executable(motley_executable* e) { return reinterpret_cast<Executable*>(e); }

struct Work {
  void operator()(const Job& job) const {
    // Late enough that a host that forgets to wait is found out.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    struct NoClock {
      uint64_t operator()() const { return 0; }
    };
    static_cast<const Executable*>(job.executable)
        ->run(job.submission(), static_cast<NoClock*>(nullptr), [](auto&&...) {});
  }
};
using Queue = WorkQueue<Work>;
inline Queue* as_queue(motley_queue* q) { return reinterpret_cast<Queue*>(q); }

inline motley_binding on_device(motley_binding b) {
  if (b.buffer) b.host = as_buffer(b.buffer)->memory;
  return b;
}

inline void add_devices(motley_plugin& p) {
  p.enumerate_devices = [](void* context, void (*found)(void*, const motley_device_info*), motley_error*) {
    motley_device_info info = device_info(0, MOTLEY_DEVICE_GPU, "queued", "Queued test device", "Motley tests");
    info.memory_flags = 0;
    info.peak_gflops = 5;
    found(context, &info);
    return MOTLEY_OK;
  };
  p.device_open = [](uint32_t index, motley_device** device, motley_error* error) {
    return guarded(error, [&] {
      if (index) throw std::invalid_argument("there is no device " + std::to_string(index));
      *device = reinterpret_cast<motley_device*>(new int(0));
    });
  };
  p.device_close = [](motley_device* device) { delete reinterpret_cast<int*>(device); };
}

inline void add_compiling(motley_plugin& p) {
  p.query_support = [](motley_device*, const motley_graph* graph, const motley_support_sink* sink,
                       motley_error* error) {
    return guarded(error, [&] {
      const GraphView view(read_struct(graph));
      for (uint32_t i = 0; i < view.node_count(); ++i) {
        Reason reason;
        find_kernel(kKernels, view.node(i), reason);
        sink->node(sink->context, i, reason.empty() ? MOTLEY_OK : MOTLEY_UNSUPPORTED, reason.c_str());
      }
    });
  };
  p.compile = [](motley_device*, const motley_graph* segment, const motley_compile_options* options,
                 motley_executable** executable, motley_error* error) {
    return guarded(error, [&] {
      // So that a test can see what the host asks for.
      if (std::getenv("MOTLEY_TEST_TELL_SLICE"))
        throw StatusError(MOTLEY_UNSUPPORTED, "slice of " + std::to_string(read_struct(options).slice_ns) + " ns");
      *executable = reinterpret_cast<motley_executable*>(
          new Executable(read_struct(segment), kKernels, read_struct(options), Threads()));
    });
  };
  p.exec_requirements = [](motley_executable* e, motley_exec_requirements* r) {
    motley_exec_requirements own{};
    own.alignment = kAlignment;
    own.scratch_bytes = as_executable(e)->scratch_bytes();
    write_struct(r, own);
    return MOTLEY_OK;
  };
  p.exec_release = [](motley_executable* e) { delete as_executable(e); };
}

inline void add_buffers(motley_plugin& p) {
  p.buffer_alloc = [](motley_device*, uint64_t size, motley_buffer** buffer, motley_error* error) {
    return guarded(error, [&] {
      if (size > (uint64_t{1} << 40)) throw StatusError(MOTLEY_OUT_OF_MEMORY, "a buffer has at most 1 TiB");
      auto b = std::make_unique<Buffer>();
      b->owned.resize(size / sizeof(std::max_align_t) + 1);
      b->memory = b->owned.data();
      *buffer = reinterpret_cast<motley_buffer*>(b.release());
    });
  };
  p.buffer_import = [](motley_device*, void* host, uint64_t, motley_buffer** buffer, motley_error* error) {
    return guarded(error, [&] {
      if (reinterpret_cast<uintptr_t>(host) % kAlignment)
        throw StatusError(MOTLEY_UNSUPPORTED, "memory to import begins at a multiple of 64");
      auto b = std::make_unique<Buffer>();
      b->memory = host;
      *buffer = reinterpret_cast<motley_buffer*>(b.release());
    });
  };
  p.buffer_map = [](motley_buffer* b, void** host, motley_error*) {
    *host = as_buffer(b)->memory;
    return MOTLEY_OK;
  };
  p.buffer_unmap = [](motley_buffer*) {};
  p.buffer_release = [](motley_buffer* b) { delete as_buffer(b); };
}

// Memory that devices share: a GPU's would come from its driver.
inline motley_device_identity own_identity() {
  motley_device_identity own{};
  own.exports = own.imports = 1u << MOTLEY_HANDLE_OPAQUE_FD;
  std::memcpy(own.device_uuid, "queued device", 13);
  std::memcpy(own.driver_uuid, "queued driver", 13);
  return own;
}
inline motley_buffer* shared_buffer(std::unique_ptr<FileMemory> file, uint64_t offset) {
  void* const memory = static_cast<std::byte*>(file->data()) + offset;
  return reinterpret_cast<motley_buffer*>(new Buffer{{}, memory, std::move(file)});
}
inline motley_external_memory make_external_memory() {
  motley_external_memory m{};
  m.struct_size = sizeof m;
  m.identity = [](motley_device*, motley_device_identity* identity) {
    write_struct(identity, own_identity());
    return MOTLEY_OK;
  };
  m.buffer_alloc = [](motley_device*, uint64_t size, uint32_t kind, motley_buffer** buffer, motley_error* error) {
    return guarded(error, [&] {
      if (kind != MOTLEY_HANDLE_OPAQUE_FD) throw StatusError(MOTLEY_UNSUPPORTED, "handles are opaque file descriptors");
      *buffer = shared_buffer(std::make_unique<FileMemory>(size), 0);
    });
  };
  m.buffer_export = [](motley_buffer* b, uint32_t, motley_memory_handle* result, motley_error* error) {
    return guarded(error, [&] {
      motley_memory_handle handle = as_buffer(b)->file->handle();
      const motley_device_identity own = own_identity();
      std::memcpy(handle.device_uuid, own.device_uuid, sizeof own.device_uuid);
      std::memcpy(handle.driver_uuid, own.driver_uuid, sizeof own.driver_uuid);
      write_struct(result, handle);
    });
  };
  m.buffer_import = [](motley_device*, const motley_memory_handle* given, motley_buffer** buffer, motley_error* error) {
    return guarded(error, [&] {
      const motley_memory_handle handle = read_struct(given);
      check_handle(handle, own_identity());
      *buffer = shared_buffer(std::make_unique<FileMemory>(handle), handle.offset);
    });
  };
  return m;
}

inline void add_queues(motley_plugin& p) {
  p.queue_create = [](motley_device*, motley_queue** queue, motley_error* error) {
    return guarded(error, [&] { *queue = reinterpret_cast<motley_queue*>(new Queue(Work())); });
  };
  p.queue_destroy = [](motley_queue* q) { delete as_queue(q); };
  p.fence_wait = [](motley_queue* q, uint64_t value, uint64_t timeout_ns, motley_error*) {
    return as_queue(q)->wait(value, timeout_ns);
  };
  p.submit = [](motley_device*, motley_queue* q, motley_executable* e, const motley_submission* submission,
                motley_error* error) {
    return guarded(error, [&] {
      const motley_submission s = read_struct(submission);
      as_queue(q)->add([&](Job& job) { fill(job, as_executable(e), s, on_device); });
    });
  };
}

inline motley_plugin make_plugin() {
  motley_plugin p{};
  p.struct_size = sizeof p;
  p.abi_version = MOTLEY_ABI_VERSION;
  p.id = "queued";
  p.version = p.build_id = "1";
  add_devices(p);
  add_compiling(p);
  add_buffers(p);
  add_queues(p);
  p.get_extension = [](const char* id) -> const void* {
    static const motley_external_memory external = make_external_memory();
    return std::strcmp(id, MOTLEY_EXTERNAL_MEMORY_EXTENSION) == 0 ? &external : nullptr;
  };
  return p;
}

}  // namespace motley::test::queued
