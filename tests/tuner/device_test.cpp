// The live side, on the cpu plugin: spaces from a plugin, checking against the reference, tuning in a worker process.
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "device/bench.hpp"
#include "device/problem.hpp"
#include "motley/error.hpp"
#include "temporary_folder.hpp"
#include "tune/problem.hpp"

namespace motley::tuner {
namespace {

using graph::Graph;
using schema::DataType;
using schema::Op;

graph::Tensor tensor(const std::string& name, std::vector<int64_t> shape) {
  graph::Tensor t;
  t.name = name;
  t.type = DataType::float32;
  t.shape = graph::Dims();
  for (const int64_t d : shape) t.shape->push_back(graph::Dim(d));
  return t;
}

// A 3x3 convolution of 16 channels and a product behind it; large enough to have something to tune.
Graph network() {
  Graph g;
  const auto x = g.add_tensor(tensor("x", {1, 16, 24, 24})), y = g.add_tensor(tensor("y", {1, 16, 24, 24}));
  std::vector<float> weights(16 * 16 * 9);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i % 13) / 13 - 0.5F;
  const auto w = g.add_constant("w", DataType::float32, {16, 16, 3, 3}, graph::Constant::of(weights));
  schema::ConvAttributesT conv;
  conv.strides = {1, 1};
  conv.dilations = {1, 1};
  conv.pads = {1, 1, 1, 1};
  g.add_node("conv", Op::Conv, {x, w}, {y}, conv);
  const auto a = g.add_tensor(tensor("a", {40, 50})), b = g.add_tensor(tensor("b", {50, 60})),
             c = g.add_tensor(tensor("c", {40, 60}));
  g.add_node("product", Op::MatMul, {a, b}, {c}, schema::MatMulAttributesT{});
  g.inputs = {x, a, b};
  g.outputs = {y, c};
  return g;
}

class Live : public testing::Test {
 protected:
  plugin::Registry registry = plugin::discover({.folders = {MOTLEY_PLUGINS}, .standard_places = false});
  plugin::Device& device(const std::string& name) {
    for (const auto& d : registry.devices)
      if (d->name() == name) return *d;
    throw std::runtime_error("no device " + name);
  }
  Graph whole = network();
  TemporaryFolder folder;
};

TEST_F(Live, PluginDescribesItsSpace) {
  for (uint32_t n = 0; n < whole.nodes.size(); ++n) {
    const Graph problem = problem_of(whole, {n});
    const auto described = describe_problem(device("cpu"), problem);
    ASSERT_TRUE(described) << whole.nodes[n].name;
    EXPECT_FALSE(described->key.empty());
    EXPECT_GT(described->space.enumerate(10000)->size(), 10u);
    EXPECT_TRUE(described->space.valid(described->space.default_config()));
  }
  EXPECT_NE(fingerprint_of(device("cpu")).find("kernels build="), std::string::npos);
}

TEST_F(Live, EveryConfigOfTheCpuPluginIsRight) {
  for (uint32_t n = 0; n < whole.nodes.size(); ++n) {
    const Graph problem = problem_of(whole, {n});
    const auto described = describe_problem(device("cpu"), problem);
    Bench bench(device("cpu"), device("reference"), problem);
    std::mt19937_64 random(3);
    for (const Config& config : described->space.sample(20, random)) {
      const std::string text = described->space.text(config);
      const Outcome outcome = bench.check(text);
      EXPECT_EQ(outcome.ending, Ending::measured) << text << ": " << outcome.reason;
      EXPECT_GT(bench.run_ns(text), 0) << text;
    }
    EXPECT_EQ(bench.check("algorithm=psychic").ending, Ending::invalid);
  }
}

// They only spare the next process the reference's work.
TEST_F(Live, AnswersThatCannotBeWrittenAreNoFault) {
  const Graph problem = problem_of(whole, {0});
  Bench bench(device("cpu"), device("reference"), problem, folder / "none/answers");
  EXPECT_TRUE(bench.is_checked());
  EXPECT_EQ(bench.check("").ending, Ending::measured);
}

TEST_F(Live, AConfirmedConfigIsCompiledAnew) {
  Bench bench(device("cpu"), device("reference"), problem_of(whole, {0}));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(bench.check("").ending, Ending::measured);
    EXPECT_GT(bench.run_ns(""), 0);
    EXPECT_EQ(bench.confirm("").ending, Ending::measured);
  }
  EXPECT_EQ(bench.confirm("algorithm=psychic").ending, Ending::invalid);
}

TEST_F(Live, TunesAConvolutionInAWorker) {
  const Graph problem = problem_of(whole, {0});
  save_problem(problem, folder / "problem.motley");
  const auto described = describe_problem(device("cpu"), problem);
  Candidates candidates(described->space, 1);
  const auto text = [&](size_t id) { return described->space.text(candidates.config(id)); };
  Journal journal(folder / "journal");
  Supervisor supervisor({DEVICE_WORKER, (folder / "problem.motley").string(), "cpu"}, journal,
                        fingerprint_of(device("cpu")), described->key, text,
                        {std::chrono::milliseconds(20000), std::chrono::milliseconds(20000), 5});
  ProblemOptions options;
  options.evaluations = 12;
  const size_t standard = candidates.find(described->space.default_config()).value();
  const TunedProblem tuned = tune_problem(candidates, standard, supervisor, journal, options);
  EXPECT_EQ(tuned.tried, 12u);
  EXPECT_EQ(tuned.failed, 0u) << supervisor.last_failure().reason;
  EXPECT_GT(tuned.median_ns, 0u);
  EXPECT_EQ(tuned.is_default, tuned.winner == standard);
  if (!tuned.is_default) {
    EXPECT_LT(tuned.log_ratio_to_default.high, -0.009);
  }
  EXPECT_EQ(journal.all().size(), 13u);
}

TEST(Values, FindWhatIsWrong) {
  const graph::Tensor t = tensor("t", {100});
  for (const Filling filling : {Filling::random, Filling::extremes, Filling::ramp}) {
    const Bytes reference = fill_tensor(t, filling, 1);
    EXPECT_EQ(reference, fill_tensor(t, filling, 1));
    EXPECT_TRUE(compare(t, reference, reference).acceptable);
    Bytes near = reference, far = reference;
    float value = 0;
    std::memcpy(&value, &reference[40], 4);
    const float slightly = value + 1e-5F, badly = value + 1;
    std::memcpy(&near[40], &slightly, 4);
    std::memcpy(&far[40], &badly, 4);
    EXPECT_TRUE(compare(t, near, reference).acceptable);
    const Difference difference = compare(t, far, reference);
    EXPECT_FALSE(difference.acceptable);
    EXPECT_NE(difference.where.find("element 10 of \"t\""), std::string::npos) << difference.where;
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::memcpy(&far[40], &nan, 4);
    EXPECT_FALSE(compare(t, far, reference).acceptable) << "not a number";
  }
}

}  // namespace
}  // namespace motley::tuner
