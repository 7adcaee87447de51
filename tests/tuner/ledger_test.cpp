// The ledger: what a tuning found out survives in its journal, however large the network.
#include "campaign/ledger.hpp"

#include <gtest/gtest.h>

#include "journal/record.hpp"
#include "temporary_folder.hpp"

namespace motley::tuner {
namespace {

using nlohmann::json;

json plan_row(const std::string& node) {
  return {{"graph_hash", std::string(64, 'a')},
          {"objective", "latency"},
          {"devices", {"cpu-1"}},
          {"expected_ns", 1000},
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

}  // namespace
}  // namespace motley::tuner
