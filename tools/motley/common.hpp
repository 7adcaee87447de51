// What several subcommands share: opening a model, and the options that make a runtime and a session.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "graph/graph.hpp"
#include "motley/motley.hpp"

namespace motley::cli {

using Json = nlohmann::ordered_json;

// A .motley file, or an .onnx file that is converted in memory. Throws Error for anything else.
Model open_model(const std::filesystem::path& path);

// --plugin FILE, --plugin-dir FOLDER
struct PluginOptions {
  std::vector<std::string> files, folders;
  RuntimeOptions runtime() const;
  // One line on stderr for each that is named here and not loaded. `found`: with manifest, library, loaded, reason.
  template <class Found>
  void warn_of_missing(const std::vector<Found>& found) const {
    for (const Found& f : found)
      if (!f.loaded && (names(f.manifest) || names(f.library)))
        warn(f.library.empty() ? f.manifest : f.library, f.reason);
  }

 private:
  bool names(const std::filesystem::path& path) const;
  static void warn(const std::filesystem::path& path, const std::string& reason);
};
void add_plugin_options(CLI::App& command, PluginOptions& options);

// For CLI::Option::check: a number within these bounds, which NaN is not.
CLI::Validator real_number(double low, double high);
// From 0 to `most`: CLI11 takes -1 for the largest number there is.
CLI::Validator whole_number(uint64_t most);

// --devices, --deny, --prefer, --policy, --error-budget, --deadline, --pin, --no-fallback, --no-optimize, --no-split,
// --split-alike, --no-layouts, --threads, --shape, --table, and the plugin options.
struct SessionOptions {
  std::vector<std::string> device_sets;  // each "a,b"; run and explain take one
  std::vector<std::string> deny, prefer;  // each "a,b"
  std::string policy = "latency";
  double error_budget = 0;
  double deadline_ms = 0;  // 0: none
  std::vector<std::string> pins;         // each "node=device"
  std::vector<std::string> shapes;       // each "name=1,3,224,224", or "1,3,224,224" where there is one input
  bool no_fallback = false, no_optimize = false, no_split = false, split_alike = false, no_layouts = false;
  uint32_t threads = 0;
  double slice_ms = -1;  // below 0: not given
  std::string table;  // a dispatch table
  PluginOptions plugins;
};
void add_session_options(CLI::App& command, SessionOptions& options);
// Sets the thread count and opens the plugins.
Runtime make_runtime(const SessionOptions& options);
// `devices`: one of the device sets, or "".
CompileOptions compile_options(const SessionOptions& options, const Model& model, const std::string& devices);
std::string only_device_set(const SessionOptions& options);

// --trace FILE
void add_trace_option(CLI::App& command, std::string& path);
// Writes events for Chrome's and Perfetto's viewers, and commits. Throws Error(io).
void save_trace(base::AtomicFile& file, const std::vector<TraceEvent>& events);

// "1,3,224,224" → numbers. Throws Error(invalid_argument).
std::vector<int64_t> parse_shape(const std::string& text);
// "name=rest" at the last '='; the name is "" where there is none.
std::pair<std::string, std::string> split_assignment(const std::string& text);

// Counts over all graphs of a module; equal constants are counted once.
struct Summary {
  size_t nodes = 0, graphs = 0;
  uint64_t weight_bytes = 0;
  std::map<std::string, size_t> ops;  // "Conv" → how many
};
Summary summarize(const graph::Module& module);

// "data  float32 1x3x224x224"
std::string tensor_text(const TensorInfo& info);
Json shape_json(const TensorInfo& info);
void print_json(const Json& json);

}  // namespace motley::cli
