// Devices that are lost, at every call, and requests that complete all the same.
#include <gtest/gtest.h>

#include <thread>

#include "graph/infer.hpp"
#include "ir_builder.hpp"
#include "networks.hpp"

namespace motley::test {
namespace {

const char* kGpu = "virtual:gpu0";

bool uses(const Session& session, const std::string& device) {
  for (const Placement& p : session.explain().nodes)
    if (p.device == device) return true;
  return false;
}

struct Scene {
  const char* name;
  std::function<Model()> model;
  CompileOptions options;
};

std::vector<Scene> scenes() {
  return {
      {"all on the GPU", small_cnn, {.devices = {kGpu, "cpu"}, .fallback = false}},
      {"mixed", small_cnn, {.devices = {"cpu", kGpu}, .fallback = false, .pins = {{"conv*", kGpu}}, .optimize = false}},
      {"two branches",
       [] { return two_branches(5); },
       {.devices = {"cpu", kGpu}, .fallback = false, .pins = {{"left*", kGpu}}, .optimize = false, .trace = true}},
      {"two GPUs",
       [] { return two_branches(4); },
       {.devices = {kGpu, "virtual:gpu1", "cpu"},
        .fallback = false,
        .pins = {{"left*", "virtual:gpu1"}},
        .optimize = false}}};
}

// Compiles, runs twice, and says how many calls that took.
int calls_of(const Runtime& rt, const Scene& scene, VirtualGpuControl& gpus, const std::vector<float>& want,
             bool& lost) {
  gpus.calls = 0;
  Session s = rt.compile(scene.model(), scene.options);
  expect_close(outputs_of(s), want, "first run");
  s.run();
  expect_close(read_outputs(s), want, "second run");
  lost = !s.explain().lost.empty();
  if (lost) {
    EXPECT_EQ(s.explain().lost[0].first, kGpu);
    EXPECT_FALSE(uses(s, kGpu)) << s.explain().to_string();
    EXPECT_NE(s.explain().to_string().find("no longer used: virtual:gpu0"), std::string::npos);
  }
  return gpus.calls;
}

class Lost : public testing::TestWithParam<std::tuple<uint32_t, motley_status>> {};

TEST_P(Lost, AtEveryCallTheRequestCompletes) {
  VirtualGpuControl& gpus = virtual_gpus();
  const Runtime rt = mixed_runtime();
  for (const Scene& scene : scenes()) {
    SCOPED_TRACE(scene.name);
    gpus.reset();
    std::tie(gpus.host, gpus.status) = GetParam();
    gpus.counted = 0;
    Session plain = rt.compile(scene.model(), {.devices = {"reference"}});
    const std::vector<float> want = outputs_of(plain);
    bool lost = false;
    const int calls = calls_of(rt, scene, gpus, want, lost);
    EXPECT_FALSE(lost);
    ASSERT_GT(calls, 5);
    int times_lost = 0;
    // One more: a device that was lost is opened again.
    for (int i = 0; i <= calls; ++i) {
      SCOPED_TRACE("call " + std::to_string(i));
      gpus.fail_at = i;
      calls_of(rt, scene, gpus, want, lost);
      if (HasFatalFailure()) return;
      times_lost += lost;
    }
    EXPECT_GT(times_lost, 3) << "of " << calls;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Lost,
                         testing::Combine(testing::Values(MOTLEY_EDGE_NONE, MOTLEY_EDGE_COPY, MOTLEY_EDGE_IMPORT),
                                          testing::Values(MOTLEY_DEVICE_LOST, MOTLEY_INTERNAL, MOTLEY_OUT_OF_MEMORY)));

TEST(LostDevice, ViewsAndBindingsStayGood) {
  VirtualGpuControl& gpus = virtual_gpus();
  const Runtime rt = mixed_runtime();
  Session plain = rt.compile(two_branches(4), {.devices = {"reference"}});
  Session s = rt.compile(two_branches(4), {.devices = {kGpu, "cpu"}, .fallback = false});
  alignas(64) static float bound[256];
  s.output("y").bind(std::span<float>(bound));
  expect_close(outputs_of(s), outputs_of(plain), "before");
  const auto x = s.input("x").as<float>();
  const float first = x[0];
  gpus.fail_at = gpus.calls + 1;
  s.run();
  EXPECT_EQ(s.explain().lost.size(), 1u);
  EXPECT_EQ(x.data(), s.input("x").as<float>().data()) << "views show the same memory";
  EXPECT_EQ(x[0], first);
  expect_close({bound, bound + 256}, outputs_of(plain), "after");
  expect_close(outputs_of(s, 4), outputs_of(plain, 4), "later");
  EXPECT_EQ(s.output("y").as<float>().data(), bound);
}

TEST(LostDevice, WithoutAnotherIsAnErrorAndTheNextSessionOpensItAgain) {
  VirtualGpuControl& gpus = virtual_gpus();
  const Runtime rt = mixed_runtime();
  Session plain = rt.compile(small_cnn(), {.devices = {"reference"}});
  Session s = rt.compile(small_cnn(), {.devices = {kGpu}, .fallback = false});
  expect_close(outputs_of(s), outputs_of(plain), "before");
  gpus.fail_at = gpus.calls.load();
  for (int i = 0; i < 2; ++i) {
    try {
      s.run();
      FAIL() << "ran";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::plugin);
      EXPECT_NE(std::string(e.what()).find("DEVICE_LOST"), std::string::npos) << e.what();
    }
  }
  EXPECT_TRUE(s.explain().lost.empty());
  EXPECT_TRUE(uses(s, kGpu));
  gpus.opened = 0;
  Session next = rt.compile(small_cnn(), {.devices = {kGpu}, .fallback = false});
  expect_close(outputs_of(next), outputs_of(plain), "on a device opened anew");
  EXPECT_EQ(gpus.opened, 1);
}

TEST(LostDevice, AResizedSessionGoesOnWithoutIt) {
  VirtualGpuControl& gpus = virtual_gpus();
  const Runtime rt = mixed_runtime();
  Session plain = rt.compile(small_cnn(), {.devices = {"reference"}, .input_shapes = {{"image", {2, 3, 8, 8}}}});
  size_t lost = 0;
  for (int later = 0; later < 16; ++later) {
    gpus.reset();
    Session s = rt.compile(small_cnn(), {.devices = {kGpu, "cpu"}, .fallback = false});
    outputs_of(s);
    gpus.fail_at = gpus.calls + later;
    s.resize({{"image", {2, 3, 8, 8}}});
    expect_close(outputs_of(s), outputs_of(plain), "resized, call " + std::to_string(later));
    lost += s.explain().lost.size();
  }
  EXPECT_GT(lost, 3u);
}

// x (n) → relu → nonzero → gather the kept values → neg: runs in stages.
Model keep_positive() {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(6)});
  g.inputs = {x};
  const TensorId r = node(g, "relu", Op::Unary, {x}, DataType::float32, unary(schema::UnaryFunction::relu));
  const TensorId nz = node(g, "nz", Op::NonZero, {r}, DataType::int64, schema::NoAttributesT{});
  const TensorId flat =
      node(g, "flat", Op::Squeeze, {nz, g.add_int64("zero", {0})}, DataType::int64, schema::AxesAttributesT{});
  const TensorId kept = node(g, "kept", Op::Gather, {r, flat}, DataType::float32, schema::AxisAttributesT{});
  g.outputs = {node(g, "y", Op::Unary, {kept}, DataType::float32, unary(schema::UnaryFunction::neg))};
  return Model::from_module(std::move(module));
}

TEST(LostDevice, AStagedRunBeginsAgain) {
  VirtualGpuControl& gpus = virtual_gpus();
  gpus.counted = 0;
  const Runtime rt = mixed_runtime();
  const std::vector<float> x = {1, -1, 2, -2, 3, 0}, want = {-1, -2, -3};
  int calls = 1;
  for (int i = -1; i <= calls; ++i) {
    SCOPED_TRACE("call " + std::to_string(i));
    gpus.fail_at = i;
    gpus.calls = 0;
    Session s = rt.compile(keep_positive(), {.devices = {kGpu, "reference"}, .fallback = false});
    s.input("x").copy_from(x);
    for (int run = 0; run < 2; ++run) {
      s.run();
      EXPECT_EQ(read_outputs(s), want);
    }
    if (i < 0) calls = gpus.calls;
    EXPECT_GT(calls, 5);
  }
}

// Sessions on threads of their own lose the same device at the same time.
TEST(LostDevice, EverySessionNoticesForItself) {
  VirtualGpuControl& gpus = virtual_gpus();
  const Runtime rt = mixed_runtime();
  Session plain = rt.compile(two_branches(5), {.devices = {"reference"}});
  const std::vector<float> want = outputs_of(plain);
  for (int at = 5; at < 45; at += 8) {
    gpus.reset();
    gpus.counted = 0;
    gpus.fail_at = at;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
      threads.emplace_back([&] {
        Session s =
            rt.compile(two_branches(5),
                       {.devices = {"cpu", kGpu}, .fallback = false, .pins = {{"left*", kGpu}}, .optimize = false});
        for (int run = 0; run < 4; ++run) expect_close(outputs_of(s), want, "thread");
      });
    for (std::thread& t : threads) t.join();
  }
}

TEST(LostDevice, BadDataAreNotTheDevicesFault) {
  virtual_gpus();
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(4)}), i = tensor(g, "i", DataType::int64, Dims{Dim(1)});
  g.inputs = {x, i};
  g.outputs = {node(g, "y", Op::Gather, {x, i}, DataType::float32, schema::AxisAttributesT{})};
  const Runtime rt = mixed_runtime();
  Session s = rt.compile(Model::from_module(std::move(module)), {.devices = {"cpu", "reference"}});
  s.input("i").copy_from(std::vector<int64_t>{77});
  try {
    s.run();
    FAIL() << "ran";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::invalid_argument) << e.what();
  }
  EXPECT_TRUE(s.explain().lost.empty());
  s.input("i").copy_from(std::vector<int64_t>{2});
  s.run();
}

}  // namespace
}  // namespace motley::test
