// What else could run each node, and what that would change.
#include <algorithm>

#include "place/objective.hpp"

namespace motley::place {

namespace {

// What a tensor's moves cost with its nodes at places that `place_of` says.
template <class PlaceOf>
Ns moves_of(const Problem& problem, const Uses& uses, uint32_t tensor, PlaceOf place_of) {
  const int32_t maker = uses.maker[tensor];
  const int32_t from =
      maker >= 0 ? static_cast<int32_t>(place_of(static_cast<uint32_t>(maker))) : problem.tensors[tensor].home;
  if (from < 0) return 0;
  uint64_t seen = uint64_t{1} << from;
  Ns sum = 0;
  const auto want = [&](uint32_t to) {
    if (seen >> to & 1) return;
    seen |= uint64_t{1} << to;
    sum = add(sum, move_ns(problem, static_cast<uint32_t>(from), to, problem.tensors[tensor].bytes));
  };
  for (uint32_t reader : uses.readers[tensor]) want(place_of(reader));
  if (problem.tensors[tensor].wanted >= 0) want(static_cast<uint32_t>(problem.tensors[tensor].wanted));
  return sum;
}

// What the moves change by if `nodes` were all at one place.
Ns change_of_moves(const Problem& problem, const Uses& uses, const std::vector<uint32_t>& candidates,
                   const std::vector<uint32_t>& nodes, uint32_t place) {
  const auto now = [&](uint32_t n) { return problem.candidates[candidates[n]].output_place; };
  if (std::all_of(nodes.begin(), nodes.end(), [&](uint32_t n) { return now(n) == place; })) return 0;
  const auto then = [&](uint32_t n) { return std::binary_search(nodes.begin(), nodes.end(), n) ? place : now(n); };
  std::vector<uint32_t> tensors;
  for (uint32_t n : nodes) {
    tensors.insert(tensors.end(), problem.nodes[n].inputs.begin(), problem.nodes[n].inputs.end());
    tensors.insert(tensors.end(), problem.nodes[n].outputs.begin(), problem.nodes[n].outputs.end());
  }
  std::sort(tensors.begin(), tensors.end());
  tensors.erase(std::unique(tensors.begin(), tensors.end()), tensors.end());
  Ns more = 0;
  for (uint32_t t : tensors) more += moves_of(problem, uses, t, then) - moves_of(problem, uses, t, now);
  return more;
}

// Costs and errors of what runs these nodes now, each candidate counted once.
struct Sum {
  Ns cost = 0;
  int64_t error = 0;
};
Sum sum_of(const Problem& problem, const std::vector<uint32_t>& candidates, const std::vector<uint32_t>& nodes) {
  Sum sum;
  for (uint32_t n : nodes) {
    if (!leads(problem, candidates, n)) continue;
    sum.cost += problem.candidates[candidates[n]].cost_ns;
    sum.error += problem.candidates[candidates[n]].error_ppb;
  }
  return sum;
}

class Comparer {
 public:
  Comparer(const Problem& problem, const Uses& uses, const std::vector<uint32_t>& candidates)
      : problem_(problem), uses_(uses), candidates_(candidates), error_(error_of(problem, candidates)) {
    result_.resize(problem.nodes.size());
    singles_.resize(problem.nodes.size());
    for (uint32_t c = 0; c < problem.candidates.size(); ++c)
      if (problem.candidates[c].nodes.size() == 1) singles_[problem.candidates[c].nodes[0]].push_back(c);
  }

  std::vector<RunnerUp> run() {
    for (uint32_t c = 0; c < problem_.candidates.size(); ++c) compare(c);
    for (uint32_t n = 0; n < candidates_.size(); ++n)
      if (problem_.candidates[candidates_[n]].nodes.size() > 1 && leads(problem_, candidates_, n)) take_apart(n);
    return std::move(result_);
  }

 private:
  void compare(uint32_t c) {
    const Candidate& other = problem_.candidates[c];
    if (candidates_[other.nodes[0]] == c || other.cost_ns >= kForbidden || !replaces(problem_, candidates_, other))
      return;
    const Ns more = change_of(problem_, uses_, candidates_, other);
    const int64_t error = error_ - sum_of(problem_, candidates_, other.nodes).error + other.error_ppb;
    for (uint32_t n : other.nodes) note(n, c, more, error <= problem_.error_budget_ppb);
  }

  void note(uint32_t node, uint32_t candidate, Ns more, bool allowed) {
    RunnerUp& row = result_[node];
    if (allowed && (row.candidate < 0 || more < row.more)) {
      row.candidate = static_cast<int32_t>(candidate);
      row.more = more;
    }
    if (!allowed && more < std::min<Ns>(0, row.left_out < 0 ? 0 : row.left_out_more)) {
      row.left_out = static_cast<int32_t>(candidate);
      row.left_out_more = more;
    }
  }

  // Instead of a fused candidate the cheapest of each node by itself, all at one place.
  void take_apart(uint32_t first) {
    const Candidate& fused = problem_.candidates[candidates_[first]];
    for (uint32_t place = 0; place < problem_.places.size(); ++place) {
      std::vector<int32_t> single(fused.nodes.size(), -1);
      for (size_t i = 0; i < single.size(); ++i)
        for (uint32_t c : singles_[fused.nodes[i]]) {
          const Candidate& other = problem_.candidates[c];
          if (other.output_place != place || other.cost_ns >= kForbidden || other.error_ppb) continue;
          if (single[i] < 0 || other.cost_ns < problem_.candidates[static_cast<size_t>(single[i])].cost_ns)
            single[i] = static_cast<int32_t>(c);
        }
      if (std::find(single.begin(), single.end(), -1) != single.end()) continue;
      Ns more = change_of_moves(problem_, uses_, candidates_, fused.nodes, place) - fused.cost_ns;
      for (int32_t c : single) more += problem_.candidates[static_cast<size_t>(c)].cost_ns;
      for (size_t i = 0; i < single.size(); ++i) note(fused.nodes[i], static_cast<uint32_t>(single[i]), more, true);
    }
  }

  const Problem& problem_;
  const Uses& uses_;
  const std::vector<uint32_t>& candidates_;
  const int64_t error_;
  std::vector<RunnerUp> result_;
  std::vector<std::vector<uint32_t>> singles_;  // per node: candidates that run it alone
};

}  // namespace

bool replaces(const Problem& problem, const std::vector<uint32_t>& candidates, const Candidate& candidate) {
  for (uint32_t n : candidate.nodes) {
    const std::vector<uint32_t>& own = problem.candidates[candidates[n]].nodes;
    if (!std::includes(candidate.nodes.begin(), candidate.nodes.end(), own.begin(), own.end())) return false;
  }
  return true;
}

Ns change_of(const Problem& problem, const Uses& uses, const std::vector<uint32_t>& candidates,
             const Candidate& candidate) {
  return candidate.cost_ns - sum_of(problem, candidates, candidate.nodes).cost +
         change_of_moves(problem, uses, candidates, candidate.nodes, candidate.output_place);
}

std::vector<RunnerUp> runners_up(const Problem& objective, const Uses& uses, const std::vector<uint32_t>& candidates) {
  return Comparer(objective, uses, candidates).run();
}

}  // namespace motley::place
