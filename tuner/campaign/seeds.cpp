// Configs that are worth trying first.
#include "campaign/seeds.hpp"

#include <algorithm>

#include <map>

#include "table/lookup.hpp"
#include "table/problem.hpp"

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

namespace {

constexpr uint32_t kNowhere = UINT32_MAX;
uint32_t find_device(const table::Table& table, const std::string& id) {
  for (uint32_t d = 0; d < table.devices.size(); ++d)
    if (table.devices[d].id == id) return d;
  return kNowhere;
}

}  // namespace

std::vector<std::string> seeds_for(const nlohmann::json& document, const std::string& problem, const std::string& id) {
  constexpr double kGain = 0.99;  // as where the default is displaced
  table::Table table = table::table_of(document);
  const uint32_t here = find_device(table, id);
  if (here == kNowhere) return {};
  std::erase_if(table.kernels, [&](const table::KernelRow& row) {
    return row.config.empty() || !row.candidate.empty() || row.ratio_high > kGain ||
           (row.device == here && row.problem == problem);
  });
  Collector collector;
  const table::DeviceRow& device = table.devices[here];
  (void)table::make_lookup(table, device.plugin, device.fingerprint)->find(problem, collector);
  return collector.configs;
}

std::vector<Prior> priors_for(const nlohmann::json& document, const std::string& problem, const std::string& id) {
  constexpr size_t kMostOfAKind = 3, kLeastConfigs = 3;
  const table::Table table = table::table_of(document);
  const uint32_t here = find_device(table, id);
  if (here == kNowhere) return {};
  const auto lookup = table::make_lookup(table, table.devices[here].plugin, table.devices[here].fingerprint);
  // How far away; then which device and which problem.
  using Place = std::tuple<double, uint32_t, std::string>;
  std::map<Place, Prior> devices, problems;
  for (const table::KernelRow& row : table.kernels) {
    if (!row.candidate.empty()) continue;
    const table::Source source = lookup->standings()[row.device].source;
    const double distance = table::distance(problem, row.problem);
    Prior* prior = nullptr;
    if (row.device == here && distance > 0) prior = &problems[{distance, here, row.problem}];
    else if (row.device != here && row.problem == problem && source != table::Source::none)
      prior = &devices[{static_cast<double>(source), row.device, problem}];
    if (!prior) continue;
    prior->configs.push_back(row.config);
    prior->ratios.push_back(row.ratio);
  }
  std::vector<Prior> result;
  for (auto* kind : {&devices, &problems}) {
    size_t count = 0;
    for (auto& [place, prior] : *kind)
      if (prior.configs.size() >= kLeastConfigs && count++ < kMostOfAKind) result.push_back(std::move(prior));
  }
  return result;
}

}  // namespace motley::tuner
