// Pins, and networks whose nodes are spread over devices by force.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "networks.hpp"

namespace motley::test {
namespace {

const std::vector<std::string> kAll = {"reference", "cpu", "template", "virtual:gpu0", "virtual:gpu1"};

std::map<std::string, std::string> devices_of(const Session& session) {
  std::map<std::string, std::string> result;
  for (const Placement& p : session.explain().nodes)
    for (const std::string& origin : p.origins) result[origin] = p.device;
  return result;
}

TEST(Pins, DecideWhereNodesRun) {
  virtual_gpus();
  const Runtime rt = mixed_runtime();
  Session s = rt.compile(small_cnn(), {.devices = {"cpu"},
                                       .pins = {{"relu1", "template"}, {"conv*", "virtual:gpu1"}, {"conv2", "cpu"}},
                                       .optimize = false});
  auto at = devices_of(s);
  EXPECT_EQ(at["relu1"], "template");
  EXPECT_EQ(at["conv1"], "virtual:gpu1");
  EXPECT_EQ(at["conv2"], "virtual:gpu1") << "the first pin that fits counts";
  EXPECT_EQ(at["res"], "cpu");
  for (const Placement& p : s.explain().nodes)
    if (p.origins == std::vector<std::string>{"relu1"}) {
      EXPECT_EQ(p.reason, "pinned to it");
    }
  Session plain = rt.compile(small_cnn(), {.devices = {"reference"}});
  expect_close(outputs_of(s), outputs_of(plain), "pinned");
}

TEST(Pins, ReachWhatACompositeIsMadeOf) {
  virtual_gpus();
  const Runtime rt = mixed_runtime();
  Session s = rt.compile(small_cnn(), {.devices = {"cpu"}, .pins = {{"bn1", "reference"}}, .optimize = false});
  EXPECT_EQ(devices_of(s)["bn1"], "reference") << s.explain().to_string();
}

TEST(Pins, OfWhatADeviceDoesNotRunGoElsewhereOrFail) {
  virtual_gpus();
  const Runtime rt = mixed_runtime();
  Session s = rt.compile(small_cnn(), {.devices = {"cpu"}, .pins = {{"conv1", "template"}}, .optimize = false});
  bool said = false;
  for (const Placement& p : s.explain().nodes)
    if (p.origins.front() == "conv1") {
      EXPECT_EQ(p.device, "cpu");
      said = p.reason.find("pinned to template, which does not run it") == 0;
    }
  EXPECT_TRUE(said) << s.explain().to_string();
  try {
    rt.compile(small_cnn(),
               {.devices = {"cpu", "template"}, .fallback = false, .pins = {{"conv1", "template"}}, .optimize = false});
    FAIL() << "compiled";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::unsupported);
    EXPECT_NE(std::string(e.what()).find("pinned to template"), std::string::npos) << e.what();
  }
}

TEST(Pins, OfNothingAreErrors) {
  virtual_gpus();
  const Runtime rt = mixed_runtime();
  for (const Pins& pins : {Pins{{"conv9", "cpu"}}, Pins{{"conv1", "npu"}}}) {
    try {
      rt.compile(small_cnn(), {.pins = pins});
      FAIL() << "compiled";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::not_found);
      EXPECT_NE(std::string(e.what()).find(pins[0].first), std::string::npos) << e.what();
    }
  }
}

TEST(Placements, AlternatingOpByOp) {
  virtual_gpus();
  const Runtime rt = mixed_runtime();
  for (const bool optimize : {false, true}) {
    Session plain = rt.compile(small_cnn(), {.devices = {"reference"}, .optimize = optimize});
    for (const std::vector<std::string>& devices :
         {std::vector<std::string>{"cpu", "virtual:gpu0"}, {"reference", "cpu", "virtual:gpu1"}, kAll}) {
      const Pins pins = pin_all(plain, devices, [](size_t node, const auto&) { return node; });
      Session s = rt.compile(small_cnn(), {.devices = {"reference"}, .pins = pins, .optimize = optimize});
      std::set<std::string> used;
      for (const Placement& p : s.explain().nodes) used.insert(p.device);
      EXPECT_GE(used.size(), std::min<size_t>(devices.size(), 3)) << s.explain().to_string();
      expect_close(outputs_of(s), outputs_of(plain), s.explain().to_string());
      expect_close(outputs_of(s, 5), outputs_of(plain, 5), "a second run");
    }
  }
}

// Everything at random, from one seed: the network, where its nodes run, and how the GPUs reach memory.
TEST(Placements, AtRandomGiveTheSameResults) {
  VirtualGpuControl& gpus = virtual_gpus();
  const Runtime rt = mixed_runtime();
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const Model model = seed % 4 == 0 ? small_cnn() : random_network(seed, 8 + static_cast<int>(random() % 40));
    Session plain = rt.compile(model, {.devices = {"reference"}, .optimize = seed % 3 == 0});
    gpus.host = std::vector<uint32_t>{MOTLEY_EDGE_NONE, MOTLEY_EDGE_COPY, MOTLEY_EDGE_IMPORT}[random() % 3];
    gpus.peer = std::vector<uint32_t>{MOTLEY_EDGE_NONE, MOTLEY_EDGE_COPY, MOTLEY_EDGE_NATIVE}[random() % 3];
    gpus.wait = random() % 2 ? MOTLEY_EDGE_NATIVE : MOTLEY_EDGE_NONE;
    gpus.refuse_import = random() % 4 == 0;
    gpus.lends = random() % 2 == 0;
    gpus.second_takes_only = random() % 3 == 0;
    gpus.refuse_handle = random() % 4 == 0;
    const Pins pins = pin_all(plain, kAll, [&](size_t, const auto&) { return random(); });
    Session s = rt.compile(model, {.devices = {"reference"}, .pins = pins, .optimize = seed % 3 == 0});
    const std::string what = "seed " + std::to_string(seed);
    for (unsigned run = 1; run <= 2; ++run) expect_close(outputs_of(s, run), outputs_of(plain, run), what);
    if (HasFatalFailure()) break;
  }
}

TEST(Placements, SeveralGpusAtOnce) {
  VirtualGpuControl& gpus = virtual_gpus();
  const Runtime rt = mixed_runtime();
  Session plain = rt.compile(two_branches(8), {.devices = {"reference"}});
  for (const uint32_t peer : {MOTLEY_EDGE_NONE, MOTLEY_EDGE_COPY, MOTLEY_EDGE_NATIVE}) {
    gpus.peer = peer;
    Session s =
        rt.compile(two_branches(8), {.pins = {{"left*", "virtual:gpu0"}, {"*", "virtual:gpu1"}}, .optimize = false});
    std::set<std::string> used;
    for (const Placement& p : s.explain().nodes) used.insert(p.device);
    EXPECT_EQ(used, (std::set<std::string>{"virtual:gpu0", "virtual:gpu1"}));
    expect_close(outputs_of(s), outputs_of(plain), "peer access " + std::to_string(peer));
  }
}

}  // namespace
}  // namespace motley::test
