// Solving for an aim, and deciding whether the answer is good enough to leave what is safe.
#include "place/choose.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "place/branch.hpp"
#include "place/objective.hpp"
#include "place/parallel.hpp"
#include "place/serial.hpp"
#include "place/validate.hpp"

namespace motley::place {

namespace {

// Of annealing and of branch and bound: planning a real network stays within milliseconds.
constexpr uint64_t kMoveBudget = 40000;     // moves × nodes
constexpr uint64_t kBranchBudget = 100000;  // branches × nodes

// A plan and what it costs.
struct Draft {
  std::vector<uint32_t> candidates;  // per node, of the query's problem
  Ns cost = kForbidden, bound = 0;   // by the aim
  bool found() const { return !candidates.empty(); }
};

class Chooser {
 public:
  explicit Chooser(const Query& query)
      : query_(query),
        objective_(objective_of(query)),
        uses_(uses_of(query.problem)),
        side_by_side_(works_side_by_side()) {}

  Choice run();

 private:
  // Devices with memory of their own that keep the host waiting would only seem to work side by side.
  bool works_side_by_side() const {
    bool any = false;
    for (size_t p = 1; p < query_.background.size(); ++p) {
      if (!query_.background[p]) return false;
      any = true;
    }
    return any && query_.aim == Aim::latency;
  }

  std::vector<uint32_t> per_node(const Problem& kept, const Plan& plan) const {
    std::vector<uint32_t> candidates(query_.problem.nodes.size());
    for (uint32_t c : plan.candidates)
      for (uint32_t n : kept.candidates[c].nodes) candidates[n] = kept.candidates[c].tag;
    return candidates;
  }

  std::vector<bool> only(const std::vector<uint32_t>& candidates) const {
    std::vector<bool> keep(objective_.candidates.size(), false);
    for (uint32_t c : candidates) keep[c] = true;
    return keep;
  }

  // The cheapest plan of these candidates.
  Draft solve(const std::vector<bool>& keep) const {
    const Problem kept = keep_only(objective_, keep);
    const Plan plan = solve_serial(kept);
    expect_valid(kept, plan);
    Draft draft{per_node(kept, plan), plan.total_ns, plan.bound_ns};
    if (side_by_side_) draft.cost = simulate(kept, plan).makespan_ns;
    if (query_.aim == Aim::throughput) draft.cost = busiest(draft.candidates);
    return draft;
  }

  Draft solve_side_by_side(const Problem& kept) const {
    ParallelOptions options;
    options.moves = std::clamp<uint64_t>(kMoveBudget / std::max<size_t>(1, kept.nodes.size()), 16, 20000);
    options.max_branches = std::min<uint64_t>(20000, kBranchBudget / std::max<size_t>(1, kept.nodes.size()));
    const Schedule schedule = solve_parallel(kept, options);
    expect_valid(kept, schedule);
    return {per_node(kept, schedule.plan), schedule.timeline.makespan_ns, schedule.bound_ns};
  }

  // Improves the serial optimum where the aim is not serial. Where even the bound is not clearly below the rival, the
  // search is spared.
  void improve(Draft& best, const std::vector<bool>& keep, const Draft& rival) const {
    if (query_.aim == Aim::throughput) {
      const Balanced balanced = balance(query_, objective_, {best.candidates});
      best = {balanced.candidates, balanced.load, balanced.bound};
    }
    if (!side_by_side_) return;
    const Problem kept = keep_only(objective_, keep);
    best.bound = makespan_bound(make_view(kept));
    if (best.cost <= best.bound ||
        (rival.found() && !is_below(best.bound, rival, doubt_of(query_, uses_, rival.candidates))))
      return;
    Draft other = solve_side_by_side(kept);
    best.bound = other.bound;
    if (other.cost < best.cost) best = std::move(other);
  }

  // The best of those workers that can run everything.
  Draft best_single() const {
    Draft best;
    std::vector<uint32_t> names(query_.workers.size());
    for (uint32_t w = 0; w < names.size(); ++w) names[w] = w;
    std::sort(names.begin(), names.end(),
              [&](uint32_t a, uint32_t b) { return query_.workers[a].name < query_.workers[b].name; });
    for (uint32_t worker : names) {
      std::vector<bool> keep(objective_.candidates.size(), false);
      std::vector<bool> runs(objective_.nodes.size(), false);
      for (uint32_t c = 0; c < keep.size(); ++c) {
        if (query_.problem.candidates[c].tag != worker || objective_.candidates[c].helper >= 0 ||
            !usable(objective_, objective_.candidates[c]))
          continue;
        if (objective_.candidates[c].error_ppb > objective_.error_budget_ppb) continue;
        keep[c] = true;
        for (uint32_t n : objective_.candidates[c].nodes) runs[n] = true;
      }
      if (std::find(runs.begin(), runs.end(), false) != runs.end()) continue;
      try {
        Draft draft = solve(keep);
        if (!best.found() || draft.cost < best.cost) best = std::move(draft);
      } catch (const Error& error) {
        if (error.code() != ErrorCode::limit) throw;  // its memory is too small
      }
    }
    return best;
  }

  bool is_single(const Draft& draft) const {
    std::set<uint32_t> workers;
    for (uint32_t c : draft.candidates) {
      if (query_.problem.candidates[c].helper >= 0) return false;
      workers.insert(query_.problem.candidates[c].tag);
    }
    return workers.size() <= 1;
  }

  static bool is_below(Ns cost, const Draft& rival, uint32_t doubt) {
    return cost < rival.cost &&
           static_cast<long double>(cost) * 1000 <= static_cast<long double>(rival.cost) * (1000 - doubt);
  }
  // Both costs may be wrong: the more doubtful one decides.
  bool is_clearly_better(const Draft& draft, const Draft& rival) const {
    return is_below(draft.cost, rival,
                    std::max(doubt_of(query_, uses_, draft.candidates), doubt_of(query_, uses_, rival.candidates)));
  }

  // The aim's cost without an error budget.
  Ns unbudgeted() const {
    const auto has_error = [](const Candidate& candidate) { return candidate.error_ppb > 0; };
    const auto& all = query_.problem.candidates;
    if (query_.problem.error_budget_ppb == 0 || std::none_of(all.begin(), all.end(), has_error)) return kForbidden;
    Query query = query_;
    query.problem.error_budget_ppb = kUnlimited;
    const Chooser chooser(query);
    const std::vector<bool> keep = cheapest(query, chooser.objective_);
    Draft draft = chooser.solve(keep);
    chooser.improve(draft, keep, {});
    return draft.cost;
  }

  bool is_in_time(const Draft& draft) const {
    return !query_.deadline_ns || run_ns(draft.candidates) <= query_.deadline_ns;
  }

  // What is in time comes before what is not, and where the deadline decides for the fastest plan, doubt does not.
  bool stays(const Draft& rival, const Draft& used) const {
    if (!rival.found()) return false;
    const bool in_time = is_in_time(rival);
    if (in_time != is_in_time(used)) return in_time;
    return (in_time || query_.aim == Aim::latency) && !is_clearly_better(used, rival);
  }

  // The best plan within the deadline, or the fastest. The busiest device is made idle by plans that are slow for one input:
  // where the best of these is too slow, one that is made for a single input is taken.
  Draft solve_for_deadline() const {
    const std::vector<bool> keep = cheapest(query_, objective_, &query_.problem);
    const Problem& cost = query_.aim == Aim::throughput ? query_.problem : objective_;
    InTime found = solve_in_time(cost, query_.problem, keep, query_.deadline_ns);
    Draft draft{std::move(found.candidates), found.cost, found.bound};
    if (query_.aim == Aim::throughput) draft = {draft.candidates, busiest(draft.candidates), 0};
    return draft;
  }

  // The aim's cost is the true time of a run.
  bool is_time() const {
    return query_.aim == Aim::latency &&
           std::none_of(query_.workers.begin(), query_.workers.end(), [](const Worker& w) { return w.avoided; });
  }

  Ns busiest(const std::vector<uint32_t>& candidates) const {
    const std::vector<Ns> loads = loads_of(query_, objective_, uses_, candidates);
    return *std::max_element(loads.begin(), loads.end());
  }

  // The time of one run, by the true costs.
  Ns run_ns(const std::vector<uint32_t>& candidates) const {
    const Problem kept = keep_only(query_.problem, only(candidates));
    const Plan plan = solve_serial(kept);
    return side_by_side_ ? simulate(kept, plan).makespan_ns : plan.total_ns;
  }

  const Query& query_;
  const Problem objective_;
  const Uses uses_;
  const bool side_by_side_;
};

Choice Chooser::run() {
  Choice choice;
  Draft used;
  Draft incumbent;
  if (!query_.incumbent.empty()) incumbent = solve(only(query_.incumbent));
  if (query_.keep_incumbent) {
    used = incumbent;
    used.bound = 0;
    choice.kind = Choice::Kind::incumbent;
  } else {
    const std::vector<bool> keep = cheapest(query_, objective_);
    used = solve(keep);
    Draft rival = incumbent;
    if (!rival.found() && (!is_single(used) || side_by_side_ || query_.aim == Aim::throughput)) rival = best_single();
    improve(used, keep, rival);
    Ns bound = used.bound;
    if (query_.aim != Aim::latency && !is_in_time(used)) {
      used = solve_for_deadline();
      bound = std::max(bound, used.bound);
    }
    const bool single = is_single(used);
    if (rival.found()) choice.rival_cost = rival.cost;
    const bool keeps = stays(rival, used);
    choice.kind = keeps && incumbent.found() ? Choice::Kind::incumbent
                  : keeps || single          ? Choice::Kind::single
                                             : Choice::Kind::mixed;
    if (keeps) used = std::move(rival);
    used.bound = std::min(bound, used.cost);
  }
  choice.candidates = std::move(used.candidates);
  choice.cost = used.cost;
  choice.bound = used.bound;
  choice.side_by_side = side_by_side_;
  choice.runners_up = runners_up(objective_, uses_, choice.candidates);
  choice.run_ns = is_time() ? choice.cost : run_ns(choice.candidates);
  choice.late = query_.deadline_ns && choice.run_ns > query_.deadline_ns;
  choice.error_ppb = error_of(objective_, choice.candidates);
  choice.doubt = doubt_of(query_, uses_, choice.candidates);
  if (!query_.keep_incumbent) choice.unbudgeted = unbudgeted();
  if (choice.unbudgeted >= choice.cost) choice.unbudgeted = kForbidden;
  return choice;
}

// What the rest relies on.
void check_query(const Query& query) {
  check(query.problem);
  const auto wrong = [](const char* what) {
    base::fail(ErrorCode::invalid_argument, "the planner's query has %", {what});
  };
  if (query.background.size() != query.problem.places.size() || query.move_source.size() != query.problem.moves.size())
    wrong("lists of other lengths than its problem");
  if (!query.incumbent.empty() && query.incumbent.size() != query.problem.nodes.size())
    wrong("an incumbent of another length than its problem");
  for (const Candidate& candidate : query.problem.candidates)
    if (candidate.tag >= query.workers.size() || candidate.input_place != candidate.output_place ||
        (candidate.helper >= 0 && query.aim != Aim::latency))
      wrong("a candidate at two places, or that names no worker, or that is helped where time is not the aim");
  for (uint32_t n = 0; n < query.incumbent.size(); ++n) {
    if (query.incumbent[n] >= query.problem.candidates.size()) wrong("an incumbent that is no candidate");
    const std::vector<uint32_t>& nodes = query.problem.candidates[query.incumbent[n]].nodes;
    if (!std::binary_search(nodes.begin(), nodes.end(), n)) wrong("an incumbent that runs another node");
    for (uint32_t m : nodes)
      if (query.incumbent[m] != query.incumbent[n]) wrong("an incumbent that runs a part of its nodes");
  }
  if (query.deadline_ns < 0) wrong("a deadline below 0");
}

}  // namespace

Choice choose(const Query& query) {
  check_query(query);
  if (query.problem.nodes.empty()) {  // nothing takes no time
    Choice choice;
    choice.kind = Choice::Kind::single;
    return choice;
  }
  Choice choice = Chooser(query).run();
  expect_valid(query, choice);
  return choice;
}

}  // namespace motley::place
