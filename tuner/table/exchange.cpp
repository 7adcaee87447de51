// Between dispatch tables and the recordings that other tuners read and write.
#include "table/exchange.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/environment.hpp"
#include "base/text.hpp"
#include "formats/builder.hpp"
#include "measure/statistics.hpp"
#include "table/rows.hpp"
#include "table/text.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

constexpr const char* kDevice = "measured";
constexpr double kDeviationOfMad = 1.4826;  // of the normal distribution
constexpr double kMedianError = 1.2533;     // standard error of a median, over that of a mean
constexpr double kQuantile = 1.96;

using Pairs = std::map<std::string, std::string>;

Pairs pairs_of(const std::string& config) {
  Pairs pairs;
  for (const std::string& pair : base::split(config, ',')) {
    const size_t at = pair.find('=');
    if (at == std::string::npos)
      base::fail(ErrorCode::invalid_argument, "the config \"%\" is not \"key=value,key=value\": correct it", {config});
    pairs[pair.substr(0, at)] = pair.substr(at + 1);
  }
  return pairs;
}

std::string text_of(const Pairs& pairs) {
  std::string text;
  for (const auto& [key, value] : pairs) text += base::text("%%=%", {(text.empty() ? "" : ","), key, value});
  return text;
}

std::string config_text(const Recording& recording, const Observation& o) {
  Pairs pairs;
  for (size_t p = 0; p < recording.parameters.size(); ++p)
    pairs[recording.parameters[p].name] = recording.parameters[p].values[o.config[p]].text();
  return text_of(pairs);
}

// Times of one config, the first run left out where there are more, as typical_ns does.
struct Timing {
  double median = 0, deviation = 0;
  size_t runs = 1;
};

Timing timing_of(const Observation& o) {
  std::vector<double> runs = o.runs_ns;
  if (runs.size() > 1) runs.erase(runs.begin());
  return {typical_ns(o), robust_deviation(runs), std::max<size_t>(1, runs.size())};
}

double relative_error(const Timing& t) {
  return kMedianError * t.deviation / t.median / std::sqrt(static_cast<double>(t.runs));
}

// An interval without end where one side ran only once.
Estimate log_ratio(const Timing& t, const Timing& standard) {
  const double middle = std::log(t.median / standard.median);
  if (t.runs < 2 || standard.runs < 2) return {middle, -INFINITY, INFINITY, 1};
  const double half = kQuantile * std::hypot(relative_error(t), relative_error(standard));
  return {middle, middle - half, middle + half, t.runs};
}

ObservedConfig observed(const Importing& importing, const std::string& config, const Timing& t,
                        const Timing& standard) {
  ObservedConfig o;
  o.problem = importing.problem;
  o.device = kDevice;
  o.config = config;
  o.median_ns = t.median;
  o.mad_ns = t.deviation / kDeviationOfMad;
  o.runs = t.runs;
  o.log_ratio = log_ratio(t, standard);
  o.rigor = "estimate";
  return o;
}

// Index of the only device that has rows of the problem, or of the one that is named.
std::string device_with(const json& document, const std::string& problem, const std::string& device) {
  std::string found;
  for (const json& row : document["kernels"]) {
    const std::string id = row["device"];
    if (observed_name(row) != problem || (!device.empty() && id != device) || id == found) continue;
    if (!found.empty())
      base::fail(ErrorCode::invalid_argument, "several devices have the problem \"%\" (% and %): name one",
                 {problem, found, id});
    found = id;
  }
  if (found.empty())
    base::fail(ErrorCode::not_found, "the table has no row of the problem \"%\"%; `motley table show` lists them",
               {problem, device.empty() ? std::string() : base::text(" on the device \"%\"", {device})});
  return found;
}

}  // namespace

Imported import_recording(const Recording& recording, const Importing& importing) {
  const std::string standard_config = text_of(pairs_of(importing.default_config));
  const Observation* standard = nullptr;
  Imported result{empty_document("T4 import"), 0, 0};
  for (const Observation& o : recording.observations)
    if (o.validity == Validity::correct && config_text(recording, o) == standard_config) standard = &o;
  if (!standard)
    base::fail(ErrorCode::invalid_argument, "the default config (%) is not among those that worked: name one of them",
               {standard_config});
  result.document["devices"].push_back(device_row(kDevice, importing.plugin, importing.fingerprint));
  const Timing standard_timing = timing_of(*standard);
  for (const Observation& o : recording.observations) {
    if (o.validity != Validity::correct) {
      ++result.failed;
      continue;
    }
    const std::string config = config_text(recording, o);
    const std::string named = config == standard_config ? "" : config;
    result.document["kernels"].push_back(kernel_row(observed(importing, named, timing_of(o), standard_timing)));
    ++result.rows;
  }
  return result;
}

Exported export_recording(const json& document, const std::string& problem, const std::string& device,
                          const std::string& default_config) {
  const std::string id = device_with(document, problem, device);
  std::vector<std::string> names;
  Exported result;
  std::vector<std::pair<Pairs, double>> rows;
  for (const json& row : document["kernels"]) {
    if (observed_name(row) != problem || row["device"] != id) continue;
    const std::string config = row["config"];
    const Pairs pairs = pairs_of(config.empty() ? default_config : config);
    std::vector<std::string> keys;
    for (const auto& [key, value] : pairs) keys.push_back(key);
    if (names.empty()) names = keys;
    if (keys.empty() || keys != names) ++result.left_out;
    else rows.emplace_back(pairs, row["median_ns"].get<double>());
  }
  RecordingBuilder builder(names);
  for (const auto& [pairs, ns] : rows) {
    std::vector<Value> values;
    for (const auto& [key, value] : pairs) values.push_back(Value::parse(value));
    Observation o;
    o.mean_ns = std::max(1.0, ns);
    o.runs_ns = {o.mean_ns};
    builder.add([&] { return values; }, [&] { return o; });
  }
  result.recording.kernel = problem;
  result.recording.device = id;
  builder.finish(result.recording);
  return result;
}

}  // namespace motley::tuner
