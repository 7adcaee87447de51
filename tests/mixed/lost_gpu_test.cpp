// Real GPU plugins that lose their device at every call of a request, which completes all the same.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "networks.hpp"

namespace motley::test {
namespace {

class LostGpu : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string library = std::string(MOTLEY_TEST_PLUGINS "/libmotley_losing_") + GetParam() + ".so";
    if (!std::filesystem::exists(library)) GTEST_SKIP() << GetParam() << " is not built";
    void* const opened = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_TRUE(opened) << dlerror();
    control = reinterpret_cast<VirtualGpuControlFn>(dlsym(opened, kVirtualGpuControl))();
    control->reset();
    RuntimeOptions options;
    options.standard_places = false;
    options.plugin_files = {MOTLEY_PLUGINS "/cpu.json", MOTLEY_PLUGINS "/reference.json", library};
    runtime = std::make_unique<Runtime>(options);
    for (const DeviceInfo& info : runtime->devices())
      if (info.plugin == "losing" && device.empty()) device = info.name;
    if (device.empty()) GTEST_SKIP() << "no device of " << GetParam() << " is here";
  }
  // Compiles and runs twice. Whether the device was lost on the way.
  bool request_loses(const Model& model, const CompileOptions& options, const std::vector<float>& want) {
    control->calls = 0;
    Session s = runtime->compile(model, options);
    for (const char* run : {"first run", "second run"}) expect_close(outputs_of(s), want, run);
    const Explanation explained = s.explain();
    if (explained.lost.empty()) return false;
    for (const Placement& row : explained.nodes) EXPECT_NE(row.device, device) << explained.to_string();
    return true;
  }
  void lose_at_every_call(const Model& model, const CompileOptions& options) {
    Session plain = runtime->compile(model, {.devices = {"reference"}});
    const std::vector<float> want = outputs_of(plain);
    EXPECT_FALSE(request_loses(model, options, want));
    const int calls = control->calls;
    ASSERT_GT(calls, 5);
    int times_lost = 0;
    for (int i = 0; i < calls && !HasFailure(); ++i) {
      SCOPED_TRACE("call " + std::to_string(i) + " of " + std::to_string(calls));
      control->fail_at = i;
      times_lost += request_loses(model, options, want);
    }
    EXPECT_GT(times_lost, 3) << "of " << calls;
  }

  VirtualGpuControl* control = nullptr;
  std::unique_ptr<Runtime> runtime;
  std::string device;
};

TEST_P(LostGpu, AWholeNetwork) { lose_at_every_call(two_branches(2), {.devices = {device, "cpu"}, .fallback = false}); }

TEST_P(LostGpu, HalfOfANetwork) {
  lose_at_every_call(two_branches(3),
                     {.devices = {"cpu", device}, .fallback = false, .pins = {{"left*", device}}, .optimize = false});
}

INSTANTIATE_TEST_SUITE_P(Plugins, LostGpu, testing::Values("opencl", "vulkan"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace motley::test
