// The device: its description, fingerprint, tuning interface, and what a kernel may be asked at once.
#include <thread>

#include "against_reference.hpp"
#include "device.hpp"
#include "kernels/gemm_simd.hpp"

namespace motley::test {
namespace {

TEST(CpuDevice, DescribesItself) {
  std::vector<motley_device_info> found;
  ErrorText e;
  ASSERT_EQ(cpu_plugin().enumerate_devices(
                &found,
                [](void* context, const motley_device_info* info) {
                  static_cast<std::vector<motley_device_info>*>(context)->push_back(*info);
                },
                &e.error),
            MOTLEY_OK);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_STREQ(found[0].id, "cpu");
  EXPECT_EQ(found[0].kind, MOTLEY_DEVICE_CPU);
  EXPECT_GT(found[0].peak_gflops, 1);
  EXPECT_NE(found[0].precisions & (1u << static_cast<unsigned>(DataType::float32)), 0u);
}

TEST(CpuDevice, FingerprintHasClasses) {
  const std::string text = cpu::CpuDevice().fingerprint();
  for (const char* line : {"hw cpu=", "hw isa=", "hw cores=", "kernels build="})
    EXPECT_NE(text.find(line), std::string::npos) << line;
}

TEST(CpuDevice, EveryTargetIsTested) {
  // Whatever the machine, there is the baseline and at least one more, or it is NEON.
  EXPECT_GE(simd_targets().size(), 1u);
  for (int64_t target : simd_targets()) {
    const WithTarget use(target);
    EXPECT_LE(cpu::gemm_ops().tile_rows, cpu::kMaxTileRows);
    EXPECT_LE(cpu::gemm_ops().tile_columns, cpu::kMaxTileColumns);
    RecordProperty(cpu::simd_name(), static_cast<int>(cpu::simd_lanes()));
  }
}

std::string problem_key(const NodeCase& c) {
  const OpenDevice device(cpu_plugin());
  const NodeGraph node(c);
  const auto* tuning = static_cast<const motley_tuning*>(cpu_plugin().get_extension(MOTLEY_TUNING_EXTENSION));
  std::string key;
  const motley_sink sink{sizeof(motley_sink), &key, [](void* context, const void* data, uint64_t size) {
                           static_cast<std::string*>(context)->append(static_cast<const char*>(data), size);
                         }};
  EXPECT_EQ(tuning->problem_key(device.get(), &node.graph(), &sink), MOTLEY_OK);
  return key;
}

TEST(CpuDevice, ProblemKeysTellProblemsApart) {
  schema::ConvAttributesT a;
  const auto conv = [&](int64_t width, uint64_t seed) {
    return node_case(Op::Conv, a, {random_value({1, 2, 5, width}, seed), constant(random_value({3, 2, 1, 1}, seed))},
                     {output_of<float>({1, 3, 5, width})});
  };
  EXPECT_EQ(problem_key(conv(7, 1)), problem_key(conv(7, 2)));
  EXPECT_NE(problem_key(conv(7, 1)), problem_key(conv(8, 1)));
  const NodeCase unary =
      node_case(Op::Unary, schema::UnaryAttributesT(), {random_value({3}, 1)}, {output_of<float>({3})});
  EXPECT_EQ(problem_key(unary), "") << "nothing to choose";
}

TEST(CpuDevice, ExecutablesRunConcurrently) {
  schema::ConvAttributesT a;
  a.pads = {1, 1, 1, 1};
  const NodeCase c = node_case(Op::Conv, a, {random_value({1, 8, 12, 12}, 1), constant(random_value({16, 8, 3, 3}, 2))},
                               {output_of<float>({1, 16, 12, 12})});
  const OpenDevice device(cpu_plugin());
  const NodeGraph node(c);
  motley_executable* executable = nullptr;
  ErrorText e;
  ASSERT_EQ(cpu_plugin().compile(device.get(), &node.graph(), nullptr, &executable, &e.error), MOTLEY_OK) << e.text;
  std::vector<NodeResult> results(4);
  std::vector<std::thread> threads;
  for (NodeResult& r : results)
    threads.emplace_back([&] { submit_node(cpu_plugin(), device.get(), executable, c, r); });
  for (std::thread& t : threads) t.join();
  for (const NodeResult& r : results) {
    ASSERT_EQ(r.status, MOTLEY_OK) << r.text;
    EXPECT_EQ(r.outputs[0].bytes, results[0].outputs[0].bytes);
  }
  cpu_plugin().exec_release(executable);
}

}  // namespace
}  // namespace motley::test
