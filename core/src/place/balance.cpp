// Spreading work so that the busiest device has as little as possible.
#include <algorithm>
#include <tuple>

#include "place/objective.hpp"
#include "place/serial.hpp"

namespace motley::place {

namespace {

constexpr int kRounds = 16;                // of weights
constexpr uint32_t kCuts = 24;             // places in the order of nodes where a stretch may begin or end
constexpr int kPasses = 6;                 // of local search, at most
constexpr size_t kSmall = 64, kTiny = 16;  // nodes
constexpr int64_t kUnit = 1024;            // a weight of 1
constexpr uint32_t kStates = 512;

Problem weighted(const Query& query, const Problem& objective, const std::vector<int64_t>& weight) {
  Problem problem = objective;
  const size_t places = problem.places.size();
  const auto times = [&](Ns cost, uint32_t resource) {
    return cost >= kForbidden / (64 * kUnit) ? kForbidden : cost * weight[resource];
  };
  for (Candidate& c : problem.candidates) c.cost_ns = times(c.cost_ns, resource_of(query, c.output_place));
  for (uint32_t from = 0; from < places; ++from)
    for (uint32_t to = 0; to < places; ++to) {
      Move& move = problem.moves[from * places + to];
      if (from == to || move.alpha_ns >= kForbidden) continue;
      const uint32_t resource = resource_of_move(query, from, to);
      move.alpha_ns = times(move.alpha_ns, resource);
      move.beta_ps_per_byte = times(move.beta_ps_per_byte, resource);
    }
  return problem;
}

class Balancer {
 public:
  Balancer(const Query& query, const Problem& objective)
      : query_(query), objective_(objective), uses_(uses_of(objective)), kept_(cheapest(query, objective)) {
    for (uint32_t p = 0; p < objective.places.size(); ++p) by_name_.push_back(p);
    const auto name = [&](uint32_t p) -> const std::string& {
      return objective.devices[objective.places[p].device].name;
    };
    std::sort(by_name_.begin(), by_name_.end(), [&](uint32_t a, uint32_t b) { return name(a) < name(b); });
    by_place_.assign(objective.nodes.size() * objective.places.size(), -1);
    singles_.resize(objective.nodes.size());
    for (uint32_t c = 0; c < kept_.size(); ++c) {
      const Candidate& candidate = objective.candidates[c];
      if (!kept_[c] || candidate.nodes.size() > 1 || !usable(objective, candidate)) continue;
      singles_[candidate.nodes[0]].push_back(c);
      int32_t& known = at(candidate.nodes[0], candidate.output_place);
      if (known < 0 || is_safer(candidate, objective.candidates[static_cast<size_t>(known)]))
        known = static_cast<int32_t>(c);
    }
    for (std::vector<uint32_t>& list : singles_) std::sort(list.begin(), list.end(), [this](uint32_t a, uint32_t b) {
      return key(a) < key(b);
    });
  }

  // Where a fused candidate lost some of its nodes, the others run by themselves in its place.
  void consider(std::vector<uint32_t> candidates) {
    for (uint32_t n = 0; n < candidates.size(); ++n) {
      const Candidate& own = objective_.candidates[candidates[n]];
      if (own.nodes.size() == 1) continue;
      const uint32_t fused = candidates[n];
      if (std::all_of(own.nodes.begin(), own.nodes.end(), [&](uint32_t m) { return candidates[m] == fused; })) continue;
      for (uint32_t m : own.nodes) {
        if (candidates[m] != fused) continue;
        if (at(m, own.output_place) < 0) return;
        candidates[m] = static_cast<uint32_t>(at(m, own.output_place));
      }
    }
    const Ns load = most(candidates);
    if (load >= best_.load || !fits(objective_, candidates)) return;
    best_.load = load;
    best_.candidates = std::move(candidates);
  }

  // Where the search begins, once for each.
  void start_from(const std::vector<uint32_t>& candidates) {
    if (std::find(starts_.begin(), starts_.end(), candidates) == starts_.end()) starts_.push_back(candidates);
  }

  // Multiplicative weights: what is busy gets dearer. The optimum for any weights bounds the busiest from below.
  void vary_weights() {
    std::vector<int64_t> weight(objective_.places.size(), 0);
    for (uint32_t p = 0; p < weight.size(); ++p) weight[resource_of(query_, p)] = kUnit;
    for (int round = 0; round < kRounds; ++round) {
      const Problem problem = keep_only(weighted(query_, objective_, weight), kept_);
      const Plan plan = solve_serial(problem, {.max_states = kStates, .max_resolves = 64});
      int64_t sum = 0;
      for (int64_t w : weight) sum += w;
      best_.bound = std::max(best_.bound, plan.bound_ns / sum);
      std::vector<uint32_t> candidates(objective_.nodes.size());
      for (uint32_t c : plan.candidates)
        for (uint32_t n : problem.candidates[c].nodes) candidates[n] = problem.candidates[c].tag;
      start_from(candidates);
      reweigh(weight, candidates);
    }
  }

  // From the best start; in small problems from each.
  void search() {
    std::stable_sort(starts_.begin(), starts_.end(),
                     [this](const auto& a, const auto& b) { return most(a) < most(b); });
    if (objective_.nodes.size() > kSmall) starts_.resize(1);
    Balanced best = best_;
    for (const std::vector<uint32_t>& start : starts_) {
      best_.load = kForbidden;
      consider(start);
      climb();
      if (best_.load < best.load) best = best_;
    }
    best_ = std::move(best);
  }

  const Balanced& best() const { return best_; }

 private:
  // By place, then what is cheapest: the order in which a node's candidates are tried.
  std::tuple<const std::string&, Ns, int64_t> key(uint32_t c) const {
    const Candidate& candidate = objective_.candidates[c];
    return {objective_.devices[objective_.device_of(candidate)].name, candidate.cost_ns, candidate.error_ppb};
  }
  static bool is_safer(const Candidate& a, const Candidate& b) {
    return a.error_ppb != b.error_ppb ? a.error_ppb < b.error_ppb : a.cost_ns < b.cost_ns;
  }

  // The candidate of a node alone at a place: of several the one with the least error.
  int32_t& at(uint32_t node, uint32_t place) { return by_place_[node * objective_.places.size() + place]; }

  Ns most(const std::vector<uint32_t>& candidates) const {
    const std::vector<Ns> loads = loads_of(query_, objective_, uses_, candidates);
    return *std::max_element(loads.begin(), loads.end());
  }

  void reweigh(std::vector<int64_t>& weight, const std::vector<uint32_t>& candidates) const {
    const std::vector<Ns> loads = loads_of(query_, objective_, uses_, candidates);
    const Ns top = std::max<Ns>(1, *std::max_element(loads.begin(), loads.end()));
    for (size_t r = 0; r < weight.size(); ++r) {
      if (!weight[r]) continue;
      // From 3/4 for what is idle to 5/4 for the busiest.
      const int64_t factor = 768 + loads[r] / (top / 512 + 1);
      weight[r] = std::clamp<int64_t>(weight[r] * factor / 1024, kUnit / 16, kUnit * 16);
    }
  }

  // Moves the nodes between two cuts to another place, where all of them have a candidate.
  void move_stretches() {
    const auto count = static_cast<uint32_t>(objective_.nodes.size());
    const uint32_t cuts = std::min(count, kCuts);
    for (uint32_t a = 0; a < cuts; ++a)
      for (uint32_t b = a + 1; b <= cuts; ++b)
        for (uint32_t place : by_name_) {
          std::vector<uint32_t> candidates = best_.candidates;
          for (uint32_t n = a * count / cuts; n < b * count / cuts; ++n)
            if (at(n, place) >= 0) candidates[n] = static_cast<uint32_t>(at(n, place));
          if (candidates != best_.candidates) consider(std::move(candidates));
        }
  }

  void climb() {
    for (int pass = 0; pass < kPasses; ++pass) {
      const Ns before = best_.load;
      move_stretches();
      move_nodes();
      if (objective_.nodes.size() <= kTiny) move_pairs();
      if (best_.load >= before) break;
    }
  }

  void move_pairs() {
    const auto count = static_cast<uint32_t>(objective_.nodes.size());
    const auto places = static_cast<uint32_t>(objective_.places.size());
    for (uint32_t a = 0; a < count; ++a)
      for (uint32_t b = a + 1; b < count; ++b)
        for (uint32_t both = 0; both < places * places; ++both) {
          const int32_t one = at(a, by_name_[both / places]), other = at(b, by_name_[both % places]);
          if (one < 0 || other < 0) continue;
          std::vector<uint32_t> candidates = best_.candidates;
          candidates[a] = static_cast<uint32_t>(one);
          candidates[b] = static_cast<uint32_t>(other);
          consider(std::move(candidates));
        }
  }

  void move_nodes() {
    if (objective_.nodes.size() > 256) return;  // stretches are short enough there
    for (uint32_t n = 0; n < objective_.nodes.size(); ++n)
      for (uint32_t c : singles_[n]) {
        std::vector<uint32_t> candidates = best_.candidates;
        candidates[n] = c;
        consider(std::move(candidates));
      }
  }

  const Query& query_;
  const Problem& objective_;
  const Uses uses_;
  const std::vector<bool> kept_;
  std::vector<int32_t> by_place_;  // per node and place: a candidate, or -1
  std::vector<std::vector<uint32_t>> singles_;  // per node: candidates for it alone
  std::vector<uint32_t> by_name_;  // places
  std::vector<std::vector<uint32_t>> starts_;
  Balanced best_;
};

}  // namespace

Balanced balance(const Query& query, const Problem& objective, const std::vector<std::vector<uint32_t>>& starts) {
  Balancer balancer(query, objective);
  for (const std::vector<uint32_t>& start : starts) balancer.start_from(start);
  balancer.vary_weights();
  balancer.search();
  Balanced best = balancer.best();
  best.bound = std::min(best.bound, best.load);
  return best;
}

}  // namespace motley::place
