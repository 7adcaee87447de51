// Pipelines and calls against every possible split of small networks.
#include "place/stages.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "motley/error.hpp"
#include "place/calls.hpp"
#include "place_split_samples.hpp"

namespace motley::place {
namespace {

// Calls `visit` with every choice of one of `devices` for each of `units`.
template <class Visit>
void every_choice(size_t units, uint32_t devices, const Visit& visit) {
  std::vector<uint32_t> device(units, 0);
  for (;;) {
    visit(device);
    size_t u = 0;
    while (u < units && ++device[u] == devices) device[u++] = 0;
    if (u == units) return;
  }
}

// The load by definition; kForbidden where something doesn't fit.
Ns load_of(const StageProblem& p, const std::vector<uint32_t>& device) {
  Ns worst = 0;
  for (uint32_t d = 0; d < p.accelerators + p.hosts; ++d) {
    Ns load = 0;
    int64_t bytes = 0;
    for (size_t u = 0; u < device.size(); ++u) {
      if (device[u] != d) continue;
      load = add(load, d < p.accelerators ? p.units[u].accelerator_ns : p.units[u].host_ns);
      bytes += p.units[u].bytes;
    }
    for (const StageProblem::Net& net : p.nets) {
      const auto here = std::count_if(net.units.begin(), net.units.end(), [&](uint32_t u) { return device[u] == d; });
      if (d < p.accelerators && here > 0 && here < int64_t(net.units.size())) load = add(load, net.cost_ns);
    }
    if (d < p.accelerators && bytes > p.memory_bytes) return kForbidden;
    worst = std::max(worst, load);
  }
  return worst;
}

// Whether the devices can be put in an order in which nobody reads from a later one.
bool contiguous(const StageProblem& p, const std::vector<uint32_t>& device) {
  const size_t count = p.accelerators + p.hosts;
  std::vector<std::vector<bool>> reaches(count, std::vector<bool>(count));
  for (const auto& [a, b] : p.before)
    if (device[a] != device[b]) reaches[device[a]][device[b]] = true;
  for (size_t k = 0; k < count; ++k)
    for (size_t i = 0; i < count; ++i)
      for (size_t j = 0; j < count; ++j)
        if (reaches[i][k] && reaches[k][j]) reaches[i][j] = true;
  for (size_t i = 0; i < count; ++i)
    if (reaches[i][i]) return false;
  return true;
}

TEST(PlaceStages, contiguous_splits_equal_brute_force) {
  std::mt19937 random(1);
  for (int i = 0; i < 600; ++i) {
    const StageProblem p = stages_of(random_calls(random));
    Ns best = kForbidden, best_freely = kForbidden;
    every_choice(p.units.size(), p.accelerators + p.hosts, [&](const std::vector<uint32_t>& device) {
      const Ns load = load_of(p, device);
      best_freely = std::min(best_freely, load);
      if (load < best && contiguous(p, device)) best = load;
    });
    const Stages stages = split_contiguous(p);
    ASSERT_EQ(stages.load_ns, best) << "problem " << i;
    ASSERT_EQ(stages.bound_ns, best);
    ASSERT_EQ(load_of(p, stages.device), best);
    ASSERT_TRUE(contiguous(p, stages.device));
    ASSERT_LE(load_bound(p), best_freely);
    const Stages freely = split_freely(p, stages, 2000);
    ASSERT_EQ(load_of(p, freely.device), freely.load_ns);
    ASSERT_LE(freely.load_ns, best);
    ASSERT_GE(freely.load_ns, best_freely);
    ASSERT_LE(freely.bound_ns, best_freely);
    const std::vector<Ns> all = loads(p, freely.device);
    ASSERT_EQ(*std::max_element(all.begin(), all.end()), freely.load_ns);
  }
}

TEST(PlaceStages, annealing_finds_most_optima_of_small_networks) {
  std::mt19937 random(2);
  int found = 0;
  for (int i = 0; i < 200; ++i) {
    const StageProblem p = stages_of(random_calls(random));
    Ns best = kForbidden;
    every_choice(p.units.size(), p.accelerators + p.hosts,
                 [&](const std::vector<uint32_t>& device) { best = std::min(best, load_of(p, device)); });
    found += split_freely(p, split_contiguous(p), 3000).load_ns == best;
  }
  EXPECT_GE(found, 190);
}

TEST(PlaceStages, more_accelerators_are_never_worse_and_too_few_ideals_keep_the_bound_true) {
  std::mt19937 random(3);
  for (int i = 0; i < 100; ++i) {
    StageProblem p = stages_of(random_calls(random));
    Ns before = kForbidden;
    for (p.accelerators = 0; p.accelerators < 4; ++p.accelerators) {
      const Stages stages = split_contiguous(p);
      EXPECT_LE(stages.load_ns, before);
      before = stages.load_ns;
      StageOptions few;
      few.max_ideals = 1;
      const Stages rough = split_contiguous(p, few);
      EXPECT_LE(rough.bound_ns, stages.load_ns);
      EXPECT_GE(rough.load_ns, stages.load_ns);
      EXPECT_EQ(load_of(p, rough.device), rough.load_ns);
    }
  }
}

TEST(PlaceStages, bad_problems_are_refused) {
  StageProblem p;
  p.units = {{10, 1, 0}, {10, 1, 0}};
  p.before = {{0, 1}, {1, 0}};
  EXPECT_THROW(split_contiguous(p), Error);
  p.before = {{0, 2}};
  EXPECT_THROW(split_contiguous(p), Error);
  p.before.clear();
  p.nets = {{5, {1, 0}}};
  EXPECT_THROW(split_contiguous(p), Error);
  p.nets.clear();
  p.units[0].host_ns = -1;
  EXPECT_THROW(split_contiguous(p), Error);
  p.units[0] = {10, kForbidden, 0};
  p.hosts = 0;
  EXPECT_THROW(split_contiguous(p), Error);  // nothing can run unit 0
}

// Latency by definition: times rise until nothing changes. kForbidden where that never ends.
Ns brute_latency(const CallProblem& p, const std::vector<uint32_t>& device) {
  const size_t calls = p.accelerators;
  std::vector<Ns> work(calls);
  std::vector<int64_t> bytes(calls);
  const auto at = [&](size_t n) { return device[p.nodes[n].block]; };
  for (size_t n = 0; n < p.nodes.size(); ++n) {
    std::set<uint32_t> payers;
    for (uint32_t r : p.nodes[n].readers)
      if (at(r) != at(n)) payers.insert({at(n), at(r)});
    for (uint32_t d : payers)
      if (d < calls) work[d] += p.nodes[n].transfer_ns;
    if (at(n) >= calls) continue;
    work[at(n)] = add(work[at(n)], p.nodes[n].accelerator_ns);
    bytes[at(n)] += p.nodes[n].bytes;
    if (bytes[at(n)] > p.memory_bytes) return kForbidden;
  }
  for (Ns w : work)
    if (w >= kForbidden) return kForbidden;
  std::vector<Ns> done(p.nodes.size());
  std::vector<uint32_t> next(p.nodes.size() + calls);
  // A circle of calls can be free of charge, so circles are looked for and not waited for.
  std::vector<std::vector<bool>> reaches(next.size(), std::vector<bool>(next.size()));
  const auto vertex = [&](size_t n) { return at(n) < calls ? p.nodes.size() + at(n) : n; };
  for (size_t n = 0; n < p.nodes.size(); ++n)
    for (uint32_t r : p.nodes[n].readers)
      if (vertex(n) != vertex(r)) reaches[vertex(n)][vertex(r)] = true;
  for (size_t k = 0; k < next.size(); ++k)
    for (size_t i = 0; i < next.size(); ++i)
      for (size_t j = 0; j < next.size(); ++j)
        if (reaches[i][k] && reaches[k][j]) reaches[i][j] = true;
  for (size_t i = 0; i < next.size(); ++i)
    if (reaches[i][i]) return kForbidden;
  for (size_t round = 0; round <= p.nodes.size(); ++round) {
    std::vector<Ns> start(calls);
    for (size_t n = 0; n < p.nodes.size(); ++n)
      for (uint32_t r : p.nodes[n].readers)
        if (at(r) < calls && at(r) != at(n)) start[at(r)] = std::max(start[at(r)], done[n]);
    for (size_t n = 0; n < p.nodes.size(); ++n) {
      Ns before = 0;
      for (size_t u = 0; u < p.nodes.size(); ++u)
        for (uint32_t r : p.nodes[u].readers)
          if (r == n) before = std::max(before, done[u]);
      done[n] = at(n) < calls ? start[at(n)] + work[at(n)] : before + p.nodes[n].host_ns;
    }
  }
  return *std::max_element(done.begin(), done.end());
}

TEST(PlaceCalls, find_the_optimum_of_most_small_networks_and_bound_it_on_all) {
  std::mt19937 random(4);
  CallOptions options;
  options.moves = 4000;
  int found = 0;
  for (int i = 0; i < 400; ++i) {
    const CallProblem p = random_calls(random);
    Ns best = kForbidden;
    every_choice(p.blocks, p.accelerators + 1, [&](const std::vector<uint32_t>& device) {
      const Ns latency = brute_latency(p, device);
      ASSERT_EQ(latency_of(p, device), latency) << "problem " << i;
      best = std::min(best, latency);
    });
    const Calls calls = plan_calls(p, options);
    ASSERT_EQ(brute_latency(p, calls.device), calls.latency_ns) << "problem " << i;
    ASSERT_GE(calls.latency_ns, best);
    ASSERT_LE(latency_bound(p), best) << "problem " << i;
    ASSERT_LE(calls.bound_ns, best);
    found += calls.latency_ns == best;
  }
  EXPECT_GE(found, 375);
}

// Chains of modules with branches, where separators, calls' borders and few accelerators matter.
CallProblem random_modules(std::mt19937& random) {
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  CallProblem p;
  p.accelerators = 1 + below(2);
  p.memory_bytes = 4 + below(10);
  uint32_t last = UINT32_MAX;
  const auto add_node = [&](const std::vector<uint32_t>& reads) {
    CallProblem::Node node;
    node.host_ns = 1 + below(30);
    node.accelerator_ns = below(12) ? below(6) : kForbidden;
    node.transfer_ns = below(8);
    node.bytes = below(5);
    node.block = p.blocks++;
    p.nodes.push_back(node);
    for (uint32_t u : reads) p.nodes[u].readers.push_back(node.block);
    return node.block;
  };
  last = add_node({});
  while (p.nodes.size() < 6) {
    std::vector<uint32_t> ends;
    for (uint32_t branch = 1 + below(2); branch-- > 0;) {
      uint32_t end = add_node({last});
      if (below(2) && p.nodes.size() < 6) end = add_node({end});
      ends.push_back(end);
    }
    if (below(3) == 0) ends.push_back(last);
    last = add_node(ends);
  }
  return p;
}

TEST(PlaceCalls, no_choice_is_below_the_bound) {
  std::mt19937 random(5);
  int equal = 0;
  for (int i = 0; i < 3000; ++i) {
    const CallProblem p = i % 2 ? random_modules(random) : random_calls(random);
    Ns best = kForbidden;
    every_choice(p.blocks, p.accelerators + 1,
                 [&](const std::vector<uint32_t>& device) { best = std::min(best, latency_of(p, device)); });
    ASSERT_LE(latency_bound(p), best) << "problem " << i;
    equal += latency_bound(p) == best;
  }
  EXPECT_GE(equal, 1000);
}

TEST(PlaceCalls, bad_problems_are_refused) {
  CallProblem p;
  p.blocks = 2;
  p.nodes.resize(2);
  p.nodes[0].block = 1;
  p.nodes[0].readers = {1};  // block 1 is read by block 0
  EXPECT_THROW(plan_calls(p), Error);
  p.nodes[0].block = 0;
  p.nodes[0].readers = {9};
  EXPECT_THROW(plan_calls(p), Error);
  p.nodes[0].readers.clear();
  p.nodes[0].bytes = -1;
  EXPECT_THROW(plan_calls(p), Error);
}

}  // namespace
}  // namespace motley::place
