// Between dispatch tables and the recordings that other tuners read and write.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "formats/read.hpp"
#include "formats/write.hpp"
#include "table/document.hpp"

namespace motley::tuner {

// What a recording doesn't say.
struct Importing {
  std::string problem;         // the plugin's key
  std::string default_config;  // "key=value,…", any order: the one that the others are compared with
  std::string plugin;
  table::Fingerprint fingerprint;  // empty: rows that no device here takes as its own
};
struct Imported {
  nlohmann::json document;
  size_t rows = 0, failed = 0;
};
// A row per config that worked; the default's has an empty config. Ratios are of medians, and their intervals from the
// spread of the runs on both sides; of configs with less than two runs the upper end is the largest there is, so that
// they are never chosen. Throws Error(invalid_argument): the default config is not among those that worked, or a config
// has a character that tables do not allow.
Imported import_recording(const Recording& recording, const Importing& importing);

struct Exported {
  Recording recording;
  size_t left_out = 0;  // rows whose parameters are others than those of the first
};
// The rows of one problem on one device, one observation each with the median as its run. `device` may be "" where only
// one has the problem. `default_config` "" leaves the default out. Throws Error(not_found).
Exported export_recording(const nlohmann::json& document, const std::string& problem, const std::string& device,
                          const std::string& default_config);

}  // namespace motley::tuner
