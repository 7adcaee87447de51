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

std::vector<bool> cheapest(const Query& query, const Problem& objective) {
  const size_t places = objective.places.size();
  std::vector<int32_t> best(objective.nodes.size() * places, -1);
  const auto is_better = [&](uint32_t a, uint32_t b) {
    const Candidate &x = objective.candidates[a], &y = objective.candidates[b];
    if (x.cost_ns != y.cost_ns) return x.cost_ns < y.cost_ns;
    return query.workers[query.problem.candidates[a].tag].name < query.workers[query.problem.candidates[b].tag].name;
  };
  for (uint32_t c = 0; c < objective.candidates.size(); ++c) {
    const Candidate& candidate = objective.candidates[c];
    int32_t& known = best[candidate.nodes[0] * places + candidate.output_place];
    if (known < 0 || is_better(c, static_cast<uint32_t>(known))) known = static_cast<int32_t>(c);
  }
  std::vector<bool> keep(objective.candidates.size(), false);
  for (int32_t c : best)
    if (c >= 0) keep[static_cast<size_t>(c)] = true;
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

// What a tensor's moves cost if `node` were at place `instead`.
Ns moves_of(const Problem& problem, const Uses& uses, const std::vector<uint32_t>& candidates, uint32_t tensor,
            uint32_t node, uint32_t instead) {
  const auto place_of = [&](uint32_t n) {
    return n == node ? instead : problem.candidates[candidates[n]].output_place;
  };
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

}  // namespace

std::vector<Ns> loads_of(const Query& query, const Problem& objective, const Uses& uses,
                         const std::vector<uint32_t>& candidates) {
  std::vector<Ns> loads(objective.places.size(), 0);
  for (uint32_t c : candidates) {
    Ns& load = loads[resource_of(query, objective.candidates[c].output_place)];
    load = add(load, objective.candidates[c].cost_ns);
  }
  each_move(objective, uses, candidates, [&](uint32_t tensor, uint32_t from, uint32_t to) {
    Ns& load = loads[resource_of_move(query, from, to)];
    load = add(load, move_ns(objective, from, to, objective.tensors[tensor].bytes));
  });
  return loads;
}

std::vector<RunnerUp> runners_up(const Problem& objective, const Uses& uses, const std::vector<uint32_t>& candidates) {
  std::vector<RunnerUp> result(objective.nodes.size());
  for (uint32_t c = 0; c < objective.candidates.size(); ++c) {
    const Candidate& other = objective.candidates[c];
    const uint32_t n = other.nodes[0];
    if (candidates[n] == c || other.cost_ns >= kForbidden) continue;
    const Candidate& own = objective.candidates[candidates[n]];
    Ns more = other.cost_ns - own.cost_ns;
    const auto add_tensor = [&](uint32_t t) {
      more += moves_of(objective, uses, candidates, t, n, other.output_place) -
              moves_of(objective, uses, candidates, t, n, own.output_place);
    };
    if (own.output_place != other.output_place) {
      std::vector<uint32_t> tensors = objective.nodes[n].inputs;
      tensors.insert(tensors.end(), objective.nodes[n].outputs.begin(), objective.nodes[n].outputs.end());
      std::sort(tensors.begin(), tensors.end());
      tensors.erase(std::unique(tensors.begin(), tensors.end()), tensors.end());
      for (uint32_t t : tensors) add_tensor(t);
    }
    if (result[n].candidate >= 0 && result[n].more <= more) continue;
    result[n] = {static_cast<int32_t>(c), more};
  }
  return result;
}

uint32_t doubt_of(const Query& query, const Uses& uses, const std::vector<uint32_t>& candidates) {
  const Problem& problem = query.problem;
  long double total = 0, doubtful = 0;
  const auto count = [&](Ns cost, Provenance source) {
    total += static_cast<long double>(cost);
    const int weight = source == Provenance::measured ? 0 : source == Provenance::near ? 100 : 200;
    doubtful += static_cast<long double>(cost) * weight;
  };
  for (uint32_t c : candidates) count(problem.candidates[c].cost_ns, problem.candidates[c].provenance);
  each_move(problem, uses, candidates, [&](uint32_t tensor, uint32_t from, uint32_t to) {
    count(move_ns(problem, from, to, problem.tensors[tensor].bytes),
          query.move_source[from * problem.places.size() + to]);
  });
  return total > 0 ? static_cast<uint32_t>(doubtful / total) : 0;
}

}  // namespace motley::place
