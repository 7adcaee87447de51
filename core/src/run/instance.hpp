// A plan with memory: what a session runs.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "plan/plan.hpp"

namespace motley::run {

// Memory aligned to 4096, not cleared.
class AlignedBlock {
 public:
  explicit AlignedBlock(uint64_t bytes);
  std::byte* data() const { return data_.get(); }
  uint64_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  std::unique_ptr<std::byte, Free> data_;
  uint64_t bytes_;
};

// Called around segments that hold an observed node.
struct Hook {
  size_t segment;
  bool before;
  const std::function<void()>* call;  // owned by the session
};

// Memory, queues and bindings for one plan; one run at a time. After construction run() allocates nothing.
class Instance {
 public:
  explicit Instance(std::shared_ptr<const plan::Plan> plan);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  const plan::Plan& plan() const { return *plan_; }
  std::shared_ptr<const plan::Plan> share_plan() const { return plan_; }
  // Host memory of a tensor that has a slot; null otherwise.
  void* memory(graph::TensorId id) const;
  // Replaces the memory of an input or output; null gives the own memory back.
  void bind(graph::TensorId id, void* memory);

  // Runs all segments in order. Throws Error(cancelled) when `cancel` becomes non-zero, else by the status of the
  // segment that failed, naming device and nodes. After a failure the instance may be run again.
  void run(const uint32_t* cancel, const std::vector<Hook>& hooks);

  // Hands over the memory that holds outputs (for constants computed once). The instance is not run again.
  std::shared_ptr<const void> share_memory() const { return io_; }

 private:
  // One segment's bindings, resolved.
  struct Step {
    std::vector<motley_binding> inputs, outputs;
    motley_submission submission{};
    size_t queue = 0;  // index into queues_
  };
  // A device's timeline in this instance.
  struct Queue {
    plugin::Device* device = nullptr;
    motley_queue* queue = nullptr;  // null: synchronous
    uint64_t value = 0;
  };
  // A tensor's memory on a device that takes no host pointers.
  struct DeviceBuffer {
    size_t queue;
    graph::TensorId tensor;  // kNone: scratch
    motley_buffer* buffer;
    uint64_t bytes;
  };

  void make_queues();
  void make_buffers();
  void resolve();
  motley_buffer* buffer_of(size_t queue, graph::TensorId tensor) const;
  void transfer(size_t segment, bool to_device);
  void submit(size_t segment, const uint32_t* cancel);
  void wait(Queue& queue);

  std::shared_ptr<const plan::Plan> plan_;
  std::shared_ptr<AlignedBlock> arena_, io_;
  std::map<graph::TensorId, void*> bound_;
  std::vector<Queue> queues_;
  std::vector<DeviceBuffer> buffers_;
  std::vector<Step> steps_;
};

// The exception for a failed call of a device, with the text it wrote.
[[noreturn]] void throw_device_error(motley_status status, const plugin::Device& device, const char* what,
                                     const char* text);

}  // namespace motley::run
