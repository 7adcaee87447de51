// Opening models, and options that subcommands share.
#include "common.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "base/environment.hpp"
#include "import.hpp"
#include "text.hpp"

namespace motley::cli {

Model open_model(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("the model \"{}\" is a folder; give a .motley or .onnx file", path.string()));
  if (extension == ".onnx") return Model::from_module(import_model(path));
  return Model::load(path);
}

RuntimeOptions PluginOptions::runtime() const {
  RuntimeOptions result;
  result.plugin_files.assign(files.begin(), files.end());
  result.plugin_folders.assign(folders.begin(), folders.end());
  return result;
}

bool PluginOptions::names(const std::filesystem::path& path) const {
  const auto is_it = [&](const std::string& name) { return std::filesystem::absolute(name) == path; };
  return !path.empty() &&
         (std::any_of(files.begin(), files.end(), is_it) || std::any_of(folders.begin(), folders.end(), is_it));
}

void PluginOptions::warn(const std::filesystem::path& path, const std::string& reason) {
  fmt::print(stderr, "motley: \"{}\" is not used: {}\n", printable(path.string()), printable(reason));
}

CLI::Validator real_number(double low, double high) {
  return {[low, high](std::string& text) {
            double value = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
            const bool fits = error == std::errc() && end == text.data() + text.size() && value >= low && value <= high;
            return fits ? std::string() : fmt::format("{} is no number from {} to {}", text, low, high);
          },
          ""};
}

CLI::Validator whole_number(uint64_t most) {
  return {[most](std::string& text) {
            uint64_t value = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
            const bool fits = error == std::errc() && end == text.data() + text.size() && value <= most;
            return fits ? std::string() : fmt::format("{} is no whole number from 0 to {}", text, most);
          },
          ""};
}

void add_plugin_options(CLI::App& command, PluginOptions& options) {
  command.add_option("--plugin", options.files, "A plugin's manifest or library, tried first; may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command.add_option("--plugin-dir", options.folders, "A folder with plugins, searched too; may be repeated")
      ->type_name("FOLDER")
      ->allow_extra_args(false);
}

void add_session_options(CLI::App& command, SessionOptions& options) {
  command
      .add_option("--devices", options.device_sets, "Devices in order of preference, as `motley devices` names them")
      ->type_name("A,B")
      ->allow_extra_args(false);
  command.add_option("--deny", options.deny, "Devices, or patterns (acme:*), that are not used")
      ->type_name("A,B")
      ->allow_extra_args(false);
  command
      .add_option("--prefer", options.prefer, "Devices, or patterns, that are used where others are not clearly better")
      ->type_name("A,B")
      ->allow_extra_args(false);
  command.add_option("--policy", options.policy, "What to have little of: latency, throughput, power or memory")
      ->type_name("POLICY")
      ->check(CLI::IsMember(std::vector<std::string>{"latency", "throughput", "power", "memory"}).description(""));
  command
      .add_option("--error-budget", options.error_budget,
                  "What errors of kernels in lower precision may add up to, 0.01 for a hundredth (default 0: none)")
      ->type_name("X")
      ->check(real_number(0, 1e3));
  command
      .add_option("--deadline", options.deadline_ms,
                  "The time that a run may be predicted to take, in ms: the policy's best plan within it")
      ->type_name("MS")
      ->check(real_number(0, 8.64e7));
  command
      .add_option("--pin", options.pins,
                  "A node, or a pattern of names (conv*), and the device it runs on; may be repeated, the first that "
                  "fits counts")
      ->type_name("NODE=DEVICE")
      ->allow_extra_args(false);
  command.add_flag("--no-fallback", options.no_fallback, "Fail where the given devices cannot run a node");
  command.add_flag("--no-optimize", options.no_optimize, "Run the model's own ops, without fusions");
  command.add_flag("--no-split", options.no_split, "Compute no operator on two devices at once");
  command.add_flag("--split-alike", options.split_alike,
                   "Also split operators over two devices of one kind, which may be one processor");
  command.add_flag("--no-layouts", options.no_layouts, "Use no kernels for tensors that are not row-major");
  command.add_option("--threads", options.threads, "Threads for CPU work (default: all cores)")
      ->type_name("N")
      ->check(CLI::Range(1u, 4096u));
  command
      .add_option(
          "--slice", options.slice_ms,
          "Longest time a GPU is kept busy without a gap, so that its screen stays smooth; 0: no limit (default: the "
          "device's own)")
      ->type_name("MS")
      ->check(real_number(0, 60000));
  command.add_option("--shape", options.shapes, "The shape of an input that the model leaves open; may be repeated")
      ->type_name("NAME=1,3,224,224")
      ->allow_extra_args(false);
  command
      .add_option("--table", options.table,
                  "A dispatch table, which chooses kernels by what was measured (default: MOTLEY_TABLE)")
      ->type_name("FILE");
  add_plugin_options(command, options.plugins);
}

Runtime make_runtime(const SessionOptions& options) {
  if (options.threads) set_thread_count(options.threads);
  Runtime runtime(options.plugins.runtime());
  options.plugins.warn_of_missing(runtime.plugins());
  return runtime;
}

std::pair<std::string, std::string> split_assignment(const std::string& text) {
  const size_t at = text.rfind('=');
  if (at == std::string::npos) return {"", text};
  return {text.substr(0, at), text.substr(at + 1)};
}

std::vector<int64_t> parse_shape(const std::string& text) {
  std::vector<int64_t> shape;
  for (const char *at = text.data(), *end = at + text.size(); at < end;) {
    int64_t value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    const bool separated = next == end || ((*next == ',' || *next == 'x') && next + 1 < end);
    if (error != std::errc() || value < 0 || !separated)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("the shape ({}) is not a list of sizes; write it as 1,3,224,224", text));
    shape.push_back(value);
    at = next == end ? end : next + 1;
  }
  return shape;
}

namespace {
std::string name_list(const std::vector<TensorInfo>& tensors) {
  std::string names;
  for (const TensorInfo& t : tensors) names += (names.empty() ? "" : ", ") + t.name;
  return names;
}
}  // namespace

CompileOptions compile_options(const SessionOptions& options, const Model& model, const std::string& devices) {
  CompileOptions result;
  result.devices = base::split(devices, ',');
  for (const std::string& set : options.deny)
    for (std::string& glob : base::split(set, ',')) result.deny.push_back(std::move(glob));
  for (const std::string& set : options.prefer)
    for (std::string& glob : base::split(set, ',')) result.prefer.push_back(std::move(glob));
  for (const Policy policy : {Policy::latency, Policy::throughput, Policy::power, Policy::memory})
    if (options.policy == to_string(policy)) result.policy = policy;
  result.error_budget = options.error_budget;
  result.deadline = std::chrono::nanoseconds(static_cast<int64_t>(options.deadline_ms * 1e6));
  result.fallback = !options.no_fallback;
  result.optimize = !options.no_optimize;
  result.split = !options.no_split;
  result.split_alike = options.split_alike;
  result.layouts = !options.no_layouts;
  for (const std::string& text : options.pins) {
    auto [node, device] = split_assignment(text);
    if (node.empty() || device.empty())
      throw Error(ErrorCode::invalid_argument, fmt::format("--pin takes NODE=DEVICE (got {})", text));
    result.pins.emplace_back(std::move(node), std::move(device));
  }
  if (options.slice_ms >= 0) result.slice = std::chrono::microseconds(std::llround(options.slice_ms * 1000));
  result.table = options.table;
  if (!options.table.empty()) result.bad_table = BadTable::fail;
  const std::vector<TensorInfo> inputs = model.inputs();
  for (const std::string& text : options.shapes) {
    auto [name, shape] = split_assignment(text);
    if (name.empty() && inputs.size() == 1) name = inputs.front().name;
    if (std::none_of(inputs.begin(), inputs.end(), [&](const TensorInfo& t) { return t.name == name; }))
      throw Error(ErrorCode::not_found, fmt::format("--shape names no input of the model ({}); its inputs are {}",
                                                    name.empty() ? text : name, name_list(inputs)));
    result.input_shapes[name] = parse_shape(shape);
  }
  return result;
}

void add_trace_option(CLI::App& command, std::string& path) {
  command.add_option("--trace", path, "Write what happened when, for ui.perfetto.dev or chrome://tracing")
      ->type_name("FILE.json");
}

void save_trace(base::AtomicFile& file, const std::vector<TraceEvent>& events) {
  const std::string json = trace_json(events);
  file.write(json.data(), json.size());
  file.commit();
}

std::string only_device_set(const SessionOptions& options) {
  std::string all;
  for (const std::string& set : options.device_sets) all += (all.empty() ? "" : ",") + set;
  return all;
}

Summary summarize(const graph::Module& module) {
  Summary summary;
  summary.graphs = module.graphs.size();
  std::map<const void*, uint64_t> constants;
  for (const graph::Graph& graph : module.graphs) {
    summary.nodes += graph.nodes.size();
    for (const graph::Node& node : graph.nodes) ++summary.ops[graph::describe_op(node)];
    for (const graph::Tensor& tensor : graph.tensors)
      if (tensor.constant) constants[tensor.constant->data] = tensor.constant->bytes;
  }
  for (const auto& [data, bytes] : constants) summary.weight_bytes += bytes;
  return summary;
}

std::string tensor_text(const TensorInfo& info) {
  const std::string shape = info.rank_known ? shape_text(info.shape, info.symbols) : "unknown rank";
  return fmt::format("{}  {} {}", info.name, to_string(info.type), shape);
}

Json shape_json(const TensorInfo& info) {
  if (!info.rank_known) return nullptr;
  Json shape = Json::array();
  for (size_t i = 0; i < info.shape.size(); ++i) {
    if (info.shape[i] >= 0) shape.push_back(info.shape[i]);
    else if (i < info.symbols.size() && !info.symbols[i].empty()) shape.push_back(info.symbols[i]);
    else shape.push_back(nullptr);
  }
  return shape;
}

void print_json(const Json& json) { fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace)); }

}  // namespace motley::cli
