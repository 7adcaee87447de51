// Costs in the unit of an aim.
#include "place/objective.hpp"

#include <algorithm>

namespace motley::place {

namespace {

constexpr Ns kByteCost = 1000;  // Aim::memory: of a byte, in units of a nanosecond
constexpr uint32_t kHost = 0;

Ns scaled(Ns cost, int64_t by, int64_t over) {
  if (cost >= kForbidden) return kForbidden;
  __extension__ using Wide = __int128;
  const Wide product = Wide(cost) * by / over;
  return product < kForbidden ? static_cast<Ns>(product) : kForbidden;
}

// What moves bytes is the host, which waits or copies.
uint32_t milliwatts_of_moves(const Query& query) {
  uint32_t most = 0;
  for (const Candidate& candidate : query.problem.candidates)
    if (candidate.output_place == kHost) most = std::max(most, query.workers[candidate.tag].milliwatts);
  return most ? most : 1000;
}

}  // namespace

Problem objective_of(const Query& query) {
  Problem problem = query.problem;
  for (Candidate& candidate : problem.candidates) {
    const Worker& worker = query.workers[candidate.tag];
    if (query.aim == Aim::power) candidate.cost_ns = scaled(candidate.cost_ns, worker.milliwatts, 1000);
    if (query.aim == Aim::memory)
      candidate.cost_ns = add(candidate.cost_ns, scaled(candidate.memory_bytes, kByteCost, 1));
    if (worker.avoided) candidate.cost_ns = scaled(candidate.cost_ns, 5, 4);
  }
  const uint32_t milliwatts = milliwatts_of_moves(query);
  for (Move& move : problem.moves) {
    if (move.alpha_ns >= kForbidden) continue;
    if (query.aim == Aim::power) {
      move.alpha_ns = scaled(move.alpha_ns, milliwatts, 1000);
      move.beta_ps_per_byte = scaled(move.beta_ps_per_byte, milliwatts, 1000);
    }
    // Between places that share memory nothing is held twice.
    if (query.aim == Aim::memory && move.beta_ps_per_byte > 0) move.beta_ps_per_byte += kByteCost * 1000;
  }
  return problem;
}

Problem keep_only(const Problem& problem, const std::vector<bool>& keep) {
  Problem kept = problem;
  kept.candidates.clear();
  for (uint32_t c = 0; c < keep.size(); ++c) {
    if (!keep[c]) continue;
    kept.candidates.push_back(problem.candidates[c]);
    kept.candidates.back().tag = c;
  }
  return kept;
}

namespace {

// Numbers of candidates by their first node.
std::vector<std::vector<uint32_t>> by_first_node(const Problem& problem) {
  std::vector<std::vector<uint32_t>> lists(problem.nodes.size());
  for (uint32_t c = 0; c < problem.candidates.size(); ++c) lists[problem.candidates[c].nodes[0]].push_back(c);
  return lists;
}

}  // namespace

std::vector<bool> cheapest(const Query& query, const Problem& objective, const Problem* also) {
  const auto name = [&](uint32_t c) -> const std::string& {
    return query.workers[query.problem.candidates[c].tag].name;
  };
  // Whether a leaves no reason to look at b.
  const auto beats = [&](uint32_t a, uint32_t b) {
    const Candidate &x = objective.candidates[a], &y = objective.candidates[b];
    if (x.output_place != y.output_place || x.nodes != y.nodes) return false;
    if (x.helper >= 0 && x.helper != y.helper) return false;
    const Ns other_x = also ? also->candidates[a].cost_ns : 0, other_y = also ? also->candidates[b].cost_ns : 0;
    if (x.cost_ns > y.cost_ns || x.error_ppb > y.error_ppb || x.memory_bytes > y.memory_bytes || other_x > other_y)
      return false;
    if (x.cost_ns < y.cost_ns || x.error_ppb < y.error_ppb || x.memory_bytes < y.memory_bytes || other_x < other_y)
      return true;
    return name(a) != name(b) ? name(a) < name(b) : a < b;
  };
  std::vector<bool> keep(objective.candidates.size(), false);
  for (const std::vector<uint32_t>& list : by_first_node(objective))
    for (uint32_t c : list)
      keep[c] = objective.candidates[c].error_ppb <= objective.error_budget_ppb &&
                std::none_of(list.begin(), list.end(), [&](uint32_t other) { return other != c && beats(other, c); });
  return keep;
}

uint32_t resource_of(const Query& query, uint32_t place) { return query.background[place] ? place : kHost; }

uint32_t resource_of_move(const Query& query, uint32_t from, uint32_t to) {
  return resource_of(query, to == kHost ? from : to);
}

Uses uses_of(const Problem& problem) {
  Uses uses;
  uses.maker.assign(problem.tensors.size(), -1);
  uses.readers.resize(problem.tensors.size());
  for (uint32_t n = 0; n < problem.nodes.size(); ++n) {
    for (uint32_t t : problem.nodes[n].outputs) uses.maker[t] = static_cast<int32_t>(n);
    for (uint32_t t : problem.nodes[n].inputs)
      if (uses.readers[t].empty() || uses.readers[t].back() != n) uses.readers[t].push_back(n);
  }
  return uses;
}

namespace {

// Calls visit(tensor, from, to) for each move that a plan needs.
template <class Visit>
void each_move(const Problem& problem, const Uses& uses, const std::vector<uint32_t>& candidates, Visit visit) {
  const auto place_of = [&](uint32_t node) { return problem.candidates[candidates[node]].output_place; };
  for (uint32_t t = 0; t < problem.tensors.size(); ++t) {
    const int32_t maker = uses.maker[t];
    const int32_t from =
        maker >= 0 ? static_cast<int32_t>(place_of(static_cast<uint32_t>(maker))) : problem.tensors[t].home;
    if (from < 0) continue;
    uint64_t seen = uint64_t{1} << from;
    const auto want = [&](uint32_t to) {
      if (seen >> to & 1) return;
      seen |= uint64_t{1} << to;
      visit(t, static_cast<uint32_t>(from), to);
    };
    for (uint32_t reader : uses.readers[t]) want(place_of(reader));
    if (problem.tensors[t].wanted >= 0) want(static_cast<uint32_t>(problem.tensors[t].wanted));
  }
}

}  // namespace

std::vector<Ns> loads_of(const Query& query, const Problem& objective, const Uses& uses,
                         const std::vector<uint32_t>& candidates) {
  std::vector<Ns> loads(objective.places.size(), 0);
  for (uint32_t n = 0; n < candidates.size(); ++n) {
    if (!leads(objective, candidates, n)) continue;
    const Candidate& candidate = objective.candidates[candidates[n]];
    Ns& load = loads[resource_of(query, candidate.output_place)];
    load = add(load, candidate.cost_ns);
  }
  each_move(objective, uses, candidates, [&](uint32_t tensor, uint32_t from, uint32_t to) {
    Ns& load = loads[resource_of_move(query, from, to)];
    load = add(load, move_ns(objective, from, to, objective.tensors[tensor].bytes));
  });
  return loads;
}

Ns cost_of(const Problem& problem, const Uses& uses, const std::vector<uint32_t>& candidates) {
  Ns sum = 0;
  for (uint32_t n = 0; n < candidates.size(); ++n)
    if (leads(problem, candidates, n)) sum = add(sum, problem.candidates[candidates[n]].cost_ns);
  each_move(problem, uses, candidates, [&](uint32_t tensor, uint32_t from, uint32_t to) {
    sum = add(sum, move_ns(problem, from, to, problem.tensors[tensor].bytes));
  });
  return sum;
}

int64_t error_of(const Problem& problem, const std::vector<uint32_t>& candidates) {
  int64_t sum = 0;
  for (uint32_t n = 0; n < candidates.size(); ++n)
    if (leads(problem, candidates, n)) sum = add(sum, problem.candidates[candidates[n]].error_ppb);
  return sum;
}

bool fits(const Problem& problem, const std::vector<uint32_t>& candidates) {
  if (error_of(problem, candidates) > problem.error_budget_ppb) return false;
  std::vector<int64_t> left;
  for (const Device& device : problem.devices) left.push_back(device.memory_bytes);
  for (uint32_t n = 0; n < candidates.size(); ++n) {
    if (!leads(problem, candidates, n)) continue;
    const Candidate& candidate = problem.candidates[candidates[n]];
    left[problem.device_of(candidate)] -= candidate.memory_bytes;
    if (candidate.helper >= 0) left[static_cast<size_t>(candidate.helper)] -= candidate.helper_bytes;
  }
  return std::none_of(left.begin(), left.end(), [](int64_t bytes) { return bytes < 0; });
}

uint32_t doubt_of(const Query& query, const Uses& uses, const std::vector<uint32_t>& candidates) {
  const Problem& problem = query.problem;
  long double total = 0, doubtful = 0;
  const auto count = [&](Ns cost, Provenance source) {
    total += static_cast<long double>(cost);
    const int weight = source == Provenance::measured ? 0 : source == Provenance::near ? 100 : 200;
    doubtful += static_cast<long double>(cost) * weight;
  };
  for (uint32_t n = 0; n < candidates.size(); ++n)
    if (leads(problem, candidates, n))
      count(problem.candidates[candidates[n]].cost_ns, problem.candidates[candidates[n]].provenance);
  each_move(problem, uses, candidates, [&](uint32_t tensor, uint32_t from, uint32_t to) {
    count(move_ns(problem, from, to, problem.tensors[tensor].bytes),
          query.move_source[from * problem.places.size() + to]);
  });
  return total > 0 ? static_cast<uint32_t>(doubtful / total) : 0;
}

}  // namespace motley::place
