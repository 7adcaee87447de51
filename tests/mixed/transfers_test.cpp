// How tensors get from device to device, and what works at the same time.
#include <gtest/gtest.h>

#include <algorithm>

#include "networks.hpp"

namespace motley::test {
namespace {

struct Found {
  size_t share = 0, import = 0, copy = 0, map = 0;
};
Found ways_of(const Session& session) {
  Found found;
  for (const Transfer& t : session.explain().transfers)
    ++(t.way == "share" ? found.share : t.way == "import" ? found.import : t.way == "copy" ? found.copy : found.map);
  return found;
}

const std::vector<std::pair<std::string, std::string>> kLeftOnGpu = {{"left*", "virtual:gpu0"}, {"*", "cpu"}};

TEST(Transfers, TakeTheCheapestWayThatTheEdgeAllows) {
  VirtualGpuControl& gpus = virtual_gpus();
  const Runtime rt = mixed_runtime();
  Session plain = rt.compile(two_branches(5), {.devices = {"reference"}});
  const auto session = [&](uint32_t host) {
    gpus.reset();
    gpus.host = host;
    Session s = rt.compile(two_branches(5), {.pins = kLeftOnGpu, .optimize = false});
    expect_close(outputs_of(s), outputs_of(plain), "first run");
    expect_close(outputs_of(s, 7), outputs_of(plain, 7), "second run");
    return ways_of(s);
  };
  Found found = session(MOTLEY_EDGE_NONE);
  EXPECT_EQ(found.map, 2u);  // x there, the branch's end back
  EXPECT_EQ(gpus.maps, 4);
  EXPECT_EQ(gpus.copies + gpus.imports, 0);
  found = session(MOTLEY_EDGE_COPY);
  EXPECT_EQ(found.copy, 2u);
  EXPECT_EQ(gpus.copies, 4);
  EXPECT_EQ(gpus.maps, 0);
  found = session(MOTLEY_EDGE_IMPORT);
  EXPECT_EQ(found.import, 2u);
  EXPECT_EQ(gpus.imports, 2) << "once, when the memory is made";
  EXPECT_EQ(gpus.copies, 0);
}

TEST(Transfers, ARefusedImportIsCopied) {
  VirtualGpuControl& gpus = virtual_gpus();
  gpus.host = MOTLEY_EDGE_IMPORT;
  gpus.refuse_import = true;
  const Runtime rt = mixed_runtime();
  Session plain = rt.compile(two_branches(5), {.devices = {"reference"}});
  Session s = rt.compile(two_branches(5), {.pins = kLeftOnGpu, .optimize = false});
  EXPECT_EQ(ways_of(s).map, 2u) << s.explain().to_string();
  expect_close(outputs_of(s), outputs_of(plain), "refused");
}

TEST(Transfers, MemoryOfTheCallerIsImportedToo) {
  VirtualGpuControl& gpus = virtual_gpus();
  gpus.host = MOTLEY_EDGE_IMPORT;
  const Runtime rt = mixed_runtime();
  Session plain = rt.compile(two_branches(4), {.devices = {"reference"}});
  Session s = rt.compile(two_branches(4), {.devices = {"virtual:gpu0"}, .optimize = false});
  alignas(64) static float x[256], y[256];
  s.input("x").bind(std::span<float>(x));
  s.output("y").bind(std::span<float>(y));
  for (unsigned seed = 1; seed < 4; ++seed) {
    const std::vector<float> values = noise(256, seed);
    std::copy(values.begin(), values.end(), x);
    s.run();
    expect_close({y, y + 256}, outputs_of(plain, seed), "bound memory");
  }
  EXPECT_EQ(gpus.imports, 4) << "input and output, before and after binding";
  s.input("x").bind(std::span<float>());
  s.output("y").bind(std::span<float>());
  expect_close(outputs_of(s, 9), outputs_of(plain, 9), "own memory again");
}

TEST(Transfers, MoveATensorOncePerDevice) {
  VirtualGpuControl& gpus = virtual_gpus();
  const Runtime rt = mixed_runtime();
  Session plain = rt.compile(small_cnn(), {.devices = {"reference"}, .optimize = false});
  for (const uint32_t host : {MOTLEY_EDGE_NONE, MOTLEY_EDGE_COPY, MOTLEY_EDGE_IMPORT}) {
    gpus.reset();
    gpus.host = host;
    // relu1's result is read by conv2 and, in a later segment, by res.
    Session s = rt.compile(
        small_cnn(),
        {.pins = {{"conv2", "virtual:gpu0"}, {"res", "virtual:gpu0"}, {"relu2", "virtual:gpu0"}, {"*", "cpu"}},
         .keep = {"conv2"},
         .optimize = false});
    const auto transfers = s.explain().transfers;
    EXPECT_EQ(std::count_if(transfers.begin(), transfers.end(),
                            [](const Transfer& t) { return t.tensor == "relu1_out" && t.to == "virtual:gpu0"; }),
              1)
        << s.explain().to_string();
    expect_close(outputs_of(s), outputs_of(plain), "moved once");
  }
}

TEST(Transfers, BetweenDevicesSkipTheHostWhereTheyCan) {
  VirtualGpuControl& gpus = virtual_gpus();
  const Runtime rt = mixed_runtime();
  Session plain = rt.compile(two_branches(6), {.devices = {"reference"}});
  const auto straight = [](const Session& s) {
    const auto t = s.explain().transfers;
    return std::count_if(t.begin(), t.end(),
                         [](const Transfer& m) { return m.from == "virtual:gpu0" && m.to == "virtual:gpu1"; });
  };
  for (const uint32_t peer : {MOTLEY_EDGE_NONE, MOTLEY_EDGE_COPY, MOTLEY_EDGE_NATIVE})
    for (const uint32_t wait : {MOTLEY_EDGE_NONE, MOTLEY_EDGE_NATIVE}) {
      gpus.reset();
      gpus.peer = peer;
      gpus.wait = wait;
      Session s =
          rt.compile(two_branches(6), {.pins = {{"left*", "virtual:gpu0"}, {"*", "virtual:gpu1"}}, .optimize = false});
      EXPECT_EQ(straight(s), 1) << s.explain().to_string();
      gpus.waits = 0;
      expect_close(outputs_of(s), outputs_of(plain), "peer " + std::to_string(peer));
      if (peer != MOTLEY_EDGE_NONE && wait == MOTLEY_EDGE_NATIVE) {
        // The host waits at the end alone: a submission per device, join, and the copy where there is one, each asked
        // once.
        EXPECT_EQ(gpus.waits, 3 + (peer == MOTLEY_EDGE_COPY));
      }
    }
}

// Without looking at a clock: the GPU has its work before the CPU begins its own, and is waited for after that.
TEST(Overlap, TheHostWorksWhileTheGpuDoes) {
  VirtualGpuControl& gpus = virtual_gpus();
  const Runtime rt = mixed_runtime();
  for (const uint32_t host : {MOTLEY_EDGE_NONE, MOTLEY_EDGE_COPY, MOTLEY_EDGE_IMPORT}) {
    gpus.reset();
    gpus.host = host;
    gpus.delay_us = 2000;
    Session s = rt.compile(two_branches(6), {.pins = kLeftOnGpu, .optimize = false, .trace = true});
    outputs_of(s);
    uint64_t submitted = 0, cpu_begin = 0, cpu_end = 0, waited = 0;
    for (const TraceEvent& e : s.trace()) {
      if (e.kind == TraceEvent::Kind::submit && !submitted) submitted = e.end_ns;
      if (e.kind == TraceEvent::Kind::segment && e.device == "cpu" && !cpu_begin)
        cpu_begin = e.begin_ns, cpu_end = e.end_ns;
      if (e.kind == TraceEvent::Kind::wait && !waited) waited = e.begin_ns;
    }
    EXPECT_GT(submitted, 0u);
    EXPECT_LE(submitted, cpu_begin);
    EXPECT_LE(cpu_end, waited) << s.explain().to_string();
  }
}

}  // namespace
}  // namespace motley::test
