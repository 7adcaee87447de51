// The ledger: what a tuning found out survives in its journal, however large the network.
#include "campaign/ledger.hpp"

#include <gtest/gtest.h>

#include "journal/record.hpp"
#include "table/text.hpp"
#include "temporary_folder.hpp"

namespace motley::tuner {
namespace {

using nlohmann::json;

json plan_row(const std::string& node) {
  return {{"graph_hash", std::string(64, 'a')},
          {"objective", "latency"},
          {"devices", {"cpu-1"}},
          {"expected_ns", 1000},
          {"bound_ns", 0},
          {"shapes", json::object()},
          {"segments", {{{"device", "cpu-1"}, {"nodes", {node}}}}}};
}

std::vector<json> plan_notes(const Journal& journal) {
  std::vector<json> plans;
  for (const json& note : journal.notes())
    if (note.at("kind") == "plan") plans.push_back(note);
  return plans;
}

// What the journal keeps of a plan.
std::vector<json> kept(const json& facts) {
  const TemporaryFolder folder;
  {
    Journal journal(folder / "journal");
    Ledger ledger(journal, nullptr, "test");
    ledger.add_plan(facts);
  }
  return plan_notes(Journal(folder / "journal"));
}

TEST(Ledger, KeepsAPlanWithItsDetails) {
  const auto notes = kept({{"model", "m"}, {"row", plan_row("conv")}, {"nodes", {"conv"}}});
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].at("row"), plan_row("conv"));
  EXPECT_EQ(notes[0].at("nodes"), json({"conv"}));
}

TEST(Ledger, KeepsThePlanWhereItsDetailsAreTooLargeForARecord) {
  const auto notes = kept({{"model", "m"}, {"row", plan_row("conv")}, {"nodes", std::string(kMaxRecordBytes, 'x')}});
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].at("row"), plan_row("conv"));
  EXPECT_FALSE(notes[0].contains("nodes"));
}

TEST(Ledger, APlanThatFitsNoRecordIsNotKept) {
  EXPECT_EQ(kept({{"model", "m"}, {"row", plan_row(std::string(kMaxRecordBytes, 'n'))}}).size(), 0u);
}

// A journal of another version, or one that somebody wrote into: what is no row of a table is measured again.
TEST(Ledger, NotesThatAreNoRowsDoNotCount) {
  const TemporaryFolder folder;
  {
    Journal journal(folder / "journal");
    journal.note("kernel", {{"problem", "p"}, {"device", "cpu-1"}, {"rigor", "measure"}, {"rows", {{{"config", ""}}}}});
    journal.note("kernel", {{"problem", "q"}, {"device", "cpu-1"}, {"rigor", "wild"}, {"rows", json::array()}});
    journal.note("kernel", {{"problem", "r"}, {"device", "cpu-1"}, {"rigor", "measure"}, {"rows", 7}});
    journal.note("plan", {{"row", {{"graph_hash", "a"}}}});
    journal.note("transfer", {{"row", {{"from", "host"}, {"to", "host"}, {"kind", "copy"}}}});
    journal.note("device", {{"row", {{"id", "cpu-1"}}}});
    journal.note("quarantine", {{"device", 3}});
  }
  Journal journal(folder / "journal");
  const Ledger ledger(journal, nullptr, "test");
  for (const char* problem : {"p", "q", "r"}) EXPECT_FALSE(ledger.known(problem, "cpu-1")) << problem;
  const json document = ledger.document();
  for (const char* list : {"devices", "kernels", "plans", "transfers"}) EXPECT_TRUE(document[list].empty()) << list;
}

json table_of(const std::string& problem, uint64_t median_ns) {
  json table = empty_document("other");
  table["devices"].push_back(
      {{"id", "d"},
       {"plugin", "p"},
       {"fingerprint", {{"hw", json::object()}, {"driver", json::object()}, {"kernels", json::object()}}}});
  table["kernels"].push_back({{"problem_key", problem},
                              {"device", "d"},
                              {"config", ""},
                              {"median_ns", median_ns},
                              {"mad_ns", 0u},
                              {"runs", 3u},
                              {"ratio_vs_default", 1.0},
                              {"ratio_high", 1.0},
                              {"error", {{"max_abs", 0.0}, {"max_rel", 0.0}}},
                              {"rigor", "measure"}});
  return table;
}

// What another tuner writes into the same table meanwhile.
TEST(Ledger, RowsOfALaterTableAreKeptBesideItsOwn) {
  const TemporaryFolder folder;
  Journal journal(folder / "journal");
  const json others = canonical(table_of("theirs", 7u)), own = canonical(table_of("ours", 5u));
  const std::string device = own["devices"][0]["id"];
  journal.note("device", {{"row", own["devices"][0]}});
  journal.note("kernel", {{"device", device}, {"problem", "ours"}, {"rigor", "measure"}, {"rows", own["kernels"]}});
  Ledger ledger(journal, nullptr, "test");
  EXPECT_EQ(ledger.document()["kernels"].size(), 1u);
  ledger.keep(others);
  const json both = ledger.document();
  ASSERT_EQ(both["kernels"].size(), 2u);
  EXPECT_EQ(both["devices"].size(), 1u);
  ledger.keep(canonical(table_of("ours", 9u)));
  ASSERT_EQ(ledger.document()["kernels"].size(), 1u);
  EXPECT_EQ(ledger.document()["kernels"][0]["median_ns"], 5u) << "its own count";
}

}  // namespace
}  // namespace motley::tuner
