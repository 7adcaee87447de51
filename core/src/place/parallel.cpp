// Schedules for devices that work side by side.
#include "place/parallel.hpp"

#include <algorithm>
#include <cmath>

#include "place/assemble.hpp"
#include "place/branch.hpp"
#include "place/decoder.hpp"
#include "place/frontier.hpp"
#include "place/random.hpp"

namespace motley::place {

namespace {

// A choice and an order for groups, and what comes of it.
struct Draft {
  std::vector<uint32_t> choice;
  std::vector<Ns> priority;
  Ns makespan = kForbidden;
};

class Scheduler {
 public:
  Scheduler(const View& view, const std::vector<Resource>& resources, const std::vector<uint32_t>& cover)
      : view_(view), resources_(resources), cover_(cover), groups_(make_groups(view, cover)), decoder_(view, groups_) {
    rank();
  }

  const Draft& best() const { return best_; }
  Ns heft() const { return heft_; }
  std::vector<uint32_t> options_in_order() {
    decoder_.decode(best_.choice, best_.priority);
    std::vector<uint32_t> options;
    for (uint32_t g : decoder_.order()) options.push_back(groups_[g].options[best_.choice[g]]);
    return options;
  }

  // The cover as it is, in its own order.
  void add_cover() {
    Draft draft;
    for (uint32_t g = 0; g < groups_.size(); ++g) {
      const auto& options = groups_[g].options;
      draft.choice.push_back(
          static_cast<uint32_t>(std::find(options.begin(), options.end(), cover_[g]) - options.begin()));
    }
    draft.priority = rank_;
    consider(draft);
    for (uint32_t g = 0; g < groups_.size(); ++g) draft.priority[g] = -Ns{g};
    consider(draft);
  }

  void add_heft() {
    Draft draft;
    draft.choice.assign(groups_.size(), 0);
    draft.priority = rank_;
    std::vector<uint32_t> order(groups_.size());
    for (uint32_t g = 0; g < order.size(); ++g) order[g] = g;
    // Ranks fall along edges only where candidates cost something: ties go by step.
    std::sort(order.begin(), order.end(),
              [&](uint32_t a, uint32_t b) { return rank_[a] != rank_[b] ? rank_[a] > rank_[b] : a < b; });
    decoder_.reset();
    std::vector<int64_t> used(resources_.size());
    std::vector<bool> done(groups_.size());
    std::vector<uint32_t> missing(groups_.size());
    for (uint32_t g = 0; g < groups_.size(); ++g) missing[g] = groups_[g].needs;
    for (size_t placed = 0; placed < groups_.size(); ++placed) {
      const auto next = std::find_if(order.begin(), order.end(), [&](uint32_t g) { return !done[g] && !missing[g]; });
      if (next == order.end()) return;
      const uint32_t g = *next;
      Ns soonest = kForbidden;
      uint32_t choice = UINT32_MAX;
      for (uint32_t c = 0; c < groups_[g].options.size(); ++c) {
        if (!fits(g, c, used)) continue;
        const Ns end = decoder_.try_next(g, groups_[g].options[c]);
        if (end < soonest) soonest = end, choice = c;
      }
      if (choice == UINT32_MAX) return;
      decoder_.add_next(g, groups_[g].options[choice]);
      spend(g, choice, used);
      draft.choice[g] = choice;
      done[g] = true;
      for (uint32_t n : groups_[g].next) --missing[n];
    }
    heft_ = consider(draft);
  }

  void add_single_devices() {
    std::vector<bool> seen(view_.problem->devices.size());
    for (uint32_t place : view_.ranked_place) {
      const uint32_t device = view_.problem->places[place].device;
      if (seen[device]) continue;
      seen[device] = true;
      Draft draft;
      draft.priority = rank_;
      for (const Group& group : groups_) {
        uint32_t found = UINT32_MAX;
        Ns least = kForbidden;
        for (uint32_t c = 0; c < group.options.size(); ++c) {
          const Candidate& candidate = candidate_of(group.options[c]);
          if (view_.problem->device_of(candidate) == device && candidate.cost_ns < least)
            least = candidate.cost_ns, found = c;
        }
        if (found == UINT32_MAX) break;
        draft.choice.push_back(found);
      }
      if (draft.choice.size() == groups_.size()) consider(draft);
    }
  }

  void anneal(uint64_t moves) {
    if (best_.makespan >= kForbidden || groups_.empty()) return;
    link();
    // Far from the best so far, then near it; where moves are few, the latter finds more.
    const uint64_t near = std::min<uint64_t>(moves / 2, 50 * groups_.size());
    anneal(moves - near, 0.02);
    anneal(near, 0.001);
  }

 private:
  // `warm`: how much worse, as a share of the makespan, is taken easily at the start; a thousandth of that at the end.
  void anneal(uint64_t moves, double warm) {
    Draft now = best_;
    const double scale = static_cast<double>(std::max<Ns>(1, best_.makespan));
    for (uint64_t i = 0; i < moves; ++i) {
      const double heat = warm * std::pow(1e-3, static_cast<double>(i) / static_cast<double>(moves));
      propose(now);
      const Ns makespan = fits_all(now.choice) ? decoder_.decode(now.choice, now.priority) : kForbidden;
      const double worse = static_cast<double>(makespan - now.makespan) / scale;
      if (makespan < kForbidden && (worse <= 0 || random_.unit() < std::exp(-worse / heat))) {
        now.makespan = makespan;
        if (makespan < best_.makespan) best_ = now;
        continue;
      }
      for (size_t u = undo_.size(); u-- > 0;) {
        now.choice[undo_[u].group] = undo_[u].choice;
        now.priority[undo_[u].group] = undo_[u].priority;
      }
    }
  }

  struct Undo {
    uint32_t group, choice;
    Ns priority;
  };

  void link() {
    neighbours_.assign(groups_.size(), {});
    for (uint32_t g = 0; g < groups_.size(); ++g)
      for (uint32_t n : groups_[g].next) {
        neighbours_[g].push_back(n);
        neighbours_[n].push_back(g);
      }
  }

  // A group gets another candidate, or another place in the order, or goes where a neighbour is and takes along
  // neighbours that were where it was.
  void propose(Draft& now) {
    undo_.clear();
    const uint32_t g = random_.below(groups_.size());
    const uint32_t kind = random_.below(6);
    undo_.push_back({g, now.choice[g], now.priority[g]});
    if (kind < 4) now.choice[g] = random_.below(groups_[g].options.size());
    if (kind == 4 && !neighbours_[g].empty()) follow(now, g);
    if (now.choice[g] == undo_[0].choice)
      now.priority[g] = now.priority[random_.below(groups_.size())] + (random_.below(2) ? 1 : -1);
  }

  void follow(Draft& now, uint32_t g) {
    const auto place_of = [&](uint32_t group) {
      return candidate_of(groups_[group].options[now.choice[group]]).output_place;
    };
    const uint32_t from = place_of(g), to = place_of(neighbours_[g][random_.below(neighbours_[g].size())]);
    if (from == to) return;
    for (uint32_t length = 1 + random_.below(4); length > 0; --length) {
      const auto& options = groups_[g].options;
      const auto option =
          std::find_if(options.begin(), options.end(), [&](uint32_t o) { return candidate_of(o).output_place == to; });
      if (option == options.end()) return;
      undo_.push_back({g, now.choice[g], now.priority[g]});
      now.choice[g] = static_cast<uint32_t>(option - options.begin());
      g = neighbours_[g][random_.below(neighbours_[g].size())];
      if (place_of(g) != from) return;
    }
  }

  const Candidate& candidate_of(uint32_t option) const {
    return view_.problem->candidates[view_.options[option].candidate];
  }

  // Upward ranks: the mean way from a group to the end, moves included.
  void rank() {
    const size_t places = view_.ranked_place.size();
    rank_.assign(groups_.size(), 0);
    std::vector<uint32_t> waiting(groups_.size()), done;
    std::vector<std::vector<uint32_t>> before(groups_.size());
    for (uint32_t g = 0; g < groups_.size(); ++g) {
      waiting[g] = static_cast<uint32_t>(groups_[g].next.size());
      for (uint32_t n : groups_[g].next) before[n].push_back(g);
      if (!waiting[g]) done.push_back(g);
    }
    for (size_t i = 0; i < done.size(); ++i) {
      const uint32_t g = done[i];
      Ns sum = 0;
      for (uint32_t o : groups_[g].options) sum = add(sum, candidate_of(o).cost_ns);
      Ns move = 0;
      for (uint32_t t : groups_[g].outputs)
        for (uint32_t a = 0; a < places && view_.readers.size(t); ++a)
          for (uint32_t b = 0; b < places; ++b) {
            const Ns one = view_.move(a, b, t);
            if (one < kForbidden) move = add(move, one / static_cast<Ns>(places * places));
          }
      Ns after = 0;
      for (uint32_t n : groups_[g].next) after = std::max(after, add(move, rank_[n]));
      rank_[g] = add(after, sum / static_cast<Ns>(std::max<size_t>(1, groups_[g].options.size())));
      for (uint32_t b : before[g])
        if (--waiting[b] == 0) done.push_back(b);
    }
  }

  int64_t use(uint32_t group, uint32_t choice, size_t resource) const {
    const Option& option = view_.options[groups_[group].options[choice]];
    int64_t sum = 0;
    for (uint32_t n : groups_[group].nodes) sum += usage(view_, resources_[resource], option, view_.step[n]);
    return sum;
  }
  bool fits(uint32_t group, uint32_t choice, const std::vector<int64_t>& used) const {
    for (size_t r = 0; r < resources_.size(); ++r)
      if (used[r] + use(group, choice, r) > resources_[r].budget) return false;
    return true;
  }
  void spend(uint32_t group, uint32_t choice, std::vector<int64_t>& used) const {
    for (size_t r = 0; r < resources_.size(); ++r) used[r] += use(group, choice, r);
  }
  bool fits_all(const std::vector<uint32_t>& choice) const {
    for (size_t r = 0; r < resources_.size(); ++r) {
      int64_t sum = 0;
      for (uint32_t g = 0; g < groups_.size(); ++g) sum += use(g, choice[g], r);
      if (sum > resources_[r].budget) return false;
    }
    return true;
  }

  Ns consider(Draft& draft) {
    if (!fits_all(draft.choice)) return kForbidden;
    draft.makespan = decoder_.decode(draft.choice, draft.priority);
    if (draft.makespan < best_.makespan) best_ = draft;
    return draft.makespan;
  }

  const View& view_;
  const std::vector<Resource>& resources_;
  const std::vector<uint32_t> cover_;
  const std::vector<Group> groups_;
  Decoder decoder_;
  std::vector<Ns> rank_;
  Draft best_;
  Ns heft_ = kForbidden;
  std::vector<std::vector<uint32_t>> neighbours_;  // groups that it reads from or that read from it
  std::vector<Undo> undo_;
  Random random_;
};

std::vector<uint32_t> cover_of(const View& view, const Plan& plan) {
  std::vector<uint32_t> cover;
  std::vector<uint32_t> option(view.problem->candidates.size(), 0);
  for (uint32_t o = 0; o < view.options.size(); ++o) option[view.options[o].candidate] = o;
  for (uint32_t c : plan.candidates) cover.push_back(option[c]);
  return cover;
}

// Every node by itself; empty where some node can only run in a fused candidate.
std::vector<uint32_t> single_cover(const View& view) {
  std::vector<uint32_t> cover;
  for (uint32_t step = 0; step < view.order.size(); ++step) {
    uint32_t o = view.starts[step];
    while (o < view.starts[step + 1] && view.options[o].size > 1) ++o;
    if (o == view.starts[step + 1]) return {};
    cover.push_back(o);
  }
  return cover;
}

// Fused candidates in place of options that cover the same nodes at one place and cost more together, the greatest gain
// first. Empty where there are none, or where they would wait for each other.
std::vector<uint32_t> joined(const View& view, const std::vector<uint32_t>& options) {
  const Problem& problem = *view.problem;
  const auto candidate = [&](uint32_t o) -> const Candidate& { return problem.candidates[view.options[o].candidate]; };
  std::vector<uint32_t> by(problem.nodes.size());  // node → option
  for (uint32_t o : options)
    for (uint32_t n : candidate(o).nodes) by[n] = o;
  // What it would gain now; 0 where it does not fit.
  const auto gain = [&](uint32_t o) -> Ns {
    const Candidate& fused = candidate(o);
    Ns cost = 0;
    int64_t memory = 0, error = 0;
    for (uint32_t n : fused.nodes) {
      const Candidate& own = candidate(by[n]);
      if (own.output_place != fused.output_place || own.input_place != fused.input_place ||
          !std::includes(fused.nodes.begin(), fused.nodes.end(), own.nodes.begin(), own.nodes.end()))
        return 0;
      if (own.nodes[0] != n) continue;
      cost = add(cost, own.cost_ns);
      memory += own.memory_bytes;
      error += own.error_ppb;
    }
    const bool fits = fused.memory_bytes <= memory && fused.error_ppb <= error && fused.helper < 0;
    return fits ? std::max<Ns>(0, cost - fused.cost_ns) : 0;
  };
  std::vector<std::pair<Ns, uint32_t>> gains;
  for (uint32_t o = 0; o < view.options.size(); ++o)
    if (view.options[o].size > 1 && gain(o) > 0) gains.emplace_back(-gain(o), o);
  if (gains.empty()) return {};
  std::sort(gains.begin(), gains.end());
  for (const auto& [less, o] : gains)
    if (gain(o) > 0)
      for (uint32_t n : candidate(o).nodes) by[n] = o;
  std::vector<uint32_t> cover;
  for (uint32_t step = 0; step < view.order.size(); ++step)
    if (view.options[by[view.order[step]]].first_step == step) cover.push_back(by[view.order[step]]);
  return find_cycle(view, cover).empty() ? cover : std::vector<uint32_t>();
}

}  // namespace

Schedule solve_parallel(const Problem& problem, const ParallelOptions& options) {
  const Plan serial = solve_serial(problem, options.serial);
  const View view = make_view(problem);
  const std::vector<Resource> resources = find_resources(view);
  const uint64_t moves =
      options.moves ? options.moves : std::min<uint64_t>(50000, 4000000 / std::max<size_t>(1, problem.nodes.size()));
  Schedule schedule;
  schedule.bound_ns = makespan_bound(view);
  schedule.heft_ns = kForbidden;
  Ns best = kForbidden;
  std::vector<uint32_t> chosen;
  const auto try_cover = [&](const std::vector<uint32_t>& cover) {
    Scheduler scheduler(view, resources, cover);
    scheduler.add_cover();
    scheduler.add_heft();
    scheduler.add_single_devices();
    schedule.heft_ns = std::min(schedule.heft_ns, scheduler.heft());
    if (scheduler.best().makespan > schedule.bound_ns) scheduler.anneal(moves);
    if (scheduler.best().makespan >= best) return;
    best = scheduler.best().makespan;
    chosen = scheduler.options_in_order();
  };
  const std::vector<uint32_t> cover = cover_of(view, serial), single = single_cover(view);
  try_cover(cover);
  if (!single.empty() && single.size() != cover.size()) try_cover(single);
  if (!chosen.empty())
    if (const std::vector<uint32_t> fused = joined(view, chosen); !fused.empty()) try_cover(fused);
  schedule.exact = best <= schedule.bound_ns;
  if (!schedule.exact && problem.nodes.size() <= 24) {
    BranchResult branch = branch_and_bound(view, resources, best, options.max_branches);
    if (branch.makespan < best) best = branch.makespan, chosen = std::move(branch.options);
    schedule.exact = branch.complete;
  }
  schedule.plan = assemble(view, chosen);
  // assemble() lists what can run by number of option; here the order that was found is the answer.
  schedule.plan.candidates.clear();
  for (uint32_t o : chosen) schedule.plan.candidates.push_back(view.options[o].candidate);
  for (uint32_t c : schedule.plan.candidates)
    schedule.plan.total_ns = add(schedule.plan.total_ns, problem.candidates[c].cost_ns);
  for (const Transfer& t : schedule.plan.transfers) schedule.plan.total_ns = add(schedule.plan.total_ns, t.cost_ns);
  schedule.plan.bound_ns = serial.bound_ns;
  schedule.timeline = simulate(problem, schedule.plan);
  if (schedule.exact) schedule.bound_ns = schedule.timeline.makespan_ns;
  return schedule;
}

}  // namespace motley::place
