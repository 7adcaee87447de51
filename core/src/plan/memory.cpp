// Where every tensor that crosses segments lives, decided before the first run.
#include "base/text.hpp"
#include "motley/sdk/arena.hpp"
#include "plan/plan.hpp"

namespace motley::plan {

using graph::kNone;
using graph::TensorId;

namespace {

constexpr uint64_t kAlignment = 64;

// Inputs and outputs stand side by side in a block of their own: their content is the caller's between runs.
void place_inputs_and_outputs(Plan& plan) {
  const auto place = [&plan](TensorId id, Slot::Kind kind) {
    const uint64_t bytes = plan.graph.tensor(id).bytes();
    plan.slots[id] = Slot{kind, plan.io_bytes, bytes};
    plan.io_bytes += sdk::align_up(std::max<uint64_t>(bytes, 1), kAlignment);
  };
  for (TensorId id : plan.graph.inputs) place(id, Slot::Kind::input);
  for (TensorId id : plan.graph.outputs) {
    if (plan.slots.count(id)) continue;  // an input handed through, or named twice
    const graph::Tensor& tensor = plan.graph.tensor(id);
    if (tensor.is_constant()) plan.slots[id] = Slot{Slot::Kind::constant, 0, tensor.bytes()};
    else place(id, Slot::Kind::output);
  }
}

}  // namespace

void plan_memory(Plan& plan, const Limits& limits) {
  place_inputs_and_outputs(plan);
  std::vector<sdk::ArenaBlock> blocks;
  std::vector<TensorId> tensor_of_block;
  std::map<TensorId, size_t> block_of;
  uint64_t alignment = kAlignment;
  for (size_t s = 0; s < plan.segments.size(); ++s) {
    alignment = std::max<uint64_t>(alignment, plan.segments[s].requirements.alignment);
    const auto touch = [&](TensorId id) {
      if (plan.slots.count(id)) return;
      const auto [it, fresh] = block_of.emplace(id, blocks.size());
      if (fresh) {
        blocks.push_back({std::max<uint64_t>(plan.graph.tensor(id).bytes(), 1), static_cast<int32_t>(s),
                          static_cast<int32_t>(s), 0});
        tensor_of_block.push_back(id);
      }
      blocks[it->second].last = static_cast<int32_t>(s);
    };
    for (TensorId id : plan.segments[s].spec.outputs) touch(id);
    for (TensorId id : plan.segments[s].spec.inputs) touch(id);
  }
  for (size_t s = 0; s < plan.segments.size(); ++s)
    blocks.push_back(
        {plan.segments[s].requirements.scratch_bytes, static_cast<int32_t>(s), static_cast<int32_t>(s), 0});
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
