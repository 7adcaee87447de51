// T4: the results of a tuning run, one object per config.
#include <cmath>

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

Validity validity_of(const json& row, const std::string& what) {
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
  for (const json& measurement : array_field(row, "measurements", what))
    if (optional_string(measurement, "name") == "time")
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
    base::fail(ErrorCode::invalid_argument, "% has % parameters where the first has %: give all the same",
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

Recording t4_of(const json& root, const std::string& what) {
  Recording recording;
  recording.time_unit = string_field(object_field(root, "metadata", what), "timeunit", what);
  const double unit = unit_ns(recording.time_unit, what);
  const json& results = array_field(root, "results", what);
  if (results.empty()) fail_field(what, "results", "a list with at least one result");
  std::vector<std::string> names;
  for (const auto& [name, value] : object_field(results[0], "configuration", what).items()) names.push_back(name);
  RecordingBuilder builder(std::move(names));
  for (size_t i = 0; i < results.size(); ++i) {
    const std::string row = base::text("result % of %", {i, what});
    std::vector<Value> values = values_of(object_field(results[i], "configuration", row), builder.names(), row);
    builder.add(std::move(values), observation_of(results[i], unit, row));
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
