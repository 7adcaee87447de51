// Decisions of two tables, joined by problem and device.
#include "report/comparison.hpp"

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "table/merge.hpp"
#include "table/text.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

using Devices = std::map<std::string, std::string>;  // id → plugin

Devices devices_of(const json& document) {
  Devices devices;
  for (const json& row : document.at("devices"))
    devices[row.at("id").get<std::string>()] = row.at("plugin").get<std::string>();
  return devices;
}

// Devices of `before` → the same or corresponding device of `after`.
std::map<std::string, std::string> partners(const Devices& before, const Devices& after) {
  std::map<std::string, std::string> result;
  std::map<std::string, std::vector<std::string>> lonely_before, lonely_after;  // by plugin
  for (const auto& [id, plugin] : before) {
    if (after.contains(id)) result[id] = id;
    else lonely_before[plugin].push_back(id);
  }
  for (const auto& [id, plugin] : after)
    if (!before.contains(id)) lonely_after[plugin].push_back(id);
  for (const auto& [plugin, ids] : lonely_before)
    if (ids.size() == 1 && lonely_after[plugin].size() == 1) result[ids[0]] = lonely_after[plugin][0];
  return result;
}

json side(const Decision& d) { return {{"config", d.config}, {"ns", d.median_ns}, {"observations", d.observations}}; }

struct Pair {
  const Decision* before = nullptr;
  const Decision* after = nullptr;
};

json row_of(const std::pair<std::string, std::string>& name, const Pair& pair) {
  json row = {{"problem", name.first}, {"device", name.second}};
  if (pair.before) row["before"] = side(*pair.before);
  if (pair.after) row["after"] = side(*pair.after);
  if (!pair.before || !pair.after) return row;
  row["config_changed"] = pair.before->config != pair.after->config;
  if (pair.before->median_ns && pair.after->median_ns)
    row["ratio"] = static_cast<double>(pair.after->median_ns) / static_cast<double>(pair.before->median_ns);
  return row;
}

const char* name_of(Difference::Kind kind) {
  return kind == Difference::Kind::added ? "added" : kind == Difference::Kind::removed ? "removed" : "changed";
}

}  // namespace

json comparison_facts(const json& before_document, const json& after_document) {
  const json before = canonical(before_document), after = canonical(after_document);
  const auto old_ones = decisions_of(before), new_ones = decisions_of(after);
  const auto partner = partners(devices_of(before), devices_of(after));
  std::map<std::pair<std::string, std::string>, Pair> pairs;  // (problem, device as `after` has it)
  for (const Decision& d : new_ones) pairs[{d.problem, d.device}].after = &d;
  for (const Decision& d : old_ones) {
    const auto at = partner.find(d.device);
    pairs[{d.problem, at == partner.end() ? d.device : at->second}].before = &d;
  }
  json facts = {{"rows", json::array()}, {"others", json::array()}};
  double logs = 0;
  size_t compared = 0;
  for (const auto& [name, pair] : pairs) {
    json row = row_of(name, pair);
    if (row.contains("ratio")) {
      logs += std::log(row["ratio"].get<double>());
      ++compared;
    }
    facts["rows"].push_back(std::move(row));
  }
  facts["compared"] = compared;
  if (compared) facts["geometric_mean"] = std::exp(logs / static_cast<double>(compared));
  for (const Difference& d : diff_tables(before, after))
    if (d.what != "kernel")
      facts["others"].push_back(
          {{"kind", name_of(d.kind)}, {"what", d.what}, {"name", d.name}, {"before", d.before}, {"after", d.after}});
  return facts;
}

}  // namespace motley::tuner
