// Machines where something is missing or goes wrong. A process loads Vulkan once, so each of these runs in a process of
// its own, which ctest starts with TEST_VULKAN naming the case and the environment that makes it.
#include <cstdlib>

#include "../gpu/tested_plugin.hpp"
#include "plugin_library.hpp"

namespace motley::test {

namespace {

#define ONLY_IN_CASE(name)                                                       \
  if (!std::getenv("TEST_VULKAN") || std::string(std::getenv("TEST_VULKAN")) != (name)) \
  GTEST_SKIP() << "runs in the process of the case " << (name)

std::string logged;

// The plugin with a host that keeps what is logged; the number of its devices.
int devices_found() {
  static motley_host host = test_host();
  host.log = [](void*, motley_log_level, const char* text) { logged += std::string(text) + "\n"; };
  const motley_plugin* plugin = plugin_of(built_library("vulkan"), MOTLEY_ABI_VERSION, host);
  if (!plugin) throw std::runtime_error("the plugin does not start");
  int count = 0;
  ErrorText e;
  EXPECT_EQ(plugin->enumerate_devices(&count, [](void* n, const motley_device_info*) { ++*static_cast<int*>(n); }, &e.error), MOTLEY_OK)
      << e.text;
  motley_device* device = nullptr;
  EXPECT_NE(plugin->device_open(1000, &device, &e.error), MOTLEY_OK);
  EXPECT_STRNE(e.text, "");
  return count;
}

}  // namespace

TEST(VulkanDriver, NoLoaderIsExplained) {
  ONLY_IN_CASE("no_loader");
  EXPECT_EQ(devices_found(), 0);
  EXPECT_NE(logged.find("names no Vulkan loader"), std::string::npos) << logged;
}

TEST(VulkanDriver, NoDriverIsExplained) {
  ONLY_IN_CASE("no_driver");
  EXPECT_EQ(devices_found(), 0);
  EXPECT_NE(logged.find("no driver is"), std::string::npos) << logged;
}

TEST(VulkanDriver, LostDeviceIsReported) {
  ONLY_IN_CASE("lost");
  SKIP_WITHOUT_DEVICE();
  const motley_plugin& p = *tested_plugin();
  schema::UnaryAttributesT relu;
  relu.function = schema::UnaryFunction::relu;
  const NodeCase c = node_case(Op::Unary, relu, {random_value({64}, 1)}, {output_of<float>({64})});
  const NodeGraph node(c);
  const motley_compile_options options{sizeof options, 0, nullptr};
  motley_executable* executable = nullptr;
  motley_queue* queue = nullptr;
  motley_buffer *x = nullptr, *y = nullptr;
  ErrorText e;
  ASSERT_EQ(p.compile(tested_device(), &node.graph(), &options, &executable, &e.error), MOTLEY_OK) << e.text;
  ASSERT_EQ(p.queue_create(tested_device(), &queue, &e.error), MOTLEY_OK);
  ASSERT_EQ(p.buffer_alloc(tested_device(), 256, &x, &e.error), MOTLEY_OK);
  ASSERT_EQ(p.buffer_alloc(tested_device(), 256, &y, &e.error), MOTLEY_OK);
  const motley_binding in{x, nullptr, 0, 256}, out{y, nullptr, 0, 256};
  motley_submission s{};
  s.struct_size = sizeof s;
  s.input_count = s.output_count = 1;
  s.inputs = &in;
  s.outputs = &out;
  s.signal_value = 1;
  EXPECT_EQ(p.submit(tested_device(), queue, executable, &s, &e.error), MOTLEY_OK) << e.text;
  EXPECT_EQ(p.fence_wait(queue, 1, UINT64_MAX, &e.error), MOTLEY_OK) << e.text;
  setenv("TEST_VULKAN_LOST", "1", 1);
  s.signal_value = 2;
  EXPECT_EQ(p.submit(tested_device(), queue, executable, &s, &e.error), MOTLEY_DEVICE_LOST);
  EXPECT_NE(std::string(e.text).find("lost"), std::string::npos) << e.text;
  // Everything can still be released.
  p.exec_release(executable);
  p.queue_destroy(queue);
  p.buffer_release(x);
  p.buffer_release(y);
  unsetenv("TEST_VULKAN_LOST");
}

}  // namespace motley::test
