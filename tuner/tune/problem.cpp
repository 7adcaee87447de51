// Tunes one problem on one device.
#include "tune/problem.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/text.hpp"

namespace motley::tuner {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// A reading from a block that was discarded matters only this near to the best (30 %).
constexpr double kMattersWithin = 0.26;

// In the race, every candidate's first run is preceded by its record.
class RecordingMeter : public Meter {
 public:
  RecordingMeter(Supervisor& supervisor, size_t anchor) : supervisor_(supervisor), anchor_(anchor) {}
  double run_ns(size_t candidate) override {
    if (failed_.contains(candidate)) return 0;
    if (candidate != anchor_ && racing_ && begun_.insert(candidate).second && !supervisor_.begin(candidate)) {
      failed_.insert(candidate);
      return 0;
    }
    const double ns = supervisor_.run_ns(candidate);
    if (ns <= 0) failed_.insert(candidate);
    return ns;
  }
  void start_race() { racing_ = true; }
  bool raced(size_t candidate) const { return begun_.contains(candidate) && !failed_.contains(candidate); }

 private:
  Supervisor& supervisor_;
  size_t anchor_;
  bool racing_ = false;
  std::set<size_t> begun_, failed_;
};

class Tuning {
 public:
  Tuning(Candidates& candidates, size_t default_candidate, Supervisor& supervisor, const Journal& journal,
         const ProblemOptions& options)
      : candidates_(candidates),
        default_(default_candidate),
        supervisor_(supervisor),
        journal_(journal),
        options_(options),
        runner_(supervisor, default_candidate),
        meter_(runner_, default_candidate, options.anchor) {}

  TunedProblem run() {
    check_default();
    SearchOptions search = options_.search;
    strategy_ = make_strategy("motley", candidates_, search);
    if (default_ < candidates_.size()) strategy_->observe(default_, 1);
    recall();
    while (result_.tried < options_.evaluations && !stopped() && !(options_.enough && options_.enough())) {
      const auto candidate = strategy_->propose();
      result_.exhausted = !candidate;
      if (!candidate) break;
      try_one(*candidate);
    }
    decide();
    return result_;
  }

 private:
  bool stopped() const { return options_.stop && options_.stop(); }

  void check_default() {
    if (!supervisor_.begin_unrecorded(default_))
      base::fail(ErrorCode::plugin, "the default config does not work (%): the problem is left untuned",
                 {supervisor_.last_failure().reason});
  }

  // What earlier runs of the tuner found out.
  void recall() {
    for (size_t id = 0; id < candidates_.size(); ++id) {
      if (id == default_) continue;
      const Subject subject = supervisor_.subject(id);
      const auto& outcomes = journal_.outcomes(subject);
      if (outcomes.empty() && !journal_.banned(subject)) continue;
      std::vector<double> ratios;
      bool works = !journal_.banned(subject);
      for (const Outcome& outcome : outcomes) {
        works = works && outcome.ending == Ending::measured;
        ratios.insert(ratios.end(), outcome.log_ratios.begin(), outcome.log_ratios.end());
      }
      if (works && ratios.empty()) continue;
      note(id, works ? median(ratios) : kInfinity);
    }
  }

  // A candidate's standing after the first rung.
  void note(size_t candidate, double log_ratio) {
    const bool works = std::isfinite(log_ratio);
    strategy_->observe(candidate, works ? std::exp(log_ratio) : 0);
    first_rung_.push_back({candidate, {log_ratio}});
    ++result_.tried;
    result_.failed += !works;
    best_ = std::min(best_, log_ratio);
    if (options_.progress) options_.progress(result_.tried, best_);
  }

  void try_one(size_t candidate) {
    double log_ratio = kInfinity;
    if (supervisor_.begin(candidate)) {
      log_ratio = meter_.run(candidate);
      if (std::isfinite(log_ratio)) supervisor_.finish(candidate, {log_ratio});
    }
    note(candidate, log_ratio);
    for (const size_t suspect : meter_.take_suspects()) run_again(suspect);
  }

  // The device changed its pace while this candidate was measured.
  void run_again(size_t candidate) {
    for (Standing& standing : first_rung_) {
      if (standing.candidate != candidate || standing.log_ratios[0] > best_ + kMattersWithin) continue;
      const double log_ratio = meter_.run(candidate);
      standing.log_ratios = {log_ratio};
      strategy_->observe(candidate, std::isfinite(log_ratio) ? std::exp(log_ratio) : 0);
    }
  }

  void decide() {
    runner_.start_race();
    const RaceResult race = confirmed_race();
    for (const Standing& standing : race.standings)
      if (runner_.raced(standing.candidate))  // the first rung's reading is on record already
        supervisor_.finish(standing.candidate, {standing.log_ratios.begin() + 1, standing.log_ratios.end()});
    result_.is_default = race.winner == default_ || !displaces_default(race.log_ratio_to_anchor);
    result_.winner = result_.is_default ? default_ : race.winner;
    if (!result_.is_default) result_.log_ratio_to_default = race.log_ratio_to_anchor;
    observe(race);
    const Measured winner = measured(supervisor_, result_.winner, result_.log_ratio_to_default);
    result_.median_ns = static_cast<uint64_t>(std::llround(winner.median_ns));
    result_.mad_ns = static_cast<uint64_t>(std::llround(winner.mad_ns));
    result_.runs = winner.runs;
  }

  // Races until all that the race would put on record are right after it too, and can be released: others are out.
  RaceResult confirmed_race() {
    RacePolicy policy = options_.race;
    while (true) {
      RaceResult race = motley::tuner::race(meter_, first_rung_, policy, options_.search.seed, options_.stop);
      const size_t before = result_.failed;
      for (const Standing& s : race.standings)
        if (s.candidate != default_ && runs_of(s) >= Estimate::kMinimum && !supervisor_.confirm(s.candidate))
          drop(s.candidate);
      if (result_.failed == before) return race;
      // As many runs again.
      policy.runs_per_candidate = options_.race.runs_per_candidate +
                                  static_cast<double>(meter_.runs()) / static_cast<double>(first_rung_.size());
    }
  }
  // That count for a row.
  size_t runs_of(const Standing& s) const {
    return std::min(s.log_ratios.size(), supervisor_.times_ns(s.candidate).size());
  }
  void drop(size_t candidate) {
    for (Standing& standing : first_rung_)
      if (standing.candidate == candidate) standing.log_ratios = {kInfinity};
    ++result_.failed;
  }

  void observe(const RaceResult& race) {
    while (supervisor_.times_ns(default_).size() < Estimate::kMinimum && supervisor_.run_ns(default_) > 0) continue;
    supervisor_.record(default_);
    result_.observations.push_back(measured(supervisor_, default_, {}));
    if (!result_.is_default)
      result_.observations.push_back(measured(supervisor_, result_.winner, result_.log_ratio_to_default));
    for (const Standing& standing : race.standings) {
      const bool known = standing.candidate == default_ || standing.candidate == result_.winner;
      if (known || runs_of(standing) < Estimate::kMinimum) continue;
      result_.observations.push_back(measured(supervisor_, standing.candidate, estimate(standing.log_ratios)));
    }
  }

  Candidates& candidates_;
  size_t default_;
  Supervisor& supervisor_;
  const Journal& journal_;
  const ProblemOptions& options_;
  RecordingMeter runner_;
  AnchoredMeter meter_;
  std::unique_ptr<Strategy> strategy_;
  std::vector<Standing> first_rung_;
  double best_ = 0;  // the default's own ratio
  TunedProblem result_;
};

}  // namespace

const char* to_string(Rigor rigor) {
  switch (rigor) {
    case Rigor::estimate: return "estimate";
    case Rigor::measure: return "measure";
    case Rigor::patient: return "patient";
    case Rigor::exhaustive: return "exhaustive";
  }
  return "";
}

size_t evaluations(Rigor rigor) {
  switch (rigor) {
    case Rigor::estimate: return 0;
    case Rigor::measure: return 50;
    case Rigor::patient: return 200;
    case Rigor::exhaustive: return SIZE_MAX;
  }
  return 0;
}

Measured measured(const Supervisor& supervisor, size_t candidate, const Estimate& log_ratio_to_default) {
  const std::vector<double>& times = supervisor.times_ns(candidate);
  const double middle = median(times);
  std::vector<double> distances;
  for (const double time : times) distances.push_back(std::abs(time - middle));
  return {candidate, middle, median(distances), times.size(), log_ratio_to_default, supervisor.error(candidate)};
}

TunedProblem tune_problem(Candidates& candidates, size_t default_candidate, Supervisor& supervisor,
                          const Journal& journal, const ProblemOptions& options) {
  return Tuning(candidates, default_candidate, supervisor, journal, options).run();
}

}  // namespace motley::tuner
