// Mixed execution over devices with other memory and queues, and what changes when a plugin comes or goes.
#include <gtest/gtest.h>

#include "graphs.hpp"

namespace motley::test {
namespace {

std::vector<float> run(const Session& made, Session& session, size_t batch) {
  (void)made;
  session.input("x").copy_from(noise(batch * 4, 1));
  session.input("y").copy_from(noise(batch * 4, 2));
  session.run();
  const auto z = session.output("z").as<float>();
  return {z.begin(), z.end()};
}

TEST(Devices, AreListedFastestFirstWithTheirPlugins) {
  const Runtime rt = runtime_with({"queued_device", "template"});
  const auto devices = rt.devices();
  ASSERT_EQ(devices.size(), 4u);
  for (size_t i = 1; i < devices.size(); ++i) EXPECT_GE(devices[i - 1].peak_gflops, devices[i].peak_gflops);
  EXPECT_EQ(devices.front().name, "cpu");
  for (const PluginInfo& p : rt.plugins()) EXPECT_TRUE(p.loaded) << p.id << ": " << p.reason;
}

TEST(Devices, OwnMemoryAndQueueGiveTheSameResults) {
  const Runtime rt = runtime_with({"queued_device"});
  const InputShapes shapes = {{"x", {5, 4}}, {"y", {5, 4}}};
  Session host = rt.compile(relu_add_relu(), {.devices = {"reference"}, .fallback = false, .input_shapes = shapes});
  Session queued = rt.compile(relu_add_relu(),
                              {.devices = {"queued"}, .fallback = false, .input_shapes = shapes, .optimize = false});
  Session again = rt.compile(
      relu_add_relu(),
      {.devices = {"queued"}, .fallback = false, .input_shapes = shapes, .keep_all = true, .optimize = false});
  const auto expected = run(host, host, 5);
  EXPECT_EQ(run(queued, queued, 5), expected);
  EXPECT_EQ(run(again, again, 5), expected);
  for (const Placement& p : queued.explain().nodes) EXPECT_EQ(p.device, "queued");
}

TEST(Devices, AreToldTheSlice) {
  const Runtime rt = runtime_with({"queued_device"});
  const auto asked = [&](std::optional<std::chrono::microseconds> slice) -> std::string {
    setenv("MOTLEY_TEST_TELL_SLICE", "1", 1);
    std::string message;
    try {
      rt.compile(relu_add_relu(), {.devices = {"queued"}, .fallback = false, .input_shapes = {{"x", {5, 4}}, {"y", {5, 4}}}, .slice = slice});
    } catch (const Error& e) {
      message = e.what();
    }
    unsetenv("MOTLEY_TEST_TELL_SLICE");
    return message;
  };
  using std::chrono::microseconds;
  EXPECT_NE(asked({}).find("slice of 0 ns"), std::string::npos) << asked({});
  EXPECT_NE(asked(microseconds(2500)).find("slice of 2500000 ns"), std::string::npos) << asked(microseconds(2500));
  EXPECT_NE(asked(microseconds(0)).find("slice of 18446744073709551615 ns"), std::string::npos) << asked(microseconds(0));
  for (const microseconds bad : {microseconds(-1), microseconds(60'000'001)})
    EXPECT_NE(asked(bad).find("60 s"), std::string::npos) << asked(bad);
}

TEST(Devices, MixWithOthersInOneNetwork) {
  const Runtime rt = runtime_with({"queued_device", "template"});
  const Model model = small_cnn();
  Session alone = rt.compile(model, {.devices = {"cpu"}});
  Session mixed = rt.compile(model, {.devices = {"queued", "template", "cpu"}, .optimize = false});
  for (Session* s : {&alone, &mixed}) {
    s->input("image").copy_from(noise(192, 4));
    s->run();
    s->run();
  }
  for (size_t i = 0; i < 5; ++i)
    EXPECT_NEAR(mixed.output("prob").as<float>()[i], alone.output("prob").as<float>()[i], 1e-5f);
  std::set<std::string> used;
  for (const Placement& p : mixed.explain().nodes) used.insert(p.device);
  EXPECT_TRUE(used.count("queued")) << mixed.explain().to_string();
  EXPECT_TRUE(used.count("cpu"));
}

TEST(Devices, RemovingAPluginChangesNoResult) {
  const Model model = small_cnn();
  std::vector<std::vector<float>> results;
  for (const std::vector<std::string>& plugins :
       {std::vector<std::string>{}, {"template"}, {"queued_device", "template"}}) {
    const Runtime rt = runtime_with(plugins);
    Session session = rt.compile(model);
    session.input("image").copy_from(noise(192, 4));
    session.run();
    const auto p = session.output("prob").as<float>();
    results.emplace_back(p.begin(), p.end());
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST(Devices, NoneAtAllIsAClearError) {
  const Runtime rt(
      RuntimeOptions{.plugin_files = {}, .plugin_folders = {}, .standard_places = false, .select = {}, .disable = {}});
  EXPECT_TRUE(rt.devices().empty());
  try {
    rt.compile(small_cnn());
    FAIL() << "compiled";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::not_found);
    EXPECT_NE(std::string(e.what()).find("no device"), std::string::npos);
  }
}

TEST(Devices, OneBrokenLibraryHidesNoGoodOne) {
  RuntimeOptions options;
  options.standard_places = false;
  options.plugin_files = {"/nonexistent/libx.so", MOTLEY_PLUGINS "/cpu.json", MOTLEY_PLUGINS "/reference.json"};
  const Runtime rt(options);
  EXPECT_EQ(rt.devices().size(), 2u);
  const auto plugins = rt.plugins();
  ASSERT_EQ(plugins.size(), 3u);
  EXPECT_FALSE(plugins.front().loaded);
  EXPECT_FALSE(plugins.front().reason.empty());
}

}  // namespace
}  // namespace motley::test
