// What the planner is asked: aims, margins, runners-up, and that order plays no part.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "motley/error.hpp"
#include "place/choose.hpp"
#include "place/serial.hpp"
#include "place/sketch.hpp"
#include "place_query_samples.hpp"

namespace motley::place {
namespace {

std::vector<std::string> worker_names(const Query& query, const Choice& choice) {
  std::vector<std::string> names;
  for (uint32_t c : choice.candidates) names.push_back(query.workers[query.problem.candidates[c].tag].name);
  return names;
}

// Visits every cover of the nodes by candidates that can be put in an order, as candidates per node.
template <class Visit>
void each_plan(const Problem& p, std::vector<uint32_t>& plan, Visit visit) {
  const auto open = std::find(plan.begin(), plan.end(), UINT32_MAX);
  if (open != plan.end()) {
    const auto node = static_cast<uint32_t>(open - plan.begin());
    for (uint32_t c = 0; c < p.candidates.size(); ++c) {
      const std::vector<uint32_t>& nodes = p.candidates[c].nodes;
      if (nodes[0] != node || std::any_of(nodes.begin(), nodes.end(), [&](uint32_t n) { return plan[n] != UINT32_MAX; }))
        continue;
      for (uint32_t n : nodes) plan[n] = c;
      each_plan(p, plan, visit);
      for (uint32_t n : nodes) plan[n] = UINT32_MAX;
    }
    return;
  }
  // Candidates in the order of their last nodes: stretches of a topological order wait for earlier ones only.
  visit(plan);
}

// What a plan costs, its time and its error, added up in another way than the solvers do.
struct Total {
  Ns cost = 0, time = 0;
  int64_t error = 0;
};
Total total_of(const Query& query, const std::vector<uint32_t>& plan) {
  const Problem& p = query.problem;
  Total total;
  const auto add_cost = [&](Ns time, int64_t milliwatts, Ns bytes) {
    total.time += time;
    total.cost += query.aim == Aim::power    ? time * milliwatts / 1000
                  : query.aim == Aim::memory ? time + bytes * 1000
                                             : time;
  };
  uint32_t host = 0;  // moves are paid by what works at the host's place
  for (const Candidate& c : p.candidates)
    if (c.output_place == 0) host = std::max(host, query.workers[c.tag].milliwatts);
  for (uint32_t n = 0; n < plan.size(); ++n) {
    const Candidate& c = p.candidates[plan[n]];
    if (c.nodes[0] != n) continue;
    add_cost(c.cost_ns, query.workers[c.tag].milliwatts, c.memory_bytes);
    total.error += c.error_ppb;
  }
  for (uint32_t t = 0; t < p.tensors.size(); ++t) {
    const uint32_t from = t ? p.candidates[plan[t - 1]].output_place : 0;
    std::vector<bool> wanted(p.places.size());
    for (uint32_t n = 0; n < p.nodes.size(); ++n)
      for (uint32_t input : p.nodes[n].inputs)
        if (input == t) wanted[p.candidates[plan[n]].output_place] = true;
    if (p.tensors[t].wanted >= 0) wanted[0] = true;
    for (uint32_t to = 0; to < wanted.size(); ++to) {
      if (!wanted[to] || to == from) continue;
      const Move& move = p.move(from, to);
      const Ns bytes = p.tensors[t].bytes;
      const auto priced = [&](Ns alpha, int64_t beta) { return alpha + (bytes * beta + 999) / 1000; };
      total.time += priced(move.alpha_ns, move.beta_ps_per_byte);
      if (query.aim == Aim::power)
        total.cost += priced(move.alpha_ns * host / 1000, move.beta_ps_per_byte * host / 1000);
      else if (query.aim == Aim::memory && move.beta_ps_per_byte > 0)
        total.cost += priced(move.alpha_ns, move.beta_ps_per_byte + 1000000);
      else
        total.cost += priced(move.alpha_ns, move.beta_ps_per_byte);
    }
  }
  return total;
}

constexpr Aim kAims[] = {Aim::latency, Aim::throughput, Aim::power, Aim::memory};

// The same query with workers, places and candidates in another order; worker 0 keeps its place.
Query shuffled(const Query& query, std::mt19937& random) {
  const auto workers = static_cast<uint32_t>(query.workers.size());
  std::vector<uint32_t> to(workers);  // old → new
  std::iota(to.begin(), to.end(), 0u);
  std::shuffle(to.begin() + 1, to.end(), random);
  Query other = query;
  for (uint32_t w = 0; w < workers; ++w) {
    other.workers[to[w]] = query.workers[w];
    other.problem.devices[to[w]] = query.problem.devices[w];
    other.background[to[w]] = query.background[w];
    for (uint32_t v = 0; v < workers; ++v)
      other.problem.moves[to[w] * workers + to[v]] = query.problem.moves[w * workers + v];
  }
  for (Candidate& c : other.problem.candidates) {
    c.tag = to[c.tag];
    c.input_place = c.output_place = to[c.output_place];
  }
  std::shuffle(other.problem.candidates.begin(), other.problem.candidates.end(), random);
  return other;
}

TEST(PlaceChoose, TheOrderOfDevicesPlaysNoPart) {
  std::mt19937 random(1);
  for (unsigned seed = 0; seed < 60; ++seed) {
    Query query = sample_query(seed, 4 + seed % 15, 2 + seed % 3);
    query.aim = kAims[seed % 4];
    const Choice choice = choose(query);
    for (int i = 0; i < 2; ++i) {
      const Query other = shuffled(query, random);
      const Choice again = choose(other);
      EXPECT_EQ(again.cost, choice.cost) << seed;
      EXPECT_EQ(worker_names(other, again), worker_names(query, choice)) << seed;
    }
  }
}

TEST(PlaceChoose, OneMoreDeviceIsNeverWorse) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    Query query = sample_query(seed, 5 + seed % 12, 4);
    for (const Aim aim : {Aim::latency, Aim::power, Aim::memory}) {
      query.aim = aim;
      // Side by side the schedule is a search above some size: serially it is exact.
      if (aim == Aim::latency) query.background.assign(4, false);
      const Ns all = choose(query).cost;
      Query fewer = query;
      std::erase_if(fewer.problem.candidates, [](const Candidate& c) { return c.tag == 3; });
      EXPECT_LE(all, choose(fewer).cost) << seed;
    }
  }
}

TEST(PlaceChoose, NoPlanIsBelowTheBound) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    Query query = sample_query(seed, 6, 3);
    for (const Aim aim : kAims) {
      query.aim = aim;
      const Choice choice = choose(query);
      EXPECT_LE(choice.bound, choice.cost);
      EXPECT_GT(choice.bound, 0);
      for (uint32_t n = 0; n < choice.candidates.size(); ++n)
        EXPECT_EQ(query.problem.candidates[choice.candidates[n]].nodes, std::vector<uint32_t>{n});
    }
  }
}

// Against all plans of small problems: the busiest device has little more than in the best of them.
TEST(PlaceChoose, ThroughputComesNearTheBestOfAllPlans) {
  double worst = 1;
  for (unsigned seed = 0; seed < 40; ++seed) {
    Query query = sample_query(seed, 6, 3);
    query.aim = Aim::throughput;
    const Choice choice = choose(query);
    const Problem& p = query.problem;
    std::vector<std::vector<uint32_t>> options(p.nodes.size());
    for (uint32_t c = 0; c < p.candidates.size(); ++c) options[p.candidates[c].nodes[0]].push_back(c);
    Ns best = kForbidden;
    std::vector<uint32_t> at(p.nodes.size(), 0);
    while (true) {
      std::vector<Ns> load(3, 0);
      std::vector<uint32_t> place(p.nodes.size());
      for (size_t n = 0; n < at.size(); ++n) {
        const Candidate& c = p.candidates[options[n][at[n]]];
        place[n] = c.output_place;
        load[c.output_place] += c.cost_ns;
      }
      for (uint32_t t = 0; t < p.tensors.size(); ++t) {
        const uint32_t from = t ? place[t - 1] : 0;
        std::vector<bool> wanted(3);
        for (uint32_t n = 0; n < p.nodes.size(); ++n)
          for (uint32_t input : p.nodes[n].inputs)
            if (input == t) wanted[place[n]] = true;
        if (p.tensors[t].wanted >= 0) wanted[0] = true;
        for (uint32_t to = 0; to < 3; ++to)
          if (wanted[to] && to != from) load[to ? to : from] += move_ns(p, from, to, p.tensors[t].bytes);
      }
      best = std::min(best, *std::max_element(load.begin(), load.end()));
      size_t n = 0;
      while (n < at.size() && ++at[n] == options[n].size()) at[n++] = 0;
      if (n == at.size()) break;
    }
    EXPECT_GE(choice.cost, best) << seed;
    EXPECT_LE(choice.bound, best) << seed;
    worst = std::max(worst, static_cast<double>(choice.cost) / static_cast<double>(best));
  }
  EXPECT_LE(worst, 1.15);
}

// Covers by fused candidates and the error budget: the cheapest of all plans, for each serial aim.
TEST(PlaceChoose, EqualsBruteForceWithFusedCandidatesAndABudget) {
  size_t fused = 0, lower = 0, bounded = 0;
  for (unsigned seed = 0; seed < 240; ++seed) {
    Query query = sample_query(seed, 3 + seed % 4, 2 + seed % 2);
    query.background.assign(query.workers.size(), false);
    add_candidates(query, seed);
    query.aim = seed % 3 == 0 ? Aim::power : seed % 3 == 1 ? Aim::latency : Aim::memory;
    const int64_t budgets[] = {0, 700, 1500, kUnlimited};
    query.problem.error_budget_ppb = budgets[seed % 4];
    const Choice choice = choose(query);
    Ns best = kForbidden, unbudgeted = kForbidden;
    std::vector<uint32_t> plan(query.problem.nodes.size(), UINT32_MAX);
    each_plan(query.problem, plan, [&](const std::vector<uint32_t>& candidates) {
      const Total total = total_of(query, candidates);
      unbudgeted = std::min(unbudgeted, total.cost);
      if (total.error <= query.problem.error_budget_ppb) best = std::min(best, total.cost);
    });
    EXPECT_EQ(choice.cost, best) << seed;
    EXPECT_EQ(choice.bound, best) << seed;
    const Total own = total_of(query, choice.candidates);
    EXPECT_EQ(own.cost, best) << seed;
    EXPECT_EQ(own.error, choice.error_ppb) << seed;
    EXPECT_LE(choice.error_ppb, query.problem.error_budget_ppb) << seed;
    if (query.problem.error_budget_ppb) {
      EXPECT_EQ(std::min(choice.unbudgeted, choice.cost), unbudgeted) << seed;
    }
    for (uint32_t c : choice.candidates) fused += query.problem.candidates[c].nodes.size() > 1;
    lower += choice.error_ppb > 0;
    bounded += choice.unbudgeted < choice.cost;
    // Each runner-up's figure is the difference that it makes, and what is left out would be cheaper and exceed the budget.
    for (uint32_t n = 0; n < choice.candidates.size(); ++n) {
      const RunnerUp& second = choice.runners_up[n];
      for (const int32_t other : {second.candidate, second.left_out}) {
        if (other < 0 || query.problem.candidates[choice.candidates[n]].nodes.size() > 1) continue;
        std::vector<uint32_t> changed = choice.candidates;
        for (uint32_t m : query.problem.candidates[static_cast<size_t>(other)].nodes)
          changed[m] = static_cast<uint32_t>(other);
        const Total total = total_of(query, changed);
        EXPECT_EQ(total.cost - own.cost, other == second.candidate ? second.more : second.left_out_more) << seed;
        EXPECT_EQ(total.error <= query.problem.error_budget_ppb, other == second.candidate) << seed;
      }
    }
  }
  EXPECT_GT(fused, 50u);
  EXPECT_GT(lower, 50u);
  EXPECT_GT(bounded, 10u);
}

TEST(PlaceChoose, OrderPlaysNoPartWithFusedCandidatesABudgetAndADeadline) {
  std::mt19937 random(3);
  for (unsigned seed = 0; seed < 60; ++seed) {
    Query query = sample_query(seed, 4 + seed % 12, 2 + seed % 3);
    add_candidates(query, seed);
    query.aim = kAims[seed % 4];
    query.problem.error_budget_ppb = seed % 3 ? 1500 : 0;
    if (seed % 2) query.deadline_ns = choose(query).run_ns * 3 / 4;
    const Choice choice = choose(query);
    for (int i = 0; i < 2; ++i) {
      const Query other = shuffled(query, random);
      const Choice again = choose(other);
      EXPECT_EQ(again.cost, choice.cost) << seed;
      EXPECT_EQ(again.run_ns, choice.run_ns) << seed;
      EXPECT_EQ(again.error_ppb, choice.error_ppb) << seed;
      EXPECT_EQ(worker_names(other, again), worker_names(query, choice)) << seed;
    }
  }
}

// In time where any plan is, and then the cheapest such plan, with the bound that says so.
TEST(PlaceChoose, DeadlinesAreKeptAtTheLeastCost) {
  size_t late = 0, in_time = 0, dearer = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    Query query = sample_query(seed, 3 + seed % 4, 3);
    query.background.assign(3, false);
    add_candidates(query, seed);
    query.aim = seed % 2 ? Aim::power : Aim::memory;
    query.problem.error_budget_ppb = seed % 3 ? 0 : 1500;
    // Doubt would keep what is safe.
    for (Candidate& candidate : query.problem.candidates) candidate.provenance = Provenance::measured;
    query.move_source.assign(query.problem.moves.size(), Provenance::measured);
    const Choice relaxed = choose(query);
    const Ns cheapest = relaxed.cost;
    query.deadline_ns = relaxed.run_ns * static_cast<Ns>(50 + seed % 50) / 100;
    const Choice choice = choose(query);
    Ns best = kForbidden, fastest = kForbidden;
    std::vector<uint32_t> plan(query.problem.nodes.size(), UINT32_MAX);
    each_plan(query.problem, plan, [&](const std::vector<uint32_t>& candidates) {
      const Total total = total_of(query, candidates);
      if (total.error > query.problem.error_budget_ppb) return;
      fastest = std::min(fastest, total.time);
      if (total.time <= query.deadline_ns) best = std::min(best, total.cost);
    });
    ASSERT_EQ(total_of(query, choice.candidates).time, choice.run_ns) << seed;
    EXPECT_LE(choice.error_ppb, query.problem.error_budget_ppb) << seed;
    EXPECT_EQ(choice.late, best >= kForbidden) << seed;
    if (choice.late) {
      EXPECT_EQ(choice.run_ns, fastest) << seed;
      ++late;
      continue;
    }
    EXPECT_LE(choice.run_ns, query.deadline_ns) << seed;
    EXPECT_EQ(choice.cost, best) << seed;
    EXPECT_EQ(choice.bound, best) << seed;
    ++in_time;
    dearer += choice.cost > cheapest;
  }
  EXPECT_GT(late, 10u);
  EXPECT_GT(in_time, 40u);
  EXPECT_GT(dearer, 20u);  // the deadline makes a difference
}

// Two nodes in a row: the first is cheaper at home, the second elsewhere by `gain` percent of all.
Query two_nodes(Ns second_elsewhere, Provenance source) {
  Query query;
  query.workers = {{"home"}, {"other"}};
  query.background = {false, false};
  Problem& p = query.problem;
  p.devices = {{"host memory"}, {"other"}};
  p.places = {{0, 0}, {1, 0}};
  p.moves.assign(4, Move{0, 0});
  query.move_source.assign(4, Provenance::measured);
  p.tensors = {{100, 0, kNowhere}, {100, kNowhere, kNowhere}, {100, kNowhere, 0}};
  p.nodes = {{{0}, {1}}, {{1}, {2}}};
  const auto offer = [&](uint32_t node, uint32_t worker, Ns cost) {
    Candidate c;
    c.nodes = {node};
    c.input_place = c.output_place = c.tag = worker;
    c.cost_ns = cost;
    c.provenance = source;
    p.candidates.push_back(c);
  };
  offer(0, 0, 500);
  offer(0, 1, 5000);
  offer(1, 0, 500);
  offer(1, 1, second_elsewhere);
  return query;
}

TEST(PlaceChoose, DoubtfulCostsNeedAMargin) {
  using Kind = Choice::Kind;
  const auto kind = [](Ns cost, Provenance source) { return choose(two_nodes(cost, source)).kind; };
  EXPECT_EQ(kind(499, Provenance::measured), Kind::mixed);
  EXPECT_EQ(kind(500, Provenance::measured), Kind::single);
  EXPECT_EQ(kind(401, Provenance::near), Kind::single);
  EXPECT_EQ(kind(399, Provenance::near), Kind::mixed);
  EXPECT_EQ(kind(301, Provenance::estimated), Kind::single);
  EXPECT_EQ(kind(299, Provenance::estimated), Kind::mixed);
}

TEST(PlaceChoose, TheIncumbentStaysUnlessAnotherIsClearlyBetter) {
  for (const Ns cost : {301, 299}) {
    Query query = two_nodes(cost, Provenance::estimated);
    query.incumbent = {0, 2};
    const Choice choice = choose(query);
    EXPECT_EQ(choice.kind, cost == 299 ? Choice::Kind::mixed : Choice::Kind::incumbent);
    EXPECT_EQ(choice.rival_cost, 1000);
    query.incumbent = {1, 3};  // far worse than what is possible
    EXPECT_EQ(choose(query).kind, cost == 299 ? Choice::Kind::mixed : Choice::Kind::mixed);
    query.keep_incumbent = true;
    EXPECT_EQ(choose(query).candidates, query.incumbent);
    EXPECT_EQ(choose(query).run_ns, 5000 + cost);
  }
}

TEST(PlaceChoose, PreferredDevicesCountAsFaster) {
  Query query = two_nodes(450, Provenance::measured);
  EXPECT_EQ(choose(query).kind, Choice::Kind::mixed);
  query.workers[1].avoided = true;
  const Choice choice = choose(query);
  EXPECT_EQ(choice.kind, Choice::Kind::single);
  EXPECT_EQ(choice.run_ns, 1000) << "the true time";
}

TEST(PlaceChoose, RunnersUpSayTheDifference) {
  const Choice choice = choose(two_nodes(450, Provenance::measured));
  ASSERT_EQ(choice.runners_up.size(), 2u);
  EXPECT_EQ(choice.runners_up[0].candidate, 1);
  EXPECT_EQ(choice.runners_up[0].more, 4500);
  EXPECT_EQ(choice.runners_up[1].candidate, 2);
  EXPECT_EQ(choice.runners_up[1].more, 50);
}

TEST(PlaceChoose, BadQueriesAreRefused) {
  for (int what = 0; what < 4; ++what) {
    Query query = two_nodes(400, Provenance::measured);
    if (what == 0) query.background.pop_back();
    if (what == 1) query.problem.candidates[0].tag = 7;
    if (what == 2) query.incumbent = {2, 0};
    if (what == 3) query.problem.candidates.clear();
    EXPECT_THROW(choose(query), Error) << what;
  }
}

}  // namespace
}  // namespace motley::place
