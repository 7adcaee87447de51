// Schedules side by side: the simulator on cases worked out by hand, and the search against every order and choice.
#include "place/parallel.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "motley/error.hpp"
#include "place/validate.hpp"
#include "place_samples.hpp"

namespace motley::place {
namespace {

Candidate runs(std::vector<uint32_t> nodes, uint32_t place, Ns cost_ns) {
  Candidate c;
  c.nodes = std::move(nodes);
  c.input_place = c.output_place = place;
  c.cost_ns = cost_ns;
  return c;
}

// Node 0 feeds 1 and 2, which feed 3; two devices, 10 ns to move anything.
Problem diamond() {
  Problem p;
  p.devices = {{"cpu"}, {"gpu"}};
  p.places = {{0, 0}, {1, 0}};
  p.moves = {{0, 0}, {10, 0}, {10, 0}, {0, 0}};
  p.tensors.resize(4);
  p.nodes = {{{}, {0}}, {{0}, {1}}, {{0}, {2}}, {{1, 2}, {3}}};
  for (uint32_t n = 0; n < 4; ++n)
    for (uint32_t q = 0; q < 2; ++q) p.candidates.push_back(runs({n}, q, 100));
  return p;
}

TEST(PlaceTimeline, follows_devices_ways_and_order) {
  const Problem p = diamond();
  Plan plan;
  plan.candidates = {0, 2, 5, 6};  // node 2 on the gpu, the others on the cpu
  plan.transfers = {{0, 0, 1, 10}, {2, 1, 0, 10}};
  const Timeline line = simulate(p, plan);
  EXPECT_EQ(line.candidates[1].begin_ns, 100);
  EXPECT_EQ(line.candidates[2].begin_ns, 110);
  EXPECT_EQ(line.transfers[1].begin_ns, 210);
  EXPECT_EQ(line.candidates[3].begin_ns, 220);
  EXPECT_EQ(line.makespan_ns, 320);
}

TEST(PlaceTimeline, one_transfer_at_a_time_passes_between_two_devices) {
  Problem p = diamond();
  p.nodes = {{{}, {0, 1}}, {{0}, {2}}, {{1}, {3}}};
  p.candidates = {runs({0}, 0, 100), runs({1}, 1, 1), runs({2}, 1, 1)};
  Plan plan;
  plan.candidates = {0, 1, 2};
  plan.transfers = {{0, 0, 1, 10}, {1, 0, 1, 10}};
  const Timeline line = simulate(p, plan);
  EXPECT_EQ(line.transfers[1].begin_ns, 110);
  EXPECT_EQ(line.makespan_ns, 121);
}

TEST(PlaceParallel, uses_both_devices_where_that_is_faster) {
  const Schedule schedule = solve_parallel(diamond());
  EXPECT_EQ(schedule.timeline.makespan_ns, 310);  // one move on each way, side by side with work
  EXPECT_TRUE(schedule.exact);
  EXPECT_EQ(validate(diamond(), schedule.plan), "");
}

TEST(PlaceParallel, one_operator_on_two_devices_is_a_candidate_like_others) {
  Problem p = diamond();
  Candidate split = runs({0}, 0, 55);
  split.helper = 1;  // both compute half of it
  p.candidates.push_back(split);
  const Schedule schedule = solve_parallel(p);
  EXPECT_EQ(schedule.timeline.makespan_ns, 265);
  p.candidates.back().cost_ns = 110;
  EXPECT_EQ(solve_parallel(p).timeline.makespan_ns, 310);
}

// Every order of every choice, valued by the simulator.
class EverySchedule {
 public:
  explicit EverySchedule(const Problem& problem) : p_(problem), covered_(problem.nodes.size()) {}
  Ns best() {
    extend(0);
    return best_;
  }

 private:
  int maker(uint32_t tensor) const {
    for (size_t n = 0; n < p_.nodes.size(); ++n)
      for (uint32_t t : p_.nodes[n].outputs)
        if (t == tensor) return int(n);
    return -1;
  }
  void extend(size_t done) {
    if (done == covered_.size()) return value();
    for (uint32_t c = 0; c < p_.candidates.size(); ++c) {
      const Candidate& candidate = p_.candidates[c];
      bool possible = usable(p_, candidate);
      for (uint32_t n : candidate.nodes) {
        possible = possible && !covered_[n];
        for (uint32_t t : p_.nodes[n].inputs) {
          const int m = maker(t);
          const bool inside = m >= 0 && std::count(candidate.nodes.begin(), candidate.nodes.end(), uint32_t(m));
          possible = possible && (m < 0 || inside || covered_[size_t(m)]);
        }
      }
      if (!possible) continue;
      for (uint32_t n : candidate.nodes) covered_[n] = true;
      plan_.candidates.push_back(c);
      extend(done + candidate.nodes.size());
      plan_.candidates.pop_back();
      for (uint32_t n : candidate.nodes) covered_[n] = false;
    }
  }
  void value() {
    std::vector<int64_t> memory(p_.devices.size());
    int64_t error = 0;
    for (uint32_t c : plan_.candidates) {
      const Candidate& candidate = p_.candidates[c];
      memory[p_.device_of(candidate)] += candidate.memory_bytes;
      if (candidate.helper >= 0) memory[size_t(candidate.helper)] += candidate.helper_bytes;
      error += candidate.error_ppb;
    }
    for (size_t d = 0; d < memory.size(); ++d)
      if (memory[d] > p_.devices[d].memory_bytes) return;
    if (error > p_.error_budget_ppb) return;
    plan_.transfers.clear();
    for (uint32_t t = 0; t < p_.tensors.size(); ++t) {
      const int m = maker(t);
      int from = p_.tensors[t].home, made_by = -1;
      for (uint32_t c : plan_.candidates)
        for (uint32_t n : p_.candidates[c].nodes)
          if (int(n) == m) from = int(p_.candidates[c].output_place), made_by = int(c);
      if (from < 0) continue;
      std::vector<bool> at(p_.places.size());
      if (p_.tensors[t].wanted >= 0) at[size_t(p_.tensors[t].wanted)] = true;
      for (uint32_t c : plan_.candidates)
        for (uint32_t n : p_.candidates[c].nodes)
          if (std::count(p_.nodes[n].inputs.begin(), p_.nodes[n].inputs.end(), t) && int(c) != made_by)
            at[p_.candidates[c].input_place] = true;
      for (uint32_t q = 0; q < at.size(); ++q) {
        if (!at[q] || int(q) == from) continue;
        const Ns cost = move_ns(p_, uint32_t(from), q, p_.tensors[t].bytes);
        if (cost >= kForbidden) return;
        plan_.transfers.push_back({t, uint32_t(from), q, cost});
      }
    }
    best_ = std::min(best_, simulate(p_, plan_).makespan_ns);
  }

  const Problem& p_;
  std::vector<bool> covered_;
  Plan plan_;
  Ns best_ = kForbidden;
};

TEST(PlaceParallel, equals_every_order_and_choice_on_small_graphs) {
  std::mt19937 random(11);
  int solved = 0;
  for (int i = 0; i < 250; ++i) {
    SampleShape shape;
    shape.nodes = 2 + i % 4;
    shape.devices = 2 + i % 2;
    shape.formats = i % 5 == 0 ? 2 : 1;
    shape.fused = i % 3;
    shape.helpers = i % 4 == 1;
    shape.limits = i % 6 == 5;
    const Problem p = sample(random, shape);
    const Ns best = EverySchedule(p).best();
    if (best >= kForbidden) continue;
    ParallelOptions options;
    options.moves = 200;
    const Schedule schedule = solve_parallel(p, options);
    ASSERT_EQ(validate(p, schedule.plan), "") << "graph " << i;
    ASSERT_TRUE(schedule.exact) << "graph " << i;
    ASSERT_EQ(schedule.timeline.makespan_ns, best) << "graph " << i;
    ASSERT_EQ(schedule.bound_ns, best);
    ++solved;
  }
  EXPECT_GT(solved, 150);
}

TEST(PlaceParallel, larger_graphs_keep_their_bounds_and_are_not_worse_than_heft_or_one_after_another) {
  std::mt19937 random(12);
  for (int i = 0; i < 60; ++i) {
    SampleShape shape;
    shape.nodes = 10 + i;
    shape.devices = 3;
    shape.reach = 8;
    shape.fused = i % 4;
    const Problem p = sample(random, shape);
    ParallelOptions options;
    options.moves = 500;
    options.max_branches = 2000;
    std::optional<Plan> serial;
    try {
      serial = solve_serial(p);
    } catch (const Error&) {
      continue;
    }
    const Schedule schedule = solve_parallel(p, options);
    ASSERT_EQ(validate(p, schedule.plan), "") << "graph " << i;
    EXPECT_LE(schedule.bound_ns, schedule.timeline.makespan_ns);
    EXPECT_LE(schedule.timeline.makespan_ns, schedule.heft_ns);
    EXPECT_LE(schedule.timeline.makespan_ns, simulate(p, *serial).makespan_ns);
    EXPECT_LE(schedule.timeline.makespan_ns, serial->total_ns);
  }
}

}  // namespace
}  // namespace motley::place
