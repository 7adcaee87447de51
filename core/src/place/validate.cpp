// Replays a plan candidate by candidate.
#include "place/validate.hpp"

#include <set>

namespace motley::place {

namespace {

using base::text;

class Replay {
 public:
  Replay(const Problem& problem, const Plan& plan)
      : p_(problem), plan_(plan), made_at_(problem.tensors.size(), -1), is_made_(problem.tensors.size()) {
    for (size_t t = 0; t < p_.tensors.size(); ++t) made_at_[t] = p_.tensors[t].home;
    for (const Node& node : p_.nodes)
      for (uint32_t t : node.outputs) is_made_[t] = true;
  }

  std::string run() {
    std::string wrong = run_candidates();
    if (wrong.empty()) wrong = check_limits();
    if (wrong.empty()) wrong = check_transfers();
    if (wrong.empty()) wrong = check_sum();
    return wrong;
  }

 private:
  using Key = std::pair<uint32_t, int64_t>;  // tensor, place

  std::string run_candidates() {
    std::vector<int> covered(p_.nodes.size(), 0);
    for (uint32_t c : plan_.candidates) {
      if (c >= p_.candidates.size()) return text("candidate % does not exist", {c});
      const Candidate& candidate = p_.candidates[c];
      for (uint32_t n : candidate.nodes)
        if (covered[n]++) return text("node % is covered twice, the second time by candidate %", {n, c});
      std::string wrong = run_one(c, candidate);
      if (!wrong.empty()) return wrong;
    }
    for (size_t n = 0; n < covered.size(); ++n)
      if (!covered[n]) return text("node % is not covered", {n});
    return "";
  }

  std::string run_one(uint32_t c, const Candidate& candidate) {
    const int64_t device = p_.places[candidate.input_place].device;
    if (p_.devices[size_t(device)].denied) return text("candidate % runs on a denied device", {c});
    if (candidate.helper >= 0 && p_.devices[size_t(candidate.helper)].denied)
      return text("candidate % is helped by a denied device", {c});
    std::set<uint32_t> inside;
    for (uint32_t n : candidate.nodes) {
      if (p_.nodes[n].pinned >= 0 && p_.nodes[n].pinned != device)
        return text("node % is pinned to device % and runs on %", {n, p_.nodes[n].pinned, device});
      inside.insert(p_.nodes[n].outputs.begin(), p_.nodes[n].outputs.end());
    }
    for (uint32_t n : candidate.nodes)
      for (uint32_t t : p_.nodes[n].inputs) {
        if (inside.count(t)) continue;
        if (made_at_[t] < 0 && is_made_[t]) return text("candidate % reads tensor % before it is made", {c, t});
        if (made_at_[t] >= 0 && made_at_[t] != int64_t(candidate.input_place))
          needed_.insert({t, candidate.input_place});
      }
    for (uint32_t t : inside) made_at_[t] = candidate.output_place;
    sum_ += candidate.cost_ns;
    return "";
  }

  std::string check_limits() const {
    for (size_t d = 0; d < p_.devices.size(); ++d) {
      int64_t bytes = 0;
      for (uint32_t c : plan_.candidates) {
        if (p_.places[p_.candidates[c].output_place].device == d) bytes += p_.candidates[c].memory_bytes;
        if (p_.candidates[c].helper == int64_t(d)) bytes += p_.candidates[c].helper_bytes;
      }
      if (bytes > p_.devices[d].memory_bytes)
        return text("device \"%\" holds % bytes of %", {p_.devices[d].name, bytes, p_.devices[d].memory_bytes});
    }
    int64_t error = 0;
    for (uint32_t c : plan_.candidates) error += p_.candidates[c].error_ppb;
    if (error > p_.error_budget_ppb) return text("the error is % ppb, the budget %", {error, p_.error_budget_ppb});
    return "";
  }

  std::string check_transfers() {
    for (uint32_t t = 0; t < p_.tensors.size(); ++t)
      if (p_.tensors[t].wanted >= 0 && made_at_[t] >= 0 && made_at_[t] != p_.tensors[t].wanted)
        needed_.insert({t, p_.tensors[t].wanted});
    std::set<Key> done;
    for (const Transfer& move : plan_.transfers) {
      if (!needed_.count({move.tensor, move.to}))
        return text("tensor % is moved to place % for nobody", {move.tensor, move.to});
      if (!done.insert({move.tensor, move.to}).second)
        return text("tensor % is moved to place % twice", {move.tensor, move.to});
      if (int64_t(move.from) != made_at_[move.tensor])
        return text("tensor % is moved from place %, but is made at %",
                    {move.tensor, move.from, made_at_[move.tensor]});
      const Move& price = p_.moves[move.from * p_.places.size() + move.to];
      // Half a nanosecond of rounding either way is no mistake.
      const long double exact = static_cast<long double>(price.alpha_ns) +
                                static_cast<long double>(p_.tensors[move.tensor].bytes) * price.beta_ps_per_byte / 1000;
      if (price.alpha_ns >= kForbidden || static_cast<long double>(move.cost_ns) < exact - 1e-3L ||
          static_cast<long double>(move.cost_ns) > exact + 1)
        return text("moving tensor % to place % does not cost % ns", {move.tensor, move.to, move.cost_ns});
      sum_ += move.cost_ns;
    }
    if (done.size() != needed_.size()) return text("% moves are needed, the plan has %", {needed_.size(), done.size()});
    return "";
  }

  std::string check_sum() const {
    if (sum_ != plan_.total_ns) return text("the plan says % ns, its parts are % ns", {plan_.total_ns, sum_});
    if (plan_.bound_ns > plan_.total_ns)
      return text("the bound (% ns) is above the plan (% ns)", {plan_.bound_ns, sum_});
    return "";
  }

  const Problem& p_;
  const Plan& plan_;
  std::vector<int64_t> made_at_;  // tensor → place
  std::vector<bool> is_made_;     // by some node, at some time
  std::set<Key> needed_;
  Ns sum_ = 0;
};

}  // namespace

std::string validate(const Problem& problem, const Plan& plan) { return Replay(problem, plan).run(); }

}  // namespace motley::place
