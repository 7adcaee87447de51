// Where every tensor that crosses segments lives, decided before the first run.
#include "base/text.hpp"
#include "motley/sdk/arena.hpp"
#include "plan/plan.hpp"

namespace motley::plan {

using graph::kNone;
using graph::TensorId;

namespace {

constexpr uint64_t kAlignment = 64;

// How long the host's memory of a tensor, or scratch, is in use: from step to step.
struct Life {
  int32_t first = INT32_MAX, last = -1;
  void touch(int32_t at) {
    first = std::min(first, at);
    last = std::max(last, at);
  }
};

// Lives in the host's memory, by the steps of a run. What is handed to the background is in use until the host has
// waited for it.
class Lives {
 public:
  explicit Lives(const Plan& plan) : plan_(plan), tensors(plan.graph.tensors.size()), scratch(plan.segments.size()) {
    const std::vector<Step>& steps = plan.schedule.steps;
    for (size_t i = 0; i < steps.size(); ++i) {
      const Step& step = steps[i];
      const auto at = static_cast<int32_t>(i);
      if (step.kind == Step::Kind::submit) add_segment(step, at);
      if (step.kind != Step::Kind::move || (step.from != kHost && step.to != kHost)) continue;
      touch(life_of(step.tensor), at, step.point);
      if (step.way == Way::import) borders.push_back(plan.root_of(step.tensor));
    }
  }

 private:
  void add_segment(const Step& step, int32_t at) {
    const Segment& segment = plan_.segments[step.segment];
    if (plan_.schedule.lanes[segment.lane].place != kHost) return;
    for (TensorId id : segment.spec.inputs) touch(life_of(id), at, step.point);
    for (TensorId id : segment.spec.outputs) touch(life_of(id), at, step.point);
    touch(scratch[step.segment], at, step.point);
  }
  Life& life_of(TensorId id) { return tensors[static_cast<size_t>(plan_.root_of(id))]; }
  void touch(Life& life, int32_t at, Point until) const {
    life.touch(at);
    if (until.value == 0) return;
    const std::vector<Step>& steps = plan_.schedule.steps;
    auto i = static_cast<size_t>(at);
    while (i + 1 < steps.size() && !(steps[i].kind == Step::Kind::wait && steps[i].point.lane == until.lane &&
                                     steps[i].point.value >= until.value))
      ++i;
    life.touch(static_cast<int32_t>(i));
  }

  const Plan& plan_;

 public:
  std::vector<Life> tensors, scratch;
  std::vector<TensorId> borders;
};

// Inputs, outputs and borders stand side by side in a block of their own: their content is the caller's between runs,
// or a device's too.
void place_inputs_and_outputs(Plan& plan, const std::vector<TensorId>& borders, uint64_t alignment) {
  const auto place = [&](TensorId id, Slot::Kind kind) {
    const uint64_t bytes = plan.graph.tensor(id).bytes();
    if (!plan.slots.emplace(id, Slot{kind, plan.io_bytes, bytes}).second) return;
    plan.io_bytes += sdk::align_up(std::max<uint64_t>(bytes, 1), alignment);
  };
  for (TensorId id : plan.graph.inputs) place(id, Slot::Kind::input);
  for (TensorId id : plan.graph.outputs) {  // an input handed through, or an output named twice, has its place
    const graph::Tensor& tensor = plan.graph.tensor(id);
    if (tensor.is_constant()) plan.slots.emplace(id, Slot{Slot::Kind::constant, 0, tensor.bytes()});
    else place(id, Slot::Kind::output);
  }
  for (TensorId id : borders) place(id, Slot::Kind::border);
}

uint64_t alignment_of(const Plan& plan) {
  uint64_t alignment = kAlignment;
  for (const Segment& segment : plan.segments)
    alignment = std::max<uint64_t>(alignment, segment.requirements.alignment);
  return alignment;
}

}  // namespace

void plan_memory(Plan& plan, const Limits& limits) {
  const Lives lives(plan);
  const uint64_t alignment = alignment_of(plan);
  place_inputs_and_outputs(plan, lives.borders, alignment);
  std::vector<sdk::ArenaBlock> blocks;
  std::vector<TensorId> tensor_of_block;
  for (size_t i = 0; i < lives.tensors.size(); ++i) {
    const Life& life = lives.tensors[i];
    const auto id = static_cast<TensorId>(i);
    if (life.last < 0 || plan.slots.count(id)) continue;
    blocks.push_back({std::max<uint64_t>(plan.graph.tensor(id).bytes(), 1), life.first, life.last, 0});
    tensor_of_block.push_back(id);
  }
  for (size_t s = 0; s < plan.segments.size(); ++s) {
    const Life& life = lives.scratch[s];  // none on a device with its own memory
    if (life.last < 0) blocks.push_back({});
    else blocks.push_back({plan.segments[s].requirements.scratch_bytes, life.first, life.last, 0});
  }
  plan.arena_bytes = sdk::plan_arena(blocks, alignment);
  for (size_t i = 0; i < tensor_of_block.size(); ++i) {
    const TensorId id = tensor_of_block[i];
    plan.slots[id] = Slot{Slot::Kind::arena, blocks[i].offset, plan.graph.tensor(id).bytes()};
  }
  for (size_t s = 0; s < plan.segments.size(); ++s)
    plan.scratch_offset.push_back(blocks[tensor_of_block.size() + s].offset);
  for (const graph::Tensor& tensor : plan.graph.tensors)
    if (tensor.is_constant()) plan.constant_bytes += tensor.constant->bytes;

  if (plan.arena_bytes + plan.io_bytes > limits.max_run_bytes)
    base::fail(ErrorCode::limit,
               "a run needs % bytes of memory (limit %); raise Limits::max_run_bytes or use smaller inputs",
               {plan.arena_bytes + plan.io_bytes, limits.max_run_bytes});
}

}  // namespace motley::plan
