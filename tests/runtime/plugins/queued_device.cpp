// A device as GPUs are: memory of its own that the host reaches only by mapping, and a queue that works in the
// background. Runs relu and add. It stands in for hardware that no test machine has.
#include <condition_variable>
#include <deque>
#include <thread>

#include "motley/plugin.hpp"

namespace {

using namespace motley::sdk;
using motley::schema::BinaryAttributes;
using motley::schema::BinaryFunction;
using motley::schema::UnaryAttributes;
using motley::schema::UnaryFunction;

Reason supports_relu(const NodeView& node) {
  const bool relu = node.attributes<UnaryAttributes>().function() == UnaryFunction::relu;
  return relu && node.input(0)->type == DataType::float32 ? Reason() : "only relu of float32";
}
std::unique_ptr<Kernel> prepare_relu(const NodeView& node, const PrepareContext&) {
  const int64_t n = node.output(0)->elements();
  return make_kernel("relu", [n](const RunContext& run) {
    for (int64_t i = 0; i < n; ++i)
      run.output<float>(0)[i] = run.input<float>(0)[i] < 0 ? 0.0f : run.input<float>(0)[i];
  });
}
Reason supports_add(const NodeView& node) {
  const bool add = node.attributes<BinaryAttributes>().function() == BinaryFunction::add;
  const bool same = node.input(0)->shape == node.input(1)->shape && node.input(0)->type == DataType::float32;
  return add && same ? Reason() : "only add of float32 of one shape";
}
std::unique_ptr<Kernel> prepare_add(const NodeView& node, const PrepareContext&) {
  const int64_t n = node.output(0)->elements();
  return make_kernel("add", [n](const RunContext& run) {
    for (int64_t i = 0; i < n; ++i) run.output<float>(0)[i] = run.input<float>(0)[i] + run.input<float>(1)[i];
  });
}
constexpr KernelEntry kKernels[] = {{Op::Unary, supports_relu, prepare_relu}, {Op::Binary, supports_add, prepare_add}};

struct Buffer {
  std::vector<std::max_align_t> memory;
};
Buffer* as_buffer(motley_buffer* b) { return reinterpret_cast<Buffer*>(b); }
Executable* as_executable(motley_executable* e) { return reinterpret_cast<Executable*>(e); }

// One thread that takes jobs in order and moves the timeline on.
struct Queue {
  struct Job {
    const Executable* executable;
    std::vector<motley_binding> inputs, outputs;
    motley_binding scratch;
    uint64_t value;
  };
  Queue() : worker([this] { work(); }) {}
  ~Queue() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    wake.notify_all();
    worker.join();
  }
  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      wake.wait(lock, [this] { return stop || !jobs.empty(); });
      if (jobs.empty()) return;
      Job job = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      std::this_thread::sleep_for(
          std::chrono::milliseconds(1));  // late enough that a host that forgets to wait is found out
      motley_submission s{};
      s.struct_size = sizeof s;
      s.inputs = job.inputs.data();
      s.input_count = static_cast<uint32_t>(job.inputs.size());
      s.outputs = job.outputs.data();
      s.output_count = static_cast<uint32_t>(job.outputs.size());
      s.scratch = job.scratch;
      struct NoClock {
        uint64_t operator()() const { return 0; }
      };
      job.executable->run(s, static_cast<NoClock*>(nullptr), [](auto&&...) {});
      lock.lock();
      reached = job.value;
      wake.notify_all();
    }
  }
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Job> jobs;
  uint64_t reached = 0;
  bool stop = false;
  std::thread worker;
};
Queue* as_queue(motley_queue* q) { return reinterpret_cast<Queue*>(q); }

motley_binding on_device(motley_binding b) {
  if (b.buffer) b.host = as_buffer(b.buffer)->memory.data();
  return b;
}

const motley_plugin& plugin() {
  static motley_plugin p{};
  p.struct_size = sizeof p;
  p.abi_version = MOTLEY_ABI_VERSION;
  p.id = "queued";
  p.version = p.build_id = "1";
  p.enumerate_devices = [](void* context, void (*found)(void*, const motley_device_info*), motley_error*) {
    motley_device_info info = device_info(0, MOTLEY_DEVICE_GPU, "queued", "Queued test device", "Motley tests");
    info.memory_flags = 0;
    info.peak_gflops = 5;
    found(context, &info);
    return MOTLEY_OK;
  };
  p.device_open = [](uint32_t index, motley_device** device, motley_error* error) {
    if (index) {
      write_error(error, "no such device");
      return MOTLEY_INVALID_ARGUMENT;
    }
    *device = reinterpret_cast<motley_device*>(new int(0));
    return MOTLEY_OK;
  };
  p.device_close = [](motley_device* device) { delete reinterpret_cast<int*>(device); };
  p.query_support = [](motley_device*, const motley_graph* graph, const motley_support_sink* sink,
                       motley_error* error) {
    return guarded(error, [&] {
      const GraphView view(*graph);
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
      *executable = reinterpret_cast<motley_executable*>(new Executable(*segment, kKernels, *options, Threads()));
    });
  };
  p.exec_requirements = [](motley_executable* e, motley_exec_requirements* r) {
    r->alignment = 64;
    r->scratch_bytes = as_executable(e)->scratch_bytes();
    return MOTLEY_OK;
  };
  p.exec_release = [](motley_executable* e) { delete as_executable(e); };
  p.buffer_alloc = [](motley_device*, uint64_t size, motley_buffer** buffer, motley_error* error) {
    return guarded(error, [&] {
      auto b = std::make_unique<Buffer>();
      b->memory.resize(size / sizeof(std::max_align_t) + 1);
      *buffer = reinterpret_cast<motley_buffer*>(b.release());
    });
  };
  p.buffer_map = [](motley_buffer* b, void** host, motley_error*) {
    *host = as_buffer(b)->memory.data();
    return MOTLEY_OK;
  };
  p.buffer_unmap = [](motley_buffer*) {};
  p.buffer_release = [](motley_buffer* b) { delete as_buffer(b); };
  p.queue_create = [](motley_device*, motley_queue** queue, motley_error* error) {
    return guarded(error, [&] { *queue = reinterpret_cast<motley_queue*>(new Queue); });
  };
  p.queue_destroy = [](motley_queue* q) { delete as_queue(q); };
  p.fence_wait = [](motley_queue* q, uint64_t value, uint64_t, motley_error*) {
    std::unique_lock lock(as_queue(q)->mutex);
    as_queue(q)->wake.wait(lock, [&] { return as_queue(q)->reached >= value; });
    return MOTLEY_OK;
  };
  p.submit = [](motley_device*, motley_queue* q, motley_executable* e, const motley_submission* s,
                motley_error* error) {
    return guarded(error, [&] {
      Queue::Job job{as_executable(e), {}, {}, on_device(s->scratch), s->signal_value};
      for (uint32_t i = 0; i < s->input_count; ++i) job.inputs.push_back(on_device(s->inputs[i]));
      for (uint32_t i = 0; i < s->output_count; ++i) job.outputs.push_back(on_device(s->outputs[i]));
      {
        const std::lock_guard lock(as_queue(q)->mutex);
        as_queue(q)->jobs.push_back(std::move(job));
      }
      as_queue(q)->wake.notify_all();
    });
  };
  return p;
}

}  // namespace

extern "C" MOTLEY_PLUGIN_EXPORT const motley_plugin* motley_plugin_entry(uint32_t abi, const motley_host*) {
  return (abi >> 16) == MOTLEY_ABI_MAJOR ? &plugin() : nullptr;
}
