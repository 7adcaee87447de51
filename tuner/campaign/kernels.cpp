// Kernels: the default of each problem, then a search, level by level.
#include <cmath>
#include <numeric>

#include "base/text.hpp"
#include "campaign/measuring.hpp"
#include "campaign/seeds.hpp"
#include "table/text.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

constexpr size_t kLeastRuns = Estimate::kMinimum, kMostRuns = 15;
constexpr double kRunsNs = 50e6;       // more runs of a default until it had this much
constexpr double kSearchShare = 0.7;   // of a problem's time; the rest is for the race
constexpr double kPlansShare = 0.15;   // of the campaign's time, left for whole plans
constexpr double kCandidatesShare = 0.15;  // and for what devices offer beside plain kernels, where they do
constexpr double kLeastSeconds = 0.1;  // a search that gets less is not begun

// A problem with what the phases find out about it.
struct Job {
  Problem* at;
  double default_ns = 0;
  Rigor level = Rigor::estimate;  // reached
  bool works = true;
  double weight = 0;  // its share of the time for searching, to those of others
  double time_ns() const { return static_cast<double>(at->count) * std::max(default_ns, 1.0); }
};

class KernelPhase {
 public:
  KernelPhase(Desk& desk, std::vector<Problem>& problems) : desk_(desk) {
    for (Problem& problem : problems) {
      if (problem.candidate.empty()) jobs_.push_back({&problem, problem.estimate_ns});
      else kept_share_ = kPlansShare + kCandidatesShare;
    }
  }

  void run() {
    desk_.status.phase = "kernels";
    budget_ = desk_.budget.part(1 - kept_share_);
    sort();
    measure_defaults();
    weigh();
    if (!desk_.options.rigor && desk_.budget.is_limited())
      for (const Rigor level : {Rigor::measure, Rigor::patient, Rigor::exhaustive}) search(level);
    else search(desk_.options.rigor.value_or(Rigor::measure));
    for (const Job& job : jobs_)
      if (job.works && job.level < (job.at->tunable ? desk_.options.rigor.value_or(Rigor::measure) : Rigor::exhaustive))
        desk_.result.complete = false;
  }

 private:
  // What takes most of the models' time comes first.
  void sort() {
    std::stable_sort(jobs_.begin(), jobs_.end(), [](const Job& a, const Job& b) { return a.time_ns() > b.time_ns(); });
  }
  // Within a device by time; between devices the other way round, as the fastest one is what plans will mostly use.
  void weigh() {
    std::vector<double> totals(desk_.devices.size(), 0);
    for (const Job& job : jobs_) totals[job.at->device] += job.time_ns();
    for (Job& job : jobs_) job.weight = job.time_ns() / (totals[job.at->device] * totals[job.at->device]);
    std::stable_sort(jobs_.begin(), jobs_.end(), [](const Job& a, const Job& b) { return a.weight > b.weight; });
  }
  const TunedDevice& device(const Job& job) const { return desk_.devices[job.at->device]; }
  bool over() const { return desk_.stopped() || budget_.over(); }

  void begin(const Job& job, size_t done, size_t total) {
    desk_.status.what = job.at->key;
    desk_.status.device = device(job).device->name();
    desk_.status.done = done;
    desk_.status.total = total;
    desk_.status.tried = 0;
    desk_.status.best_ratio = 1;
    desk_.show();
  }

  Supervisor supervisor(const Job& job, std::function<std::string(size_t)> text) const {
    return supervisor_for(desk_, *job.at, std::move(text));
  }
  json row(const Job& job, const Measured& m, const std::string& config, Rigor rigor) const {
    return row_for(desk_, *job.at, m, config, rigor);
  }

  void measure_defaults() {
    for (size_t i = 0; i < jobs_.size() && !over(); ++i) {
      Job& job = jobs_[i];
      const std::string id = device(job).id();
      if (const auto known = desk_.ledger.known(job.at->key, id)) {
        job.level = *known;
        job.default_ns = static_cast<double>(desk_.ledger.median_ns(job.at->key, id));
        ++desk_.result.measured;
        continue;
      }
      if (desk_.ledger.left_out(job.at->key, id)) {
        job.works = false;
        continue;
      }
      begin(job, i, jobs_.size());
      try {
        desk_.result.measured += measure_default(job);
      } catch (const Error& error) {
        if (error.code() == ErrorCode::io) throw;
        leave_out(job, error.what());
      }
    }
    publish();
  }

  // False where it was stopped, or the time is over.
  bool measure_default(Job& job) {
    const DeviceProblem* tunable = job.at->tunable.get();
    const std::string config = tunable ? tunable->space.text(tunable->space.default_config()) : "";
    Supervisor supervisor = this->supervisor(job, [&](size_t) { return config; });
    if (!supervisor.begin_unrecorded(0))
      base::fail(ErrorCode::plugin, "the default config does not work (%)", {supervisor.last_failure().reason});
    double total = 0;
    for (size_t run = 0; run < kMostRuns && (run < kLeastRuns || total < kRunsNs) && !over(); ++run) {
      const double ns = supervisor.run_ns(0);
      if (ns <= 0)
        base::fail(ErrorCode::plugin, "the default config fails in a run (%)", {supervisor.last_failure().reason});
      total += ns;
    }
    if (supervisor.times_ns(0).size() < kLeastRuns) return false;
    supervisor.record(0);
    const Measured measured = tuner::measured(supervisor, 0, {});
    job.default_ns = measured.median_ns;
    job.level = tunable ? Rigor::estimate : Rigor::exhaustive;
    desk_.ledger.add_kernel(*job.at, device(job).id(), job.level, json::array({row(job, measured, "", job.level)}));
    return true;
  }

  void leave_out(Job& job, const std::string& reason) {
    job.works = false;
    tuner::leave_out(desk_, *job.at, reason);
  }

  void search(Rigor level) {
    std::vector<Job*> open;
    double weights = 0;
    for (Job& job : jobs_) {
      if (!job.works || !job.at->tunable || job.level >= level || evaluations(level) == 0) continue;
      open.push_back(&job);
      weights += job.weight;
    }
    for (size_t i = 0; i < open.size() && !over(); ++i) {
      Job& job = *open[i];
      const Budget share = budget_.part(job.weight / weights);
      weights -= job.weight;
      if (share.seconds_left() < kLeastSeconds) continue;
      begin(job, i, open.size());
      try {
        search(job, level, share);
      } catch (const Error& error) {
        if (error.code() == ErrorCode::io) throw;
        desk_.say(base::text("% on % keeps its default: %", {job.at->key, device(job).device->name(), error.what()}));
      }
      publish();
    }
  }

  void search(Job& job, Rigor level, const Budget& share) {
    const Space& space = job.at->tunable->space;
    Candidates candidates(space, desk_.options.seed);
    const auto standard = candidates.find(space.default_config());
    if (!standard) base::fail(ErrorCode::plugin, "its default config is not valid in its own space");
    Supervisor supervisor = this->supervisor(job, [&](size_t id) { return space.text(candidates.config(id)); });
    if (!supervisor.open().value("checked", false))
      base::fail(ErrorCode::plugin, "the reference cannot check it (%)",
                 {supervisor.open().value("reason", std::string())});
    ProblemOptions options;
    options.evaluations = evaluations(level);
    options.search.seed = desk_.options.seed;
    options.search.seeds = seeds(job, candidates);
    options.search.siblings = siblings(job);
    options.stop = [&] { return desk_.stopped() || share.over(); };
    const Budget search = share.part(kSearchShare);
    options.enough = [search] { return search.over(); };
    options.progress = [&](size_t tried, double best) {
      desk_.status.tried = tried;
      desk_.status.best_ratio = std::exp(best);
      desk_.show();
    };
    const TunedProblem tuned = tune_problem(candidates, *standard, supervisor, desk_.journal, options);
    const bool whole = tuned.exhausted || tuned.tried >= options.evaluations;
    desk_.result.failed_configs += tuned.failed;
    // A search that was cut short takes nothing away from what an earlier one found.
    if (!whole && job.level > Rigor::estimate && tuned.is_default) return;
    if (whole) job.level = tuned.exhausted ? Rigor::exhaustive : level;
    json rows = json::array();
    for (const Measured& m : tuned.observations) {
      const bool is_default = m.candidate == *standard;
      rows.push_back(row(job, m, is_default ? "" : space.text(candidates.config(m.candidate)), job.level));
    }
    desk_.ledger.add_kernel(*job.at, device(job).id(), job.level, std::move(rows));
  }

  // What won elsewhere, as far as it is a config here.
  std::vector<size_t> seeds(const Job& job, const Candidates& candidates) const {
    std::vector<size_t> found;
    for (const std::string& config : seeds_for(desk_.ledger.costs(), job.at->key, device(job).id())) {
      try {
        if (const auto id = candidates.find(job.at->tunable->space.parse(config))) found.push_back(*id);
      } catch (const Error&) {  // other values than here
      }
    }
    return found;
  }

  // What was measured elsewhere, as far as it is of configs here.
  std::vector<Sibling> siblings(const Job& job) const {
    const Space& space = job.at->tunable->space;
    std::vector<Sibling> found;
    for (const Prior& prior : priors_for(desk_.ledger.costs(), job.at->key, device(job).id())) {
      Sibling& sibling = found.emplace_back();
      for (size_t i = 0; i < prior.configs.size(); ++i) {
        try {
          sibling.configs.push_back(prior.configs[i].empty() ? space.default_config() : space.parse(prior.configs[i]));
          sibling.costs.push_back(prior.ratios[i]);
        } catch (const Error&) {  // other values than here
        }
      }
      if (sibling.configs.empty()) found.pop_back();
    }
    return found;
  }

  void publish() { desk_.publish(); }

  Desk& desk_;
  std::vector<Job> jobs_;
  Budget budget_{std::chrono::milliseconds(0)};  // for kernels: what the later phases need is kept from all levels
  double kept_share_ = kPlansShare;
};

}  // namespace

void tune_kernels(Desk& desk, std::vector<Problem>& problems) { KernelPhase(desk, problems).run(); }

}  // namespace motley::tuner
