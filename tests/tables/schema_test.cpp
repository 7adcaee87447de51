// The schemas say what readers take and writers write.
#include <gtest/gtest.h>

#include <fstream>

#include "campaign/ledger.hpp"
#include "json_schema.hpp"
#include "samples.hpp"
#include "table/document.hpp"
#include "table/text.hpp"

namespace motley::test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

json parsed(const fs::path& path) { return json::parse(std::ifstream(path)); }

const json& table_schema() {
  static const json schema = parsed(fs::path(SCHEMA_FOLDER) / "dispatch_table.schema.json");
  return schema;
}

TEST(Schemas, ValidTablesConform) {
  const JsonSchema schema(table_schema());
  for (const auto& entry : fs::directory_iterator(fs::path(SCHEMA_FOLDER) / "valid" / "dispatch_table"))
    EXPECT_EQ(schema.problem_of(parsed(entry.path())), "") << entry.path();
  std::mt19937 random(11);
  for (int i = 0; i < 100; ++i) {
    const json document = json::parse(tuner::table_text(tuner::canonical(random_document(random))));
    EXPECT_EQ(schema.problem_of(document), "") << document.dump();
  }
}

// What the schema itself refuses, the reader refuses; the schema cannot say everything that the reader checks.
TEST(Schemas, WhatTheTablesSchemaRefusesIsRefused) {
  const JsonSchema schema(table_schema());
  size_t refused = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(SCHEMA_FOLDER) / "invalid" / "dispatch_table")) {
    json document;
    try {
      document = parsed(entry.path());
    } catch (const json::exception&) {
      continue;  // no JSON
    }
    refused += !schema.problem_of(document).empty();
  }
  EXPECT_GE(refused, 30u);
}

TEST(Schemas, CandidatesAndErrorsOfPlansAreReadAndWritten) {
  json document = table_for_small_cnn();
  json row = document["kernels"][0];
  row["candidate"] = row["config"] = "precision=f16";
  document["kernels"].push_back(row);
  document["plans"].push_back({{"graph_hash", "ab"},
                               {"shapes", json::object()},
                               {"devices", {"here"}},
                               {"objective", "latency"},
                               {"segments", {{{"device", "here"}, {"nodes", {"a"}}, {"configs", {"precision=f16"}}}}},
                               {"expected_ns", 5},
                               {"bound_ns", 0},
                               {"error", 0.25}});
  const std::string text = tuner::table_text(tuner::canonical(document));
  const json read = table::parse_document(text, "the text");
  EXPECT_EQ(JsonSchema(table_schema()).problem_of(read), "");
  const table::Table table = table::table_of(read);
  EXPECT_EQ(table.plans.at(0).error, 0.25);
  size_t candidates = 0;
  for (const table::KernelRow& kernel : table.kernels) candidates += kernel.candidate == "precision=f16";
  EXPECT_EQ(candidates, 1u);
  for (const char* wrong : {"\"candidate\": \"precision\"", "\"candidate\": 1", "\"error\": -1"}) {
    std::string damaged = text;
    const std::string right =
        std::string(wrong).starts_with("\"error") ? "\"error\": 0.25" : "\"candidate\": \"precision=f16\"";
    damaged.replace(damaged.find(right), right.size(), wrong);
    EXPECT_THROW(table::parse_document(resealed(damaged), "the text"), Error) << wrong;
  }
}

}  // namespace
}  // namespace motley::test
