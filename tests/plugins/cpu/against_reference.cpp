// Runs one node on the cpu plugin and compares with the reference.
#include "against_reference.hpp"

#define HWY_WANT_AVX3_DL  // which kernels/quantized_simd.cpp is compiled for too
#include "hwy/targets.h"
#include "plugin_library.hpp"

namespace motley::test {

const motley_plugin& cpu_plugin() {
  static const motley_plugin* plugin = [] {
    const motley_plugin* p = motley_plugin_entry(MOTLEY_ABI_VERSION, &test_host());
    return p && (!p->init || p->init(nullptr) == MOTLEY_OK) ? p : nullptr;
  }();
  if (!plugin) throw std::runtime_error("the cpu plugin does not start");
  return *plugin;
}

const motley_plugin* reference_plugin() {
  static const motley_plugin* plugin = built_plugin("reference", test_host());
  return plugin;
}

std::vector<int64_t> simd_targets() { return hwy::SupportedAndGeneratedTargets(); }

WithTarget::WithTarget(int64_t target) {
  hwy::SetSupportedTargetsForTest(target);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}
WithTarget::~WithTarget() {
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

void expect_outputs(const NodeCase& c, const std::vector<Value>& want, const Tolerance& tolerance,
                    const std::vector<std::string>& configs) {
  for (int64_t target : simd_targets()) {
    const WithTarget use(target);
    for (const std::string& config : configs) {
      SCOPED_TRACE(std::string(hwy::TargetName(target)) + " " + config);
      NodeCase configured = c;
      configured.config = config;
      const NodeResult got = run_node(cpu_plugin(), configured);
      ASSERT_EQ(got.status, MOTLEY_OK) << got.step << ": " << got.text;
      for (size_t i = 0; i < c.outputs.size(); ++i)
        if (!c.outputs[i].absent()) {
          EXPECT_EQ(difference(got.outputs[i], want[i], tolerance), "");
        }
    }
  }
}

void expect_like_reference(const NodeCase& c, const Tolerance& tolerance, const std::vector<std::string>& configs) {
  if (!reference_plugin()) GTEST_SKIP() << "libmotley_reference.so is not built";
  const NodeResult want = run_node(*reference_plugin(), c);
  ASSERT_EQ(want.status, MOTLEY_OK) << "reference, " << want.step << ": " << want.text;
  expect_outputs(c, want.outputs, tolerance, configs);
}

std::vector<std::string> all_configs(const NodeCase& c) {
  const OpenDevice device(cpu_plugin());
  const NodeGraph node(c);
  const auto* tuning = static_cast<const motley_tuning*>(cpu_plugin().get_extension(MOTLEY_TUNING_EXTENSION));
  std::vector<std::string> configs{""};
  motley_parameter_sink sink{};
  sink.struct_size = sizeof sink;
  sink.context = &configs;
  sink.parameter = [](void* context, const char* name, const char* values, const char*) {
    auto& list = *static_cast<std::vector<std::string>*>(context);
    std::vector<std::string> longer;
    for (std::string rest = values; !rest.empty();) {
      const size_t bar = std::min(rest.find('|'), rest.size());
      for (const std::string& config : list)
        longer.push_back(config + (config.empty() ? "" : ",") + name + "=" + rest.substr(0, bar));
      rest.erase(0, bar + 1);
    }
    list = std::move(longer);
  };
  sink.space = [](void*, uint32_t, uint64_t) {};
  if (tuning->space(device.get(), &node.graph(), &sink) != MOTLEY_OK) throw std::runtime_error("no tuning space");
  return configs;
}

std::string reason_of(const NodeCase& c) {
  const OpenDevice device(cpu_plugin());
  const NodeGraph node(c);
  return query_node(cpu_plugin(), device.get(), node).text;
}

}  // namespace motley::test
