// Merging, comparing and publishing tables.
#include "table/merge.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "samples.hpp"
#include "table/document.hpp"
#include "table/text.hpp"

namespace motley::test {
namespace {

using nlohmann::json;
using tuner::canonical;
using tuner::merge_tables;
using tuner::table_text;

std::string text_of(const json& document) { return table_text(canonical(document)); }

// As another writer could have put it: rows and devices in another order, other names of devices, rows twice.
json disguised(const json& document, std::mt19937& random) {
  json result = document;
  for (const char* list : {"kernels", "transfers", "plans"}) {
    if (!result[list].empty()) result[list].push_back(result[list][random() % result[list].size()]);
    std::shuffle(result[list].begin(), result[list].end(), random);
  }
  std::shuffle(result["devices"].begin(), result["devices"].end(), random);
  std::string text = result.dump();
  for (size_t at = 0; (at = text.find("\"dev", at)) != std::string::npos; ++at)
    if (text.compare(at, 9, "\"devices\"") != 0 && text.compare(at, 8, "\"device\"") != 0) text.replace(at, 4, "\"x.");
  return json::parse(text);
}

TEST(TableText, IsReadBackAndIsTheSameForAllWaysToSayIt) {
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    const json document = random_document(random);
    const std::string text = text_of(document);
    const json read = table::parse_document(text, "the table");
    ASSERT_EQ(text_of(read), text);
    ASSERT_EQ(text_of(disguised(document, random)), text) << document.dump(1);
  }
}

TEST(TableText, TheExampleIsCanonical) {
  const std::string path = SCHEMA_FOLDER "/valid/dispatch_table/everything.json";
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(text_of(table::read_document(path)), text);
  EXPECT_EQ(text_of(table::read_document(SCHEMA_FOLDER "/valid/dispatch_table/other_order.json")), text);
}

TEST(TableMerge, IsCommutativeAssociativeAndIdempotent) {
  std::mt19937 random(2);
  for (int i = 0; i < 100; ++i) {
    const json a = random_document(random), b = random_document(random), c = random_document(random);
    const json ab = merge_tables({a, b}), all = merge_tables({a, b, c});
    ASSERT_EQ(table_text(ab), table_text(merge_tables({b, a})));
    ASSERT_EQ(table_text(merge_tables({ab, c})), table_text(merge_tables({a, merge_tables({b, c})})));
    ASSERT_EQ(table_text(merge_tables({ab, c})), table_text(all));
    ASSERT_EQ(table_text(merge_tables({a, a})), text_of(a));
    ASSERT_EQ(table_text(merge_tables({all, b, all})), table_text(all));
    ASSERT_EQ(table_text(merge_tables({a, disguised(a, random)})), text_of(a));
    table::parse_document(table_text(all), "the merged table");
  }
}

TEST(TableMerge, KeepsEveryObservationAndPoolsThem) {
  std::mt19937 random(4);
  json a = random_document(random);
  a["kernels"] = json::array({kernel_row("p", "dev0", "c=1", 0.6), kernel_row("p", "dev0", "c=2", 0.9)});
  json b = a;
  b["kernels"] = json::array({kernel_row("p", "dev0", "c=1", 1.8), kernel_row("p", "dev0", "c=2", 0.91)});
  EXPECT_EQ(tuner::decisions_of(canonical(a)).at(0).config, "c=1");
  const json both = merge_tables({a, b});
  EXPECT_EQ(both["kernels"].size(), 4u);
  const auto decisions = tuner::decisions_of(both);
  ASSERT_EQ(decisions.size(), 1u);
  EXPECT_EQ(decisions[0].config, "c=2") << "not what was fastest once on one machine";
  EXPECT_EQ(decisions[0].observations, 4u);
}

TEST(TableMerge, NothingToMergeIsAnError) { EXPECT_THROW(merge_tables({}), Error); }

TEST(TableDiff, IsEmptyExactlyForTheSame) {
  std::mt19937 random(5);
  for (int i = 0; i < 100; ++i) {
    const json a = random_document(random);
    EXPECT_TRUE(tuner::diff_tables(a, disguised(a, random)).empty());
    json b = a;
    b["kernels"].push_back(kernel_row("another", "dev0", "", 1));
    const auto differences = tuner::diff_tables(a, b);
    ASSERT_EQ(differences.size(), 1u);
    EXPECT_EQ(differences[0].kind, tuner::Difference::Kind::added);
    EXPECT_EQ(differences[0].what, "kernel");
    const auto back = tuner::diff_tables(b, a);
    ASSERT_EQ(back.size(), 1u);
    EXPECT_EQ(back[0].kind, tuner::Difference::Kind::removed);
  }
}

TEST(TableDiff, SaysHowAChoiceChanged) {
  std::mt19937 random(6);
  json a = random_document(random);
  a["kernels"] = json::array({kernel_row("p", "dev0", "", 1), kernel_row("p", "dev0", "c=1", 0.8)});
  json b = a;
  b["kernels"].push_back(kernel_row("p", "dev0", "c=2", 0.4));
  const auto differences = tuner::diff_tables(a, b);
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].kind, tuner::Difference::Kind::changed);
  EXPECT_EQ(differences[0].before, "c=1 800000 ns");
  EXPECT_EQ(differences[0].after, "c=2 400000 ns");
  EXPECT_EQ(differences[0].ratio, 0.5);
}

TEST(TablePublish, TheOldFileStaysWhereTheNewOneIsWrong) {
  const Folder folder;
  std::mt19937 random(7);
  const json good = random_document(random);
  tuner::publish_table(good, folder / "t.json");
  const json before = table::read_document(folder / "t.json");
  json bad = good;
  bad["kernels"].push_back(kernel_row("p", "dev0", "no config", 0.5));
  EXPECT_THROW(tuner::publish_table(bad, folder / "t.json"), Error);
  bad["kernels"].back() = kernel_row("p", "dev0", "c=1", 0.5);
  bad["kernels"].back()["ratio_high"] = 0.4;
  EXPECT_THROW(tuner::publish_table(bad, folder / "t.json"), Error);
  EXPECT_EQ(table::read_document(folder / "t.json"), before);
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "")) files += entry.is_regular_file();
  EXPECT_EQ(files, 1u) << "nothing temporary is left";
  EXPECT_THROW(tuner::publish_table(good, folder / "none" / "t.json"), Error);
}

}  // namespace
}  // namespace motley::test
