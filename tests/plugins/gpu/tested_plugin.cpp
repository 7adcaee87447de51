// Loading the plugin under test and the reference, and comparing them.
#include "tested_plugin.hpp"

#include "plugin_library.hpp"

namespace motley::test {

const motley_plugin* tested_plugin() {
  static const motley_plugin* plugin = [] {
    const motley_plugin* p = built_plugin(MOTLEY_TESTED_PLUGIN, test_host());
    bool any = false;
    if (p)
      p->enumerate_devices(
          &any, [](void* found, const motley_device_info*) { *static_cast<bool*>(found) = true; }, nullptr);
    return any ? p : nullptr;
  }();
  return plugin;
}

const motley_plugin* reference_plugin() {
  static const motley_plugin* plugin = built_plugin("reference", test_host());
  return plugin;
}

motley_device* tested_device() {
  static motley_device* device = [] {
    motley_device* d = nullptr;
    ErrorText e;
    if (tested_plugin()->device_open(0, &d, &e.error) != MOTLEY_OK) throw std::runtime_error(e.text);
    return d;
  }();
  return device;
}

void expect_like_reference(const NodeCase& c, const Tolerance& tolerance, const std::string& config) {
  SCOPED_TRACE(std::string(schema::EnumNameOp(c.op)) + " config \"" + config + "\"");
  const NodeResult want = run_node(*reference_plugin(), c);
  ASSERT_EQ(want.status, MOTLEY_OK) << "reference, " << want.step << ": " << want.text;
  NodeCase configured = c;
  configured.config = config;
  const NodeResult got = run_node(*tested_plugin(), tested_device(), configured);
  ASSERT_EQ(got.status, MOTLEY_OK) << got.step << ": " << got.text;
  for (size_t i = 0; i < c.outputs.size(); ++i)
    if (!c.outputs[i].absent()) {
      EXPECT_EQ(difference(got.outputs[i], want.outputs[i], tolerance), "");
    }
}

std::string reason_of(const NodeCase& c) {
  const NodeGraph node(c);
  return query_node(*tested_plugin(), tested_device(), node).text;
}

namespace {

const motley_tuning& tuning() {
  return *static_cast<const motley_tuning*>(tested_plugin()->get_extension(MOTLEY_TUNING_EXTENSION));
}

}  // namespace

bool admits(const NodeCase& c, const std::string& config) {
  const NodeGraph node(c);
  ErrorText e;
  return tuning().config_check(tested_device(), &node.graph(), config.c_str(), &e.error) == MOTLEY_OK;
}

std::vector<std::string> single_changes(const NodeCase& c) {
  const NodeGraph node(c);
  std::vector<std::string> configs;
  motley_parameter_sink sink{};
  sink.struct_size = sizeof sink;
  sink.context = &configs;
  sink.parameter = [](void* context, const char* name, const char* values, const char*) {
    auto& list = *static_cast<std::vector<std::string>*>(context);
    for (std::string rest = values; !rest.empty();) {
      const size_t bar = std::min(rest.find('|'), rest.size());
      list.push_back(std::string(name) + "=" + rest.substr(0, bar));
      rest.erase(0, bar + 1);
    }
  };
  sink.space = [](void*, uint32_t, uint64_t) {};
  if (tuning().space(tested_device(), &node.graph(), &sink) != MOTLEY_OK) throw std::runtime_error("no tuning space");
  std::erase_if(configs, [&](const std::string& config) { return !admits(c, config); });
  return configs;
}

}  // namespace motley::test
