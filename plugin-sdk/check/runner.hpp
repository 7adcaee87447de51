// Compiling and running small graphs on a plugin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "graph/graph.hpp"
#include "guard.hpp"
#include "library.hpp"
#include "memory.hpp"
#include "model/serialize.hpp"
#include "motley/plugin.h"

namespace motley::check {

// An opened device of a plugin; closes it at the end.
class OpenDevice {
 public:
  OpenDevice(const motley_plugin& api, const motley_device_info& info);
  ~OpenDevice();
  OpenDevice(const OpenDevice&) = delete;
  OpenDevice& operator=(const OpenDevice&) = delete;
  const motley_plugin& api() const { return api_; }
  const motley_device_info& info() const { return info_; }
  motley_device* handle() const { return handle_; }
  bool host_pointers() const { return (info_.memory_flags & MOTLEY_MEMORY_HOST_POINTERS) != 0; }

 private:
  motley_plugin api_;
  motley_device_info info_;
  motley_device* handle_ = nullptr;
};

// A kernel that the device offers for several nodes together.
struct Offer {
  std::vector<uint32_t> nodes;
  uint32_t layout = 0, precision = 0;
  double cost_ns = 0;
  std::string config;
};
struct Answers {
  std::vector<std::string> reasons;  // per node: "" where supported
  std::vector<Offer> offers;
};
// Throws std::runtime_error where the query itself fails, or skips a node, or answers it twice.
Answers ask(OpenDevice& device, const motley_graph& graph);
// The reasons alone.
std::vector<std::string> query(OpenDevice& device, const motley_graph& graph);

// A graph as the contract promises it to the plugin and no better: constants read-only and ending at a guard page, the
// FlatBuffer gone after the call.
class SharedGraph {
 public:
  explicit SharedGraph(model::SerializedGraph serialized);
  const motley_graph& view() const { return view_; }
  void end_of_call() { model_->make_inaccessible(); }

 private:
  model::SerializedGraph serialized_;
  std::unique_ptr<GuardedPages> model_;
  std::vector<std::unique_ptr<GuardedPages>> constant_pages_;
  std::vector<motley_bytes> constants_;
  motley_graph view_{};
};

// A queue of the device; holds NULL where the device has none and works synchronously.
class Queue {
 public:
  explicit Queue(OpenDevice& device);
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  motley_queue* handle() const { return handle_; }
  // MOTLEY_OK at once where there is no queue.
  motley_status wait(uint64_t value, uint64_t timeout_ns, ErrorBuffer& message) const;

 private:
  OpenDevice& device_;
  motley_queue* handle_ = nullptr;
};

// A compiled graph.
class Program {
 public:
  // Throws std::runtime_error where compiling fails. `config` is the choice for node 0.
  Program(OpenDevice& device, const graph::Graph& graph, const std::string& config = {});
  // From a cache. Throws std::runtime_error where the plugin refuses it.
  Program(OpenDevice& device, const graph::Graph& graph, const Bytes& cache);
  Program(OpenDevice& device, const graph::Graph& graph, model::SerializedGraph segment, const std::string& config);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Runs with these input bytes; gives the output bytes. Throws std::runtime_error where the plugin reports a failure,
  // writes outside its memory or changes an input.
  std::vector<Bytes> run(const std::vector<Bytes>& inputs, Layout layout = {});

  OpenDevice& device() const { return device_; }
  motley_executable* handle() const { return executable_; }
  const motley_exec_requirements& requirements() const { return requirements_; }
  const std::vector<uint64_t>& input_bytes() const { return input_bytes_; }
  const std::vector<uint64_t>& output_bytes() const { return output_bytes_; }

 private:
  void compile(const std::string& config);
  void read_requirements();
  OpenDevice& device_;
  std::vector<uint64_t> input_bytes_, output_bytes_;
  SharedGraph shared_;
  motley_executable* executable_ = nullptr;
  motley_exec_requirements requirements_{};
};

// One submission of a program, with memory of its own. Waits, cancel and bindings may be set before it is submitted.
class Run {
 public:
  Run(Program& program, std::vector<Bytes> inputs, Layout layout = {});
  motley_submission& submission() { return submission_; }
  // Input `to` is read from where the other run writes its output 0.
  void read_from(const Run& other, size_t to);
  motley_status submit(const Queue& queue, uint64_t value, ErrorBuffer& message);
  // Once it is done: the outputs, after looking at everything around them. Throws std::runtime_error.
  std::vector<Bytes> outputs();

 private:
  Program& program_;
  std::vector<Bytes> inputs_;
  RunMemory memory_;
  std::vector<motley_binding> in_, out_;
  motley_submission submission_{};
};

}  // namespace motley::check
