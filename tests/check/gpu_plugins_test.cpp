// motley-plugin-check on the GPU plugins, where this machine has a driver for them.
#include <gtest/gtest.h>

#include <filesystem>

#include "command.hpp"

namespace motley::test {
namespace {

void expect_passes(const std::string& plugin) {
  const std::string path = std::string(MOTLEY_PLUGINS) + "/libmotley_" + plugin + ".so";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "the plugin is not built here";
  const Outcome o = run_checker("--quick --jobs 2 --timeout 300 " + path);
  if (o.output.find("queues/timeout") == std::string::npos && o.exit_code == 0) GTEST_SKIP() << "no driver here";
  EXPECT_EQ(o.exit_code, 0) << o.output;
  for (const char* row :
       {"queues/timeout                  pass", "profile/rows                    pass", "tuning/Conv  ", " 0 failed"})
    EXPECT_NE(o.output.find(row), std::string::npos) << row << " is not in\n" << o.output;
}

// Kernels are compiled on first use, which takes PoCL a minute in all; the next run finds them in the plugin's cache.
TEST(GpuPlugin, OpenclPassesQuickly) { expect_passes("opencl"); }
// Without the validation layer: what it keeps for each call counts as a leak, and it takes ten seconds over a wait for
// a value that a timeline jumps over. vulkan_tests run with it.
TEST(GpuPlugin, VulkanPassesQuickly) { expect_passes("vulkan"); }

}  // namespace
}  // namespace motley::test
