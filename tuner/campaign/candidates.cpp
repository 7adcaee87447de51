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
// As a log ratio to the plain kernels: what is further behind as it is offered gets no search of its own. Searches of
// plain kernels seldom gain as much.
constexpr double kHopeless = 0.7;
constexpr size_t kSeeds = 4;
constexpr double kSearchShare = 0.7;     // of a candidate's time; the rest is for the race
constexpr size_t kPlain = SIZE_MAX / 2;  // the plain kernels' default, beside the numbers of candidates' configs

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
        measure(problem, budget.part(1.0 / static_cast<double>(open_.size() - i)));
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

  void measure(const Problem& problem, const Budget& share) {
    const std::vector<std::string> configs = configs_of(problem);
    Supervisor supervisor = supervisor_for(desk_, problem, [&](size_t i) { return configs[i]; });
    if (!supervisor.open().value("checked", false))
      base::fail(ErrorCode::plugin, "the reference cannot check it (%)",
                 {supervisor.open().value("reason", std::string())});
    if (!supervisor.begin_unrecorded(0))
      base::fail(ErrorCode::plugin, "the plain kernels do not work (%)", {supervisor.last_failure().reason});
    json rows = json::array();
    double best = HUGE_VAL;
    std::string why;
    for (size_t i = 1; i < configs.size(); ++i) {
      const Estimate ratio = race_default(supervisor, i);
      if (desk_.stopped()) return;
      if (ratio.count == 0) {
        ++desk_.result.failed_configs;
        why = supervisor.last_failure().reason;
        continue;
      }
      best = std::min(best, ratio.middle);
      rows.push_back(row_for(desk_, problem, measured(supervisor, i, ratio), configs[i], level_));
    }
    if (rows.empty()) base::fail(ErrorCode::plugin, "no config of it works (%)", {why});
    supervisor.record(0);
    ++desk_.result.measured;
    const bool whole = !problem.tunable || best > kHopeless || evaluations(level_) == 0 || search(problem, share, rows);
    if (desk_.stopped()) return;
    desk_.ledger.add_kernel(problem, device_of(desk_, problem).id(), whole ? level_ : Rigor::estimate, std::move(rows));
  }

  // What is fast for the plain kernel need not be so for this one: a search of its own, from the plain kernel's best
  // configs on, against the plain kernels' default. False where the time did not suffice; `rows` gets what it found.
  bool search(const Problem& problem, const Budget& share, json& rows) {
    const Space& space = problem.tunable->space;
    Candidates candidates(space, desk_.options.seed);
    const std::string plain = space.text(space.default_config());
    const auto text = [&](size_t id) {
      return id == kPlain ? plain : joined(problem.candidate, space.text(candidates.config(id)));
    };
    Supervisor supervisor = supervisor_for(desk_, problem, text);
    ProblemOptions options;
    options.evaluations = evaluations(level_);
    options.search.seed = desk_.options.seed;
    options.search.seeds = seeds(problem, candidates);
    options.stop = [&] { return desk_.stopped() || share.over(); };
    const Budget searching = share.part(kSearchShare);
    options.enough = [searching] { return searching.over(); };
    options.progress = [&](size_t tried, double best) {
      desk_.status.tried = tried;
      desk_.status.best_ratio = std::exp(best);
      desk_.show();
    };
    TunedProblem tuned;
    try {
      tuned = tune_problem(candidates, kPlain, supervisor, desk_.journal, options);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::io) throw;
      desk_.say(base::text("% on % was not searched: %",
                           {problem.name(), device_of(desk_, problem).device->name(), error.what()}));
      return true;
    }
    desk_.result.failed_configs += tuned.failed;
    for (const Measured& m : tuned.observations) {
      if (m.candidate == kPlain) continue;
      const std::string config = text(m.candidate);
      std::erase_if(rows.get_ref<json::array_t&>(), [&](const json& row) { return row["config"] == config; });
      rows.push_back(row_for(desk_, problem, m, config, level_));
    }
    return tuned.exhausted || tuned.tried >= options.evaluations;
  }

  // The default config, and what is best for the plain kernel.
  std::vector<size_t> seeds(const Problem& problem, const Candidates& candidates) const {
    const Space& space = problem.tunable->space;
    std::vector<std::string> texts = desk_.ledger.best_configs(problem.key, device_of(desk_, problem).id(), kSeeds);
    texts.insert(texts.begin(), space.text(space.default_config()));
    std::vector<size_t> found;
    for (const std::string& config : texts) {
      try {
        if (const auto id = candidates.find(space.parse(config))) found.push_back(*id);
      } catch (const Error&) {  // an earlier plugin's
      }
    }
    return found;
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
    if (!supervisor.confirm(config)) return {};
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
