// Configs that are worth trying first.
#include "campaign/seeds.hpp"

#include <algorithm>

#include "table/lookup.hpp"

namespace motley::tuner {

namespace {

// Refuses all, so that the lookup goes on to the next best answer.
class Collector final : public table::Judge {
 public:
  bool accepts(const std::string& config) override {
    if (std::find(configs.begin(), configs.end(), config) == configs.end()) configs.push_back(config);
    return false;
  }
  std::vector<std::string> configs;
};

}  // namespace

std::vector<std::string> seeds_for(const nlohmann::json& document, const std::string& problem, const std::string& id) {
  constexpr double kGain = 0.99;  // as where the default is displaced
  table::Table table = table::table_of(document);
  uint32_t here = 0;
  while (here < table.devices.size() && table.devices[here].id != id) ++here;
  if (here == table.devices.size()) return {};
  std::erase_if(table.kernels, [&](const table::KernelRow& row) {
    return row.config.empty() || !row.candidate.empty() || row.ratio_high > kGain ||
           (row.device == here && row.problem == problem);
  });
  Collector collector;
  const table::DeviceRow& device = table.devices[here];
  (void)table::make_lookup(table, device.plugin, device.fingerprint)->find(problem, collector);
  return collector.configs;
}

}  // namespace motley::tuner
