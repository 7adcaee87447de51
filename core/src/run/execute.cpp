// One run of an instance: the plan's steps, one after another.
#include <algorithm>
#include <cstring>

#include "base/text.hpp"
#include "plugin/call.hpp"
#include "run/instance.hpp"
#include "run/trace.hpp"

namespace motley::run {

using graph::TensorId;
using plan::kHost;
using plan::Step;
using plugin::ErrorRoom;

constexpr uint32_t kRead = MOTLEY_MAP_READ, kAll = MOTLEY_MAP_READ | MOTLEY_MAP_WRITE;

void Instance::run(const RunControl& control) {
  for (Timeline& timeline : timelines_) {
    timeline.base += timeline.submitted;
    timeline.submitted = timeline.waited = 0;
  }
  make_queues();  // where a failed run took one away
  if (control.trace) control.trace->begin_run();
  try {
    for (size_t i = 0; i < actions_.size(); ++i) execute(i, control);
  } catch (...) {
    settle();
    give_back();
    if (control.trace) control.trace->end_run(*this);
    throw;
  }
  if (control.trace) control.trace->end_run(*this);
}

// After a run that ended early: buffers belong to whom they belong between runs.
void Instance::give_back() noexcept {
  for (DeviceBuffer& buffer : buffers_) {
    const bool wanted = buffer.imported && buffer.host_writes;
    if (buffer.mapped && !wanted) unmap(buffer);
    ErrorRoom room;
    void* mapped = nullptr;
    if (wanted && !buffer.mapped)
      buffer.mapped = lane_at(buffer.place).device->api().buffer_map(buffer.buffer, &mapped, &room.error) == MOTLEY_OK;
  }
}

void Instance::execute(size_t index, const RunControl& control) {
  const Step& step = plan_->schedule.steps[index];
  const bool is_submit = step.kind == Step::Kind::submit;
  if (is_submit) {
    if (control.hooks) call_hooks(*control.hooks, index, true);
    if (control.cancel && __atomic_load_n(control.cancel, __ATOMIC_RELAXED))
      base::fail(ErrorCode::cancelled, "the run was cancelled");
  }
  const uint64_t begin = control.trace ? Trace::now() : 0;
  switch (step.kind) {
    case Step::Kind::submit: submit(step, actions_[index], control.cancel); break;
    case Step::Kind::move: move(step, actions_[index]); break;
    case Step::Kind::wait: wait(step.point); break;
    case Step::Kind::reclaim:
      if (DeviceBuffer& buffer = *buffer_of(step.from, step.tensor); buffer.imported) map(buffer, kAll);
      break;
  }
  if (control.trace) control.trace->add({static_cast<uint32_t>(index), begin, Trace::now()});
  if (is_submit && control.hooks) call_hooks(*control.hooks, index, false);
}

void Instance::set_fences(const Step& step, Action& action) {
  for (size_t i = 0; i < step.after.size(); ++i) {
    const Timeline& timeline = timelines_[step.after[i].lane];
    action.waits[i] = {timeline.queue, timeline.base + step.after[i].value};
  }
}

void Instance::submit(const Step& step, Action& action, const uint32_t* cancel) {
  const plan::Segment& segment = plan_->segments[step.segment];
  const plan::Lane& lane = plan_->schedule.lanes[segment.lane];
  Timeline& timeline = timelines_[segment.lane];
  set_fences(step, action);
  action.submission.cancel = cancel;
  action.submission.signal_value = timeline.base + step.point.value;
  ErrorRoom room;
  const motley_status status =
      lane.device->api().submit(lane.handle, timeline.queue, segment.executable, &action.submission, &room.error);
  if (status == MOTLEY_OK) {
    timeline.submitted = step.point.value;
    return;
  }
  timeline.failed = true;  // a part of it may be at work
  const graph::Node& first = plan_->graph.nodes[segment.spec.nodes.front()];
  const std::string what = base::text("run the segment of % nodes from \"%\"", {segment.spec.nodes.size(), first.name});
  plugin::throw_failure(status, *lane.device, lane.handle, what.c_str(), room.error.text);
}

void Instance::move(const Step& step, Action& action) {
  if (step.way != plan::Way::copy) return move_by_host(step, action.bytes);
  const plan::Lane& lane = plan_->schedule.lanes[step.point.lane];
  Timeline& timeline = timelines_[step.point.lane];
  set_fences(step, action);
  action.copy.signal_value = timeline.base + step.point.value;
  ErrorRoom room;
  const motley_status status = lane.device->api().copy(lane.handle, timeline.queue, &action.copy, &room.error);
  timeline.failed = status != MOTLEY_OK;
  if (timeline.failed) plugin::throw_failure(status, *lane.device, lane.handle, "copy a tensor", room.error.text);
  timeline.submitted = step.point.value;
}

// A border only changes its owner, and memory that devices share not even that; other bytes are copied between mapped
// buffers and the host's memory.
void Instance::move_by_host(const Step& step, uint64_t bytes) {
  if (way_of(step) == plan::Way::handle) return;
  DeviceBuffer* from = step.from == kHost ? nullptr : buffer_of(step.from, step.tensor);
  DeviceBuffer* to = step.to == kHost ? nullptr : buffer_of(step.to, step.tensor);
  if (to && to->imported) return unmap(*to);
  const void* source = from ? map(*from, from->imported ? kAll : kRead) : memory(step.tensor);
  if (!from || !from->imported) {
    void* target = to ? map(*to, MOTLEY_MAP_WRITE) : memory(step.tensor);
    if (bytes) std::memcpy(target, source, bytes);
  }
  if (to) unmap(*to);
  if (from) unmap(*from);
}

void Instance::wait(plan::Point point) {
  Timeline& timeline = timelines_[point.lane];
  if (!timeline.queue) return;
  const plan::Lane& lane = plan_->schedule.lanes[point.lane];
  // Each piece of work is asked for its own status: later ones may not know that an earlier one failed.
  while (timeline.waited < point.value) {
    ErrorRoom room;
    const uint64_t value = timeline.base + ++timeline.waited;
    const motley_status status = lane.device->api().fence_wait(timeline.queue, value, UINT64_MAX, &room.error);
    timeline.failed = status != MOTLEY_OK;
    if (timeline.failed) plugin::throw_failure(status, *lane.device, lane.handle, "finish its work", room.error.text);
  }
}

void* Instance::map(DeviceBuffer& buffer, uint32_t access) {
  const plan::Lane& lane = lane_at(buffer.place);
  ErrorRoom room;
  void* mapped = nullptr;
  const motley_plugin& api = lane.device->api();
  motley_status status = access != kAll && api.buffer_map_for
                             ? api.buffer_map_for(buffer.buffer, access, &mapped, &room.error)
                             : api.buffer_map(buffer.buffer, &mapped, &room.error);
  if (status == MOTLEY_OK && !mapped) status = MOTLEY_INTERNAL;
  if (status != MOTLEY_OK) plugin::throw_failure(status, *lane.device, lane.handle, "map a buffer", room.error.text);
  buffer.mapped = true;
  return mapped;
}

void Instance::unmap(DeviceBuffer& buffer) {
  if (!buffer.mapped) return;
  buffer.mapped = false;
  const motley_plugin& api = lane_at(buffer.place).device->api();
  if (api.buffer_unmap) api.buffer_unmap(buffer.buffer);
}

void Instance::call_hooks(const std::vector<Hook>& hooks, size_t index, bool before) {
  const uint32_t segment = plan_->schedule.steps[index].segment;
  bool shown = false;
  for (const Hook& hook : hooks) {
    if (hook.segment != segment || hook.before != before) continue;
    if (!shown) show_outputs(before ? index : index + 1);
    shown = true;
    (*hook.call)();
  }
}

// Brings what the caller may look at to the host, as far as the first `done` steps have computed it; where a later step
// does so too, it is done twice.
void Instance::show_outputs(size_t done) {
  for (uint32_t l = 0; l < timelines_.size(); ++l) wait({l, timelines_[l].submitted});
  const std::vector<Step>& steps = plan_->schedule.steps;
  for (size_t i = done; i < steps.size(); ++i) {
    if (steps[i].kind != Step::Kind::move || steps[i].to != kHost) continue;
    const auto makes_it = [&](const Step& step) {
      if (step.kind == Step::Kind::move) return step.tensor == steps[i].tensor && step.to == steps[i].from;
      if (step.kind != Step::Kind::submit) return false;
      const std::vector<TensorId>& made = plan_->segments[step.segment].spec.outputs;
      return std::find(made.begin(), made.end(), steps[i].tensor) != made.end();
    };
    if (std::any_of(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(done), makes_it))
      move_by_host(steps[i], actions_[i].bytes);
  }
}

}  // namespace motley::run
