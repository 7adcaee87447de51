// Import for the subcommands.
#include "import.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "progress.hpp"
#include "text.hpp"

namespace motley::cli {

namespace {

constexpr size_t kNamesShown = 1000;

void list(const convert::UnsupportedOps& error) {
  for (const convert::UnsupportedOp& op : error.ops()) {
    std::string names;
    for (size_t i = 0; i < op.nodes.size() && i < kNamesShown; ++i) names += (i ? ", " : "") + op.nodes[i];
    if (op.nodes.size() > kNamesShown) names += fmt::format(" and {} more", op.nodes.size() - kNamesShown);
    const std::string domain = op.domain.empty() ? "" : op.domain + ".";
    const size_t count = op.nodes.size();
    fmt::print(stderr, "{}\n{}\n",
               printable(fmt::format("  {}{} (version {}), {} node{}: {}", domain, op.op, op.version, count,
                                     count == 1 ? "" : "s", op.reason)),
               printable(fmt::format("    at {}", names)));
  }
}

}  // namespace

graph::Module import_model(const std::filesystem::path& path, convert::ImportOptions options) {
  if (path.extension() != ".onnx")
    throw Error(ErrorCode::unsupported,
                fmt::format("the model \"{}\" has an extension ({}) that no importer reads; give an .onnx file",
                            path.string(), path.extension().string()));
  try {
    Progress progress("importing");
    options.progress = [&](std::string_view stage, double fraction) {
      // Three stages share the bar.
      const double begin = stage == "read" ? 0 : stage == "import" ? 0.2 : 0.6;
      const double part = stage == "read" ? 0.2 : 0.4;
      progress.update(static_cast<uint64_t>((begin + part * fraction) * 1000), 1000);
    };
    return convert::import_onnx(path, options);
  } catch (const convert::UnsupportedOps& error) {
    list(error);
    size_t nodes = 0;
    for (const convert::UnsupportedOp& op : error.ops()) nodes += op.nodes.size();
    throw Error(
        ErrorCode::unsupported,
        fmt::format(
            "the model \"{}\" has {} node{} (listed above) that Motley does not support; export it without them, or "
            "add the operators (docs/add-an-op.md)",
            path.string(), nodes, nodes == 1 ? "" : "s"));
  }
}

}  // namespace motley::cli
