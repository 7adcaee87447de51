// Building the view.
#include "place/view.hpp"

#include <algorithm>

namespace motley::place {

namespace {

void rank_places(const Problem& problem, View& view) {
  view.ranked_place.resize(problem.places.size());
  for (size_t q = 0; q < problem.places.size(); ++q) view.ranked_place[q] = static_cast<uint32_t>(q);
  std::sort(view.ranked_place.begin(), view.ranked_place.end(), [&](uint32_t a, uint32_t b) {
    const Place &x = problem.places[a], &y = problem.places[b];
    if (x.device != y.device) return problem.devices[x.device].name < problem.devices[y.device].name;
    return x.format != y.format ? x.format < y.format : a < b;
  });
  view.place_rank.resize(problem.places.size());
  for (size_t r = 0; r < view.ranked_place.size(); ++r)
    view.place_rank[view.ranked_place[r]] = static_cast<uint32_t>(r);
}

void find_readers(const Problem& problem, View& view) {
  std::vector<std::pair<uint32_t, uint32_t>> by_step, by_tensor;
  for (uint32_t s = 0; s < view.order.size(); ++s) {
    const size_t begin = by_step.size();
    for (uint32_t t : problem.nodes[view.order[s]].inputs) {
      if (view.producer[t] < 0 && problem.tensors[t].home == kNowhere) continue;
      const std::pair<uint32_t, uint32_t> entry{s, t};
      if (std::find(by_step.begin() + static_cast<int64_t>(begin), by_step.end(), entry) != by_step.end()) continue;
      by_step.push_back(entry);
      by_tensor.push_back({t, s});
    }
  }
  view.inputs = lists_of(view.order.size(), by_step);
  view.readers = lists_of(problem.tensors.size(), by_tensor);
}

// Whether a path leaves the candidate and comes back.
class Convexity {
 public:
  Convexity(const Problem& problem, const View& view) : problem_(problem), view_(view), seen_(view.order.size(), 0) {}

  bool holds(const Candidate& candidate, uint32_t last_step) {
    ++stamp_;
    stack_.clear();
    for (uint32_t n : candidate.nodes) leave(candidate, n, last_step);
    while (!stack_.empty()) {
      const uint32_t node = stack_.back();
      stack_.pop_back();
      for (uint32_t t : problem_.nodes[node].outputs)
        for (const uint32_t* s = view_.readers.first(t); s != view_.readers.last(t) && *s <= last_step; ++s) {
          const uint32_t reader = view_.order[*s];
          if (std::binary_search(candidate.nodes.begin(), candidate.nodes.end(), reader)) return false;
          push(*s);
        }
    }
    return true;
  }

 private:
  void leave(const Candidate& candidate, uint32_t node, uint32_t last_step) {
    for (uint32_t t : problem_.nodes[node].outputs)
      for (const uint32_t* s = view_.readers.first(t); s != view_.readers.last(t) && *s < last_step; ++s)
        if (!std::binary_search(candidate.nodes.begin(), candidate.nodes.end(), view_.order[*s])) push(*s);
  }
  void push(uint32_t step) {
    if (seen_[step] == stamp_) return;
    seen_[step] = stamp_;
    stack_.push_back(view_.order[step]);
  }

  const Problem& problem_;
  const View& view_;
  std::vector<uint32_t> seen_, stack_;
  uint32_t stamp_ = 0;
};

// Everything that tells two candidates apart, by names in place of numbers.
bool before(const Problem& problem, const Option& a, const Option& b) {
  const Candidate &x = problem.candidates[a.candidate], &y = problem.candidates[b.candidate];
  if (a.first_step != b.first_step) return a.first_step < b.first_step;
  if (a.output_place != b.output_place) return a.output_place < b.output_place;
  if (a.input_place != b.input_place) return a.input_place < b.input_place;
  if (x.nodes != y.nodes) return x.nodes < y.nodes;
  if (x.helper != y.helper) {
    if (x.helper < 0 || y.helper < 0) return x.helper < 0;
    return problem.devices[size_t(x.helper)].name < problem.devices[size_t(y.helper)].name;
  }
  if (x.cost_ns != y.cost_ns) return x.cost_ns < y.cost_ns;
  if (x.error_ppb != y.error_ppb) return x.error_ppb < y.error_ppb;
  if (x.memory_bytes != y.memory_bytes) return x.memory_bytes < y.memory_bytes;
  if (x.helper_bytes != y.helper_bytes) return x.helper_bytes < y.helper_bytes;
  if (x.provenance != y.provenance) return x.provenance < y.provenance;
  return x.tag != y.tag ? x.tag < y.tag : a.candidate < b.candidate;
}

void collect_options(const Problem& problem, View& view) {
  Convexity convexity(problem, view);
  for (uint32_t c = 0; c < problem.candidates.size(); ++c) {
    const Candidate& candidate = problem.candidates[c];
    if (!usable(problem, candidate)) continue;
    Option option;
    option.candidate = c;
    option.input_place = view.place_rank[candidate.input_place];
    option.output_place = view.place_rank[candidate.output_place];
    option.size = static_cast<uint32_t>(candidate.nodes.size());
    option.first_step = UINT32_MAX;
    for (uint32_t n : candidate.nodes) {
      option.first_step = std::min(option.first_step, view.step[n]);
      option.last_step = std::max(option.last_step, view.step[n]);
    }
    if (option.size > 1 && !convexity.holds(candidate, option.last_step)) continue;
    view.options.push_back(option);
  }
  std::sort(view.options.begin(), view.options.end(),
            [&](const Option& a, const Option& b) { return before(problem, a, b); });
  view.starts.assign(view.order.size() + 1, 0);
  std::vector<std::pair<uint32_t, uint32_t>> covering;
  for (uint32_t o = 0; o < view.options.size(); ++o) {
    ++view.starts[view.options[o].first_step + 1];
    for (uint32_t n : problem.candidates[view.options[o].candidate].nodes) covering.push_back({view.step[n], o});
  }
  for (size_t s = 0; s < view.order.size(); ++s) view.starts[s + 1] += view.starts[s];
  view.covering = lists_of(view.order.size(), covering);
}

void find_reach(View& view) {
  view.reach.assign(view.readers.items.size(), 0);
  for (size_t t = 0; t + 1 < view.readers.begin.size(); ++t) {
    uint64_t reach = 0;
    for (size_t r = view.readers.begin[t + 1]; r-- > view.readers.begin[t];) {
      const uint32_t step = view.readers.items[r];
      for (const uint32_t* o = view.covering.first(step); o != view.covering.last(step); ++o)
        reach |= uint64_t{1} << view.options[*o].input_place;
      view.reach[r] = reach;
    }
  }
}

}  // namespace

bool View::covers(const Option& option, int32_t node) const {
  const std::vector<uint32_t>& nodes = problem->candidates[option.candidate].nodes;
  return node >= 0 && std::binary_search(nodes.begin(), nodes.end(), static_cast<uint32_t>(node));
}

Ns View::share(const Option& option, uint32_t step_of_node) const {
  const Ns cost = problem->candidates[option.candidate].cost_ns;
  if (option.size == 1) return cost;
  const Ns part = cost / option.size;
  return step_of_node == option.first_step ? cost - part * (option.size - 1) : part;
}

View make_view(const Problem& problem) {
  View view;
  view.problem = &problem;
  rank_places(problem, view);
  view.producer.assign(problem.tensors.size(), -1);
  for (size_t n = 0; n < problem.nodes.size(); ++n)
    for (uint32_t t : problem.nodes[n].outputs) view.producer[t] = static_cast<int32_t>(n);
  view.order = narrow_order(problem, view.producer);
  view.step.resize(problem.nodes.size());
  for (uint32_t s = 0; s < view.order.size(); ++s) view.step[view.order[s]] = s;
  find_readers(problem, view);
  collect_options(problem, view);
  find_reach(view);
  return view;
}

}  // namespace motley::place
