// The tables of operators in docs/onnx-import.md are the importer's own. MOTLEY_WRITE_DOCS=1 writes them anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "convert/convert.hpp"

namespace motley::test {
namespace {

std::string table() {
  std::string text = "| operator | from |\n|---|---|\n";
  for (const auto& op : convert::supported_onnx_ops()) {
    text += "| " + (op.domain.empty() ? "" : op.domain + ".") + op.op + " | ";
    for (size_t i = 0; i < op.since.size(); ++i) text += (i ? ", " : "") + std::to_string(op.since[i]);
    text += " |\n";
  }
  text += "\n## Operators that are refused\n\n| operator | why |\n|---|---|\n";
  for (const auto& op : convert::refused_onnx_ops())
    text += "| " + (op.domain.empty() ? "" : op.domain + ".") + op.op + " | " + op.why + " |\n";
  return text;
}

TEST(ImportDocs, TheTablesAreUpToDate) {
  const std::string path = MOTLEY_SOURCE_DIR "/docs/onnx-import.md";
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  const size_t begin = text.str().find("| operator |");
  const std::string before = text.str().substr(0, begin);
  const std::string listed = begin == std::string::npos ? "" : text.str().substr(begin);
  if (std::getenv("MOTLEY_WRITE_DOCS")) {
    std::ofstream(path) << before << table();
    return;
  }
  EXPECT_EQ(listed, table()) << "run convert_tests with MOTLEY_WRITE_DOCS=1 and commit docs/onnx-import.md";
}

}  // namespace
}  // namespace motley::test
