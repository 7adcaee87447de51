// Candidates: what devices offer beside plain kernels, fused or of lower precision, each against the plain kernels.
#include <cmath>

#include "base/environment.hpp"
#include "base/text.hpp"
#include "campaign/measuring.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

constexpr size_t kLeastPairs = Estimate::kMinimum + 2, kMostPairs = 15;
constexpr double kPairsNs = 50e6;  // more pairs until a candidate had this much

// The pairs of both, keys in ascending order; those of the candidate count where both have one.
std::string joined(const std::string& candidate, const std::string& config) {
  std::map<std::string, std::string> values;
  for (const std::string& text : {config, candidate})
    for (const std::string& pair : base::split(text, ','))
      values[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
  std::string all;
  for (const auto& [key, value] : values) all += base::text("%%=%", {all.empty() ? "" : ",", key, value});
  return all;
}

// With how many of the plain kernel's best configs a candidate is tried.
size_t configs_at(Rigor level) {
  switch (level) {
    case Rigor::patient: return 3;
    case Rigor::exhaustive: return 8;
    default: return 1;
  }
}

class CandidatePhase {
 public:
  CandidatePhase(Desk& desk, const std::vector<Problem>& problems)
      : desk_(desk), level_(desk.options.rigor.value_or(Rigor::measure)) {
    for (const Problem& problem : problems)
      if (!problem.candidate.empty()) open_.push_back(&problem);
  }

  void run() {
    desk_.status.phase = "candidates";
    const Budget budget = desk_.budget.part(0.5);  // the rest is for plans
    for (size_t i = 0; i < open_.size() && !desk_.stopped(); ++i) {
      const Problem& problem = *open_[i];
      const std::string id = device_of(desk_, problem).id();
      const auto known = desk_.ledger.known(problem.name(), id);
      if ((known && *known >= level_) || desk_.ledger.left_out(problem.name(), id)) continue;
      if (budget.over()) {
        desk_.result.complete = false;
        return;
      }
      show(problem, i);
      try {
        measure(problem);
      } catch (const Error& error) {
        if (error.code() == ErrorCode::io) throw;
        leave_out(desk_, problem, error.what());
      }
    }
  }

 private:
  void show(const Problem& problem, size_t done) {
    desk_.status.what = problem.name();
    desk_.status.device = device_of(desk_, problem).device->name();
    desk_.status.done = done;
    desk_.status.total = open_.size();
    desk_.status.tried = 0;
    desk_.show();
  }

  // The plain kernel's default first, then the candidate as it is offered, then with what is best for the plain kernel.
  std::vector<std::string> configs_of(const Problem& problem) const {
    const DeviceProblem* tunable = problem.tunable.get();
    std::vector<std::string> configs = {tunable ? tunable->space.text(tunable->space.default_config()) : "",
                                        problem.candidate};
    if (!tunable) return configs;
    for (const std::string& best :
         desk_.ledger.best_configs(problem.key, device_of(desk_, problem).id(), configs_at(level_)))
      configs.push_back(joined(problem.candidate, best));
    return configs;
  }

  void measure(const Problem& problem) {
    const std::vector<std::string> configs = configs_of(problem);
    Supervisor supervisor = supervisor_for(desk_, problem, [&](size_t i) { return configs[i]; });
    if (!supervisor.open().value("checked", false))
      base::fail(ErrorCode::plugin, "the reference cannot check it (%)",
                 {supervisor.open().value("reason", std::string())});
    if (!supervisor.begin_unrecorded(0))
      base::fail(ErrorCode::plugin, "the plain kernels do not work (%)", {supervisor.last_failure().reason});
    json rows = json::array();
    std::string why;
    for (size_t i = 1; i < configs.size(); ++i) {
      const Estimate ratio = race_default(supervisor, i);
      if (desk_.stopped()) return;
      if (ratio.count == 0) {
        ++desk_.result.failed_configs;
        why = supervisor.last_failure().reason;
        continue;
      }
      rows.push_back(row_for(desk_, problem, measured(supervisor, i, ratio), configs[i], level_));
    }
    if (rows.empty()) base::fail(ErrorCode::plugin, "no config of it works (%)", {why});
    supervisor.record(0);
    ++desk_.result.measured;
    desk_.ledger.add_kernel(problem, device_of(desk_, problem).id(), level_, std::move(rows));
  }

  // In pairs with the default; nothing where it fails, which is on record then, or where the tuner is stopped.
  Estimate race_default(Supervisor& supervisor, size_t config) {
    if (!supervisor.begin(config)) return {};
    std::vector<double> ratios;
    double total = 0;
    while (ratios.size() < kLeastPairs || (ratios.size() < kMostPairs && total < kPairsNs)) {
      if (desk_.stopped()) return {};
      const double plain = supervisor.run_ns(0), ns = supervisor.run_ns(config);
      if (plain <= 0)
        base::fail(ErrorCode::plugin, "the plain kernels fail in a run (%)", {supervisor.last_failure().reason});
      if (ns <= 0) return {};
      ratios.push_back(std::log(ns / plain));
      total += ns;
    }
    const Estimate result = estimate(ratios);
    supervisor.finish(config, std::move(ratios));
    return result;
  }

  Desk& desk_;
  Rigor level_;
  std::vector<const Problem*> open_;
};

}  // namespace

void measure_candidates(Desk& desk, const std::vector<Problem>& problems) { CandidatePhase(desk, problems).run(); }

}  // namespace motley::tuner
