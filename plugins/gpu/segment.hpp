// A compiled segment: launches in order over memory planned once.
#pragma once

#include "emitter.hpp"

namespace motley::gpu {

// Empty, or why the device does not run the node.
sdk::Reason why_not(const NodeView& node, const Capabilities& device);

// Immutable after construction. Its work may be submitted from several threads.
class Segment {
 public:
  // Slots of every launch: constants, scratch, then the host's inputs and outputs.
  static constexpr uint32_t kConstants = 0, kScratch = 1, kFirstBound = 2;

  Segment(Device& device, const motley_graph& graph, const motley_compile_options& options, const Pacing& pacing);

  uint64_t scratch_bytes() const { return scratch_bytes_; }
  uint64_t resident_bytes() const { return constants_ ? constants_->size() : 0; }
  uint32_t alignment() const;
  size_t input_count() const { return input_bytes_.size(); }
  size_t output_count() const { return output_bytes_.size(); }
  uint64_t input_bytes(size_t i) const { return input_bytes_[i]; }
  uint64_t output_bytes(size_t i) const { return output_bytes_[i]; }
  Memory* constants() const { return constants_.get(); }
  Work& work() const { return *work_; }
  // Of launch i.
  uint32_t node_of(size_t i) const { return rows_[i].node; }
  const char* kernel_of(size_t i) const { return rows_[i].kernel.c_str(); }
  // Every pipeline it uses, once.
  const std::vector<PipelineKey>& pipelines() const { return pipelines_; }

 private:
  struct Step;
  struct Row {
    uint32_t node;
    std::string kernel;
  };
  std::vector<Step> emit(const sdk::GraphView& view, const motley_compile_options& options,
                         std::vector<std::byte>& constants);
  void find_aliases(const sdk::GraphView& view);
  void find_parts(const sdk::GraphView& view);
  std::vector<int64_t> standing(const sdk::NodeView& node) const;
  std::vector<Launch> place(const sdk::GraphView& view, std::vector<Step>& steps, std::vector<std::byte>& constants);
  void upload(const std::vector<std::byte>& constants);

  Device& device_;
  // The tensor whose memory each shares, from which byte of it on.
  std::vector<int32_t> root_;
  std::vector<uint64_t> root_offset_;
  std::vector<uint64_t> input_bytes_, output_bytes_;
  std::vector<Row> rows_;
  std::vector<PipelineKey> pipelines_;
  uint64_t scratch_bytes_ = 0;
  std::unique_ptr<Memory> constants_;
  std::unique_ptr<Work> work_;
};

}  // namespace motley::gpu
