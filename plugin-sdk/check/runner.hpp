// Compiling and running small graphs on a plugin, with guard bytes around everything it may write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.hpp"
#include "model/serialize.hpp"
#include "motley/plugin.h"

namespace motley::check {

using Bytes = std::vector<std::byte>;

// An opened device of a plugin; closes it at the end.
class OpenDevice {
 public:
  OpenDevice(const motley_plugin& api, const motley_device_info& info);
  ~OpenDevice();
  OpenDevice(const OpenDevice&) = delete;
  OpenDevice& operator=(const OpenDevice&) = delete;
  const motley_plugin& api() const { return api_; }
  motley_device* handle() const { return handle_; }
  bool host_pointers() const { return (info_.memory_flags & MOTLEY_MEMORY_HOST_POINTERS) != 0; }

 private:
  motley_plugin api_;
  motley_device_info info_;
  motley_device* handle_ = nullptr;
};

// Per node: "" where supported, else the reason. Throws std::runtime_error where the query itself fails or skips a
// node.
std::vector<std::string> query(OpenDevice& device, const motley_graph& graph);

// A compiled graph. Throws std::runtime_error where compiling fails.
class Program {
 public:
  Program(OpenDevice& device, const graph::Graph& graph, const std::string& config = {});
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Runs with these input bytes, everything bound at `offset` bytes into its memory; gives the output bytes. Throws
  // std::runtime_error where the plugin reports a failure, writes outside its memory or changes an input.
  std::vector<Bytes> run(const std::vector<Bytes>& inputs, uint64_t offset = 0);

 private:
  OpenDevice& device_;
  model::SerializedGraph serialized_;
  std::vector<uint64_t> input_bytes_, output_bytes_;
  motley_executable* executable_ = nullptr;
  motley_exec_requirements requirements_{};
};

}  // namespace motley::check
