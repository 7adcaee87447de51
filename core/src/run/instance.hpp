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

class Trace;

// Called around segments that hold an observed node.
struct Hook {
  size_t segment;
  bool before;
  const std::function<void()>* call;  // owned by the session
};

// What goes with one run. `cancel` non-zero stops it.
struct RunControl {
  const uint32_t* cancel = nullptr;
  const std::vector<Hook>* hooks = nullptr;
  Trace* trace = nullptr;
};

// Memory, queues and bindings for one plan; one run at a time. After construction run() allocates nothing.
class Instance {
 public:
  // Throws plugin::DeviceFailure where a device gives no queue or memory.
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

  // Does the plan's steps in order. Throws Error(cancelled) when `cancel` becomes non-zero, plugin::DeviceFailure where
  // a device fails, naming it and the nodes. After a failure nothing is at work any more, and the instance may be run
  // again.
  void run(const RunControl& control = {});

  // How a move of the plan is really done: a device may refuse what it had promised.
  plan::Way way_of(const plan::Step& move) const;

  // Hands over the memory that holds inputs and outputs. It outlives the instance as long as it is held.
  std::shared_ptr<const void> share_memory() const { return io_; }

 private:
  // A step with everything that its call takes.
  struct Action {
    std::vector<motley_binding> inputs, outputs;
    std::vector<motley_fence> waits;
    motley_submission submission{};
    motley_copy copy{};
    uint64_t bytes = 0;  // of a move
  };
  // A device's timeline in this instance.
  struct Timeline {
    motley_queue* queue = nullptr;  // null: synchronous
    uint64_t base = 0;              // where the queue stood before the run
    uint32_t submitted = 0, waited = 0;
    bool failed = false;
  };
  // A tensor's memory in a place that is not the host's.
  struct DeviceBuffer {
    uint32_t place;
    graph::TensorId tensor;
    motley_buffer* buffer = nullptr;
    bool imported = false;  // lies over the host's bytes
    uint32_t lender = plan::kHost;  // the place whose device allocated it, where devices share it
    bool host_writes = false;
    bool mapped = false;  // belongs to the host
  };

  void make_queues();
  void make_buffers();
  void add_buffer(uint32_t place, graph::TensorId tensor);
  void share(const plan::Step& move);
  bool lend(DeviceBuffer& own, DeviceBuffer& other);
  void fill(DeviceBuffer& buffer);
  bool import_host(DeviceBuffer& buffer);
  bool overlaps(const DeviceBuffer& buffer) const;
  void release(DeviceBuffer& buffer);
  motley_buffer* allocate(uint32_t place, uint64_t bytes);
  DeviceBuffer* buffer_of(uint32_t place, graph::TensorId tensor);
  const DeviceBuffer* buffer_of(uint32_t place, graph::TensorId tensor) const;
  motley_binding binding(uint32_t place, graph::TensorId tensor);
  const plan::Lane& lane_at(uint32_t place) const;

  void resolve();
  void resolve_segment(const plan::Step& step, Action& action);
  void resolve_copy(const plan::Step& step, Action& action);

  void execute(size_t index, const RunControl& control);
  void submit(const plan::Step& step, Action& action, const uint32_t* cancel);
  void move(const plan::Step& step, Action& action);
  void move_by_host(const plan::Step& step, uint64_t bytes);
  void wait(plan::Point point);
  void* map(DeviceBuffer& buffer, uint32_t access);  // of motley_map_access
  void unmap(DeviceBuffer& buffer);
  void set_fences(const plan::Step& step, Action& action);
  void call_hooks(const std::vector<Hook>& hooks, size_t index, bool before);
  void show_outputs(size_t done);
  void settle() noexcept;
  void give_back() noexcept;
  void close() noexcept;

  std::shared_ptr<const plan::Plan> plan_;
  std::shared_ptr<AlignedBlock> arena_, io_;
  std::map<graph::TensorId, void*> bound_;
  std::vector<Timeline> timelines_;      // per lane
  std::vector<motley_buffer*> scratch_;  // per lane; null where there is none
  std::vector<DeviceBuffer> buffers_;    // by place and tensor
  std::vector<Action> actions_;          // per step
};

}  // namespace motley::run
