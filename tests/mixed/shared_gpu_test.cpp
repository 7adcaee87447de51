// Memory that real devices share by file descriptors: two logical devices of one Vulkan driver, and OpenCL with Vulkan
// on one GPU. They skip, and say why, where the drivers cannot.
//
//     mixed_tests --gtest_filter=SharedGpu.*
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>

#include "motley/plugin.hpp"
#include "networks.hpp"
#include "plugin_library.hpp"
#include "test_host.hpp"

namespace motley::test {
namespace {

size_t open_files() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

std::string hex(const uint8_t (&uuid)[16]) {
  std::string text;
  for (const uint8_t byte : uuid) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", byte);
    text += digits;
  }
  return text;
}

// What each device of a plugin says of itself.
std::vector<motley_device_identity> identities_of(const std::string& plugin) {
  std::vector<motley_device_identity> list;
  const motley_plugin* p = built_plugin(plugin, test_host());
  if (!p) return list;
  std::vector<uint32_t> devices;
  const auto found = [](void* context, const motley_device_info* info) {
    static_cast<std::vector<uint32_t>*>(context)->push_back(info->index);
  };
  if (p->enumerate_devices(&devices, found, nullptr) != MOTLEY_OK) return list;
  const auto* external = static_cast<const motley_external_memory*>(p->get_extension(MOTLEY_EXTERNAL_MEMORY_EXTENSION));
  for (const uint32_t index : devices) {
    motley_device* device = nullptr;
    if (p->device_open(index, &device, nullptr) != MOTLEY_OK) continue;
    motley_device_identity identity{};
    identity.struct_size = sizeof identity;
    if (external->identity(device, &identity) == MOTLEY_OK) list.push_back(identity);
    else list.push_back({});
    p->device_close(device);
  }
  return list;
}

std::string describe(const std::string& plugin) {
  std::string text;
  for (const motley_device_identity& i : identities_of(plugin))
    text += "\n  " + plugin + ": exports " + std::to_string(i.exports) + ", imports " + std::to_string(i.imports) +
            ", device " + hex(i.device_uuid) + ", driver " + hex(i.driver_uuid);
  return text;
}

// Both plugins' first devices, and the network spread over them.
class SharedGpu : public testing::Test {
 protected:
  bool load(std::vector<std::filesystem::path> files) {
    RuntimeOptions options;
    options.standard_places = false;
    options.plugin_files = {MOTLEY_PLUGINS "/cpu.json", MOTLEY_PLUGINS "/reference.json"};
    for (const auto& file : files) {
      if (!std::filesystem::exists(file)) return false;
      options.plugin_files.push_back(file);
    }
    runtime = std::make_unique<Runtime>(options);
    return true;
  }
  std::vector<std::string> devices_of(const std::string& plugin) const {
    std::vector<std::string> names;
    for (const DeviceInfo& info : runtime->devices())
      if (info.plugin == plugin) names.push_back(info.name);
    return names;
  }
  CompileOptions spread(const std::string& left, const std::string& rest) const {
    return {.devices = {left, rest},
            .fallback = false,
            .pins = {{"left*", left}, {"*", rest}},
            .optimize = false,
            .trace = true};
  }
  // Whether the left branch's end crosses by a shared descriptor.
  bool crosses(const std::string& left, const std::string& rest) const {
    const Session s = runtime->compile(two_branches(5), spread(left, rest));
    for (const Transfer& t : s.explain().transfers)
      if (t.from == left && t.to == rest && t.way == "shared fd") return true;
    return false;
  }
  void expect_right(const std::string& left, const std::string& rest) {
    Session plain = runtime->compile(two_branches(5), {.devices = {"reference"}});
    const std::vector<float> first = outputs_of(plain, 1), second = outputs_of(plain, 2);
    size_t files = 0;
    for (int session = 0; session < 4; ++session) {
      {
        Session s = runtime->compile(two_branches(5), spread(left, rest));
        EXPECT_NE(s.explain().to_string().find("by shared fd"), std::string::npos) << s.explain().to_string();
        for (int run = 0; run < 20 && !HasFailure(); ++run) {
          expect_close(outputs_of(s, 1), first, left + " to " + rest);
          expect_close(outputs_of(s, 2), second, left + " to " + rest);
        }
        const auto events = s.trace();
        EXPECT_TRUE(std::any_of(events.begin(), events.end(), [](const TraceEvent& e) {
          return e.detail.find("by shared fd") != std::string::npos;
        }));
      }
      if (session == 0) files = open_files();  // drivers open theirs once
      EXPECT_EQ(open_files(), files);
    }
  }
  void expect_right_at_random(const std::vector<std::string>& devices) {
    size_t shared = 0;
    for (unsigned seed = 0; seed < 6 && !HasFailure(); ++seed) {
      std::mt19937 random(seed);
      const Model model = random_network(seed, 20);
      Session plain = runtime->compile(model, {.devices = {"reference"}, .optimize = false});
      Pins pins;
      for (const Placement& p : plain.explain().nodes) pins.emplace_back(p.node, devices[random() % devices.size()]);
      Session s = runtime->compile(model, {.devices = {"reference"}, .pins = pins, .optimize = false});
      for (unsigned run = 1; run <= 2; ++run)
        expect_close(outputs_of(s, run), outputs_of(plain, run), "seed " + std::to_string(seed));
      for (const Transfer& t : s.explain().transfers) shared += t.way == "shared fd";
    }
    EXPECT_GT(shared, 0u);
  }

  std::unique_ptr<Runtime> runtime;
};

TEST_F(SharedGpu, TwoDevicesOfOneVulkanDriver) {
  if (!load({MOTLEY_PLUGINS "/vulkan.json", MOTLEY_TEST_PLUGINS "/libmotley_losing_vulkan.so"}))
    GTEST_SKIP() << "vulkan is not built";
  const auto own = devices_of("vulkan"), other = devices_of("losing");
  if (own.empty()) GTEST_SKIP() << "no Vulkan device is here";
  if (!crosses(own[0], other[0]))
    GTEST_SKIP() << "the Vulkan driver does not share memory (VK_KHR_external_memory_fd)" << describe("vulkan");
  expect_right(own[0], other[0]);
  expect_right(other[0], own[0]);
  expect_right_at_random({own[0], other[0], "cpu"});
}

// One of the two is lost at every other call of a request; what it shared stays good for the other.
TEST_F(SharedGpu, ALostDeviceLeavesTheMemoryToTheOther) {
  const std::string library = MOTLEY_TEST_PLUGINS "/libmotley_losing_vulkan.so";
  if (!load({MOTLEY_PLUGINS "/vulkan.json", library})) GTEST_SKIP() << "vulkan is not built";
  const auto own = devices_of("vulkan"), losing = devices_of("losing");
  if (own.empty() || !crosses(losing[0], own[0])) GTEST_SKIP() << "the Vulkan driver does not share memory";
  void* const opened = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  VirtualGpuControl& control = *reinterpret_cast<VirtualGpuControlFn>(dlsym(opened, kVirtualGpuControl))();
  control.reset();
  Session plain = runtime->compile(two_branches(5), {.devices = {"reference"}});
  const std::vector<float> want = outputs_of(plain);
  int calls = 1, lost = 0;
  for (int i = -1; i <= calls && !HasFailure(); i += 2) {
    SCOPED_TRACE("call " + std::to_string(i));
    control.calls = 0;
    control.fail_at = i;
    Session s = runtime->compile(two_branches(5), spread(losing[0], own[0]));
    for (int run = 0; run < 2; ++run) expect_close(outputs_of(s), want, "lost");
    lost += !s.explain().lost.empty();
    if (i < 0) calls = control.calls;
  }
  control.reset();
  EXPECT_GT(lost, 3) << "of " << calls << " calls";
  expect_right(losing[0], own[0]);
}

// An OpenCL library of the tests takes lavapipe's memory where TEST_SHARED_OPENCL is set (shared_opencl.cpp).
void name_device_for_opencl() {
  if (!std::getenv("TEST_SHARED_OPENCL")) return;
  for (const motley_device_identity& identity : identities_of("vulkan")) {
    setenv("TEST_DEVICE_UUID", hex(identity.device_uuid).c_str(), 1);
    setenv("TEST_DRIVER_UUID", hex(identity.driver_uuid).c_str(), 1);
    return;
  }
}

TEST_F(SharedGpu, OpenclAndVulkan) {
  name_device_for_opencl();
  if (!load({MOTLEY_PLUGINS "/vulkan.json", MOTLEY_PLUGINS "/opencl.json"}))
    GTEST_SKIP() << "vulkan or opencl is not built";
  std::string vulkan, opencl;
  for (const std::string& a : devices_of("vulkan"))
    for (const std::string& b : devices_of("opencl"))
      if (vulkan.empty() && crosses(a, b)) vulkan = a, opencl = b;
  if (vulkan.empty())
    GTEST_SKIP() << "no OpenCL device takes memory of a Vulkan device (cl_khr_external_memory_opaque_fd, equal UUIDs)"
                 << describe("vulkan") << describe("opencl");
  std::printf("%s and %s share memory%s%s\n", vulkan.c_str(), opencl.c_str(), describe("vulkan").c_str(),
              describe("opencl").c_str());
  expect_right(vulkan, opencl);
  expect_right(opencl, vulkan);
  expect_right_at_random({vulkan, opencl, "cpu"});
  if (const char* library = std::getenv("TEST_SHARED_OPENCL")) {  // every use stands between acquiring and releasing
    void* opened = dlopen(library, RTLD_NOW | RTLD_NOLOAD);
    ASSERT_TRUE(opened) << "the plugin does not use " << library;
    const auto count = reinterpret_cast<int (*)(int)>(dlsym(opened, "motley_test_shared_calls"));
    EXPECT_GT(count(0), 100);
    EXPECT_EQ(count(0), count(1));
  }
}

}  // namespace
}  // namespace motley::test
