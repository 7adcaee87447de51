// Rows and trials, gathered by problem and device.
#include "report/problems.hpp"

#include <algorithm>
#include <cmath>

#include "measure/statistics.hpp"
#include "report/importance.hpp"
#include "table/rows.hpp"
#include "table/winner.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

constexpr double kLargestRatio = 1e6;
constexpr const char* kInterrupted =
    "begun and never finished: the tuner went down with it, or was measuring it when the journal was read";

// The weighted mean of what was known and one more observation.
void pool(ConfigFacts& facts, const json& row) {
  const double runs = row.at("runs").get<double>(), before = static_cast<double>(facts.runs);
  const auto mix = [&](double old, double fresh) { return (old * before + fresh * runs) / (before + runs); };
  const double ratio = row.at("ratio_vs_default").get<double>();
  facts.ns = mix(facts.ns, row.at("median_ns").get<double>());
  facts.mad_ns = mix(facts.mad_ns, row.at("mad_ns").get<double>());
  facts.ratio = before > 0 ? std::exp(mix(std::log(facts.ratio), std::log(ratio))) : ratio;
  facts.ratio_high = std::max(facts.ratio_high, row.at("ratio_high").get<double>());
  facts.runs += static_cast<size_t>(runs);
  facts.rigor = row.at("rigor").get<std::string>();
  facts.ending = "measured";
  facts.in_table = true;
}

void take(ConfigFacts& facts, const Trial& trial) {
  if (!trial.outcome) {
    ++facts.strikes;
    if (facts.ending.empty()) facts.ending = "interrupted", facts.reason = kInterrupted;
    return;
  }
  const Outcome& outcome = *trial.outcome;
  facts.strikes +=
      outcome.ending == Ending::wrong || outcome.ending == Ending::crashed || outcome.ending == Ending::hung;
  facts.ending = to_string(outcome.ending);
  facts.reason = outcome.reason;
  if (outcome.ending != Ending::measured) return;
  if (!facts.in_table && outcome.median_ns > 0 && outcome.median_ns <= table::kLargestNumber)
    facts.ns = static_cast<double>(outcome.median_ns);
  facts.log_ratios.insert(facts.log_ratios.end(), outcome.log_ratios.begin(), outcome.log_ratios.end());
}

// What follows from the log ratios of a config that no table has.
void conclude(ConfigFacts& facts) {
  if (facts.in_table || facts.log_ratios.empty()) return;
  const Estimate e = estimate(facts.log_ratios);
  facts.runs = facts.log_ratios.size();
  facts.ratio = std::exp(e.middle);
  facts.ratio_high = std::isfinite(e.high) ? std::exp(e.high) : 0;
}

bool works(const ConfigFacts& facts) { return facts.ending == "measured"; }

// The default's time: measured, else what the others' times and ratios say.
double default_ns(const ProblemFacts& problem) {
  for (const std::string& text : {std::string(), problem.default_config})
    if (const auto at = problem.configs.find(text); at != problem.configs.end() && at->second.ns > 0)
      return at->second.ns;
  std::vector<double> told;
  for (const auto& [config, facts] : problem.configs)
    if (works(facts) && facts.ns > 0 && facts.ratio > 0) told.push_back(facts.ns / facts.ratio);
  return median(told);
}

// As a table with these rows is decided when it is used.
std::string choice_of(const ProblemFacts& problem) {
  std::vector<table::KernelRow> rows;
  for (const auto& [config, facts] : problem.configs) {
    if (!works(facts) || facts.ratio <= 0) continue;
    table::KernelRow row;
    row.config = config == problem.default_config ? "" : config;
    row.runs = static_cast<uint32_t>(std::clamp<size_t>(facts.runs, 1, INT32_MAX));
    row.median_ns = static_cast<uint64_t>(facts.ns);
    row.ratio = facts.ratio;
    row.ratio_high = std::max(facts.ratio, facts.ratio_high > 0 ? facts.ratio_high : kLargestRatio);
    rows.push_back(std::move(row));
  }
  std::vector<const table::KernelRow*> pointers;
  for (const table::KernelRow& row : rows) pointers.push_back(&row);
  const table::Winner winner = table::winner_of(pointers);
  return winner.config ? *winner.config : "";
}

// The default is the anchor: the first that was tried, and the only one that is measured without a ratio.
void find_default(ProblemFacts& problem) {
  size_t first = SIZE_MAX;
  for (const auto& [config, facts] : problem.configs)
    if (works(facts) && facts.order > 0 && facts.order < first && facts.log_ratios.empty() && !config.empty()) {
      first = facts.order;
      problem.default_config = config;
    }
  const auto named = problem.configs.find(problem.default_config);
  if (problem.default_config.empty() || named == problem.configs.end()) return;
  if (const auto unnamed = problem.configs.find(""); unnamed != problem.configs.end()) {
    unnamed->second.order = named->second.order;
    named->second = unnamed->second;
    problem.configs.erase(unnamed);
  }
  if (named->second.ratio <= 0) named->second.ratio = 1;
}

json facts_of(const std::string& config, const ConfigFacts& c, const ProblemFacts& problem, double anchor_ns) {
  json facts = {{"config", config}, {"ending", c.ending}};
  const double ns = c.ns > 0 ? c.ns : c.ratio > 0 ? c.ratio * anchor_ns : 0;
  if (works(c) && ns > 0) facts["ns"] = std::round(ns);
  if (c.mad_ns > 0) facts["mad_ns"] = std::round(c.mad_ns);
  if (works(c) && c.ratio > 0) facts["ratio"] = c.ratio;
  if (works(c) && c.ratio_high > 0 && c.ratio_high < kLargestRatio) facts["ratio_high"] = c.ratio_high;
  if (c.runs) facts["runs"] = c.runs;
  if (!c.rigor.empty()) facts["rigor"] = c.rigor;
  if (!c.reason.empty()) facts["reason"] = c.reason;
  if (c.strikes) facts["strikes"] = c.strikes;
  if (c.strikes >= Journal::kMaxStrikes) facts["banned"] = true;
  if (c.order) facts["order"] = c.order;
  if (config == problem.default_config) facts["default"] = true;
  return facts;
}

// Best time so far, after each trial of a config for the first time: [[trials, ns]], where it changes.
json curve_of(const ProblemFacts& problem, double anchor_ns) {
  std::map<size_t, double> by_order;
  for (const auto& [config, c] : problem.configs)
    if (c.order && works(c) && c.ratio > 0) by_order[c.order] = c.ratio * anchor_ns;
  json curve = json::array();
  double best = 0;
  for (const auto& [order, ns] : by_order)
    if (best == 0 || ns < best) {
      best = ns;
      curve.push_back({order, std::round(ns)});
    }
  return curve;
}

json importance_facts(const ProblemFacts& problem, double anchor_ns) {
  std::vector<Sample> samples;
  for (const auto& [config, c] : problem.configs) {
    const double ns = c.ratio > 0 ? c.ratio * anchor_ns : c.ns;
    if (works(c) && ns > 0 && !config.empty()) samples.push_back({parameters_of(config), ns});
  }
  json facts = json::array();
  for (const Importance& i : importance_of(samples))
    facts.push_back({{"parameter", i.parameter}, {"share", i.share}, {"values", i.values}});
  return facts;
}

json facts_of(const std::pair<std::string, std::string>& name, ProblemFacts& problem) {
  for (auto& [config, c] : problem.configs) conclude(c);
  find_default(problem);
  const double anchor_ns = default_ns(problem);
  const std::string choice = choice_of(problem);
  json facts = {{"problem", name.first}, {"device", name.second}, {"configs", json::array()}};
  facts["choice"] = choice.empty() ? problem.default_config : choice;
  facts["choice_is_default"] = choice.empty();
  double choice_ns = anchor_ns, ratio = 1;
  size_t failed = 0;
  for (const auto& [config, c] : problem.configs) {
    json row = facts_of(config, c, problem, anchor_ns);
    failed += !works(c);
    if (!choice.empty() && config == choice) {
      choice_ns = row.value("ns", 0.0);
      ratio = c.ratio;
    }
    if (config == facts["choice"]) row["choice"] = true;
    facts["configs"].push_back(std::move(row));
  }
  if (anchor_ns > 0) facts["default_ns"] = std::round(anchor_ns);
  if (choice_ns > 0) facts["choice_ns"] = std::round(choice_ns);
  facts["ratio"] = ratio;
  facts["failed"] = failed;
  facts["trials"] = problem.trials;
  facts["curve"] = curve_of(problem, anchor_ns);
  facts["importance"] = importance_facts(problem, anchor_ns);
  return facts;
}

}  // namespace

void ReportProblems::add_table(const json& document) {
  for (const json& row : document.at("kernels"))
    pool(problems_[{observed_name(row), row.at("device").get<std::string>()}]
             .configs[row.at("config").get<std::string>()],
         row);
}

void ReportProblems::add_journal(const JournalFile& journal, ReportDevices& devices) {
  for (const Trial& trial : journal.trials) {
    const Subject& subject = trial.subject;
    ProblemFacts& problem = problems_[{subject.problem, devices.of_journal(subject.fingerprint)}];
    ConfigFacts& config = problem.configs[subject.config];
    if (config.order == 0) config.order = ++problem.trials;
    take(config, trial);
  }
}

json ReportProblems::facts() {
  json facts = json::array();
  for (auto& [name, problem] : problems_) facts.push_back(facts_of(name, problem));
  return facts;
}

}  // namespace motley::tuner
