// T4 results as tables, and tables as T4 results.
#include "table/exchange.hpp"

#include <gtest/gtest.h>

#include "samples.hpp"
#include "table/merge.hpp"
#include "table/text.hpp"

namespace motley::test {
namespace {

using nlohmann::json;

json result(int tile, int unroll, std::vector<double> ms, const char* invalidity = "correct") {
  json times = {{"compilation", 0}};
  if (!ms.empty()) times["runtimes"] = ms;
  return {{"timestamp", ""},       {"configuration", {{"tile", tile}, {"unroll", unroll}}},
          {"times", times},        {"invalidity", invalidity},
          {"correctness", 1},      {"measurements", json::array()},
          {"objectives", {"time"}}};
}

// The first run of each is slower, as caches are cold.
tuner::Recording recording() {
  const json root = {{"schema_version", "1.0.0"},
                     {"metadata", {{"timeunit", "miliseconds"}}},
                     {"results",
                      {result(16, 1, {9, 2.0, 2.02, 1.98, 2.01}), result(32, 1, {9, 1.5, 1.51, 1.49, 1.5}),
                       result(32, 2, {0.5}), result(64, 1, {}, "compile"), result(64, 2, {9, 1.0, 9, 1.0, 9})}}};
  return tuner::read_t4(root.dump(), "the results");
}

tuner::Imported imported(const char* standard = "unroll=1,tile=16") {
  return tuner::import_recording(recording(), {"gemm n=64", standard, "gpu", {"unit=1\n", "version=3\n", "build=7\n"}});
}

TEST(TableExchange, T4ResultsBecomeRows) {
  const tuner::Imported got = imported();
  EXPECT_EQ(got.rows, 4u);
  EXPECT_EQ(got.failed, 1u);
  const json document = table::parse_document(tuner::table_text(tuner::canonical(got.document)), "the table");
  EXPECT_EQ(document["devices"][0]["fingerprint"]["driver"]["version"], "3");
  std::map<std::string, json> rows;
  for (const json& row : document["kernels"]) rows[row["config"]] = row;
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[""]["median_ns"], 2005000);
  EXPECT_EQ(rows[""]["runs"], 4);
  EXPECT_EQ(rows[""]["ratio_high"], 1);
  EXPECT_EQ(rows["tile=32,unroll=1"]["median_ns"], 1500000);
  EXPECT_NEAR(rows["tile=32,unroll=1"]["ratio_vs_default"].get<double>(), 1.5 / 2.005, 1e-9);
  EXPECT_LT(rows["tile=32,unroll=1"]["ratio_high"].get<double>(), 0.8);
  EXPECT_EQ(rows["tile=32,unroll=2"]["ratio_high"], 1e6) << "one run says nothing of the spread";

  const auto decisions = tuner::decisions_of(document);
  ASSERT_EQ(decisions.size(), 1u);
  EXPECT_EQ(decisions[0].config, "tile=32,unroll=1") << "neither the single run nor the noisy one";
}

TEST(TableExchange, TheDefaultMustHaveWorked) {
  EXPECT_THROW(imported("tile=64,unroll=1"), Error);
  EXPECT_THROW(imported("tile=7,unroll=1"), Error);
  EXPECT_THROW(imported("nonsense"), Error);
  EXPECT_THROW(imported(""), Error);
}

TEST(TableExchange, RowsBecomeT4ResultsThatReadBack) {
  const json document = tuner::canonical(imported().document);
  const tuner::Exported with_default = tuner::export_recording(document, "gemm n=64", "", "tile=16,unroll=1");
  EXPECT_EQ(with_default.left_out, 0u);
  const tuner::Recording back = tuner::read_t4(tuner::write_t4(with_default.recording), "the results");
  ASSERT_EQ(back.observations.size(), 4u);
  // And the same times come in again.
  const tuner::Imported again =
      tuner::import_recording(back, {"gemm n=64", "tile=16,unroll=1", "gpu", {"unit=1\n", "version=3\n", "build=7\n"}});
  std::map<std::string, uint64_t> before, after;
  for (const json& row : document["kernels"]) before[row["config"]] = row["median_ns"];
  for (const json& row : again.document["kernels"]) after[row["config"]] = row["median_ns"];
  EXPECT_EQ(after, before);

  EXPECT_EQ(tuner::export_recording(document, "gemm n=64", "", "").left_out, 1u)
      << "the default, whose values are not known";
  EXPECT_THROW(tuner::export_recording(document, "gemm n=65", "", ""), Error);
  EXPECT_THROW(tuner::export_recording(document, "gemm n=64", "another", ""), Error);
}

TEST(TableExchange, TheDeviceIsAskedForWhereSeveralHaveTheProblem) {
  std::mt19937 random(1);
  json document = random_document(random);
  while (document["devices"].size() < 2) document = random_document(random);
  document["kernels"] = json::array({kernel_row("p", "dev0", "c=1", 0.5), kernel_row("p", "dev1", "c=1", 0.5)});
  EXPECT_THROW(tuner::export_recording(document, "p", "", ""), Error);
  EXPECT_EQ(tuner::export_recording(document, "p", "dev1", "").recording.observations.size(), 1u);
}

}  // namespace
}  // namespace motley::test
