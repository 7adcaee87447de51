// Networks spread over the reference plugin, the CPU and a GPU plugin, where a driver is there.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>

#include "networks.hpp"

namespace motley::test {
namespace {

class Gpu : public testing::TestWithParam<const char*> {
 protected:
  // The runtime with this plugin; without a device of it where nothing can be tested.
  void SetUp() override {
    RuntimeOptions options;
    options.standard_places = false;
    options.plugin_files = {MOTLEY_PLUGINS "/cpu.json", MOTLEY_PLUGINS "/reference.json"};
    const std::filesystem::path manifest = std::string(MOTLEY_PLUGINS "/") + GetParam() + ".json";
    if (!std::filesystem::exists(manifest)) GTEST_SKIP() << GetParam() << " is not built";
    options.plugin_files.push_back(manifest);
    runtime = std::make_unique<Runtime>(options);
    for (const DeviceInfo& info : runtime->devices())
      if (info.plugin == GetParam() && device.empty()) device = info.name;
    if (device.empty()) GTEST_SKIP() << "no device of " << GetParam() << " is here";
  }
  std::unique_ptr<Runtime> runtime;
  std::string device;
};

TEST_P(Gpu, RandomPlacementsGiveTheSameResults) {
  const std::vector<std::string> devices = {device, "cpu", "reference"};
  for (unsigned seed = 0; seed < 12; ++seed) {
    std::mt19937 random(seed);
    const Model model = seed % 3 == 0 ? small_cnn() : seed % 3 == 1 ? two_branches(6) : random_network(seed, 20);
    Session plain = runtime->compile(model, {.devices = {"reference"}, .optimize = seed % 2 == 0});
    // The first time op by op in turn.
    const Pins pins = pin_all(plain, devices, [&](size_t node, const auto&) { return seed == 0 ? node : random(); });
    Session s = runtime->compile(model, {.devices = {"reference"}, .pins = pins, .optimize = seed % 2 == 0});
    for (unsigned run = 1; run <= 2; ++run)
      expect_close(outputs_of(s, run), outputs_of(plain, run), "seed " + std::to_string(seed));
    if (HasFatalFailure()) break;
  }
}

TEST_P(Gpu, TracesHaveItsSegmentsAndKernels) {
  Session s = runtime->compile(two_branches(6),
                               {.devices = {"cpu"}, .pins = {{"left*", device}}, .optimize = false, .trace = true});
  for (int i = 0; i < 2; ++i) outputs_of(s);
  size_t segments = 0, nodes = 0;
  const TraceEvent* segment = nullptr;
  const auto events = s.trace();
  for (const TraceEvent& e : events) {
    if (e.device != device) continue;
    if (e.kind == TraceEvent::Kind::segment) segment = &e, ++segments;
    if (e.kind != TraceEvent::Kind::node) continue;
    ++nodes;
    ASSERT_TRUE(segment);
    EXPECT_GE(e.begin_ns, segment->begin_ns);
    EXPECT_LE(e.end_ns, segment->end_ns);
  }
  EXPECT_EQ(segments, 2u);
  EXPECT_GE(nodes, 12u);
}

TEST_P(Gpu, ConcatenatesWithoutCopies) {
  Session plain = runtime->compile(concatenations(), {.devices = {"reference"}, .optimize = false});
  Session s = runtime->compile(concatenations(), {.devices = {device}, .optimize = false, .trace = true});
  for (unsigned run = 1; run <= 2; ++run)
    expect_close(outputs_of(s, run), outputs_of(plain, run), "run " + std::to_string(run));
  std::map<std::string, size_t> kernels;
  for (const TraceEvent& e : s.trace())
    if (e.kind == TraceEvent::Kind::node && e.device == device) ++kernels[e.name];
  ASSERT_EQ(kernels["a"], 2u);  // in two runs
  // A tensor stands in one place: c in with_input, a in nested.
  EXPECT_EQ(kernels["nested"], 2u);
  EXPECT_EQ(kernels["both"], 2u);
  EXPECT_EQ(kernels["twice"], 2u);
  EXPECT_EQ(kernels["columns"], 4u);
  EXPECT_EQ(kernels["with_input"], 2u);
}

INSTANTIATE_TEST_SUITE_P(Plugins, Gpu, testing::Values("opencl", "vulkan"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace motley::test
