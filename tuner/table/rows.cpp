// Rows of a dispatch table, from what was measured.
#include "table/rows.hpp"

#include <algorithm>
#include <cmath>

#include "base/environment.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

constexpr double kSmallestRatio = 1e-6, kLargestRatio = 1e6;

double ratio_of(double log_ratio) { return std::clamp(std::exp(log_ratio), kSmallestRatio, kLargestRatio); }

uint64_t whole(double ns) {
  return ns > 0 ? static_cast<uint64_t>(std::min(std::round(ns), static_cast<double>(table::kLargestNumber))) : 0;
}

json facts_of(const std::string& lines) {
  json facts = json::object();
  for (const std::string& line : base::split(lines, '\n'))
    facts[line.substr(0, line.find('='))] = line.substr(line.find('=') + 1);
  return facts;
}

}  // namespace

std::string observed_name(const std::string& problem, const std::string& candidate) {
  return candidate.empty() ? problem : problem + " as " + candidate;
}
std::string observed_name(const json& row) {
  return observed_name(row.at("problem_key").get<std::string>(), row.value("candidate", std::string()));
}

json kernel_row(const ObservedConfig& o) {
  const bool is_default = o.config.empty();
  const double ratio = is_default ? 1 : ratio_of(o.log_ratio.middle);
  json row = {{"problem_key", o.problem},
              {"device", o.device},
              {"config", o.config},
              {"median_ns", whole(o.median_ns)},
              {"mad_ns", whole(o.mad_ns)},
              {"runs", std::clamp<uint64_t>(o.runs, 1, INT32_MAX)},
              {"ratio_vs_default", ratio},
              {"ratio_high", is_default ? 1 : std::max(ratio, ratio_of(o.log_ratio.high))},
              {"error", {{"max_abs", o.max_abs}, {"max_rel", o.max_rel}}},
              {"rigor", o.rigor}};
  if (!o.candidate.empty()) row["candidate"] = o.candidate;
  return row;
}

json device_row(const std::string& id, const std::string& plugin, const table::Fingerprint& print) {
  return {{"id", id},
          {"plugin", plugin},
          {"fingerprint",
           {{"hw", facts_of(print.hw)}, {"driver", facts_of(print.driver)}, {"kernels", facts_of(print.kernels)}}}};
}

}  // namespace motley::tuner
