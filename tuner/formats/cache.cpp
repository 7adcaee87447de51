// Kernel Tuner's cache files: one object per config, keyed by its values. Times are in milliseconds.
#include <cmath>

#include "formats/builder.hpp"
#include "formats/parts.hpp"
#include "formats/read.hpp"
#include "formats/write.hpp"

namespace motley::tuner {

namespace {

constexpr double kMillisecond = 1e6;
// What old versions wrote for a config that failed.
constexpr double kFailedTime = 1e20;

std::vector<std::string> names_of(const json& root, const std::string& what) {
  std::vector<std::string> names;
  if (!root.contains("tune_params_keys") && root.contains("tune_params")) {
    for (const auto& [name, values] : object_field(root, "tune_params", what).items()) names.push_back(name);
    return names;
  }
  for (const json& name : array_field(root, "tune_params_keys", what)) {
    if (!name.is_string()) fail_field(what, "tune_params_keys", "a list of names");
    names.push_back(name.get<std::string>());
  }
  return names;
}

// The failures that Kernel Tuner writes in place of a time.
Validity failure_of(const std::string& word) {
  if (word.find("Compilation") != std::string::npos) return Validity::compile;
  if (word.find("Invalid") != std::string::npos) return Validity::constraints;
  if (word.find("Timeout") != std::string::npos) return Validity::timeout;
  if (word.find("Correct") != std::string::npos) return Validity::correctness;
  return Validity::runtime;
}
const char* word_of(Validity failure) {
  switch (failure) {
    case Validity::compile: return "CompilationFailedConfig";
    case Validity::constraints: return "InvalidConfig";
    case Validity::timeout: return "TimeoutFailedConfig";
    case Validity::correctness: return "CorrectnessFailedConfig";
    default: return "RuntimeFailedConfig";
  }
}

double time_ns(const json& item, const std::string& what, const char* name) {
  const double ns = item.is_number() ? item.get<double>() * kMillisecond : 0;
  if (!std::isfinite(ns) || ns <= 0) fail_field(what, name, "a time above zero");
  return ns;
}

Observation observation_of(const json& row, const std::string& what) {
  Observation o;
  const auto time = row.find("time");
  if (time == row.end()) fail_field(what, "time", "a number or the name of a failure");
  if (row.contains("compile_time") && row["compile_time"].is_number())
    o.compile_ns = std::max(0.0, row["compile_time"].get<double>() * kMillisecond);
  o.timestamp = optional_string(row, "timestamp");
  if (time->is_string()) o.validity = failure_of(time->get<std::string>());
  else if (time->is_number() && time->get<double>() >= kFailedTime) o.validity = Validity::runtime;
  if (o.validity != Validity::correct) return o;
  o.mean_ns = time_ns(*time, what, "time");
  if (row.contains("times"))
    for (const json& run : array_field(row, "times", what)) o.runs_ns.push_back(time_ns(run, what, "times"));
  return o;
}

std::vector<Value> values_of(const json& row, const std::vector<std::string>& names, const std::string& what) {
  std::vector<Value> values;
  for (const std::string& name : names) {
    const auto at = row.is_object() ? row.find(name) : row.end();
    if (!row.is_object() || at == row.end()) fail_field(what, name, "a number, a truth value or a word");
    values.push_back(value_of(*at, what, name));
  }
  return values;
}

}  // namespace

Recording cache_of(const json& root, const std::string& what) {
  Recording recording;
  recording.device = optional_string(root, "device_name");
  recording.kernel = optional_string(root, "kernel_name");
  RecordingBuilder builder(names_of(root, what));
  const json& cache = object_field(root, "cache", what);
  if (cache.empty()) fail_field(what, "cache", "an object with at least one config");
  for (const auto& [key, row] : cache.items()) {
    const std::string where = "the config \"" + key + "\" of " + what;
    builder.add([&, &row = row] { return values_of(row, builder.names(), where); },
                [&, &row = row] { return observation_of(row, where); });
  }
  builder.finish(recording);
  return recording;
}

std::string write_cache(const Recording& recording) {
  json root = {{"device_name", recording.device},   {"kernel_name", recording.kernel}, {"objective", "time"},
               {"tune_params_keys", json::array()}, {"tune_params", json::object()},   {"cache", json::object()}};
  for (const Parameter& p : recording.parameters) {
    root["tune_params_keys"].push_back(p.name);
    for (const Value& value : p.values) root["tune_params"][p.name].push_back(json_of(value));
  }
  for (const Observation& o : recording.observations) {
    std::string key;
    json row;
    for (size_t p = 0; p < recording.parameters.size(); ++p) {
      const Value& value = recording.parameters[p].values[o.config[p]];
      key += (p ? "," : "") + value.text();
      row[recording.parameters[p].name] = json_of(value);
    }
    if (o.validity == Validity::correct) row["time"] = (o.mean_ns != 0 ? o.mean_ns : typical_ns(o)) / kMillisecond;
    else row["time"] = word_of(o.validity);
    for (const double run : o.runs_ns) row["times"].push_back(run / kMillisecond);
    row["compile_time"] = o.compile_ns / kMillisecond;
    if (!o.timestamp.empty()) row["timestamp"] = o.timestamp;
    root["cache"][key] = std::move(row);
  }
  return root.dump(1) + "\n";
}

}  // namespace motley::tuner
