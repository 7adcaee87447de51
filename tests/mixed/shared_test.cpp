// Memory that devices share by file descriptors: two virtual GPUs over files without a name.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "networks.hpp"
#include "plan/cost.hpp"

namespace motley::test {
namespace {

const char *kFirst = "virtual:gpu0", *kSecond = "virtual:gpu1";

size_t open_files() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

// The left branch on one GPU, the rest on the other: x goes to both, the branch's end crosses.
CompileOptions spread(const char* left, const char* rest) {
  return {.devices = {kFirst, kSecond, "cpu"},
          .fallback = false,
          .pins = {{"left*", left}, {"*", rest}},
          .optimize = false};
}

std::string way_of(const Session& session, const std::string& from, const std::string& to) {
  std::string ways;
  for (const Transfer& t : session.explain().transfers)
    if (t.from == from && t.to == to) ways += (ways.empty() ? "" : ", ") + t.way;
  return ways;
}

class Shared : public testing::Test {
 protected:
  Shared() : gpus(virtual_gpus()), rt(mixed_runtime()), plain(rt.compile(two_branches(5), {.devices = {"reference"}})) {
    gpus.lends = true;
  }
  void expect_right(Session& s, const char* when) {
    for (unsigned seed = 1; seed < 4; ++seed) expect_close(outputs_of(s, seed), outputs_of(plain, seed), when);
  }

  VirtualGpuControl& gpus;
  Runtime rt;
  Session plain;
};

TEST_F(Shared, TensorsCrossWithoutACopy) {
  const size_t files = open_files();
  for (int session = 0; session < 3; ++session) {
    gpus.maps = gpus.exports = gpus.taken = 0;
    Session s = rt.compile(two_branches(5), spread(kFirst, kSecond));
    EXPECT_EQ(gpus.exports, 2) << s.explain().to_string();
    EXPECT_EQ(gpus.taken, 2);
    outputs_of(s);
    gpus.maps = 0;
    expect_right(s, "shared");
    EXPECT_EQ(gpus.maps, 2 * 3) << "x to one GPU and y to the host, in each run";
    EXPECT_EQ(gpus.exports, 2) << "once, when the memory is made";
    // Whichever GPU comes first gets x from the host.
    EXPECT_EQ(way_of(s, kFirst, kSecond) == "shared fd, shared fd", way_of(s, kSecond, kFirst).empty());
    EXPECT_NE(s.explain().to_string().find("by shared fd"), std::string::npos);
  }
  EXPECT_EQ(open_files(), files);
}

TEST_F(Shared, EitherSideMayBeTheOneThatAllocates) {
  gpus.second_takes_only = true;
  for (const auto& [left, rest] : {std::pair(kFirst, kSecond), {kSecond, kFirst}}) {
    gpus.exports = gpus.taken = 0;
    Session s = rt.compile(two_branches(5), spread(left, rest));
    EXPECT_EQ(way_of(s, left, rest).substr(0, 9), "shared fd") << s.explain().to_string();
    EXPECT_EQ(gpus.taken, 2);
    expect_right(s, left);
  }
}

TEST_F(Shared, WhatIsRefusedIsCopied) {
  const size_t files = open_files();
  for (std::atomic<bool>* refusal : {&gpus.refuse_shared, &gpus.refuse_export, &gpus.refuse_handle}) {
    gpus.reset();
    gpus.lends = true;
    *refusal = true;
    Session s = rt.compile(two_branches(5), spread(kFirst, kSecond));
    EXPECT_EQ(gpus.taken, 0);
    EXPECT_EQ(s.explain().to_string().find("shared fd"), std::string::npos) << s.explain().to_string();
    EXPECT_NE(way_of(s, kFirst, kSecond).find("map"), std::string::npos);
    expect_right(s, "refused");
    EXPECT_TRUE(s.explain().lost.empty());
  }
  EXPECT_EQ(open_files(), files);
}

TEST_F(Shared, OtherHardwareNeverGetsAHandle) {
  gpus.strangers = true;
  Session s = rt.compile(two_branches(5), spread(kFirst, kSecond));
  EXPECT_EQ(gpus.exports, 0);
  EXPECT_EQ(s.explain().to_string().find("shared fd"), std::string::npos);
  expect_right(s, "strangers");
}

// Where both devices work on the host's memory, a tensor that the host needs too lies there once for all.
TEST_F(Shared, TheHostsMemoryServesAllWhereDevicesWorkOnIt) {
  gpus.host = MOTLEY_EDGE_IMPORT;
  Session s = rt.compile(two_branches(5), spread(kFirst, kSecond));
  EXPECT_EQ(gpus.exports, 1) << "the branch's end, which the host never sees: " << s.explain().to_string();
  EXPECT_EQ(gpus.imports, 3) << "x for both, and y";
  expect_right(s, "imported");
}

TEST_F(Shared, CallersMemoryAndKeptTensorsStayRight) {
  CompileOptions options = spread(kFirst, kSecond);
  options.keep = {"left4", "left2"};
  Session s = rt.compile(two_branches(5), options);
  alignas(64) static float x[256], y[256];
  s.input("x").bind(std::span<float>(x));
  s.output("y").bind(std::span<float>(y));
  for (unsigned seed = 1; seed < 4; ++seed) {
    const std::vector<float> values = noise(256, seed);
    std::copy(values.begin(), values.end(), x);
    s.run();
    expect_close({y, y + 256}, outputs_of(plain, seed), "bound memory");
  }
  s.input("x").bind(std::span<float>());
  s.output("y").bind(std::span<float>());
  outputs_of(s, 9);
  const auto y_again = s.output("y").as<float>();
  expect_close({y_again.begin(), y_again.end()}, outputs_of(plain, 9), "own memory again");
}

TEST_F(Shared, PlansCountTheWaitAlone) {
  plugin::DiscoveryOptions options;
  options.standard_places = false;
  options.files = {MOTLEY_TEST_PLUGINS "/libmotley_virtual_gpu.so"};
  const plugin::Registry registry = plugin::discover(options);
  std::vector<plugin::Device*> owners;
  for (const auto& device : registry.devices) device->handle(), owners.push_back(device.get());
  ASSERT_EQ(owners.size(), 2u);
  // What a tensor costs from one GPU to the other: to begin with, and per byte.
  const auto between = [&] {
    place::Sketch sketch;
    plan::add_moves(owners, nullptr, sketch);
    return std::pair(sketch.moves[2 * (1 * 3 + 2)], sketch.moves[2 * (1 * 3 + 2) + 1]);
  };
  const auto shared = between();
  EXPECT_EQ(shared.second, 0);
  gpus.strangers = true;
  const auto copied = between();
  EXPECT_GT(copied.second, 0);
  EXPECT_LT(shared.first, copied.first);
}

TEST_F(Shared, TracesNameTheWay) {
  CompileOptions options = spread(kFirst, kSecond);
  options.trace = true;
  Session s = rt.compile(two_branches(5), options);
  outputs_of(s);
  const auto events = s.trace();
  const auto is_shared = [](const TraceEvent& e) {
    return e.kind == TraceEvent::Kind::transfer && e.detail.find("by shared fd") != std::string::npos;
  };
  EXPECT_EQ(std::count_if(events.begin(), events.end(), is_shared), 2);
}

// Either device is lost at every call: what they shared is given back by both, in any order, and the request completes.
TEST_F(Shared, ALostDeviceLeavesNothingBehind) {
  const std::vector<float> want = outputs_of(plain);
  for (const int device : {0, 1})
    for (const motley_status status : {MOTLEY_DEVICE_LOST, MOTLEY_OUT_OF_MEMORY}) {
      int calls = 1;
      size_t files = 0, lost = 0;
      for (int i = -1; i <= calls; ++i) {
        SCOPED_TRACE("device " + std::to_string(device) + ", call " + std::to_string(i));
        gpus.reset();
        gpus.lends = true;
        gpus.counted = device;
        gpus.status = status;
        gpus.fail_at = i;
        {
          Session s = rt.compile(two_branches(5), spread(kFirst, kSecond));
          for (int run = 0; run < 2; ++run) expect_close(outputs_of(s), want, "lost");
          lost += s.explain().lost.size();
        }
        if (i < 0) calls = gpus.calls, files = open_files();
        EXPECT_EQ(open_files(), files);
        ASSERT_GT(calls, 5);
      }
      EXPECT_GT(lost, 3u) << "of " << calls;
    }
}

}  // namespace
}  // namespace motley::test
