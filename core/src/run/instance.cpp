// A plan with memory: queues, buffers, and what every call takes.
#include "run/instance.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/file.hpp"
#include "base/log.hpp"
#include "base/sort.hpp"
#include "base/text.hpp"
#include "motley/sdk/arena.hpp"
#include "plugin/call.hpp"

namespace motley::run {

using graph::kNone;
using graph::TensorId;
using plan::kHost;
using plan::Slot;
using plan::Step;
using plugin::ErrorRoom;

namespace {

constexpr uint64_t kBlockAlignment = 4096;

}  // namespace

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
  actions_.resize(plan_->schedule.steps.size());
  timelines_.resize(plan_->schedule.lanes.size());
  scratch_.resize(plan_->schedule.lanes.size());
  try {
    make_queues();
    make_buffers();
  } catch (...) {
    close();
    throw;
  }
  resolve();
}

Instance::~Instance() { close(); }

void Instance::close() noexcept {
  settle();
  for (size_t l = 0; l < timelines_.size(); ++l)
    if (timelines_[l].queue) plan_->schedule.lanes[l].device->api().queue_destroy(timelines_[l].queue);
  for (DeviceBuffer& buffer : buffers_) release(buffer);
  for (size_t l = 0; l < scratch_.size(); ++l)
    if (scratch_[l]) lane_at(plan_->schedule.lanes[l].place).device->api().buffer_release(scratch_[l]);
}

// Lanes that work in the background, and have no queue yet or lost it in a run that failed.
void Instance::make_queues() {
  for (size_t l = 0; l < timelines_.size(); ++l) {
    const plan::Lane& lane = plan_->schedule.lanes[l];
    if (!lane.queued || timelines_[l].queue) continue;
    timelines_[l] = {};
    ErrorRoom room;
    motley_status status = lane.device->api().queue_create(lane.handle, &timelines_[l].queue, &room.error);
    if (status == MOTLEY_OK && !timelines_[l].queue) status = MOTLEY_INTERNAL;
    if (status != MOTLEY_OK)
      plugin::throw_failure(status, *lane.device, lane.handle, "create a queue", room.error.text);
  }
}

const plan::Lane& Instance::lane_at(uint32_t place) const {
  return plan_->schedule.lanes[plan_->schedule.places[place].lane];
}

motley_buffer* Instance::allocate(uint32_t place, uint64_t bytes) {
  const plan::Lane& lane = lane_at(place);
  ErrorRoom room;
  motley_buffer* buffer = nullptr;
  motley_status status =
      lane.device->api().buffer_alloc(lane.handle, std::max<uint64_t>(bytes, 1), &buffer, &room.error);
  if (status == MOTLEY_OK && !buffer) status = MOTLEY_INTERNAL;
  if (status != MOTLEY_OK)
    plugin::throw_failure(status, *lane.device, lane.handle, "allocate a buffer", room.error.text);
  return buffer;
}

// Places other than the host's get one buffer for each tensor that is there at some time; their lanes one scratch each.
void Instance::make_buffers() {
  std::vector<uint64_t> scratch(scratch_.size(), 0);
  for (const Step& step : plan_->schedule.steps) {
    if (step.kind == Step::Kind::move) {
      add_buffer(step.from, step.tensor);
      add_buffer(step.to, step.tensor);
    }
    if (step.kind != Step::Kind::submit) continue;
    const plan::Segment& segment = plan_->segments[step.segment];
    const uint32_t place = plan_->schedule.lanes[segment.lane].place;
    for (TensorId id : segment.spec.inputs) add_buffer(place, id);
    for (TensorId id : segment.spec.outputs) add_buffer(place, id);
    if (place != kHost) scratch[segment.lane] = std::max(scratch[segment.lane], segment.requirements.scratch_bytes);
  }
  // In order, each once.
  const std::vector<DeviceBuffer> all = std::move(buffers_);
  buffers_.clear();
  const std::vector<uint32_t> order = base::sorted_order(all.size(), [&](uint32_t a, uint32_t b) {
    return all[a].place != all[b].place ? all[a].place < all[b].place : all[a].tensor < all[b].tensor;
  });
  for (uint32_t i : order)
    if (buffers_.empty() || buffers_.back().place != all[i].place || buffers_.back().tensor != all[i].tensor)
      buffers_.push_back(all[i]);
  for (const Step& step : plan_->schedule.steps)
    if (step.kind == Step::Kind::reclaim) buffer_of(step.from, step.tensor)->host_writes = true;
  for (const Step& step : plan_->schedule.steps)
    if (step.kind == Step::Kind::move && step.way == plan::Way::handle) share(step);
  for (DeviceBuffer& buffer : buffers_)
    if (!buffer.buffer) fill(buffer);
  for (size_t l = 0; l < scratch_.size(); ++l)
    if (scratch[l]) scratch_[l] = allocate(plan_->schedule.lanes[l].place, scratch[l]);
}

void Instance::add_buffer(uint32_t place, TensorId tensor) {
  if (place != kHost) buffers_.push_back({place, tensor});
}

// One memory for both ends of a move: that of the tensor's buffer that is shared already, or one side's. Where both
// refuse, each gets its own.
void Instance::share(const Step& move) {
  DeviceBuffer &from = *buffer_of(move.from, move.tensor), &to = *buffer_of(move.to, move.tensor);
  if (from.lender != kHost) lend(*buffer_of(from.lender, move.tensor), to);
  else if (!lend(from, to)) lend(to, from);
}

// Makes `other` a buffer over the memory of `own`, which is allocated where it is not yet. A refusal is no failure.
bool Instance::lend(DeviceBuffer& own, DeviceBuffer& other) {
  const plan::Lane &lane = lane_at(own.place), &user = lane_at(other.place);
  if (!plan::lends_memory(*lane.device, lane.handle, *user.device, user.handle)) return false;
  const motley_external_memory& api = lane.device->plugin().external;
  const uint64_t bytes = std::max<uint64_t>(plan_->graph.tensor(own.tensor).bytes(), 1);
  ErrorRoom room;
  motley_memory_handle handle{};
  handle.struct_size = sizeof handle;
  handle.fd = -1;
  motley_status status = MOTLEY_OK;
  if (!own.buffer) status = api.buffer_alloc(lane.handle, bytes, MOTLEY_HANDLE_OPAQUE_FD, &own.buffer, &room.error);
  if (status == MOTLEY_OK && !own.buffer) status = MOTLEY_INTERNAL;
  if (status == MOTLEY_OK) status = api.buffer_export(own.buffer, MOTLEY_HANDLE_OPAQUE_FD, &handle, &room.error);
  if (const base::Descriptor fd(handle.fd); status == MOTLEY_OK)
    status = user.device->plugin().external.buffer_import(user.handle, &handle, &other.buffer, &room.error);
  if (status == MOTLEY_OK && other.buffer) {
    own.lender = other.lender = own.place;
    return true;
  }
  other.buffer = nullptr;
  if (own.lender == kHost) release(own);
  base::log(base::LogLevel::info, "session",
            base::text("% and % do not share memory (%); it is copied",
                       {lane.device->name(), user.device->name(), room.describe(status)}));
  return false;
}

// Memory over the host's bytes where the plan has the tensor as a border of this place and the device agrees.
void Instance::fill(DeviceBuffer& buffer) {
  const bool border = std::any_of(plan_->schedule.steps.begin(), plan_->schedule.steps.end(), [&](const Step& step) {
    return step.kind == Step::Kind::move && step.way == plan::Way::import && step.tensor == buffer.tensor &&
           (step.from == buffer.place || step.to == buffer.place);
  });
  if (border && !overlaps(buffer) && import_host(buffer)) return;
  buffer.buffer = allocate(buffer.place, plan_->graph.tensor(buffer.tensor).bytes());
}

// Another buffer of the place lies, or may lie, over the same bytes of the host.
bool Instance::overlaps(const DeviceBuffer& buffer) const {
  if (plan_->aliases.empty()) return false;
  for (const DeviceBuffer& other : buffers_)
    if (other.place == buffer.place && other.tensor != buffer.tensor && plan_->alias_of(buffer.tensor) &&
        plan_->root_of(other.tensor) == plan_->root_of(buffer.tensor))
      return true;
  return false;
}

bool Instance::import_host(DeviceBuffer& buffer) {
  const plan::Lane& lane = lane_at(buffer.place);
  const motley_plugin& api = lane.device->api();
  const uint64_t bytes = plan_->graph.tensor(buffer.tensor).bytes();
  void* host = memory(buffer.tensor);
  if (bytes == 0) return false;
  ErrorRoom room;  // a refusal is no failure
  const motley_status status = api.buffer_import(lane.handle, host, bytes, &buffer.buffer, &room.error);
  if (status != MOTLEY_OK || !buffer.buffer) {
    buffer.buffer = nullptr;
    return false;
  }
  buffer.imported = true;
  void* mapped = nullptr;
  if (api.buffer_map(buffer.buffer, &mapped, &room.error) == MOTLEY_OK) buffer.mapped = true;
  if (mapped != host) {  // a copy, not an import
    release(buffer);
    return false;
  }
  if (!buffer.host_writes) unmap(buffer);
  return true;
}

void Instance::release(DeviceBuffer& buffer) {
  if (!buffer.buffer) return;
  if (buffer.mapped) unmap(buffer);
  lane_at(buffer.place).device->api().buffer_release(buffer.buffer);
  buffer.buffer = nullptr;
  buffer.imported = false;
  buffer.lender = kHost;
}

const Instance::DeviceBuffer* Instance::buffer_of(uint32_t place, TensorId tensor) const {
  const auto it = std::lower_bound(buffers_.begin(), buffers_.end(), std::pair(place, tensor),
                                   [](const DeviceBuffer& b, const std::pair<uint32_t, TensorId>& key) {
                                     return b.place != key.first ? b.place < key.first : b.tensor < key.second;
                                   });
  return it != buffers_.end() && it->place == place && it->tensor == tensor ? &*it : nullptr;
}
Instance::DeviceBuffer* Instance::buffer_of(uint32_t place, TensorId tensor) {
  return const_cast<DeviceBuffer*>(static_cast<const Instance*>(this)->buffer_of(place, tensor));
}

void* Instance::memory(TensorId id) const {
  const auto bound = bound_.find(id);
  if (bound != bound_.end()) return bound->second;
  if (const plan::Alias* alias = plan_->alias_of(id))
    return static_cast<std::byte*>(memory(alias->whole)) + alias->offset;
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
  for (DeviceBuffer& buffer : buffers_) {
    if (plan_->root_of(buffer.tensor) != id || buffer.lender != kHost) continue;
    release(buffer);
    fill(buffer);
  }
  resolve();
}

motley_binding Instance::binding(uint32_t place, TensorId tensor) {
  const uint64_t bytes = plan_->graph.tensor(tensor).bytes();
  if (place == kHost) return {nullptr, memory(tensor), 0, bytes};
  return {buffer_of(place, tensor)->buffer, nullptr, 0, bytes};
}

// Fills in every pointer that calls carry, so that a run only passes them on.
void Instance::resolve() {
  const std::vector<Step>& steps = plan_->schedule.steps;
  for (size_t i = 0; i < steps.size(); ++i) {
    actions_[i].waits.assign(steps[i].after.size(), {});
    if (steps[i].kind == Step::Kind::submit) resolve_segment(steps[i], actions_[i]);
    if (steps[i].kind == Step::Kind::move) actions_[i].bytes = plan_->graph.tensor(steps[i].tensor).bytes();
    if (steps[i].kind == Step::Kind::move && steps[i].way == plan::Way::copy) resolve_copy(steps[i], actions_[i]);
  }
}

void Instance::resolve_segment(const Step& step, Action& action) {
  const plan::Segment& segment = plan_->segments[step.segment];
  const uint32_t place = plan_->schedule.lanes[segment.lane].place;
  action.inputs.clear();
  action.outputs.clear();
  for (TensorId id : segment.spec.inputs) action.inputs.push_back(binding(place, id));
  for (TensorId id : segment.spec.outputs) action.outputs.push_back(binding(place, id));
  motley_submission& submission = action.submission;
  submission = {};
  submission.struct_size = sizeof submission;
  submission.input_count = static_cast<uint32_t>(action.inputs.size());
  submission.inputs = action.inputs.data();
  submission.output_count = static_cast<uint32_t>(action.outputs.size());
  submission.outputs = action.outputs.data();
  submission.wait_count = static_cast<uint32_t>(action.waits.size());
  submission.waits = action.waits.data();
  const uint64_t scratch = segment.requirements.scratch_bytes;
  if (!scratch) return;
  if (place == kHost) submission.scratch = {nullptr, arena_->data() + plan_->scratch_offset[step.segment], 0, scratch};
  else submission.scratch = {scratch_[segment.lane], nullptr, 0, scratch};
}

void Instance::resolve_copy(const Step& step, Action& action) {
  motley_copy& copy = action.copy;
  copy = {};
  copy.struct_size = sizeof copy;
  copy.from = binding(step.from, step.tensor);
  copy.to = binding(step.to, step.tensor);
  copy.wait_count = static_cast<uint32_t>(action.waits.size());
  copy.waits = action.waits.data();
}

plan::Way Instance::way_of(const Step& move) const {
  if (move.way == plan::Way::handle) {
    const uint32_t lender = buffer_of(move.from, move.tensor)->lender;
    return lender != kHost && lender == buffer_of(move.to, move.tensor)->lender ? move.way : plan::Way::map;
  }
  if (move.way != plan::Way::import) return move.way;
  const DeviceBuffer* buffer = buffer_of(move.from == kHost ? move.to : move.from, move.tensor);
  return buffer->imported ? plan::Way::import : plan::Way::map;
}

// Waits for whatever is at work, and whatever became of it. A queue that failed goes, because nothing else makes sure
// that it touches no memory any more.
void Instance::settle() noexcept {
  for (size_t l = 0; l < timelines_.size(); ++l) {
    Timeline& timeline = timelines_[l];
    if (!timeline.queue) continue;
    const motley_plugin& api = plan_->schedule.lanes[l].device->api();
    for (; !timeline.failed && timeline.waited < timeline.submitted; ++timeline.waited) {
      ErrorRoom room;
      timeline.failed =
          api.fence_wait(timeline.queue, timeline.base + timeline.waited + 1, UINT64_MAX, &room.error) != MOTLEY_OK;
    }
    if (!timeline.failed) continue;
    api.queue_destroy(timeline.queue);
    timeline = {};
  }
}

}  // namespace motley::run
