// Two devices of one kind from different plugins: they may be one processor, so only who asks for it gets operators
// split over them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "campaign/workload.hpp"
#include "graphs.hpp"
#include "plugin/registry.hpp"
#include "soc.hpp"
#include "table/text.hpp"

namespace motley::test {
namespace {

using nlohmann::json;

const std::vector<std::string> kGpus = {"soc:twins.gpu", "soc2:twins.gpu"};

Runtime runtime() {
  RuntimeOptions options;
  options.standard_places = false;
  options.plugin_files = {MOTLEY_PLUGINS "/reference.json", MOTLEY_TEST_PLUGINS "/libmotley_soc.so",
                          MOTLEY_TEST_PLUGINS "/libmotley_soc2.so"};
  return Runtime(options);
}

// What one of the GPUs was measured to take, said of both.
std::filesystem::path table_for_both(const Model& model) {
  json document = json::parse(std::ifstream(table_for("twins", model)));
  document.erase("sha256");
  document["devices"] = json::array();
  const plugin::Registry registry =
      plugin::discover({.files = {MOTLEY_TEST_PLUGINS "/libmotley_soc.so", MOTLEY_TEST_PLUGINS "/libmotley_soc2.so"},
                        .standard_places = false});
  std::map<std::string, std::string> ids;
  for (const auto& device : registry.devices) {
    if (!std::count(kGpus.begin(), kGpus.end(), device->name())) continue;
    const tuner::TunedDevice described = tuner::describe_device(device);
    document["devices"].push_back(described.row);
    ids[device->name()] = described.id();
  }
  EXPECT_EQ(document["devices"].size(), 2u);
  std::erase_if(document["kernels"].get_ref<json::array_t&>(),
                [&](const json& row) { return row["device"] != ids[kGpus[0]]; });
  EXPECT_FALSE(document["kernels"].empty());
  for (json row : json(document["kernels"])) {
    row["device"] = ids[kGpus[1]];
    document["kernels"].push_back(row);
  }
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("motley_alike_" + std::to_string(getpid()) + ".json");
  std::ofstream(path) << tuner::table_text(tuner::canonical(document));
  return path;
}

std::set<std::string> devices_with_parts(const Explanation& e) {
  std::set<std::string> devices;
  for (const Placement& p : e.nodes)
    if (!p.part_of.empty()) devices.insert(p.device);
  return devices;
}

TEST(SocAlike, DevicesOfOneKindShareOperatorsOnlyWhereThatIsAskedFor) {
  const Model model = branching_network(2, 3, 64, 28);
  const Runtime both = runtime();
  CompileOptions options;
  options.devices = kGpus;
  options.fallback = false;
  options.table = table_for_both(model);
  options.bad_table = BadTable::fail;
  const Explanation apart = both.compile(model, options).explain();
  EXPECT_TRUE(devices_with_parts(apart).empty()) << apart.to_string();

  options.split_alike = true;
  Session session = both.compile(model, options);
  const Explanation shared = session.explain();
  EXPECT_EQ(devices_with_parts(shared), std::set<std::string>(kGpus.begin(), kGpus.end())) << shared.to_string();
  EXPECT_LT(shared.cost.predicted_ns, 0.8 * apart.cost.predicted_ns) << shared.to_string() << apart.to_string();

  Session reference = both.compile(model, {.devices = {"reference"}});
  std::vector<std::vector<float>> results;
  for (Session* s : {&session, &reference}) {
    s->input("x").copy_from(noise(static_cast<size_t>(s->input("x").elements()), 3));
    s->run();
    const auto values = s->output("out").as<float>();
    results.emplace_back(values.begin(), values.end());
  }
  ASSERT_EQ(results[0].size(), results[1].size());
  for (size_t i = 0; i < results[0].size(); ++i)
    ASSERT_NEAR(results[0][i], results[1][i], 1e-3F * std::max(1.0F, std::abs(results[1][i]))) << i;

  options.split = false;
  EXPECT_TRUE(devices_with_parts(both.compile(model, options).explain()).empty()) << "no splits, of whatever devices";
}

}  // namespace
}  // namespace motley::test
