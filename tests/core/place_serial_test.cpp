// The serial solver against brute force, and properties that every answer must have.
#include "place/serial.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "motley/error.hpp"
#include "place/validate.hpp"
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

}  // namespace
}  // namespace motley::place
