// The serial solver against brute force and minimum cuts, and properties that every answer must have.
#include "place/serial.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "motley/error.hpp"
#include "place/validate.hpp"
#include "place_mincut.hpp"
#include "place_samples.hpp"

namespace motley::place {
namespace {

SampleShape small_shape(int i) {
  SampleShape shape;
  shape.nodes = 2 + i % 8;
  shape.devices = 1 + i % 3;
  shape.formats = shape.nodes <= 6 ? 1 + i % 2 : 1;
  shape.fused = i % 7;
  shape.limits = i % 4 == 3;
  shape.helpers = i % 5 == 4;
  return shape;
}

TEST(PlaceSerial, equals_brute_force_on_5000_random_graphs) {
  std::mt19937 random(1);
  int impossible = 0;
  for (int i = 0; i < 5000; ++i) {
    const Problem problem = sample(random, small_shape(i));
    const std::optional<Ns> best = BruteForce(problem).run();
    if (!best) {
      ++impossible;
      EXPECT_THROW(solve_serial(problem), Error) << "graph " << i;
      continue;
    }
    const Plan plan = solve_serial(problem);
    ASSERT_EQ(validate(problem, plan), "") << "graph " << i;
    ASSERT_EQ(plan.total_ns, *best) << "graph " << i;
    ASSERT_TRUE(plan.exact()) << "graph " << i;
  }
  EXPECT_LT(impossible, 1500);
}

TEST(PlaceSerial, equals_the_minimum_cut_on_1000_graphs_of_two_devices) {
  std::mt19937 random(2);
  int inexact = 0;
  for (int i = 0; i < 1000; ++i) {
    SampleShape shape;
    shape.nodes = 10 + i % 51;
    shape.reach = 4 + i % 9;
    shape.edge_density = 1 + i % 3 * 0.5;
    Problem problem = sample(random, shape);
    for (Candidate& c : problem.candidates) c.output_place = c.input_place;
    const Ns cut = min_cut(problem);
    if (cut >= kUncuttable) {
      EXPECT_THROW(solve_serial(problem), Error) << "graph " << i;
      continue;
    }
    SerialOptions options;
    options.max_states = 1 << 16;
    const Plan plan = solve_serial(problem, options);
    ASSERT_EQ(validate(problem, plan), "") << "graph " << i;
    ASSERT_EQ(plan.total_ns, cut) << "graph " << i << " of " << shape.nodes << " nodes";
    inexact += !plan.exact();
  }
  EXPECT_EQ(inexact, 0);
}

// A chain of costs on one device: node i reads what `inputs[i]` lists.
Problem one_device(const std::vector<std::vector<uint32_t>>& inputs) {
  Problem p;
  p.devices = {{"cpu"}};
  p.places = {{0, 0}};
  p.moves = {{0, 0}};
  p.tensors.resize(inputs.size());
  for (uint32_t n = 0; n < inputs.size(); ++n) {
    p.nodes.push_back({inputs[n], {n}});
    Candidate c;
    c.nodes = {n};
    c.cost_ns = 100;
    p.candidates.push_back(c);
  }
  return p;
}
void fuse(Problem& p, std::vector<uint32_t> nodes, Ns cost_ns) {
  Candidate c;
  c.nodes = std::move(nodes);
  c.cost_ns = cost_ns;
  p.candidates.push_back(c);
}

TEST(PlaceSerial, fused_candidates_that_would_wait_for_each_other_are_not_combined) {
  Problem p = one_device({{}, {0}, {}, {2}});  // 0 → 1, 2 → 3
  fuse(p, {0, 3}, 10);
  fuse(p, {1, 2}, 20);  // needs the first one's node 0, and is needed by its node 3
  const Plan plan = solve_serial(p);
  EXPECT_EQ(validate(p, plan), "");
  EXPECT_EQ(plan.total_ns, 210);
  EXPECT_TRUE(plan.exact());
}

TEST(PlaceSerial, fused_candidate_that_a_path_leaves_and_enters_again_is_not_used) {
  Problem p = one_device({{}, {0}, {1}});
  fuse(p, {0, 2}, 10);
  EXPECT_EQ(solve_serial(p).total_ns, 300);
  fuse(p, {0, 1, 2}, 50);
  EXPECT_EQ(solve_serial(p).total_ns, 50);
}

TEST(PlaceSerial, pins_and_denied_devices_are_kept_to) {
  Problem p = one_device({{}, {0}});
  p.devices.push_back({"gpu"});
  p.places.push_back({1, 0});
  p.moves = {{0, 0}, {5, 1000}, {7, 1000}, {0, 0}};
  p.tensors[0].bytes = 10;
  for (uint32_t n = 0; n < 2; ++n) {
    Candidate c;
    c.nodes = {n};
    c.input_place = c.output_place = 1;
    c.cost_ns = 1;
    p.candidates.push_back(c);
  }
  EXPECT_EQ(solve_serial(p).total_ns, 2);
  p.nodes[1].pinned = 0;
  EXPECT_EQ(solve_serial(p).total_ns, 1 + 17 + 100);  // 7 ns and 10 bytes at 1 ns back to the cpu
  p.devices[1].denied = true;
  EXPECT_EQ(solve_serial(p).total_ns, 200);
  p.nodes[1].pinned = 1;
  EXPECT_THROW(solve_serial(p), Error);
}

TEST(PlaceSerial, bad_problems_are_refused_with_a_reason) {
  const auto message = [](const Problem& p) -> std::string {
    try {
      solve_serial(p);
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      return error.what();
    }
  };
  const Problem good = one_device({{}, {0}});
  Problem p = good;
  p.nodes[0].inputs = {1};
  EXPECT_NE(message(p).find("cycle"), std::string::npos);
  p = good;
  p.candidates[1].cost_ns = -1;
  EXPECT_NE(message(p).find("candidate 1 has a number out of range"), std::string::npos);
  p = good;
  p.nodes[1].outputs = {0};
  EXPECT_NE(message(p).find("made by nodes 0 and 1"), std::string::npos);
  p = good;
  p.candidates.pop_back();
  EXPECT_NE(message(p).find("node 1 has no candidate"), std::string::npos);
  p = good;
  p.moves.clear();
  EXPECT_NE(message(p).find("one per pair"), std::string::npos);
  p = good;
  p.nodes[1].inputs = {7};
  EXPECT_NE(message(p).find("reads tensor 7"), std::string::npos);
  p = good;
  p.candidates[0].input_place = 3;
  EXPECT_NE(message(p).find("place 3"), std::string::npos);
}

// Devices, places, candidates in another order.
struct Shuffled {
  Problem problem;
  std::vector<uint32_t> candidate;  // new → old
};
Shuffled shuffle(const Problem& p, std::mt19937& random) {
  Shuffled s{p, std::vector<uint32_t>(p.candidates.size())};
  std::vector<uint32_t> device(p.devices.size()), place(p.places.size());
  for (std::vector<uint32_t>* order : {&device, &place, &s.candidate}) {
    std::iota(order->begin(), order->end(), 0);
    std::shuffle(order->begin(), order->end(), random);
  }
  std::vector<uint32_t> new_device(device.size()), new_place(place.size());
  for (uint32_t d = 0; d < device.size(); ++d) new_device[device[d]] = d;
  for (uint32_t q = 0; q < place.size(); ++q) new_place[place[q]] = q;
  const auto moved = [](int32_t old, const std::vector<uint32_t>& to) {
    return old < 0 ? old : static_cast<int32_t>(to[static_cast<size_t>(old)]);
  };
  for (size_t d = 0; d < device.size(); ++d) s.problem.devices[d] = p.devices[device[d]];
  for (size_t q = 0; q < place.size(); ++q)
    s.problem.places[q] = {new_device[p.places[place[q]].device], p.places[place[q]].format};
  for (uint32_t from = 0; from < place.size(); ++from)
    for (uint32_t to = 0; to < place.size(); ++to)
      s.problem.moves[from * place.size() + to] = p.move(place[from], place[to]);
  for (Tensor& t : s.problem.tensors) {
    t.home = moved(t.home, new_place);
    t.wanted = moved(t.wanted, new_place);
  }
  for (Node& n : s.problem.nodes) n.pinned = moved(n.pinned, new_device);
  for (size_t c = 0; c < s.candidate.size(); ++c) {
    Candidate& to = s.problem.candidates[c] = p.candidates[s.candidate[c]];
    to.input_place = new_place[to.input_place];
    to.output_place = new_place[to.output_place];
    to.helper = moved(to.helper, new_device);
  }
  return s;
}

// A plan as text, with devices by name.
std::string text_of(const Problem& p, const Plan& plan) {
  const auto place = [&](uint32_t q) {
    return p.devices[p.places[q].device].name + "/" + std::to_string(p.places[q].format);
  };
  std::string text = std::to_string(plan.total_ns) + " " + std::to_string(plan.bound_ns) + "\n";
  for (uint32_t c : plan.candidates) {
    for (uint32_t n : p.candidates[c].nodes) text += std::to_string(n) + " ";
    const Candidate& x = p.candidates[c];
    text += place(x.input_place) + " " + place(x.output_place) + " " + std::to_string(x.cost_ns) + " " +
            std::to_string(x.tag) + "\n";
  }
  for (const Transfer& t : plan.transfers)
    text += std::to_string(t.tensor) + " " + place(t.from) + " " + place(t.to) + " " + std::to_string(t.cost_ns) + "\n";
  return text;
}

// Whole tens make ties, which is where an order could show.
void round_costs(Problem& p) {
  for (Candidate& c : p.candidates) c.cost_ns = c.cost_ns / 300 * 300;
  for (Move& m : p.moves) {
    if (m.alpha_ns != kForbidden) m.alpha_ns = m.alpha_ns / 100 * 100;
    m.beta_ps_per_byte = 0;
  }
}

std::optional<Plan> solved(const Problem& problem, uint32_t max_states = 0) {
  try {
    SerialOptions options;
    options.max_states = max_states;
    return solve_serial(problem, options);
  } catch (const Error&) {
    return std::nullopt;
  }
}

TEST(PlaceSerial, plan_is_the_same_for_any_order_of_devices_places_and_candidates) {
  std::mt19937 random(3);
  int compared = 0;
  for (int i = 0; i < 300; ++i) {
    SampleShape shape = small_shape(i);
    shape.nodes *= 1 + i % 3;
    shape.reach = 6;
    shape.formats = 2;
    Problem problem = sample(random, shape);
    round_costs(problem);
    const uint32_t max_states = i % 2 ? 0 : 20;  // with the beam too
    const std::optional<Plan> plan = solved(problem, max_states);
    if (!plan) continue;
    for (int k = 0; k < 3; ++k) {
      const Shuffled other = shuffle(problem, random);
      const std::optional<Plan> again = solved(other.problem, max_states);
      ASSERT_TRUE(again);
      ASSERT_EQ(validate(other.problem, *again), "");
      ASSERT_EQ(text_of(problem, *plan), text_of(other.problem, *again)) << "graph " << i;
      ++compared;
    }
  }
  EXPECT_GT(compared, 500);
}

TEST(PlaceSerial, one_more_device_is_never_worse) {
  std::mt19937 random(4);
  for (int i = 0; i < 300; ++i) {
    SampleShape shape;
    shape.nodes = 3 + i % 20;
    shape.devices = 3;
    shape.reach = 5;
    shape.fused = i % 4;
    Problem problem = sample(random, shape);
    const std::optional<Plan> with = solved(problem);
    problem.devices[2].denied = true;
    const std::optional<Plan> without = solved(problem);
    if (!without) continue;
    ASSERT_TRUE(with) << "graph " << i;
    ASSERT_TRUE(with->exact()) << "graph " << i;
    EXPECT_LE(with->total_ns, without->total_ns) << "graph " << i;
  }
}

TEST(PlaceSerial, order_of_nodes_does_not_matter_to_the_cost) {
  std::mt19937 random(5);
  for (int i = 0; i < 300; ++i) {
    SampleShape shape = small_shape(i);
    shape.nodes *= 2;
    shape.reach = 6;
    const Problem problem = sample(random, shape);
    Problem other = problem;
    std::vector<uint32_t> to(problem.nodes.size());
    std::iota(to.begin(), to.end(), 0);
    std::shuffle(to.begin(), to.end(), random);
    for (size_t n = 0; n < to.size(); ++n) other.nodes[to[n]] = problem.nodes[n];
    for (Candidate& c : other.candidates) {
      for (uint32_t& n : c.nodes) n = to[n];
      std::sort(c.nodes.begin(), c.nodes.end());
    }
    const std::optional<Plan> a = solved(problem), b = solved(other);
    ASSERT_EQ(a.has_value(), b.has_value()) << "graph " << i;
    if (!a) continue;
    EXPECT_EQ(validate(other, *b), "");
    EXPECT_EQ(a->total_ns, b->total_ns) << "graph " << i;
  }
}

TEST(PlaceSerial, cost_scales_with_all_costs) {
  std::mt19937 random(6);
  for (int i = 0; i < 300; ++i) {
    Problem problem = sample(random, small_shape(i));
    for (Move& m : problem.moves) m.beta_ps_per_byte = m.beta_ps_per_byte / 1000 * 1000;
    const std::optional<Plan> plan = solved(problem);
    if (!plan) continue;
    for (Candidate& c : problem.candidates) c.cost_ns *= 1000;
    for (Move& m : problem.moves) {
      if (m.alpha_ns != kForbidden) m.alpha_ns *= 1000;
      m.beta_ps_per_byte *= 1000;
    }
    EXPECT_EQ(solved(problem)->total_ns, plan->total_ns * 1000) << "graph " << i;
  }
}

TEST(PlaceSerial, narrow_beam_gives_a_valid_plan_and_a_true_bound) {
  std::mt19937 random(7);
  int cut = 0;
  for (int i = 0; i < 300; ++i) {
    SampleShape shape;
    shape.nodes = 12 + i % 20;
    shape.devices = 3;
    shape.fused = i % 5;
    shape.limits = i % 3 == 2;
    const Problem problem = sample(random, shape);
    const std::optional<Plan> narrow = solved(problem, 4), wide = solved(problem, 1 << 16);
    if (!narrow || !wide) continue;
    EXPECT_EQ(validate(problem, *narrow), "");
    EXPECT_LE(narrow->bound_ns, wide->total_ns) << "graph " << i;
    EXPECT_GE(narrow->total_ns, wide->bound_ns) << "graph " << i;
    cut += !narrow->exact();
  }
  EXPECT_GT(cut, 20);
}

}  // namespace
}  // namespace motley::place
