// motley report: what it refuses, its facts, and the page where this build has one.
#include "program.hpp"

namespace motley::test {

namespace {

const std::string kTable = MOTLEY_SOURCE_DIR "/schema/valid/dispatch_table/everything.json";

}  // namespace

TEST(Report, RefusesWhatItCannotUse) {
  const Scratch scratch;
  EXPECT_TRUE(fails_with(motley({"report", kTable}), "-o report.html"));
  EXPECT_TRUE(fails_with(motley({"report", "/no/such/table.json", "--json"}), "/no/such/table.json"));
  EXPECT_TRUE(fails_with(motley({"report", scratch.path(), "--json"}), scratch.path()));
  EXPECT_TRUE(fails_with(motley({"report", MOTLEY_SOURCE_DIR "/schema/invalid/dispatch_table/two_keys.json", "--json"}),
                         "twice (runs)"));
  EXPECT_TRUE(fails_with(motley({"report", kTable, kTable, "--model", digits_onnx(), "--json"}), "merge them first"));
  write_text(scratch / "journal", "{\"journal\":\"motley.journal/1\"}\n");
  EXPECT_TRUE(fails_with(motley({"report", scratch / "journal", "--json"}), "no line that can be read"));
  EXPECT_EQ(motley({"report"}).code, 2);
}

TEST(Report, FactsOfATableAndAModel) {
  const Outcome outcome = motley(
      {"report", kTable, "--model", digits_onnx(), "--devices", "cpu", "--runs", "2", "--compare", kTable, "--json"});
  ASSERT_EQ(outcome.code, 0)
      << outcome.err;  // where the plugins of the table are here, a warning says that they changed
  const nlohmann::json facts = outcome.json();
  EXPECT_EQ(facts["schema"], "motley.report/1");
  EXPECT_EQ(facts["problems"].size(), 3u);
  EXPECT_EQ(facts["comparison"]["geometric_mean"], 1);
  EXPECT_EQ(facts["session"]["runs"], 2);
  EXPECT_GT(facts["session"]["nodes"].size(), 3u);
  bool told = false;
  for (const auto& warning : facts["warnings"])
    told = told || warning.get<std::string>().find("not used as measured") != std::string::npos;
  EXPECT_TRUE(told) << "the table is of other hardware: " << facts["warnings"];
}

TEST(Report, WritesThePageOrSaysWhyNot) {
  const Scratch scratch;
  const std::string file = scratch / "report.html";
  const Outcome outcome = motley({"report", kTable, "-o", file});
  if (outcome.code != 0) {
    EXPECT_TRUE(fails_with(outcome, "built without the report's page"));
    EXPECT_EQ(scratch.file_count(), 0u);
    return;
  }
  const std::vector<char> bytes = read_file(file);
  const std::string page(bytes.begin(), bytes.end());
  EXPECT_TRUE(page.starts_with("<!doctype html>"));
  EXPECT_NE(page.find("\"motley.report/1\""), std::string::npos);
  EXPECT_NE(page.find("algorithm=winograd"), std::string::npos);
  EXPECT_EQ(page.find("@MOTLEY"), std::string::npos) << "nothing is left to fill in";
}

}  // namespace motley::test
