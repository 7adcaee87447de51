// The one table of ops against the schema, inference, lowering and the library's limits on inputs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "graph/infer/rules.hpp"
#include "graph/lower.hpp"
#include "model/op_attributes.hpp"
#include "table.hpp"

namespace motley::op_table {
namespace {

using schema::Op;

// "A, B [, C]" → 2 needed, 3 in all. A word with … stands for any number.
struct Counts {
  uint32_t needed = 0, all = 0;
};
Counts count(std::string text) {
  Counts counts;
  bool optional = false, many = text.find("…") != std::string::npos, word = false;
  const auto finish = [&] {
    counts.all += word;
    counts.needed += word && !optional;
    word = false;
  };
  for (const char c : text) {
    if (c == '[' || c == ',') finish();
    if (c == '[') optional = true;
    else if (c != ',' && c != ' ' && c != ']') word = true;
  }
  finish();
  if (many) counts.all = UINT32_MAX;
  return counts;
}

TEST(OpTable, HasEveryOpOfTheSchemaOnce) {
  std::vector<Op> ops;
  for (const Row& row : rows()) ops.push_back(row.op);
  EXPECT_TRUE(std::is_sorted(ops.begin(), ops.end()));
  EXPECT_EQ(std::set<Op>(ops.begin(), ops.end()).size(), ops.size());
  for (const Op op : schema::EnumValuesOp())
    EXPECT_TRUE(std::binary_search(ops.begin(), ops.end(), op))
        << schema::EnumNameOp(op) << " has no row in core/src/graph/ops.inc";
}

TEST(OpTable, AgreesWithInferenceAndLowering) {
  for (const Row& row : rows()) {
    SCOPED_TRACE(schema::EnumNameOp(row.op));
    const graph::infer::Rule* rule = graph::infer::find_rule(row.op);
    ASSERT_NE(rule, nullptr);
    EXPECT_NE(rule->infer, nullptr);
    EXPECT_EQ(row.kind == Kind::primitive, row.op < Op::Transpose);
    EXPECT_EQ(row.kind == Kind::control, row.op >= Op::If);
    EXPECT_EQ(std::string(row.lowers_to).empty(), row.kind != Kind::composite);
    // An op without a lowering rule says so in its error; a rule complains of something else, as there are no inputs.
    graph::Graph graph;
    graph::Node node;
    node.op = row.op;
    node.name = "node";
    std::string message;
    try {
      graph::lower(graph, node);
    } catch (const Error& error) {
      message = error.what();
    }
    const bool ruled = message.find("no rule") == std::string::npos && message.find("primitive") == std::string::npos;
    EXPECT_EQ(ruled, row.kind == Kind::composite) << message;
  }
}

TEST(OpTable, NamesAsManyInputsAsTheOpTakes) {
  for (const Row& row : rows()) {
    if (row.kind == Kind::control) continue;
    SCOPED_TRACE(schema::EnumNameOp(row.op));
    const model::Arity arity = model::arity_of(row.op);
    const graph::infer::Rule* rule = graph::infer::find_rule(row.op);
    const Counts counts = count(row.inputs);
    EXPECT_EQ(counts.needed, arity.min_inputs);
    EXPECT_LE(counts.all, arity.max_inputs);
    EXPECT_GE(counts.all, rule->max_inputs == graph::infer::kMany ? UINT32_MAX : rule->max_inputs);
    EXPECT_EQ(row.attributes, model::attributes_of(row.op));
  }
}

TEST(OpTable, AttributesComeFromTheSchema) {
  std::ostringstream text;
  text << std::ifstream(MOTLEY_SOURCE_DIR "/schema/model.fbs").rdbuf();
  const Fields fields = read_fields(text.str());
  for (const Row& row : rows())
    EXPECT_TRUE(fields.contains(schema::EnumNameAttributes(row.attributes))) << schema::EnumNameOp(row.op);
  EXPECT_EQ(fields.at("LRNAttributes"), (std::vector<std::string>{"alpha", "beta", "bias", "size"}));
  EXPECT_TRUE(fields.at("NoAttributes").empty());
}

TEST(OpTable, EveryFieldIsFilledIn) {
  for (const Row& row : rows())
    for (const char* text : {row.section, row.inputs, row.types, row.result, row.meaning})
      EXPECT_TRUE(*text && !std::strchr(text, '|') && !std::strchr(text, '\n')) << schema::EnumNameOp(row.op);
}

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(OpTable, APluginThatIsNotBuiltKeepsItsColumn) {
  const std::string document = text_of(MOTLEY_SOURCE_DIR "/docs/ops.md");
  const Fields fields = read_fields(text_of(MOTLEY_SOURCE_DIR "/schema/model.fbs"));
  std::vector<Device> devices = columns_of(document);
  ASSERT_GE(devices.size(), 2u);
  EXPECT_EQ(devices[0].name, "reference");
  EXPECT_EQ(devices[0].kept.at("elements/Unary"), "✓");
  devices.push_back(
      {"gpu", {{"Conv", {4, 3}}, {"Unary", {2, 2}}, {"Unary(relu)", {1, 1}}, {"Unary(exp)", {1, 1}}}, {}});
  const std::string wider = fill_in(document, fields, devices);
  EXPECT_NE(wider.find("| " + devices.end()[-2].name + " | gpu |\n"), std::string::npos);
  std::vector<Device> again = columns_of(wider);
  ASSERT_EQ(again.size(), devices.size());
  EXPECT_EQ(again.back().kept.at("windows/Conv"), "partly");
  EXPECT_EQ(again.back().kept.at("functions/Unary"), "all");
  EXPECT_EQ(again[0].kept.at("elements/Cast"), devices[0].kept.at("elements/Cast"));
}

TEST(OpTable, ADocumentWithoutABlockIsRefused) { EXPECT_THROW(fill_in("# Ops\n", {}, {}), std::runtime_error); }

}  // namespace
}  // namespace motley::op_table
