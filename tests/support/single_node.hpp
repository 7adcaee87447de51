// Runs a graph of one node on a plugin, through the C ABI alone.
//
//   NodeCase c = node_case(Op::Unary, attributes, {value<float>({2}, {-1, 2})}, {output_of<float>({2})});
//   NodeResult r = run_node(*plugin, c);       // r.status, r.text; r.outputs when MOTLEY_OK
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "flatbuffers/flatbuffers.h"
#include "motley/plugin.h"
#include "test_host.hpp"
#include "value.hpp"

namespace motley::test {

// An op, its attributes and its tensors. Outputs give type and shape; absent values stand for absent tensors.
struct NodeCase {
  schema::Op op{};
  schema::AttributesUnion attributes;
  std::vector<Value> inputs, outputs;
  std::string config;  // motley_node_config of the node; empty: the default
};

template <class AttributesT>
NodeCase node_case(schema::Op op, AttributesT attributes, std::vector<Value> inputs, std::vector<Value> outputs) {
  NodeCase c;
  c.op = op;
  c.attributes.Set(std::move(attributes));
  c.inputs = std::move(inputs);
  c.outputs = std::move(outputs);
  return c;
}

// The FlatBuffer of a case with all that a motley_graph points to. Not copyable: `graph()` points inside.
class NodeGraph {
 public:
  explicit NodeGraph(const NodeCase& c) {
    schema::ModelT model;
    auto graph = std::make_unique<schema::GraphT>();
    auto node = std::make_unique<schema::NodeT>();
    node->name = "node";
    node->op = c.op;
    node->attributes = c.attributes;
    for (const Value& v : c.inputs) node->inputs.push_back(add(*graph, v, true));
    for (const Value& v : c.outputs) node->outputs.push_back(add(*graph, v, false));
    graph->nodes.push_back(std::move(node));
    model.graphs.push_back(std::move(graph));
    builder_.Finish(schema::Model::Pack(builder_, &model), schema::ModelIdentifier());
    graph_.struct_size = sizeof graph_;
    graph_.model = {builder_.GetBufferPointer(), builder_.GetSize()};
    graph_.constants = constants_.data();
    graph_.constant_count = static_cast<uint32_t>(constants_.size());
  }
  NodeGraph(const NodeGraph&) = delete;
  NodeGraph& operator=(const NodeGraph&) = delete;
  const motley_graph& graph() const { return graph_; }

 private:
  int32_t add(schema::GraphT& graph, const Value& v, bool input) {
    if (v.absent()) return -1;
    const auto index = static_cast<int32_t>(graph.tensors.size());
    auto tensor = std::make_unique<schema::TensorT>();
    tensor->name = (input ? "in" : "out") + std::to_string(index);
    tensor->type = v.type;
    for (int64_t d : v.shape) {
      tensor->shape.push_back(std::make_unique<schema::DimensionT>());
      tensor->shape.back()->value = d;
    }
    if (input && v.constant) {
      // Copied to a 64-byte boundary, as the host's weight segment guarantees.
      storage_.push_back(
          std::make_unique<std::vector<std::max_align_t>>((v.bytes.size() + 128) / sizeof(std::max_align_t) + 1));
      auto* base = reinterpret_cast<uint8_t*>(storage_.back()->data());
      base += (64 - reinterpret_cast<uintptr_t>(base) % 64) % 64;
      if (!v.bytes.empty()) std::memcpy(base, v.bytes.data(), v.bytes.size());
      tensor->buffer = static_cast<int32_t>(constants_.size());
      constants_.push_back({base, v.bytes.size()});
    } else {
      (input ? graph.inputs : graph.outputs).push_back(index);
    }
    graph.tensors.push_back(std::move(tensor));
    return index;
  }

  flatbuffers::FlatBufferBuilder builder_;
  std::vector<std::unique_ptr<std::vector<std::max_align_t>>> storage_;
  std::vector<motley_bytes> constants_;
  motley_graph graph_{};
};

struct NodeResult {
  motley_status status = MOTLEY_INTERNAL;
  std::string text;  // the reason or the error
  std::string step;  // "query_support", "compile", "submit", where status comes from
  std::vector<Value> outputs;
};

// A tensor's memory, aligned to 64, with 64 guard bytes on each side.
class Guarded {
 public:
  Guarded(size_t size, uint8_t fill) : memory_(size + 192, kGuard), size_(size) {
    start_ = 64 + (64 - reinterpret_cast<uintptr_t>(memory_.data()) % 64) % 64;
    std::memset(data(), fill, size);
  }
  uint8_t* data() { return memory_.data() + start_; }
  bool intact() const {
    for (size_t i = 0; i < start_; ++i)
      if (memory_[i] != kGuard) return false;
    for (size_t i = start_ + size_; i < memory_.size(); ++i)
      if (memory_[i] != kGuard) return false;
    return true;
  }

 private:
  static constexpr uint8_t kGuard = 0xa5;
  std::vector<uint8_t> memory_;
  size_t size_, start_ = 0;
};

// Room for one error text.
struct ErrorText {
  char text[512] = "";
  motley_error error{sizeof(motley_error), sizeof text, text};
};

// An opened device. The plugin must have been initialized. Throws std::runtime_error where it does not open.
class OpenDevice {
 public:
  explicit OpenDevice(const motley_plugin& plugin, uint32_t index = 0) : plugin_(plugin) {
    ErrorText e;
    if (plugin.device_open(index, &device_, &e.error) != MOTLEY_OK)
      throw std::runtime_error(std::string("device_open: ") + e.text);
  }
  ~OpenDevice() { plugin_.device_close(device_); }
  OpenDevice(const OpenDevice&) = delete;
  OpenDevice& operator=(const OpenDevice&) = delete;
  motley_device* get() const { return device_; }

 private:
  const motley_plugin& plugin_;
  motley_device* device_ = nullptr;
};

// The plugin's verdict on the node; MOTLEY_INTERNAL where it gives none.
inline NodeResult query_node(const motley_plugin& plugin, motley_device* device, const NodeGraph& node) {
  NodeResult result;
  result.step = "query_support";
  result.text = "no verdict";
  motley_support_sink sink{};
  sink.struct_size = sizeof sink;
  sink.context = &result;
  sink.node = [](void* context, uint32_t, motley_status verdict, const char* reason) {
    auto& r = *static_cast<NodeResult*>(context);
    r.status = verdict;
    r.text = reason ? reason : "";
  };
  sink.candidate = [](void*, const motley_candidate*) {};
  ErrorText e;
  const motley_status status = plugin.query_support(device, &node.graph(), &sink, &e.error);
  if (status != MOTLEY_OK) result.status = status, result.text = e.text;
  return result;
}

// Submits the executable once with host memory, waits, and collects the outputs.
inline void submit_node(const motley_plugin& plugin, motley_device* device, motley_executable* executable,
                        const NodeCase& c, NodeResult& result) {
  motley_exec_requirements need{};
  need.struct_size = sizeof need;
  if (plugin.exec_requirements) plugin.exec_requirements(executable, &need);
  std::vector<Guarded> inputs, outputs;
  for (const Value& v : c.inputs) {
    if (v.absent() || v.constant) continue;
    inputs.emplace_back(v.bytes.size(), 0);
    if (!v.bytes.empty()) std::memcpy(inputs.back().data(), v.bytes.data(), v.bytes.size());
  }
  for (const Value& v : c.outputs)
    if (!v.absent()) outputs.emplace_back(v.byte_size(), 0xcd);
  Guarded scratch(need.scratch_bytes, 0xee);
  std::vector<motley_binding> in, out;
  size_t k = 0;
  for (const Value& v : c.inputs)
    if (!v.absent() && !v.constant) in.push_back({nullptr, inputs[k++].data(), 0, v.bytes.size()});
  k = 0;
  for (const Value& v : c.outputs)
    if (!v.absent()) out.push_back({nullptr, outputs[k++].data(), 0, v.byte_size()});

  motley_submission submission{};
  submission.struct_size = sizeof submission;
  submission.inputs = in.data();
  submission.input_count = static_cast<uint32_t>(in.size());
  submission.outputs = out.data();
  submission.output_count = static_cast<uint32_t>(out.size());
  submission.scratch = {nullptr, scratch.data(), 0, need.scratch_bytes};
  submission.signal_value = 1;
  ErrorText e;
  motley_queue* queue = nullptr;
  if (plugin.queue_create) result.status = plugin.queue_create(device, &queue, &e.error);
  else result.status = MOTLEY_OK;
  if (result.status == MOTLEY_OK) result.status = plugin.submit(device, queue, executable, &submission, &e.error);
  if (result.status == MOTLEY_OK && queue && plugin.fence_wait)
    result.status = plugin.fence_wait(queue, 1, 60'000'000'000u, &e.error);
  if (queue) plugin.queue_destroy(queue);
  result.text = e.text;

  bool intact = scratch.intact();
  for (const Guarded& g : inputs) intact = intact && g.intact();
  for (const Guarded& g : outputs) intact = intact && g.intact();
  if (!intact) result.status = MOTLEY_INTERNAL, result.text = "wrote outside of a tensor's memory";
  k = 0;
  for (const Value& v : c.inputs) {
    if (v.absent() || v.constant) continue;
    if (v.bytes.size() != 0 && std::memcmp(inputs[k].data(), v.bytes.data(), v.bytes.size()) != 0)
      result.status = MOTLEY_INTERNAL, result.text = "wrote into an input";
    ++k;
  }
  k = 0;
  for (const Value& v : c.outputs) {
    result.outputs.push_back(output_of(v.type, v.shape));
    if (v.absent()) continue;
    result.outputs.back().bytes.assign(outputs[k].data(), outputs[k].data() + v.byte_size());
    ++k;
  }
}

// Queries, compiles and runs. A step that fails ends it; `step` says which. Devices with host memory only.
inline NodeResult run_node(const motley_plugin& plugin, motley_device* device, const NodeCase& c) {
  const NodeGraph node(c);
  NodeResult result = query_node(plugin, device, node);
  if (result.status != MOTLEY_OK) return result;
  result.step = "compile";
  const motley_node_config config{0, c.config.c_str()};
  motley_compile_options options{};
  options.struct_size = sizeof options;
  options.configs = &config;
  options.config_count = c.config.empty() ? 0 : 1;
  motley_executable* executable = nullptr;
  ErrorText e;
  result.status = plugin.compile(device, &node.graph(), &options, &executable, &e.error);
  result.text = e.text;
  if (result.status != MOTLEY_OK) return result;
  result.step = "submit";
  submit_node(plugin, device, executable, c, result);
  plugin.exec_release(executable);
  return result;
}
inline NodeResult run_node(const motley_plugin& plugin, const NodeCase& c) {
  const OpenDevice device(plugin);
  return run_node(plugin, device.get(), c);
}

}  // namespace motley::test
