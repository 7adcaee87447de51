// Exhaustive search for small problems, and bounds for all.
#include "place/branch.hpp"

#include <algorithm>

namespace motley::place {

namespace {

class Search {
 public:
  Search(const View& view, const std::vector<Resource>& resources, Ns upper, uint64_t max_branches)
      : view_(view), resources_(resources), groups_(all_groups(view)), decoder_(view, groups_), left_(max_branches) {
    best_.makespan = upper;
    least_ = least_shares(view);
    find_tails();
  }

  BranchResult run() {
    decoder_.reset();
    covered_.assign(view_.order.size(), false);
    used_.assign(resources_.size(), 0);
    for (Ns share : least_) rest_ = add(rest_, share);
    const Ns upper = best_.makespan;
    extend(decoder_, 0);
    best_.complete = left_ > 0;
    if (best_.makespan >= upper) best_.makespan = kForbidden;
    return std::move(best_);
  }

 private:
  static std::vector<Group> all_groups(const View& view) {
    std::vector<Group> groups;
    for (const Option& option : view.options) {
      const std::vector<uint32_t>& nodes = view.problem->candidates[option.candidate].nodes;
      const bool known = std::any_of(groups.begin(), groups.end(), [&](const Group& g) { return g.nodes == nodes; });
      if (!known) groups.push_back(make_group(view, option));
    }
    return groups;
  }

  // Per step, the least time from its begin to the end of everything.
  void find_tails() {
    tail_.assign(view_.order.size(), 0);
    for (size_t step = view_.order.size(); step-- > 0;) {
      Ns after = 0;
      for (uint32_t t : view_.problem->nodes[view_.order[step]].outputs)
        for (const uint32_t* r = view_.readers.first(t); r != view_.readers.last(t); ++r)
          after = std::max(after, tail_[*r]);
      tail_[step] = add(after, least_[step]);
    }
  }

  // The least time from the group's end to the end of everything.
  Ns tail_of(const Group& group) const {
    Ns after = 0;
    for (uint32_t t : group.outputs)
      for (const uint32_t* r = view_.readers.first(t); r != view_.readers.last(t); ++r)
        if (!std::binary_search(group.nodes.begin(), group.nodes.end(), view_.order[*r]))
          after = std::max(after, tail_[*r]);
    return after;
  }

  bool ready(const Group& group) const {
    for (uint32_t n : group.nodes)
      if (covered_[n]) return false;
    for (uint32_t t : group.inputs)
      if (view_.producer[t] >= 0 && !covered_[size_t(view_.producer[t])]) return false;
    return true;
  }

  bool spend(const Option& option, int sign) {
    bool fits = true;
    for (size_t r = 0; r < resources_.size(); ++r) {
      for (uint32_t n : view_.problem->candidates[option.candidate].nodes)
        used_[r] += sign * usage(view_, resources_[r], option, view_.step[n]);
      fits = fits && used_[r] <= resources_[r].budget;
    }
    return fits;
  }

  void cover(const Group& group, bool covered) {
    for (uint32_t n : group.nodes) {
      covered_[n] = covered;
      rest_ += covered ? -least_[view_.step[n]] : least_[view_.step[n]];
    }
  }

  Ns bound(const Decoder& decoder) const {
    Ns sum = rest_, most = 0;
    for (Ns free : decoder.device_free()) {
      sum = add(sum, free);
      most = std::max(most, free);
    }
    return std::max(most, sum / static_cast<Ns>(decoder.device_free().size()));
  }

  void extend(const Decoder& before, size_t done) {
    if (done == view_.order.size()) {
      Decoder decoder = before;
      const Ns makespan = decoder.finish();
      if (makespan >= best_.makespan) return;
      best_.makespan = makespan;
      best_.options = chosen_;
      return;
    }
    struct Step {
      Ns end;
      uint32_t group, option;
    };
    std::vector<Step> steps;
    Decoder trial = before;
    for (uint32_t g = 0; g < groups_.size(); ++g) {
      if (!ready(groups_[g])) continue;
      const Ns after = tail_of(groups_[g]);
      for (uint32_t o : groups_[g].options) {
        const Ns end = trial.try_next(g, o);
        if (add(end, after) < best_.makespan) steps.push_back({end, g, o});
      }
    }
    std::sort(steps.begin(), steps.end(),
              [](const Step& a, const Step& b) { return a.end != b.end ? a.end < b.end : a.option < b.option; });
    for (const Step& step : steps) {
      if (left_ == 0 || --left_ == 0) return;
      const Option& option = view_.options[step.option];
      if (spend(option, 1)) {
        Decoder decoder = before;
        decoder.add_next(step.group, step.option);
        cover(groups_[step.group], true);
        chosen_.push_back(step.option);
        if (bound(decoder) < best_.makespan) extend(decoder, done + groups_[step.group].nodes.size());
        chosen_.pop_back();
        cover(groups_[step.group], false);
      }
      spend(option, -1);
    }
  }

  const View& view_;
  const std::vector<Resource>& resources_;
  const std::vector<Group> groups_;
  Decoder decoder_;
  uint64_t left_;
  std::vector<Ns> least_, tail_;
  std::vector<bool> covered_;
  std::vector<int64_t> used_;
  std::vector<uint32_t> chosen_;
  Ns rest_ = 0;
  BranchResult best_;
};

}  // namespace

std::vector<Ns> least_shares(const View& view) {
  std::vector<Ns> least(view.order.size(), kForbidden);
  for (uint32_t step = 0; step < least.size(); ++step)
    for (const uint32_t* o = view.covering.first(step); o != view.covering.last(step); ++o)
      least[step] = std::min(least[step], view.share(view.options[*o], step));
  return least;
}

Ns makespan_bound(const View& view) {
  const Problem& problem = *view.problem;
  const size_t places = view.ranked_place.size();
  std::vector<Ns> end(problem.tensors.size() * places, kForbidden);
  for (size_t t = 0; t < problem.tensors.size(); ++t)
    if (problem.tensors[t].home != kNowhere) end[t * places + view.place_rank[size_t(problem.tensors[t].home)]] = 0;
  // When a tensor can be at a place at the earliest.
  const auto arrives = [&](uint32_t t, uint32_t place) {
    Ns earliest = kForbidden;
    for (uint32_t from = 0; from < places; ++from)
      if (end[t * places + from] < earliest)
        earliest = std::min(earliest, add(end[t * places + from], view.move(from, place, t)));
    return earliest;
  };
  Ns work = 0, latest = 0;
  for (Ns share : least_shares(view)) work = add(work, share);
  for (uint32_t step = 0; step < view.order.size(); ++step) {
    Ns soonest = kForbidden;
    for (const uint32_t* o = view.covering.first(step); o != view.covering.last(step); ++o) {
      const Option& option = view.options[*o];
      Ns begin = 0;
      for (const uint32_t* t = view.inputs.first(step); t != view.inputs.last(step); ++t)
        if (!view.covers(option, view.producer[*t])) begin = std::max(begin, arrives(*t, option.input_place));
      const Ns done = add(begin, problem.candidates[option.candidate].cost_ns);
      soonest = std::min(soonest, done);
      for (uint32_t t : problem.nodes[view.order[step]].outputs) {
        Ns& known = end[t * places + option.output_place];
        known = std::min(known, done);
      }
    }
    latest = std::max(latest, soonest);
  }
  for (uint32_t t = 0; t < problem.tensors.size(); ++t)
    if (problem.tensors[t].wanted != kNowhere && (view.producer[t] >= 0 || problem.tensors[t].home != kNowhere))
      latest = std::max(latest, arrives(t, view.place_rank[size_t(problem.tensors[t].wanted)]));
  const Ns devices = static_cast<Ns>(
      std::count_if(problem.devices.begin(), problem.devices.end(), [](const Device& d) { return !d.denied; }));
  return std::max(latest, (work + devices - 1) / std::max<Ns>(1, devices));
}

BranchResult branch_and_bound(const View& view, const std::vector<Resource>& resources, Ns upper,
                              uint64_t max_branches) {
  return Search(view, resources, upper, max_branches).run();
}

}  // namespace motley::place
