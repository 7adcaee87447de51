// A compiled segment: kernels in order, over memory planned once.
#pragma once

#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "motley/sdk/arena.hpp"
#include "motley/sdk/kernel.hpp"

namespace motley::sdk {

inline constexpr uint32_t kAlignment = 64;

// The entry that runs a node; null with a reason where there is none.
inline const KernelEntry* find_kernel(std::span<const KernelEntry> kernels, const NodeView& node, Reason& reason) {
  reason.clear();
  for (const KernelEntry& entry : kernels) {
    if (entry.op != node.op()) continue;
    Reason why = entry.supports(node);
    if (why.empty()) {
      reason.clear();  // what an earlier entry for the same op refused no longer counts
      return &entry;
    }
    if (reason.empty()) reason = std::move(why);
  }
  if (reason.empty()) reason = std::string("no kernel for ") + schema::EnumNameOp(node.op());
  return nullptr;
}

// A Reshape that the executor does itself: the same bytes under another shape.
inline bool is_alias(const NodeView& node) {
  const TensorView* in = node.input(0);
  const TensorView* out = node.output(0);
  return node.op() == Op::Reshape && in && out && in->type == out->type && in->elements() == out->elements();
}

// Immutable after construction: run() may be called from several threads at once with different scratch.
class Executable {
 public:
  Executable(const motley_graph& graph, std::span<const KernelEntry> kernels, const motley_compile_options& options,
             const Threads& threads)
      : threads_(threads) {
    // The FlatBuffer lives for the call only; kernels that need a view later keep what they copied.
    const GraphView view(graph);
    prepare_steps(view, kernels, options);
    plan_memory(view);
  }

  uint64_t scratch_bytes() const { return scratch_bytes_; }
  uint64_t resident_bytes() const { return resident_bytes_; }
  size_t input_count() const { return input_bytes_.size(); }
  size_t output_count() const { return output_bytes_.size(); }
  uint64_t pointer_slots() const { return max_pointers_; }

  // Runs all kernels. `report(node, kernel, begin_ns, end_ns)` is called after each when `clock` is not null.
  template <class Clock, class Report>
  void run(const motley_submission& submission, Clock* clock, Report&& report) const {
    check(submission);
    auto* scratch =
        static_cast<std::byte*>(submission.scratch.host) + (submission.scratch.host ? submission.scratch.offset : 0);
    // Pointer arrays of the widest node stand at the scratch's end, so that a run allocates nothing.
    auto** pointers = reinterpret_cast<void**>(scratch + pointers_offset_);
    for (const Step& step : steps_) {
      if (submission.cancel && __atomic_load_n(submission.cancel, __ATOMIC_RELAXED))
        throw StatusError(MOTLEY_CANCELLED, "cancelled by the host");
      void** next = pointers;
      for (const Place& place : step.inputs) *next++ = resolve(place, submission, scratch);
      for (const Place& place : step.outputs) *next++ = resolve(place, submission, scratch);
      const RunContext context{pointers, pointers + step.inputs.size(), scratch + step.scratch_offset, threads_};
      const uint64_t begin = clock ? (*clock)() : 0;
      step.kernel->run(context);
      if (clock) report(step.node, step.kernel->name(), begin, (*clock)());
    }
  }

 private:
  // Where a tensor's bytes are: bound by the host, in scratch, constant, or absent.
  struct Place {
    enum class Kind : uint8_t { absent, input, output, scratch, constant } kind = Kind::absent;
    uint64_t value = 0;  // index or offset
    const void* constant = nullptr;
  };
  struct Step {
    uint32_t node;
    std::unique_ptr<Kernel> kernel;
    std::vector<int32_t> reads, writes;  // tensor ids, roots of aliases
    std::vector<Place> inputs, outputs;
    uint64_t scratch_offset = 0;
  };
  // Copies bytes: a Reshape whose two ends are both bound by the host.
  struct CopyKernel final : Kernel {
    explicit CopyKernel(size_t n) : bytes(n) {}
    void run(const RunContext& c) const override {
      if (bytes && c.outputs[0] != c.inputs[0]) std::memcpy(c.outputs[0], c.inputs[0], bytes);
    }
    std::string_view name() const override { return "copy"; }
    size_t bytes;
  };

  void prepare_steps(const GraphView& view, std::span<const KernelEntry> kernels,
                     const motley_compile_options& options) {
    find_aliases(view);
    for (uint32_t i = 0; i < view.node_count(); ++i) {
      const NodeView node = view.node(i);
      Step step;
      step.node = i;
      if (is_alias(node)) {
        if (root_[index(node.output(0)->index)] != node.output(0)->index) continue;  // shares memory: nothing to do
        step.kernel = std::make_unique<CopyKernel>(node.output(0)->bytes());
        step.reads = {node.input(0)->index};
      } else {
        Reason reason;
        const KernelEntry* entry = find_kernel(kernels, node, reason);
        if (!entry) throw StatusError(MOTLEY_UNSUPPORTED, "node \"" + std::string(node.name()) + "\": " + reason);
        step.kernel = entry->prepare(node, PrepareContext{threads_, config_for(i, options)});
        if (!step.kernel)
          throw StatusError(MOTLEY_INTERNAL, "node \"" + std::string(node.name()) + "\": prepare gave no kernel");
        for (size_t k = 0; k < node.input_count(); ++k) step.reads.push_back(node.input(k) ? node.input(k)->index : -1);
      }
      for (size_t k = 0; k < node.output_count(); ++k)
        step.writes.push_back(node.output(k) ? node.output(k)->index : -1);
      resident_bytes_ += step.kernel->resident_bytes();
      steps_.push_back(std::move(step));
    }
  }

  static Config config_for(uint32_t node, const motley_compile_options& options) {
    for (uint32_t i = 0; i < options.config_count; ++i)
      if (options.configs[i].node == node && options.configs[i].config) return Config(options.configs[i].config);
    return {};
  }

  // root_[t]: the tensor whose memory t shares. The output of an alias takes its input's place, or, where the output is
  // bound by the host and the input is not, the input is computed in place of the output.
  void find_aliases(const GraphView& view) {
    root_.resize(view.tensors().size());
    for (size_t i = 0; i < root_.size(); ++i) root_[i] = static_cast<int32_t>(i);
    std::vector<bool> bound(root_.size());
    for (int32_t i : view.inputs()) bound[index(i)] = true;
    for (int32_t i : view.outputs()) bound[index(i)] = true;
    for (uint32_t i = 0; i < view.node_count(); ++i) {
      const NodeView node = view.node(i);
      if (!is_alias(node)) continue;
      const int32_t in = root_[index(node.input(0)->index)], out = node.output(0)->index;
      const bool in_fixed = bound[index(in)] || view.tensor(in).is_constant();
      if (!bound[index(out)]) {
        root_[index(out)] = in;
      } else if (!in_fixed) {
        for (int32_t& r : root_)
          if (r == in) r = out;
        bound[index(in)] = true;
      }
    }
  }

  void plan_memory(const GraphView& view) {
    std::vector<Place> places(view.tensors().size());
    for (size_t i = 0; i < places.size(); ++i)
      if (view.tensors()[i].is_constant())
        places[i] = {Place::Kind::constant, 0, view.tensors()[i].elements() ? view.tensors()[i].constant : nullptr};
    for (size_t i = 0; i < view.inputs().size(); ++i) {
      places[index(view.inputs()[i])] = {Place::Kind::input, i, nullptr};
      input_bytes_.push_back(view.tensor(view.inputs()[i]).bytes());
    }
    for (size_t i = 0; i < view.outputs().size(); ++i) {
      Place& place = places[index(view.outputs()[i])];
      if (place.kind == Place::Kind::absent) place = {Place::Kind::output, i, nullptr};
      output_bytes_.push_back(view.tensor(view.outputs()[i]).bytes());
    }
    place_in_scratch(view, places);
    for (Step& step : steps_) {
      for (int32_t id : step.reads) step.inputs.push_back(id < 0 ? Place{} : places[index(root_[index(id)])]);
      for (int32_t id : step.writes) step.outputs.push_back(id < 0 ? Place{} : places[index(root_[index(id)])]);
      max_pointers_ = std::max<uint64_t>(max_pointers_, step.inputs.size() + step.outputs.size());
    }
    pointers_offset_ = align_up(scratch_bytes_, kAlignment);
    scratch_bytes_ = align_up(pointers_offset_ + max_pointers_ * sizeof(void*), kAlignment);
  }

  void place_in_scratch(const GraphView& view, std::vector<Place>& places) {
    std::vector<ArenaBlock> blocks;
    std::vector<int32_t> block_of(places.size(), -1);
    for (size_t s = 0; s < steps_.size(); ++s) {
      const auto touch = [&](int32_t id) {
        if (id < 0) return;
        const int32_t root = root_[index(id)];
        if (places[index(root)].kind != Place::Kind::absent) return;
        int32_t& block = block_of[index(root)];
        if (block < 0) {
          block = static_cast<int32_t>(blocks.size());
          blocks.push_back({view.tensor(root).bytes(), static_cast<int32_t>(s), static_cast<int32_t>(s), 0});
        }
        blocks[index(block)].last = static_cast<int32_t>(s);
      };
      for (int32_t id : steps_[s].reads) touch(id);
      for (int32_t id : steps_[s].writes) touch(id);
    }
    const size_t tensors = blocks.size();
    for (size_t s = 0; s < steps_.size(); ++s)
      blocks.push_back({steps_[s].kernel->scratch_bytes(), static_cast<int32_t>(s), static_cast<int32_t>(s), 0});
    scratch_bytes_ = plan_arena(blocks, kAlignment);
    for (size_t i = 0; i < places.size(); ++i)
      if (block_of[i] >= 0) places[i] = {Place::Kind::scratch, blocks[index(block_of[i])].offset, nullptr};
    for (size_t s = 0; s < steps_.size(); ++s) steps_[s].scratch_offset = blocks[tensors + s].offset;
  }

  static size_t index(int32_t id) { return static_cast<size_t>(id); }

  static void* resolve(const Place& place, const motley_submission& submission, std::byte* scratch) {
    switch (place.kind) {
      case Place::Kind::input:
        return static_cast<std::byte*>(submission.inputs[place.value].host) + submission.inputs[place.value].offset;
      case Place::Kind::output:
        return static_cast<std::byte*>(submission.outputs[place.value].host) + submission.outputs[place.value].offset;
      case Place::Kind::scratch: return scratch + place.value;
      case Place::Kind::constant: return const_cast<void*>(place.constant);
      case Place::Kind::absent: break;
    }
    return nullptr;
  }

  void check(const motley_submission& s) const {
    if (s.input_count != input_bytes_.size() || s.output_count != output_bytes_.size())
      throw StatusError(MOTLEY_INVALID_ARGUMENT, "submission has " + std::to_string(s.input_count) + " inputs and " +
                                                     std::to_string(s.output_count) + " outputs (expected " +
                                                     std::to_string(input_bytes_.size()) + " and " +
                                                     std::to_string(output_bytes_.size()) + ")");
    const auto room = [](const motley_binding& b, uint64_t bytes) { return bytes == 0 || (b.host && b.size >= bytes); };
    for (size_t i = 0; i < input_bytes_.size(); ++i)
      if (!room(s.inputs[i], input_bytes_[i]))
        throw StatusError(MOTLEY_INVALID_ARGUMENT, "input " + std::to_string(i) + " is bound to too little memory");
    for (size_t i = 0; i < output_bytes_.size(); ++i)
      if (!room(s.outputs[i], output_bytes_[i]))
        throw StatusError(MOTLEY_INVALID_ARGUMENT, "output " + std::to_string(i) + " is bound to too little memory");
    if (!room(s.scratch, scratch_bytes_))
      throw StatusError(MOTLEY_INVALID_ARGUMENT, "scratch is smaller than exec_requirements asked for");
  }

  Threads threads_;
  std::vector<int32_t> root_;
  std::vector<Step> steps_;
  std::vector<uint64_t> input_bytes_, output_bytes_;
  uint64_t scratch_bytes_ = 0, resident_bytes_ = 0, pointers_offset_ = 0, max_pointers_ = 0;
};

}  // namespace motley::sdk
