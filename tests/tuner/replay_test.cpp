// Searches on recordings: made-up ones, and those of real devices where they are there.
#include "replay/replay.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "formats/read.hpp"

namespace motley::tuner {
namespace {

// Kernel "k" on a device: costs of x = 1, 2, 4 by y = 0, 1; zero failed.
Recording recording(const std::string& device, const std::vector<double>& costs) {
  Recording r;
  r.kernel = "k", r.device = device;
  r.parameters = {{"x", {1, 2, 4}, 0}, {"y", {0, 1}, 0}};
  for (uint16_t i = 0; i < costs.size(); ++i) {
    Observation o;
    o.config = {static_cast<uint16_t>(i / 2), static_cast<uint16_t>(i % 2)};
    o.validity = costs[i] > 0 ? Validity::correct : Validity::runtime;
    if (costs[i] > 0) o.runs_ns = {costs[i]};
    r.observations.push_back(o);
  }
  return r;
}

TEST(Replay, TriesWhatWasBestOnSiblingsFirst) {
  const RecordedSpace here("here", recording("a", {4, 3, 8, 2, 0, 9})), there("there", recording("b", {5, 0, 6, 9, 3, 7}));
  ASSERT_TRUE(there.is_sibling_of(here));
  EXPECT_FALSE(here.is_sibling_of(here));
  const Sibling sibling = there.as_sibling_for(here, {{4, 3}, {0, 5}, {1, 0}});
  ASSERT_EQ(sibling.costs, (std::vector<double>{3, 5, 0}));
  const ReplayResult result = replay(here, "motley", 6, 1, {sibling});
  EXPECT_EQ(result.observed[0].candidate, 4u);
  EXPECT_EQ(result.fractions[0], 0) << "which fails here";
  EXPECT_EQ(result.fractions.back(), 1);
}

// What was recorded on the other two devices leads to a config that few searches find without it.
TEST(Replay, RecordingsOfSiblingsHelp) {
  const std::filesystem::path folder = std::filesystem::path(MOTLEY_SOURCE_DIR) / "../shared/data/tuning";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no recorded data at " << folder;
  std::vector<RecordedSpace> spaces;
  for (const char* device : {"W6600", "A4000", "A100"})
    spaces.emplace_back(device, read_recording(folder / ("convolution_" + std::string(device) + "_T4.json.gz")));
  std::vector<Sibling> siblings;
  for (size_t s = 1; s < spaces.size(); ++s) {
    std::vector<Observed> all;
    for (size_t id = 0; id < spaces[s].candidates().size(); ++id) all.push_back({id, spaces[s].cost(id)});
    siblings.push_back(spaces[s].as_sibling_for(spaces[0], all));
  }
  double with = 0, without = 0;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    with += replay(spaces[0], "motley", 50, seed, siblings).fractions.back() / 3;
    without += replay(spaces[0], "motley", 50, seed).fractions.back() / 3;
  }
  EXPECT_GT(with, 0.95);
  EXPECT_GT(with, without);
}

}  // namespace
}  // namespace motley::tuner
