// The checks of answers: true ones are taken, and each kind of damage is refused in its own words.
#include "place/validate.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <random>

#include "motley/error.hpp"
#include "place_query_samples.hpp"
#include "place_samples.hpp"
#include "place_split_samples.hpp"

namespace motley::place {
namespace {

// One way to damage an answer; false where this one has nothing to damage.
template <class Problem, class Answer>
struct Damage {
  const char* sentence;  // a part of what has to be said
  std::function<bool(Problem&, Answer&)> apply;
};

// Counts how often each sentence came up. Damage that can be applied is always refused in its words.
class Seen {
 public:
  template <class Problem, class Answer, class Check>
  void try_all(const std::vector<Damage<Problem, Answer>>& all, const Problem& problem, const Answer& answer,
               const Check& check) {
    for (const auto& damage : all) {
      Problem changed = problem;
      Answer damaged = answer;
      int& count = count_[damage.sentence];
      if (!damage.apply(changed, damaged)) continue;
      const std::string said = check(changed, damaged);
      EXPECT_NE(said.find(damage.sentence), std::string::npos) << "\"" << said << "\" for: " << damage.sentence;
      ++count;
    }
  }
  void expect_each(int times) const {
    for (const auto& [sentence, count] : count_) EXPECT_GE(count, times) << sentence;
  }

 private:
  std::map<std::string, int> count_;
};

TEST(PlaceValidate, schedules_are_taken_and_damaged_ones_refused) {
  using D = Damage<Problem, Schedule>;
  const std::vector<D> damages = {
      {", but could at",
       [](Problem&, Schedule& s) {  // everything is late
         for (auto* spans : {&s.timeline.candidates, &s.timeline.transfers})
           for (Span& span : *spans) span = {span.begin_ns + 5, span.end_ns + 5};
         return true;
       }},
      {"begins at -1 ns",
       [](Problem&, Schedule& s) {
         for (Span& span : s.timeline.candidates)
           if (span.begin_ns == 0) return span.begin_ns = -1, span.end_ns -= 1, true;
         return false;
       }},
      {", what it reads is there at",
       [](Problem& p, Schedule& s) {
         if (s.plan.transfers.empty()) return false;
         const size_t m = s.plan.transfers.size() - 1;  // alone on its way, and begun before its tensor is made
         const auto way = [&](const Transfer& t) { return std::pair{p.places[t.from].device, p.places[t.to].device}; };
         for (size_t i = 0; i < m; ++i)
           if (way(s.plan.transfers[i]) == way(s.plan.transfers[m])) return false;
         Span& span = s.timeline.transfers[m];
         if (way(s.plan.transfers[m]).first == way(s.plan.transfers[m]).second || span.begin_ns < 1) return false;
         if (s.plan.transfers[m].cost_ns == 0) return false;
         return --span.begin_ns, --span.end_ns, true;
       }},
      {"has ended",
       [](Problem& p, Schedule& s) {
         if (!s.plan.transfers.empty()) return false;  // else clearing inputs would make moves for nobody
         for (size_t i = 0; i + 1 < s.plan.candidates.size(); ++i)
           for (size_t j = i + 1; j < s.plan.candidates.size(); ++j) {
             const auto device = [&](size_t k) { return p.device_of(p.candidates[s.plan.candidates[k]]); };
             Span &a = s.timeline.candidates[i], &b = s.timeline.candidates[j];
             if (device(i) != device(j) || a.end_ns - a.begin_ns < 2 || b.end_ns - b.begin_ns < 2) continue;
             const std::vector<uint32_t>& nodes = p.candidates[s.plan.candidates[j]].nodes;
             for (uint32_t n : nodes) p.nodes[n].inputs.clear();  // it could begin at once
             b.end_ns += a.begin_ns + 1 - b.begin_ns;
             b.begin_ns = a.begin_ns + 1;
             return true;
           }
         return false;
       }},
      {" and lasts from ", [](Problem&, Schedule& s) { return ++s.timeline.candidates.back().end_ns, true; }},
      {"the timeline says it ends at", [](Problem&, Schedule& s) { return --s.timeline.makespan_ns, true; }},
      {"is above the makespan", [](Problem&, Schedule& s) { return s.bound_ns = s.timeline.makespan_ns + 1, true; }},
      {"other numbers of spans", [](Problem&, Schedule& s) { return s.timeline.candidates.pop_back(), true; }},
      {"is not covered",
       [](Problem&, Schedule& s) {
         s.timeline.candidates.pop_back();
         return s.plan.candidates.pop_back(), true;
       }},
  };
  std::mt19937 random(31);
  Seen seen;
  ParallelOptions options;
  options.moves = 200;
  options.max_branches = 500;
  int solved = 0;
  for (int i = 0; i < 1500; ++i) {
    SampleShape shape;
    shape.nodes = 3 + i % 15;
    shape.devices = 1 + i % 4;
    shape.formats = 1 + i % 2;
    shape.fused = i % 4;
    shape.helpers = i % 3 == 0;
    shape.limits = i % 4 == 1;
    const Problem p = sample(random, shape);
    Schedule schedule;
    try {
      schedule = solve_parallel(p, options);
    } catch (const Error&) {
      continue;
    }
    ASSERT_EQ(validate(p, schedule), "") << "graph " << i;
    ++solved;
    seen.try_all(damages, p, schedule, [](const Problem& q, const Schedule& s) { return validate(q, s); });
  }
  EXPECT_GT(solved, 1000);
  seen.expect_each(100);
}

TEST(PlaceValidate, segments_are_taken_and_damaged_ones_refused) {
  struct Case {
    Problem problem;
    Plan plan;
  };
  using Segments = std::vector<Segment>;
  using D = Damage<Case, Segments>;
  const std::vector<D> damages = {
      {"is in no segment", [](Case&, Segments& s) { return s[0].candidates.pop_back(), true; }},
      {"is in segments",
       [](Case&, Segments& s) { return s.back().candidates.push_back(s[0].candidates[0]), s.size() > 1; }},
      {", the plan has",
       [](Case& c, Segments& s) {
         return s[0].candidates.push_back(static_cast<uint32_t>(c.plan.candidates.size())), true;
       }},
      {"has a candidate of device",
       [](Case& c, Segments& s) {
         return s[0].device = (s[0].device + 1) % static_cast<uint32_t>(c.problem.devices.size()),
                c.problem.devices.size() > 1;
       }},
      {", which segment",
       [](Case& c, Segments& s) {
         // What reads from another segment goes first.
         for (size_t later = 1; later < s.size(); ++later)
           for (uint32_t i : s[later].candidates)
             for (uint32_t n : c.problem.candidates[c.plan.candidates[i]].nodes)
               for (uint32_t t : c.problem.nodes[n].inputs)
                 for (uint32_t j : s[0].candidates)
                   for (uint32_t m : c.problem.candidates[c.plan.candidates[j]].nodes)
                     if (std::count(c.problem.nodes[m].outputs.begin(), c.problem.nodes[m].outputs.end(), t))
                       return std::swap(s[0], s[later]), true;
         return false;
       }},
  };
  std::mt19937 random(32);
  Seen seen;
  for (int i = 0; i < 1000; ++i) {
    SampleShape shape;
    shape.nodes = 3 + i % 20;
    shape.devices = 1 + i % 4;
    shape.fused = i % 4;
    Case c{sample(random, shape), {}};
    try {
      c.plan = solve_serial(c.problem);
    } catch (const Error&) {
      continue;
    }
    const Segments segments = make_segments(c.problem, c.plan);
    ASSERT_EQ(validate(c.problem, c.plan, segments), "") << "graph " << i;
    seen.try_all(damages, c, segments, [](const Case& d, const Segments& s) { return validate(d.problem, d.plan, s); });
  }
  seen.expect_each(100);
}

// Damage that contiguous stages and stages of any shape have in common.
std::vector<Damage<StageProblem, Stages>> stage_damages() {
  return {
      {"units, the split has", [](StageProblem&, Stages& s) { return s.device.pop_back(), true; }},
      {"is on device", [](StageProblem& p, Stages& s) { return s.device[0] = p.accelerators + p.hosts, true; }},
      {"can't run on an accelerator",
       [](StageProblem& p, Stages& s) {
         for (size_t u = 0; u < s.device.size(); ++u)
           if (s.device[u] < p.accelerators) return p.units[u].accelerator_ns = kForbidden, true;
         return false;
       }},
      {"bytes of",
       [](StageProblem& p, Stages& s) {
         for (size_t u = 0; u < s.device.size(); ++u)
           if (s.device[u] < p.accelerators && p.units[u].bytes) return p.memory_bytes = p.units[u].bytes - 1, true;
         return false;
       }},
      {"its busiest device has", [](StageProblem&, Stages& s) { return --s.load_ns, true; }},
      {"is above the answer", [](StageProblem&, Stages& s) { return s.bound_ns = s.load_ns + 1, true; }},
      {"its busiest device has",
       [](StageProblem& p, Stages& s) {  // a transfer is paid for that was free
         for (StageProblem::Net& net : p.nets)
           for (uint32_t u : net.units)
             for (uint32_t v : net.units)
               if (s.device[u] != s.device[v] && s.device[u] < p.accelerators)
                 return net.cost_ns += s.load_ns + 1, true;
         return false;
       }},
  };
}

TEST(PlaceValidate, stages_are_taken_and_damaged_ones_refused) {
  const auto contiguous = [](const StageProblem& p, const Stages& s) { return validate(p, s, true); };
  const auto freely = [](const StageProblem& p, const Stages& s) { return validate(p, s, false); };
  const std::vector<Damage<StageProblem, Stages>> circle = {{"in a circle", [](StageProblem& p, Stages& s) {
                                                               for (const auto& [a, b] : p.before)
                                                                 if (s.device[a] != s.device[b])
                                                                   return p.before.push_back({b, a}), true;
                                                               return false;
                                                             }}};
  std::mt19937 random(33);
  Seen seen;
  for (int i = 0; i < 2000; ++i) {
    StageProblem p = stages_of(random_calls(random));
    p.hosts = 1 + static_cast<uint32_t>(i % 2);
    const Stages stages = split_contiguous(p), any = split_freely(p, stages, 200);
    ASSERT_EQ(contiguous(p, stages), "") << "problem " << i;
    ASSERT_EQ(freely(p, any), "") << "problem " << i;
    seen.try_all(stage_damages(), p, stages, contiguous);
    seen.try_all(stage_damages(), p, any, freely);
    seen.try_all(circle, p, stages, contiguous);
  }
  seen.expect_each(100);
}

TEST(PlaceValidate, calls_are_taken_and_damaged_ones_refused) {
  using D = Damage<CallProblem, Calls>;
  const auto accelerated = [](CallProblem& p, Calls& c, const std::function<bool(CallProblem::Node&)>& visit) {
    for (CallProblem::Node& node : p.nodes)
      if (c.device[node.block] < p.accelerators && visit(node)) return true;
    return false;
  };
  const std::vector<D> damages = {
      {"blocks, the calls have", [](CallProblem&, Calls& c) { return c.device.push_back(0), true; }},
      {"the host is number", [](CallProblem& p, Calls& c) { return c.device[0] = p.accelerators + 1, true; }},
      {"can't run on an accelerator",
       [&](CallProblem& p, Calls& c) {
         return accelerated(p, c, [](CallProblem::Node& n) { return n.accelerator_ns = kForbidden, true; });
       }},
      {"bytes of",
       [&](CallProblem& p, Calls& c) {
         return accelerated(p, c,
                            [&](CallProblem::Node& n) { return n.bytes && (p.memory_bytes = n.bytes - 1, true); });
       }},
      {"wait for each other in a circle",
       [](CallProblem& p, Calls& c) {
         for (uint32_t n = 0; n < p.nodes.size(); ++n)
           for (uint32_t r : p.nodes[n].readers)
             if (c.device[p.nodes[n].block] != c.device[p.nodes[r].block]) return p.nodes[r].readers.push_back(n), true;
         return false;
       }},
      {"the last node ends at", [](CallProblem&, Calls& c) { return ++c.latency_ns, true; }},
      {"is above the answer", [](CallProblem&, Calls& c) { return c.bound_ns = c.latency_ns + 1, true; }},
  };
  std::mt19937 random(34);
  Seen seen;
  CallOptions options;
  options.moves = 300;
  for (int i = 0; i < 2000; ++i) {
    const CallProblem p = random_calls(random);
    const Calls calls = plan_calls(p, options);
    ASSERT_EQ(validate(p, calls), "") << "problem " << i;
    seen.try_all(damages, p, calls, [](const CallProblem& q, const Calls& c) { return validate(q, c); });
  }
  seen.expect_each(100);
}

// Queries with fused candidates, splits, budgets, memories that bind, deadlines, avoided workers, devices in the
// background or not.
Query mixed_query(unsigned seed) {
  Query query = sample_query(seed, 3 + seed % 14, 2 + seed % 3);
  std::mt19937 random(seed);
  const auto upto = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n + 1)); };
  constexpr Aim kAims[] = {Aim::latency, Aim::throughput, Aim::power, Aim::memory};
  query.aim = kAims[seed % 4];
  add_candidates(query, seed);
  if (upto(1)) query.background.assign(query.workers.size(), false);
  query.problem.error_budget_ppb = upto(2) ? upto(3000) : 0;
  if (upto(1))
    for (size_t d = 1; d < query.problem.devices.size(); ++d)
      query.problem.devices[d].memory_bytes = upto(50 * static_cast<int64_t>(query.problem.nodes.size()));
  if (upto(3) == 0) query.workers.back().avoided = true;
  if (query.aim == Aim::latency && upto(1)) {
    const std::vector<Candidate> plain = query.problem.candidates;
    for (const Candidate& c : plain)
      if (c.nodes.size() == 1 && c.output_place && upto(2) == 0) {
        Candidate split = c;
        split.helper = 0;
        split.cost_ns = c.cost_ns * 6 / 10;
        query.problem.candidates.push_back(split);
      }
  }
  return query;
}

std::vector<Damage<Query, Choice>> choice_damages() {
  using D = Damage<Query, Choice>;
  const auto elsewhere = [](Query& q, const Choice& c) -> Candidate& { return q.problem.candidates[c.candidates[0]]; };
  return {
      D{"nodes, the choice has", [](Query&, Choice& c) { return c.candidates.pop_back(), true; }},
      D{"does not exist",
        [](Query& q, Choice& c) { return c.candidates[0] = static_cast<uint32_t>(q.problem.candidates.size()), true; }},
      D{"does not cover node",
        [](Query& q, Choice& c) {
          for (uint32_t n = 1; n < c.candidates.size(); ++n) {
            const auto size = [&](uint32_t m) { return q.problem.candidates[c.candidates[m]].nodes.size(); };
            if (size(n) == 1 && size(0) == 1) return c.candidates[0] = c.candidates[n], true;
          }
          return false;
        }},
      D{"which it covers",
        [](Query& q, Choice& c) {
          for (uint32_t n = 0; n < c.candidates.size(); ++n)
            if (q.problem.candidates[c.candidates[n]].nodes.size() > 1)
              for (uint32_t other = 0; other < q.problem.candidates.size(); ++other)
                if (q.problem.candidates[other].nodes == std::vector<uint32_t>{n}) return c.candidates[n] = other, true;
          return false;
        }},
      D{"a denied device",
        [=](Query& q, Choice& c) {
          return q.problem.devices[q.problem.device_of(elsewhere(q, c))].denied = true, true;
        }},
      D{"is pinned to device",
        [=](Query& q, Choice& c) {
          const uint32_t device = q.problem.device_of(elsewhere(q, c));
          return q.problem.nodes[0].pinned = device ? 0 : 1, true;
        }},
      D{"bytes of",
        [=](Query& q, Choice& c) {
          Candidate& candidate = elsewhere(q, c);
          q.problem.devices[q.problem.device_of(candidate)].memory_bytes = candidate.memory_bytes - 1;
          return candidate.memory_bytes > 0;
        }},
      D{"ppb, the budget",
        [](Query& q, Choice& c) { return q.problem.error_budget_ppb = c.error_ppb - 1, c.error_ppb > 0; }},
      D{"ppb, its error is", [](Query&, Choice& c) { return ++c.error_ppb, true; }},
      D{"can't be moved",
        [](Query& q, Choice& c) {
          for (Move& move : q.problem.moves) move.alpha_ns = kForbidden;
          for (uint32_t n : c.candidates)
            if (q.problem.candidates[n].output_place != q.problem.candidates[c.candidates[0]].output_place) return true;
          return false;
        }},
      D{"wait for each other",
        [](Query& q, Choice& c) {
          if (c.candidates[0] == c.candidates.back()) return false;
          q.problem.nodes[0].inputs.push_back(q.problem.nodes.back().outputs[0]);
          // The last node reads from the first by way of others only where these connect them.
          q.problem.nodes.back().inputs.push_back(q.problem.nodes[0].outputs[0]);
          return true;
        }},
      D{"the choice says a run takes", [](Query&, Choice& c) { return --c.run_ns, !c.side_by_side; }},
      D{"the choice's time is", [](Query&, Choice& c) { return c.run_ns = 0, c.side_by_side; }},
      D{"the choice's time is", [](Query&, Choice& c) { return c.run_ns *= 1000, c.side_by_side; }},
      D{"for its deadline", [](Query& q, Choice& c) { return q.deadline_ns = c.run_ns, c.late = !c.late; }},
      D{"for its deadline", [](Query&, Choice& c) { return c.late = !c.late, true; }},
      D{"its parts cost", [](Query& q, Choice& c) { return --c.cost, !(c.side_by_side && q.aim == Aim::latency); }},
      D{"the choice's cost is", [](Query&, Choice& c) { return c.cost = 0, c.side_by_side; }},
      D{"is above what the choice costs", [](Query&, Choice& c) { return c.bound = c.cost + 1, true; }},
      D{"one worker runs everything",
        [](Query&, Choice& c) { return c.kind == Choice::Kind::mixed && (c.kind = Choice::Kind::single, true); }},
      D{"several workers run it",
        [](Query&, Choice& c) { return c.kind == Choice::Kind::single && (c.kind = Choice::Kind::mixed, true); }},
      D{"the incumbent stays", [](Query&, Choice& c) { return c.kind = Choice::Kind::incumbent, true; }},
  };
}

TEST(PlaceValidate, choices_are_taken_and_damaged_ones_refused) {
  Seen seen;
  int solved = 0;
  for (unsigned seed = 0; seed < 1200; ++seed) {
    Query query = mixed_query(seed);
    try {
      Choice choice = choose(query);
      if (seed % 3 == 0) {
        query.deadline_ns = choice.run_ns * 9 / 10;
        choice = choose(query);
      }
      ASSERT_EQ(validate(query, choice), "") << "query " << seed;
      ++solved;
      seen.try_all(choice_damages(), query, choice, [](const Query& q, const Choice& c) { return validate(q, c); });
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), ErrorCode::limit) << error.what() << " query " << seed;  // memories too small
    }
  }
  EXPECT_GT(solved, 1000);
  seen.expect_each(25);
}

// A stretch that is moved to the device with the least to do must fit its memory.
TEST(PlaceValidate, throughput_keeps_to_memories) {
  int bound = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    Query query = sample_query(seed, 4 + seed % 12, 3);
    query.aim = Aim::throughput;
    const Ns roomy = choose(query).cost;
    for (size_t d = 1; d < query.problem.devices.size(); ++d) query.problem.devices[d].memory_bytes = 100;
    const Choice choice = choose(query);
    ASSERT_EQ(validate(query, choice), "") << "query " << seed;
    EXPECT_GE(choice.cost, choice.bound);
    bound += choice.cost > roomy;
  }
  EXPECT_GT(bound, 100);
}

}  // namespace
}  // namespace motley::place
