// What the planner is asked: aims, margins, runners-up, and that order plays no part.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "motley/error.hpp"
#include "place/choose.hpp"
#include "place/entry.hpp"
#include "place/serial.hpp"

namespace motley::place {
namespace {

// Random layered graphs on workers with places of their own; worker 0 is at the host's place and runs everything.
Query sample(unsigned seed, uint32_t nodes, uint32_t workers) {
  std::mt19937 random(seed);
  const auto upto = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n + 1)); };
  Query query;
  Problem& p = query.problem;
  for (uint32_t w = 0; w < workers; ++w) {
    query.workers.push_back({"worker" + std::to_string(w), static_cast<uint32_t>(500 + upto(4000)), false});
    p.devices.push_back({w ? "worker" + std::to_string(w) : "host memory"});
    p.places.push_back({w, 0});
    query.background.push_back(w > 0);
  }
  for (uint32_t m = 0; m < workers * workers; ++m)
    p.moves.push_back(m % (workers + 1) ? Move{upto(3000), upto(200)} : Move{0, 0});
  query.move_source.assign(p.moves.size(), Provenance::measured);
  p.tensors.push_back({upto(5000), 0, kNowhere});
  for (uint32_t n = 0; n < nodes; ++n) {
    Node node;
    for (int64_t i = upto(1); i >= 0; --i) {
      const auto back = static_cast<uint32_t>(upto(std::min<int64_t>(n, 4)));
      node.inputs.push_back(n - back);
    }
    node.outputs = {n + 1};
    p.tensors.push_back({upto(5000), kNowhere, n + 1 == nodes ? 0 : kNowhere});
    p.nodes.push_back(std::move(node));
  }
  for (uint32_t n = 0; n < nodes; ++n)
    for (uint32_t w = 0; w < workers; ++w) {
      if (w && upto(4) == 0) continue;
      Candidate c;
      c.nodes = {n};
      c.input_place = c.output_place = w;
      c.cost_ns = 100 + upto(10000);
      c.memory_bytes = w ? upto(100) : 0;
      c.provenance = Provenance::measured;
      c.tag = w;
      p.candidates.push_back(c);
    }
  return query;
}

std::vector<std::string> worker_names(const Query& query, const Choice& choice) {
  std::vector<std::string> names;
  for (uint32_t c : choice.candidates) names.push_back(query.workers[query.problem.candidates[c].tag].name);
  return names;
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
    Query query = sample(seed, 4 + seed % 15, 2 + seed % 3);
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
    Query query = sample(seed, 5 + seed % 12, 4);
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
    Query query = sample(seed, 6, 3);
    for (const Aim aim : kAims) {
      query.aim = aim;
      const Choice choice = choose(query);
      EXPECT_LE(choice.bound, choice.cost);
      EXPECT_GT(choice.bound, 0);
      for (uint32_t n = 0; n < choice.candidates.size(); ++n)
        EXPECT_EQ(query.problem.candidates[choice.candidates[n]].nodes[0], n);
    }
  }
}

// Against all plans of small problems: the busiest device has little more than in the best of them.
TEST(PlaceChoose, ThroughputComesNearTheBestOfAllPlans) {
  double worst = 1;
  for (unsigned seed = 0; seed < 40; ++seed) {
    Query query = sample(seed, 6, 3);
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
