// The entry points: read, import, infer.
#include "convert.hpp"

#include <algorithm>

#include "graph/infer.hpp"
#include "io/file.hpp"
#include "onnx/graph_import.hpp"
#include "onnx/read.hpp"

namespace motley::convert {
namespace {

std::string list_nodes(const std::vector<std::string>& nodes) {
  constexpr size_t kShown = 4;
  std::string text;
  for (size_t i = 0; i < nodes.size() && i < kShown; ++i) text += (i ? ", \"" : "\"") + nodes[i] + "\"";
  if (nodes.size() > kShown) text += " and " + std::to_string(nodes.size() - kShown) + " more";
  return text;
}

std::string describe(const std::vector<UnsupportedOp>& ops) {
  size_t nodes = 0;
  for (const UnsupportedOp& op : ops) nodes += op.nodes.size();
  std::string text =
      "the model uses what is not supported (" + std::to_string(nodes) + (nodes == 1 ? " place): " : " places): ");
  constexpr size_t kShown = 100;
  for (size_t i = 0; i < ops.size() && i < kShown; ++i) {
    const UnsupportedOp& op = ops[i];
    text += (i ? "; " : "") + (op.domain.empty() ? "" : op.domain + ".") + op.op;
    if (op.version > 0) text += " (opset " + std::to_string(op.version) + ")";
    text += " at " + list_nodes(op.nodes) + ": " + op.reason;
  }
  if (ops.size() > kShown) text += "; and " + std::to_string(ops.size() - kShown) + " more";
  return text;
}

}  // namespace

UnsupportedOps::UnsupportedOps(std::vector<UnsupportedOp> ops)
    : Error(ErrorCode::unsupported, describe(ops)), ops_(std::move(ops)) {}

graph::Module import_onnx(std::span<const std::byte> bytes, const std::filesystem::path& folder,
                          const ImportOptions& options, const std::string& what) {
  const auto progress = [&](std::string_view stage, double fraction) {
    if (options.progress) options.progress(stage, fraction);
  };
  progress("read", 0);
  ImportOptions checked = options;
  checked.limits.max_rank = std::min<uint32_t>(options.limits.max_rank, sdk::kMaxRank);
  graph::Module module = GraphImporter(parse_model(bytes, checked.limits, what), folder, checked).run();
  progress("import", 1);
  progress("infer", 0);
  graph::infer_shapes(module);
  progress("infer", 1);
  return module;
}

graph::Module import_onnx(const std::filesystem::path& path, const ImportOptions& options) {
  const io::MappedFile file(path);
  // A file name alone has no parent; its folder is the current one.
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  return import_onnx(file.bytes(), folder, options, "\"" + path.string() + "\"");
}

}  // namespace motley::convert
