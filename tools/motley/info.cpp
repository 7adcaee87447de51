// motley info: what a model file holds.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "command.hpp"
#include "common.hpp"
#include "passes.hpp"
#include "text.hpp"

namespace motley::cli {

namespace {

constexpr size_t kMetadataShown = 160;

struct InfoOptions {
  std::string model;
  bool json = false, nodes = false, passes = false;
  SessionOptions session;  // its shapes
};

Json tensors_json(const std::vector<TensorInfo>& tensors) {
  Json list = Json::array();
  for (const TensorInfo& t : tensors)
    list.push_back({{"name", t.name}, {"type", to_string(t.type)}, {"shape", shape_json(t)}});
  return list;
}

uint64_t file_bytes(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

Json describe(const InfoOptions& options, const Model& model, const Summary& summary) {
  Json json = {
      {"file", options.model}, {"file_bytes", file_bytes(options.model)}, {"producer", model.module().producer}};
  json["inputs"] = tensors_json(model.inputs());
  json["outputs"] = tensors_json(model.outputs());
  json["node_count"] = summary.nodes;
  json["graph_count"] = summary.graphs;
  json["weight_bytes"] = summary.weight_bytes;
  json["ops"] = summary.ops;
  json["metadata"] = model.metadata();
  if (!options.nodes) return json;
  json["nodes"] = Json::array();
  for (const NodeInfo& node : model.nodes())
    json["nodes"].push_back({{"name", node.name}, {"op", node.op}, {"inputs", node.inputs}, {"outputs", node.outputs}});
  return json;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + (name.empty() ? "-" : name);
  return text;
}

void print_ops(const Summary& summary) {
  std::vector<std::pair<std::string, size_t>> ops(summary.ops.begin(), summary.ops.end());
  std::stable_sort(ops.begin(), ops.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string line;
  for (const auto& [op, count] : ops) line += fmt::format("{}{} {}", line.empty() ? "" : ", ", op, count);
  fmt::print("ops       {}\n", printable(line));
}

void print(const InfoOptions& options, const Model& model, const Summary& summary) {
  const auto graphs = summary.graphs > 1 ? fmt::format(" in {} graphs", summary.graphs) : "";
  fmt::print("{}: {} nodes{}, weights {}, file {}\n", printable(options.model), summary.nodes, graphs,
             bytes_text(static_cast<double>(summary.weight_bytes)),
             bytes_text(static_cast<double>(file_bytes(options.model))));
  if (!model.module().producer.empty()) fmt::print("producer  {}\n", printable(model.module().producer));
  for (const TensorInfo& t : model.inputs()) fmt::print("input     {}\n", printable(tensor_text(t)));
  for (const TensorInfo& t : model.outputs()) fmt::print("output    {}\n", printable(tensor_text(t)));
  print_ops(summary);
  for (const auto& [key, value] : model.metadata()) {
    std::string text = value;
    std::replace(text.begin(), text.end(), '\n', ' ');
    if (text.size() > kMetadataShown)
      text = fmt::format("{}… ({} bytes)", text.substr(0, kMetadataShown), value.size());
    fmt::print("metadata  {}: {}\n", printable(key), printable(text));
  }
  if (!options.nodes) return;
  Table table({"node", "op", "inputs", "outputs"});
  for (const NodeInfo& node : model.nodes()) table.row({node.name, node.op, joined(node.inputs), joined(node.outputs)});
  fmt::print("\n{}", table.text());
}

void info(const InfoOptions& options) {
  const Model model = open_model(options.model);
  const Summary summary = summarize(model.module());
  std::optional<PassSummary> passes;
  if (options.passes) passes = run_passes(model.module(), compile_options(options.session, model, ""));
  if (!options.json) {
    print(options, model, summary);
    if (passes) print(*passes);
    return;
  }
  Json json = describe(options, model, summary);
  if (passes) json["optimizer"] = to_json(*passes);
  print_json(json);
}

}  // namespace

void add_info(CLI::App& app) {
  auto options = std::make_shared<InfoOptions>();
  CLI::App* command = app.add_subcommand("info", "Show what a model file holds");
  command->footer("Example: motley info model.motley --nodes");
  command->add_option("MODEL", options->model, "A .motley or .onnx file")->required();
  command->add_flag("--nodes", options->nodes, "List every node");
  command->add_flag("--passes", options->passes, "Say what each pass of the optimizer does to the model");
  command
      ->add_option("--shape", options->session.shapes, "For --passes: the shape of an input that the model leaves open")
      ->type_name("NAME=1,3,224,224")
      ->allow_extra_args(false);
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { info(*options); });
}

}  // namespace motley::cli
