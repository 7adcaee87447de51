// A plan with memory: what a session runs.
#include "run/instance.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/text.hpp"
#include "motley/sdk/arena.hpp"

namespace motley::run {

using graph::kNone;
using graph::TensorId;
using plan::Slot;

namespace {

constexpr uint64_t kBlockAlignment = 4096;

// Room for a message from the other side of the ABI.
struct ErrorText {
  std::array<char, 512> text{};
  motley_error error{sizeof(motley_error), static_cast<uint32_t>(text.size()), text.data()};
};

bool takes_host_pointers(const plugin::Device& device) {
  return (device.info().memory_flags & MOTLEY_MEMORY_HOST_POINTERS) != 0;
}

}  // namespace

void throw_device_error(motley_status status, const plugin::Device& device, const char* what, const char* text) {
  const std::string message =
      base::text("device \"%\" failed to %: %", {device.name(), what, (text && *text ? text : "no message")});
  switch (status) {
    case MOTLEY_CANCELLED: base::fail(ErrorCode::cancelled, "the run was cancelled");
    case MOTLEY_OUT_OF_MEMORY: base::fail(ErrorCode::out_of_memory, "%", {message});
    case MOTLEY_INVALID_ARGUMENT: base::fail(ErrorCode::invalid_argument, "%", {message});
    case MOTLEY_UNSUPPORTED: base::fail(ErrorCode::unsupported, "%", {message});
    default: base::fail(ErrorCode::plugin, "%", {message});
  }
}

AlignedBlock::AlignedBlock(uint64_t bytes) : bytes_(sdk::align_up(std::max<uint64_t>(bytes, 1), kBlockAlignment)) {
  data_.reset(static_cast<std::byte*>(std::aligned_alloc(kBlockAlignment, bytes_)));
  if (!data_)
    base::fail(ErrorCode::out_of_memory,
               "a run needs a block of % bytes, which the system did not give; use smaller inputs", {bytes_});
}
void AlignedBlock::Free::operator()(std::byte* p) const { std::free(p); }

Instance::Instance(std::shared_ptr<const plan::Plan> plan) : plan_(std::move(plan)) {
  arena_ = std::make_shared<AlignedBlock>(plan_->arena_bytes);
  io_ = std::make_shared<AlignedBlock>(plan_->io_bytes);
  std::memset(io_->data(), 0, io_->bytes());  // inputs that are never set read as zeros
  steps_.resize(plan_->segments.size());
  make_queues();
  make_buffers();
  resolve();
}

Instance::~Instance() {
  for (Queue& queue : queues_) {
    if (!queue.queue) continue;
    if (queue.device->api().fence_wait) queue.device->api().fence_wait(queue.queue, queue.value, UINT64_MAX, nullptr);
    queue.device->api().queue_destroy(queue.queue);
  }
  for (const DeviceBuffer& buffer : buffers_) queues_[buffer.queue].device->api().buffer_release(buffer.buffer);
}

void Instance::make_queues() {
  for (size_t s = 0; s < steps_.size(); ++s) {
    plugin::Device* device = plan_->segments[s].device.get();
    const auto known = std::find_if(queues_.begin(), queues_.end(), [&](const Queue& q) { return q.device == device; });
    steps_[s].queue = static_cast<size_t>(known - queues_.begin());
    if (known != queues_.end()) continue;
    Queue queue{device, nullptr, 0};
    if (device->api().queue_create) {
      ErrorText message;
      const motley_status status = device->api().queue_create(device->handle(), &queue.queue, &message.error);
      if (status != MOTLEY_OK) throw_device_error(status, *device, "create a queue", message.text.data());
    }
    queues_.push_back(queue);
  }
}

// Devices that take no host pointers get one buffer per tensor they touch and one scratch for all their segments.
void Instance::make_buffers() {
  std::vector<uint64_t> scratch(queues_.size(), 0);
  const auto allocate = [this](size_t q, TensorId tensor, uint64_t bytes) {
    if (buffer_of(q, tensor)) return;
    ErrorText message;
    motley_buffer* buffer = nullptr;
    plugin::Device& device = *queues_[q].device;
    const motley_status status =
        device.api().buffer_alloc(device.handle(), std::max<uint64_t>(bytes, 1), &buffer, &message.error);
    if (status != MOTLEY_OK || !buffer) throw_device_error(status, device, "allocate a buffer", message.text.data());
    buffers_.push_back({q, tensor, buffer, bytes});
  };
  for (size_t s = 0; s < steps_.size(); ++s) {
    const plan::Segment& segment = plan_->segments[s];
    const size_t q = steps_[s].queue;
    if (takes_host_pointers(*segment.device)) continue;
    for (TensorId id : segment.spec.inputs) allocate(q, id, plan_->graph.tensor(id).bytes());
    for (TensorId id : segment.spec.outputs) allocate(q, id, plan_->graph.tensor(id).bytes());
    scratch[q] = std::max(scratch[q], segment.requirements.scratch_bytes);
  }
  for (size_t q = 0; q < queues_.size(); ++q)
    if (scratch[q]) allocate(q, kNone, scratch[q]);
}

motley_buffer* Instance::buffer_of(size_t queue, TensorId tensor) const {
  for (const DeviceBuffer& buffer : buffers_)
    if (buffer.queue == queue && buffer.tensor == tensor) return buffer.buffer;
  return nullptr;
}

void* Instance::memory(TensorId id) const {
  const auto bound = bound_.find(id);
  if (bound != bound_.end()) return bound->second;
  const auto it = plan_->slots.find(id);
  if (it == plan_->slots.end()) return nullptr;
  switch (it->second.kind) {
    case Slot::Kind::arena: return arena_->data() + it->second.offset;
    case Slot::Kind::constant: return const_cast<void*>(plan_->graph.tensor(id).constant->data);
    default: return io_->data() + it->second.offset;
  }
}

void Instance::bind(TensorId id, void* memory) {
  if (memory) bound_[id] = memory;
  else bound_.erase(id);
  resolve();
}

// Fills in every pointer that submissions carry, so that a run only passes them on.
void Instance::resolve() {
  for (size_t s = 0; s < steps_.size(); ++s) {
    const plan::Segment& segment = plan_->segments[s];
    Step& step = steps_[s];
    const bool host = takes_host_pointers(*segment.device);
    const auto binding = [&](TensorId id) {
      const uint64_t bytes = plan_->graph.tensor(id).bytes();
      return host ? motley_binding{nullptr, memory(id), 0, bytes}
                  : motley_binding{buffer_of(step.queue, id), nullptr, 0, bytes};
    };
    step.inputs.clear();
    step.outputs.clear();
    for (TensorId id : segment.spec.inputs) step.inputs.push_back(binding(id));
    for (TensorId id : segment.spec.outputs) step.outputs.push_back(binding(id));
    motley_submission& submission = step.submission;
    submission = {};
    submission.struct_size = sizeof submission;
    submission.input_count = static_cast<uint32_t>(step.inputs.size());
    submission.inputs = step.inputs.data();
    submission.output_count = static_cast<uint32_t>(step.outputs.size());
    submission.outputs = step.outputs.data();
    const uint64_t scratch = segment.requirements.scratch_bytes;
    if (scratch)
      submission.scratch = host ? motley_binding{nullptr, arena_->data() + plan_->scratch_offset[s], 0, scratch}
                                : motley_binding{buffer_of(step.queue, kNone), nullptr, 0, scratch};
  }
}

// Moves a segment's inputs to its device, or its outputs back to the host.
void Instance::transfer(size_t s, bool to_device) {
  const plan::Segment& segment = plan_->segments[s];
  plugin::Device& device = *segment.device;
  for (TensorId id : to_device ? segment.spec.inputs : segment.spec.outputs) {
    const uint64_t bytes = plan_->graph.tensor(id).bytes();
    motley_buffer* buffer = buffer_of(steps_[s].queue, id);
    ErrorText message;
    void* mapped = nullptr;
    const motley_status status = device.api().buffer_map(buffer, &mapped, &message.error);
    if (status != MOTLEY_OK || !mapped) throw_device_error(status, device, "map a buffer", message.text.data());
    if (bytes) to_device ? std::memcpy(mapped, memory(id), bytes) : std::memcpy(memory(id), mapped, bytes);
    if (device.api().buffer_unmap) device.api().buffer_unmap(buffer);
  }
}

void Instance::wait(Queue& queue) {
  if (!queue.queue) return;
  ErrorText message;
  const motley_status status = queue.device->api().fence_wait(queue.queue, queue.value, UINT64_MAX, &message.error);
  if (status != MOTLEY_OK) throw_device_error(status, *queue.device, "finish its work", message.text.data());
}

void Instance::submit(size_t s, const uint32_t* cancel) {
  Step& step = steps_[s];
  Queue& queue = queues_[step.queue];
  ErrorText message;
  step.submission.cancel = cancel;
  step.submission.signal_value = ++queue.value;
  const motley_status status = queue.device->api().submit(
      queue.device->handle(), queue.queue, plan_->segments[s].executable, &step.submission, &message.error);
  if (status == MOTLEY_OK) return;
  --queue.value;  // it will not be signalled
  const graph::Node& first = plan_->graph.nodes[plan_->segments[s].spec.nodes.front()];
  const std::string what =
      base::text("run the segment of % nodes from \"%\"", {plan_->segments[s].spec.nodes.size(), first.name});
  throw_device_error(status, *queue.device, what.c_str(), message.text.data());
}

// Segments go to their queues in order. Before one whose inputs were made elsewhere, the maker's queue is waited for; a
// queue runs its own segments in order.
void Instance::run(const uint32_t* cancel, const std::vector<Hook>& hooks) {
  for (size_t s = 0; s < steps_.size(); ++s) {
    for (const Hook& hook : hooks)
      if (hook.segment == s && hook.before) (*hook.call)();
    if (cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED)) base::fail(ErrorCode::cancelled, "the run was cancelled");
    for (size_t q = 0; q < queues_.size(); ++q)
      if (q != steps_[s].queue) wait(queues_[q]);
    const bool device_memory = !takes_host_pointers(*plan_->segments[s].device);
    if (device_memory) {
      wait(queues_[steps_[s].queue]);
      transfer(s, true);
    }
    submit(s, cancel);
    if (device_memory) {
      wait(queues_[steps_[s].queue]);
      transfer(s, false);
    }
    for (const Hook& hook : hooks) {
      if (hook.segment != s || hook.before) continue;
      wait(queues_[steps_[s].queue]);
      (*hook.call)();
    }
  }
  for (Queue& queue : queues_) wait(queue);
}

}  // namespace motley::run
