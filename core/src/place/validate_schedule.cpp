// Checks timelines span by span, and segments.
#include <algorithm>
#include <map>

#include "place/validate.hpp"

namespace motley::place {

namespace {

using base::text;

// Something that takes time, and what it needs for itself while it lasts: (device, device), or a way between two.
struct Activity {
  Span span;
  Ns cost = 0;
  Ns ready = 0;  // when what it reads is there
  std::vector<std::pair<int64_t, int64_t>> needs;
  std::string name;
};

class Times {
 public:
  Times(const Problem& problem, const Schedule& schedule)
      : p_(problem), plan_(schedule.plan), line_(schedule.timeline), bound_(schedule.bound_ns) {}

  std::string run() {
    if (line_.candidates.size() != plan_.candidates.size() || line_.transfers.size() != plan_.transfers.size())
      return "the timeline has other numbers of spans than the plan has candidates and moves";
    for (size_t i = 0; i < plan_.candidates.size(); ++i)
      for (uint32_t n : p_.candidates[plan_.candidates[i]].nodes)
        for (uint32_t t : p_.nodes[n].outputs) maker_[t] = i;
    for (size_t m = 0; m < plan_.transfers.size(); ++m) add_transfer(m);
    for (size_t i = 0; i < plan_.candidates.size(); ++i) add_candidate(i);
    std::string wrong = check_activities();
    return wrong.empty() ? check_ends() : wrong;
  }

 private:
  void add_transfer(size_t m) {
    const Transfer& move = plan_.transfers[m];
    Activity a{line_.transfers[m], move.cost_ns, made(move.tensor), {}, text("the move of tensor %", {move.tensor})};
    a.needs = {{p_.places[move.from].device, p_.places[move.to].device}};
    arrives_[{move.tensor, move.to}] = a.span.end_ns;
    activities_.push_back(std::move(a));
  }

  void add_candidate(size_t i) {
    const Candidate& candidate = p_.candidates[plan_.candidates[i]];
    Activity a{line_.candidates[i], candidate.cost_ns, 0, {}, text("candidate %", {plan_.candidates[i]})};
    const int64_t device = p_.places[candidate.input_place].device;
    a.needs = {{device, device}};
    if (candidate.helper >= 0) a.needs.push_back({candidate.helper, candidate.helper});
    for (uint32_t n : candidate.nodes)
      for (uint32_t t : p_.nodes[n].inputs) {
        const auto maker = maker_.find(t);
        if (maker != maker_.end() && maker->second == i) continue;
        const auto arrival = arrives_.find({t, candidate.input_place});
        a.ready = std::max(a.ready, arrival == arrives_.end() ? made(t) : arrival->second);
      }
    activities_.push_back(std::move(a));
  }

  Ns made(uint32_t tensor) const {
    const auto maker = maker_.find(tensor);
    return maker == maker_.end() ? 0 : line_.candidates[maker->second].end_ns;
  }

  // Each begins as soon as what it reads is there and those before it on what it needs have ended; not before, not
  // later.
  std::string check_activities() {
    for (const Activity& x : activities_)
      if (x.span.end_ns != add(x.span.begin_ns, x.cost))
        return text("% takes % ns and lasts from % to % ns", {x.name, x.cost, x.span.begin_ns, x.span.end_ns});
    for (const Activity& x : activities_)
      if (x.span.begin_ns < x.ready)
        return text("% begins at % ns, what it reads is there at % ns", {x.name, x.span.begin_ns, x.ready});
    std::map<std::pair<int64_t, int64_t>, std::vector<size_t>> users;
    for (size_t a = 0; a < activities_.size(); ++a)
      for (const auto& need : activities_[a].needs) users[need].push_back(a);
    std::vector<Ns> soonest(activities_.size());
    for (size_t a = 0; a < soonest.size(); ++a) soonest[a] = activities_[a].ready;
    for (auto& [need, list] : users) {
      std::sort(list.begin(), list.end(), [this](size_t a, size_t b) {
        const Span &x = activities_[a].span, &y = activities_[b].span;
        return x.begin_ns != y.begin_ns ? x.begin_ns < y.begin_ns : x.end_ns < y.end_ns;
      });
      for (size_t i = 1; i < list.size(); ++i) {
        const Activity &before = activities_[list[i - 1]], &after = activities_[list[i]];
        if (after.span.begin_ns < before.span.end_ns)
          return text("% begins at % ns, before % has ended (% ns)",
                      {after.name, after.span.begin_ns, before.name, before.span.end_ns});
        soonest[list[i]] = std::max(soonest[list[i]], before.span.end_ns);
      }
    }
    for (size_t a = 0; a < soonest.size(); ++a) {
      const Activity& x = activities_[a];
      if (x.span.begin_ns > soonest[a])
        return text("% begins at % ns, but could at % ns", {x.name, x.span.begin_ns, soonest[a]});
    }
    return "";
  }

  std::string check_ends() const {
    Ns last = 0;
    for (const Activity& a : activities_) last = std::max(last, a.span.end_ns);
    if (last != line_.makespan_ns)
      return text("the timeline says it ends at % ns, its last part at % ns", {line_.makespan_ns, last});
    if (bound_ > last) return text("the bound (% ns) is above the makespan (% ns)", {bound_, last});
    return "";
  }

  const Problem& p_;
  const Plan& plan_;
  const Timeline& line_;
  const Ns bound_;
  std::map<uint32_t, size_t> maker_;                     // tensor → number in the plan
  std::map<std::pair<uint32_t, uint32_t>, Ns> arrives_;  // tensor, place
  std::vector<Activity> activities_;
};

}  // namespace

std::string validate(const Problem& problem, const Schedule& schedule) {
  const std::string wrong = validate(problem, schedule.plan);
  return wrong.empty() ? Times(problem, schedule).run() : wrong;
}

std::string validate(const Problem& problem, const Plan& plan, const std::vector<Segment>& segments) {
  constexpr size_t kNone = SIZE_MAX;
  std::vector<size_t> segment_of(plan.candidates.size(), kNone);
  for (size_t s = 0; s < segments.size(); ++s)
    for (uint32_t i : segments[s].candidates) {
      if (i >= segment_of.size())
        return text("segment % has candidate number %, the plan has %", {s, i, segment_of.size()});
      if (segment_of[i] != kNone) return text("candidate number % is in segments % and %", {i, segment_of[i], s});
      segment_of[i] = s;
      const uint32_t device = problem.places[problem.candidates[plan.candidates[i]].output_place].device;
      if (device != segments[s].device)
        return text("segment % of device % has a candidate of device %", {s, segments[s].device, device});
    }
  std::map<uint32_t, size_t> made_in;  // tensor → segment
  for (size_t i = 0; i < segment_of.size(); ++i) {
    if (segment_of[i] == kNone) return text("candidate number % is in no segment", {i});
    for (uint32_t n : problem.candidates[plan.candidates[i]].nodes)
      for (uint32_t t : problem.nodes[n].outputs) made_in[t] = segment_of[i];
  }
  for (size_t i = 0; i < segment_of.size(); ++i)
    for (uint32_t n : problem.candidates[plan.candidates[i]].nodes)
      for (uint32_t t : problem.nodes[n].inputs)
        if (const auto made = made_in.find(t); made != made_in.end() && made->second > segment_of[i])
          return text("segment % reads tensor %, which segment % makes", {segment_of[i], t, made->second});
  return "";
}

}  // namespace motley::place
