// Configs that are worth trying first.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "table/document.hpp"

namespace motley::tuner {

// Configs that beat the default, the most promising first and each once: for this problem under another driver, for up
// to three problems of near shapes on this device, for this problem on the device most like it, and on others of its
// family. `document` is one of a table, `id` the device's in it; what the table knows of this very problem and device
// is left out.
std::vector<std::string> seeds_for(const nlohmann::json& document, const std::string& problem, const std::string& id);

// What a table knows of a problem much like this one, or of this one on a device much like this one.
struct Prior {
  std::vector<std::string> configs;  // "": the default
  std::vector<double> ratios;        // to the default there; same length
};
// Of this problem under other drivers, on sibling devices and on others of the family, up to three in this order; and
// of up to three problems of near shapes on this device, the nearest first. Those with fewer than three configs say too
// little.
std::vector<Prior> priors_for(const nlohmann::json& document, const std::string& problem, const std::string& id);

}  // namespace motley::tuner
