// A compiled segment: nodes become calls, calls become launches over planned memory.
#include "segment.hpp"

#include <algorithm>

#include "motley/sdk/arena.hpp"
#include "motley/sdk/executable.hpp"
#include "ops/ops.hpp"
#include "tuning.hpp"

namespace motley::gpu {

using sdk::ArenaBlock;
using sdk::GraphView;
using sdk::StatusError;

namespace {

size_t at(int32_t id) { return static_cast<size_t>(id); }

// Bytes behind the last scratch block that a kernel may read (never write) past its operand's end.
constexpr uint64_t kTail = 256;

Config config_for(uint32_t node, const motley_compile_options& options) {
  for (uint32_t i = 0; i < options.config_count; ++i)
    if (options.configs[i].node == node && options.configs[i].config) return Config(options.configs[i].config);
  return {};
}

// A Reshape whose two ends are both bound by the host.
void emit_copy(Emitter& e) {
  const TensorView& x = *e.node.input(0);
  emit_bytes_copy(e, e.input(0), e.output(0), x.elements(), x.type);
}

bool overlap(const SlotBinding& a, const SlotBinding& b) {
  return a.slot == b.slot && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

// What slow devices take, which do 50 GFLOP/s and move 10 GB/s.
double estimate(double operations, const std::vector<SlotBinding>& bindings) {
  double bytes = 0;
  for (const SlotBinding& b : bindings) bytes += static_cast<double>(b.bytes);
  return std::max(operations / 50.0, bytes / 10.0);
}

// Which launches must wait for those before them: a launch that touches what was written since the last barrier, or
// writes what was read.
class Hazards {
 public:
  bool needs_barrier(const std::vector<SlotBinding>& bindings, const std::vector<bool>& writes) {
    bool hit = false;
    for (size_t i = 0; i < bindings.size() && !hit; ++i) {
      const auto meets = [&](const SlotBinding& b) { return overlap(b, bindings[i]); };
      hit = std::any_of(written_.begin(), written_.end(), meets) ||
            (writes[i] && std::any_of(read_.begin(), read_.end(), meets));
    }
    if (hit) read_.clear(), written_.clear();
    for (size_t i = 0; i < bindings.size(); ++i)
      if (bindings[i].slot != Segment::kConstants) (writes[i] ? written_ : read_).push_back(bindings[i]);
    return hit;
  }

 private:
  std::vector<SlotBinding> read_, written_;
};

}  // namespace

struct Segment::Step {
  uint32_t node;
  std::vector<Call> calls;
  std::vector<uint64_t> scratch;
};

sdk::Reason why_not(const NodeView& node, const Capabilities& device) {
  if (sdk::is_alias(node)) return {};
  const OpEntry* entry = find_op(node.op());
  if (!entry) return std::string("no kernel for ") + schema::EnumNameOp(node.op());
  return entry->supports(node, device);
}

Segment::Segment(Device& device, const motley_graph& graph, const motley_compile_options& options, const Pacing& pacing)
    : device_(device) {
  const GraphView view(graph);
  find_aliases(view);
  find_parts(view);
  std::vector<std::byte> constants;
  std::vector<Step> steps = emit(view, options, constants);
  std::vector<Launch> launches = place(view, steps, constants);
  upload(constants);
  for (const Launch& launch : launches) {
    rows_.push_back({launch.node, launch.pipeline.variant});
    if (std::find(pipelines_.begin(), pipelines_.end(), launch.pipeline) == pipelines_.end())
      pipelines_.push_back(launch.pipeline);
  }
  work_ = device_.prepare(std::move(launches), pacing);
}

uint32_t Segment::alignment() const {
  return static_cast<uint32_t>(std::max<uint64_t>(device_.binding_alignment(), 64));
}

// root_[t]: the tensor whose memory t shares. The output of an alias takes its input's place, or, where the output is
// bound by the host and the input is not, the input is computed in place of the output.
void Segment::find_aliases(const GraphView& view) {
  root_.resize(view.tensors().size());
  for (size_t i = 0; i < root_.size(); ++i) root_[i] = static_cast<int32_t>(i);
  std::vector<bool> bound(root_.size());
  for (int32_t i : view.inputs()) bound[at(i)] = true;
  for (int32_t i : view.outputs()) bound[at(i)] = true;
  for (uint32_t i = 0; i < view.node_count(); ++i) {
    const NodeView node = view.node(i);
    if (!sdk::is_alias(node)) continue;
    const int32_t in = root_[at(node.input(0)->index)], out = node.output(0)->index;
    const bool in_fixed = bound[at(in)] || view.tensor(in).is_constant();
    if (!bound[at(out)]) {
      root_[at(out)] = in;
    } else if (!in_fixed) {
      for (int32_t& r : root_)
        if (r == in) r = out;
      bound[at(in)] = true;
    }
  }
}

// Concatenations without a copy: an input that goes whole into one piece of the output is computed there. Each tensor
// has one such place at most, and those that the host binds keep theirs. From the last node on, so that an output may
// be a part of another.
void Segment::find_parts(const GraphView& view) {
  root_offset_.assign(root_.size(), 0);
  std::vector<bool> fixed(root_.size());
  for (int32_t i : view.inputs()) fixed[at(root_[at(i)])] = true;
  for (int32_t i : view.outputs()) fixed[at(root_[at(i)])] = true;
  for (uint32_t n = view.node_count(); n-- > 0;) {
    const NodeView node = view.node(n);
    for (const WholeInput& whole : whole_inputs(node)) {
      const int32_t part = root_[at(whole.tensor)], out = node.output(0)->index;
      const TensorView& tensor = view.tensor(part);
      const uint64_t offset =
          root_offset_[at(out)] + static_cast<uint64_t>(whole.first) * sdk::element_bytes(tensor.type);
      if (fixed[at(part)] || root_offset_[at(whole.tensor)] > 0 || tensor.is_constant() || tensor.bytes() == 0 ||
          tensor.bytes() != view.tensor(whole.tensor).bytes() || offset % alignment() != 0 || part == root_[at(out)])
        continue;
      for (size_t t = 0; t < root_.size(); ++t)
        if (root_[t] == part) root_[t] = root_[at(out)], root_offset_[t] += offset;
    }
  }
}

// Where a concatenation's inputs stand in its output; see Emitter::stands_at.
std::vector<int64_t> Segment::standing(const NodeView& node) const {
  std::vector<int64_t> list(node.input_count(), -1);
  if (node.op() != schema::Op::StridedCopy) return list;
  const size_t out = at(node.output(0)->index);
  for (size_t i = 0; i < list.size(); ++i) {
    if (!node.input(i)) continue;
    const size_t in = at(node.input(i)->index);
    if (root_[in] == root_[out] && root_offset_[in] >= root_offset_[out])
      list[i] = static_cast<int64_t>((root_offset_[in] - root_offset_[out]) / sdk::element_bytes(node.output(0)->type));
  }
  return list;
}

std::vector<Segment::Step> Segment::emit(const GraphView& view, const motley_compile_options& options,
                                         std::vector<std::byte>& constants) {
  std::vector<Step> steps;
  for (uint32_t i = 0; i < view.node_count(); ++i) {
    const NodeView node = view.node(i);
    const Config config = config_for(i, options);
    if (const sdk::Reason reason = config_check(node, config, device_.capabilities()); !reason.empty())
      throw StatusError(MOTLEY_INVALID_ARGUMENT, "node \"" + std::string(node.name()) + "\": " + reason);
    Emitter emitter(node, device_.capabilities(), config, constants);
    emitter.set_standing(standing(node));
    if (sdk::is_alias(node)) {
      if (root_[at(node.output(0)->index)] != node.output(0)->index) continue;  // shares memory: nothing to do
      emit_copy(emitter);
    } else {
      const sdk::Reason reason = why_not(node, device_.capabilities());
      if (!reason.empty()) throw StatusError(MOTLEY_UNSUPPORTED, "node \"" + std::string(node.name()) + "\": " + reason);
      find_op(node.op())->emit(emitter);
    }
    steps.push_back({i, std::move(emitter.calls), std::move(emitter.scratch_bytes)});
  }
  return steps;
}

std::vector<Launch> Segment::place(const GraphView& view, std::vector<Step>& steps,
                                   std::vector<std::byte>& constants) {
  const size_t tensors = view.tensors().size();
  std::vector<SlotBinding> places(tensors);
  std::vector<bool> placed(tensors);
  uint32_t slot = kFirstBound;
  for (int32_t id : view.inputs()) {
    places[at(id)] = {slot++, 0, view.tensor(id).bytes()};
    placed[at(id)] = true;
    input_bytes_.push_back(view.tensor(id).bytes());
  }
  for (int32_t id : view.outputs()) {
    if (!placed[at(id)]) places[at(id)] = {slot, 0, view.tensor(id).bytes()};
    placed[at(id)] = true;
    ++slot;
    output_bytes_.push_back(view.tensor(id).bytes());
  }

  // Constants that kernels read as they are, once each; scratch by lifetime in steps.
  std::vector<ArenaBlock> blocks;
  std::vector<int32_t> block_of(tensors, -1);
  std::vector<size_t> first_scratch;
  for (size_t s = 0; s < steps.size(); ++s) {
    const auto step = static_cast<int32_t>(s);
    for (const Call& call : steps[s].calls)
      for (const Use& use : call.uses) {
        if (use.operand.kind != Operand::Kind::tensor) continue;
        const int32_t root = root_[at(use.operand.index)];
        if (placed[at(root)]) continue;
        const TensorView& tensor = view.tensor(root);
        if (tensor.is_constant()) {
          const uint64_t start = sdk::align_up(constants.size(), Emitter::kAlign);
          constants.resize(start + tensor.bytes());
          if (tensor.bytes()) std::memcpy(constants.data() + start, tensor.constant, tensor.bytes());
          places[at(root)] = {kConstants, start, tensor.bytes()};
          placed[at(root)] = true;
          continue;
        }
        int32_t& block = block_of[at(root)];
        if (block < 0) {
          block = static_cast<int32_t>(blocks.size());
          blocks.push_back({tensor.bytes(), step, step, 0});
        }
        blocks[at(block)].last = step;
      }
  }
  for (size_t s = 0; s < steps.size(); ++s) {
    first_scratch.push_back(blocks.size());
    for (uint64_t bytes : steps[s].scratch)
      blocks.push_back({bytes, static_cast<int32_t>(s), static_cast<int32_t>(s), 0});
  }
  scratch_bytes_ = sdk::plan_arena(blocks, Emitter::kAlign);
  if (!blocks.empty()) scratch_bytes_ += kTail;
  for (size_t i = 0; i < tensors; ++i)
    if (block_of[i] >= 0) places[i] = {kScratch, blocks[at(block_of[i])].offset, view.tensors()[i].bytes()};

  std::vector<Launch> launches;
  Hazards hazards;
  for (size_t s = 0; s < steps.size(); ++s) {
    for (Call& call : steps[s].calls) {
      Launch launch;
      launch.pipeline = {call.variant, call.constants, call.group};
      std::vector<bool> writes;
      for (const Use& use : call.uses) {
        const Operand& o = use.operand;
        SlotBinding binding{kConstants, o.offset, o.bytes};
        if (o.kind == Operand::Kind::tensor) {
          binding = places[at(root_[at(o.index)])];
          binding.offset += root_offset_[at(o.index)] + o.offset;
          binding.bytes = o.bytes;
        } else if (o.kind == Operand::Kind::scratch) {
          binding = {kScratch, blocks[first_scratch[s] + at(o.index)].offset + o.offset, o.bytes};
        }
        binding.half_texels = o.half;
        launch.bindings.push_back(binding);
        writes.push_back(use.write);
      }
      launch.params = std::move(call.params.bytes);
      launch.groups = call.groups;
      for (size_t d = 0; d < 3; ++d)
        if (launch.groups[d] > device_.capabilities().max_groups[d])
          throw StatusError(MOTLEY_UNSUPPORTED, "node \"" + std::string(view.node(steps[s].node).name()) + "\" needs " +
                                                    std::to_string(launch.groups[d]) + " work groups (the device can start " +
                                                    std::to_string(device_.capabilities().max_groups[d]) + " at once)");
      launch.node = steps[s].node;
      launch.estimated_ns = estimate(call.operations, launch.bindings);
      launch.barrier = hazards.needs_barrier(launch.bindings, writes);
      launches.push_back(std::move(launch));
    }
  }
  return launches;
}

void Segment::upload(const std::vector<std::byte>& constants) {
  // At least a few bytes, so that slots without a use have memory to point to.
  constants_ = device_.allocate(std::max<uint64_t>(constants.size(), 256));
  void* mapped = constants_->map(Memory::Access::write);
  if (!constants.empty()) std::memcpy(mapped, constants.data(), constants.size());
  constants_->unmap();
}

}  // namespace motley::gpu
