// Rows of a dispatch table, from what was measured.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "measure/statistics.hpp"
#include "table/document.hpp"

namespace motley::tuner {

// One observation of one config.
struct ObservedConfig {
  std::string problem, device;  // the plugin's key; the device's id in the document
  std::string config;           // canonical text; "": the plugin's default
  std::string candidate;        // pairs of it that make it a kernel of its own; "": none
  double median_ns = 0, mad_ns = 0;
  size_t runs = 1;
  // To the default, from paired runs. Without an interval (fewer than Estimate::kMinimum runs) the row's upper end is
  // the largest ratio there is, so that the config is never chosen. Not looked at for the default itself.
  Estimate log_ratio;
  double max_abs = 0, max_rel = 0;  // largest difference from the reference
  std::string rigor = "measure";    // estimate, measure, patient, exhaustive
};

// What a problem is called where each candidate stands for itself: "KEY as precision=f16"; the key for "".
std::string observed_name(const std::string& problem, const std::string& candidate);
// Of a row of "kernels".
std::string observed_name(const nlohmann::json& row);

nlohmann::json kernel_row(const ObservedConfig& observed);
// `id` is any name that the document's rows use; canonical() gives devices their own.
nlohmann::json device_row(const std::string& id, const std::string& plugin, const table::Fingerprint& fingerprint);

}  // namespace motley::tuner
