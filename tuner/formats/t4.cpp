// T4: the results of a tuning run, one object per config.
#include <algorithm>
#include <cmath>
#include <map>

#include "formats/builder.hpp"
#include "formats/parts.hpp"
#include "formats/read.hpp"
#include "formats/write.hpp"

namespace motley::tuner {

namespace {

constexpr Validity kValidities[] = {Validity::correct, Validity::constraints, Validity::compile,
                                    Validity::runtime, Validity::correctness, Validity::timeout};

// "miliseconds" is how the published files spell it.
double unit_ns(const std::string& unit, const std::string& what) {
  if (unit == "miliseconds" || unit == "milliseconds" || unit == "ms") return 1e6;
  if (unit == "seconds" || unit == "s") return 1e9;
  if (unit == "microseconds" || unit == "us") return 1e3;
  if (unit == "nanoseconds" || unit == "ns") return 1;
  base::fail(ErrorCode::invalid_argument,
             "% has the time unit \"%\": use seconds, milliseconds, microseconds or nanoseconds", {what, unit});
}

// Where nothing is said, the times tell.
Validity validity_of(const json& row, const std::string& what) {
  if (!row.contains("invalidity")) return Validity::correct;
  const std::string& word = string_field(row, "invalidity", what);
  for (const Validity v : kValidities)
    if (word == to_string(v)) return v;
  base::fail(ErrorCode::invalid_argument,
             "% has the invalidity \"%\": it is correct, constraints, compile, runtime, correctness or timeout",
             {what, word});
}

double time_ns(const json& item, double unit, const std::string& what, const char* name) {
  if (!item.is_number()) fail_field(what, name, "a number");
  const double ns = item.get<double>() * unit;
  if (!std::isfinite(ns) || ns <= 0) fail_field(what, name, "a time above zero");
  return ns;
}

double recorded_mean(const json& row, double unit, const std::string& what) {
  const auto measurements = row.find("measurements");
  if (measurements == row.end() || !measurements->is_array()) return 0;
  for (const json& measurement : *measurements)
    if (measurement.is_object() && optional_string(measurement, "name") == "time")
      return measurement.contains("value") ? time_ns(measurement["value"], unit, what, "value") : 0;
  return 0;
}

Observation observation_of(const json& row, double unit, const std::string& what) {
  Observation o;
  o.validity = validity_of(row, what);
  o.timestamp = optional_string(row, "timestamp");
  const auto times = row.find("times");
  const bool has_times = times != row.end() && times->is_object();
  if (has_times && times->contains("compilation") && (*times)["compilation"].is_number())
    o.compile_ns = std::max(0.0, (*times)["compilation"].get<double>() * unit);
  if (o.validity != Validity::correct) return o;
  if (has_times && times->contains("runtimes"))
    for (const json& run : array_field(*times, "runtimes", what))
      o.runs_ns.push_back(time_ns(run, unit, what, "runtimes"));
  o.mean_ns = recorded_mean(row, unit, what);
  if (o.runs_ns.empty() && o.mean_ns == 0) fail_field(what, "measurements", "a list with a time");
  return o;
}

std::vector<Value> values_of(const json& configuration, const std::vector<std::string>& names,
                             const std::string& what) {
  if (configuration.size() != names.size())
    base::fail(ErrorCode::invalid_argument, "% has % parameters where most have %: give all the same",
               {what, configuration.size(), names.size()});
  std::vector<Value> values;
  for (const std::string& name : names) {
    const auto at = configuration.find(name);
    if (at == configuration.end()) fail_field(what, name, "a number, a truth value or a word");
    values.push_back(value_of(*at, what, name));
  }
  return values;
}

json measurements_of(const Observation& o, double unit) {
  json value;
  if (o.validity == Validity::correct) {
    double mean = o.mean_ns;
    if (mean == 0) {
      for (const double run : o.runs_ns) mean += run;
      mean /= static_cast<double>(o.runs_ns.size());
    }
    value = mean / unit;
  } else {
    value = to_string(o.validity);
  }
  return json::array({{{"name", "time"}, {"value", value}, {"unit", ""}}});
}

}  // namespace

// The parameters of most rows.
std::vector<std::string> names_of(const json& results) {
  std::map<std::vector<std::string>, size_t> counts;
  for (const json& row : results) {
    const auto configuration = row.is_object() ? row.find("configuration") : row.end();
    if (!row.is_object() || configuration == row.end() || !configuration->is_object()) continue;
    std::vector<std::string> names;
    for (const auto& [name, value] : configuration->items()) names.push_back(name);
    ++counts[std::move(names)];
  }
  const auto fewer = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto most = std::max_element(counts.begin(), counts.end(), fewer);
  return most == counts.end() ? std::vector<std::string>() : most->first;
}

Recording t4_of(const json& root, const std::string& what) {
  Recording recording;
  // Without a word on it times are in milliseconds, as this format's writers have them.
  if (const auto metadata = root.find("metadata"); metadata != root.end() && metadata->is_object())
    if (const std::string unit = optional_string(*metadata, "timeunit"); !unit.empty()) recording.time_unit = unit;
  const double unit = unit_ns(recording.time_unit, what);
  const json& results = array_field(root, "results", what);
  if (results.empty()) fail_field(what, "results", "a list with at least one result");
  RecordingBuilder builder(names_of(results));
  for (size_t i = 0; i < results.size(); ++i) {
    const std::string row = base::text("result % of %", {i, what});
    builder.add([&] { return values_of(object_field(results[i], "configuration", row), builder.names(), row); },
                [&] { return observation_of(results[i], unit, row); });
  }
  builder.finish(recording);
  return recording;
}

std::string write_t4(const Recording& recording) {
  const double unit = unit_ns(recording.time_unit, "the recording");
  json results = json::array();
  for (const Observation& o : recording.observations) {
    json configuration = json::object(), runs = json::array();
    for (size_t p = 0; p < recording.parameters.size(); ++p)
      configuration[recording.parameters[p].name] = json_of(recording.parameters[p].values[o.config[p]]);
    for (const double run : o.runs_ns) runs.push_back(run / unit);
    json times = {{"compilation", o.compile_ns / unit}, {"framework", 0}, {"search_algorithm", 0}, {"validation", 0}};
    if (!o.runs_ns.empty()) times["runtimes"] = std::move(runs);
    results.push_back({{"timestamp", o.timestamp},
                       {"configuration", std::move(configuration)},
                       {"times", std::move(times)},
                       {"invalidity", to_string(o.validity)},
                       {"correctness", o.validity == Validity::correct ? 1 : 0},
                       {"measurements", measurements_of(o, unit)},
                       {"objectives", json::array({"time"})}});
  }
  const json root = {
      {"schema_version", "1.0.0"}, {"metadata", {{"timeunit", recording.time_unit}}}, {"results", std::move(results)}};
  return root.dump(1) + "\n";
}

}  // namespace motley::tuner
