// Segments: every node once, one device each, in an order without cycles, borders complete; on seeded random graphs.
#include <gtest/gtest.h>

#include <random>

#include "plan/plan.hpp"

namespace motley::plan {
namespace {

using graph::Graph;
using graph::TensorId;

// Each node reads one or two earlier tensors and writes one.
Graph random_graph(std::mt19937& random, size_t nodes) {
  Graph g;
  const auto tensor = [&g](const std::string& name) {
    graph::Tensor t;
    t.name = name;
    t.type = schema::DataType::float32;
    t.shape = graph::Dims{graph::Dim(4)};
    return g.add_tensor(std::move(t));
  };
  g.inputs = {tensor("in")};
  std::vector<TensorId> made = g.inputs;
  for (size_t i = 0; i < nodes; ++i) {
    const TensorId out = tensor("t" + std::to_string(i));
    const auto pick = [&] { return made[random() % made.size()]; };
    g.add_node("n" + std::to_string(i), schema::Op::Binary, {pick(), pick()}, {out}, schema::BinaryAttributesT{});
    made.push_back(out);
  }
  g.outputs = {made.back()};
  return g;
}

void check(const Graph& g, const std::vector<int32_t>& device, const std::vector<SegmentSpec>& segments) {
  std::vector<int> seen(g.nodes.size(), 0);
  std::set<TensorId> there(g.inputs.begin(), g.inputs.end());
  for (const SegmentSpec& s : segments) {
    for (TensorId id : s.inputs) EXPECT_TRUE(there.count(id)) << "a segment needs what a later one makes";
    std::set<TensorId> inside(s.inputs.begin(), s.inputs.end());
    for (uint32_t n : s.nodes) {
      ++seen[n];
      EXPECT_EQ(static_cast<size_t>(device[n]), s.device);
      for (TensorId id : g.nodes[n].inputs)
        EXPECT_TRUE(inside.count(id)) << "a node reads what its segment does not have";
      for (TensorId id : g.nodes[n].outputs) inside.insert(id);
    }
    for (TensorId id : s.outputs) {
      EXPECT_TRUE(inside.count(id));
      there.insert(id);
    }
  }
  for (int count : seen) EXPECT_EQ(count, 1);
  for (TensorId id : g.outputs) EXPECT_TRUE(there.count(id));
}

TEST(Partition, IsAcyclicAndCompleteOnRandomGraphs) {
  std::mt19937 random(1);
  for (int round = 0; round < 400; ++round) {
    const Graph g = random_graph(random, 1 + random() % 40);
    std::vector<int32_t> device(g.nodes.size());
    for (int32_t& d : device) d = static_cast<int32_t>(random() % 3);
    check(g, device, partition(g, device, {}));
  }
}

TEST(Partition, OneDeviceIsOneSegment) {
  std::mt19937 random(2);
  const Graph g = random_graph(random, 50);
  EXPECT_EQ(partition(g, std::vector<int32_t>(50, 0), {}).size(), 1u);
}

TEST(Partition, ANodeThatIsWatchedStandsAlone) {
  std::mt19937 random(3);
  const Graph g = random_graph(random, 20);
  const std::vector<int32_t> device(20, 0);
  const auto segments = partition(g, device, {"n7"});
  check(g, device, segments);
  bool alone = false;
  for (const SegmentSpec& s : segments) alone = alone || (s.nodes == std::vector<uint32_t>{7});
  EXPECT_TRUE(alone);
}

// Union-find over neighbours would merge 0 and 2 although 1, on another device, stands between them.
TEST(Partition, DoesNotCloseACycleThroughAnotherDevice) {
  Graph g;
  const auto tensor = [&g] {
    graph::Tensor t;
    t.name = "t" + std::to_string(g.tensors.size());
    t.type = schema::DataType::float32;
    t.shape = graph::Dims{graph::Dim(4)};
    return g.add_tensor(std::move(t));
  };
  const TensorId x = tensor(), a = tensor(), b = tensor(), c = tensor();
  g.inputs = {x};
  g.outputs = {c};
  g.add_node("a", schema::Op::Unary, {x}, {a}, schema::UnaryAttributesT{});
  g.add_node("b", schema::Op::Unary, {a}, {b}, schema::UnaryAttributesT{});
  g.add_node("c", schema::Op::Binary, {a, b}, {c}, schema::BinaryAttributesT{});
  const std::vector<int32_t> device = {0, 1, 0};
  const auto segments = partition(g, device, {});
  check(g, device, segments);
  EXPECT_EQ(segments.size(), 3u);
}

// x → a0 … a3 on device 1; x → b0 … b3, and what joins both, on device 0.
Graph branches() {
  Graph g;
  const auto tensor = [&g](const std::string& name) {
    graph::Tensor t;
    t.name = name;
    t.type = schema::DataType::float32;
    t.shape = graph::Dims{graph::Dim(4)};
    return g.add_tensor(std::move(t));
  };
  const TensorId x = tensor("x");
  g.inputs = {x};
  TensorId ends[2] = {x, x};
  for (int i = 0; i < 8; ++i) {
    TensorId& end = ends[i / 4];
    const TensorId out = tensor("t" + std::to_string(i));
    g.add_node((i < 4 ? "a" : "b") + std::to_string(i % 4), schema::Op::Unary, {end}, {out},
               schema::UnaryAttributesT{});
    end = out;
  }
  g.outputs = {tensor("y")};
  g.add_node("join", schema::Op::Binary, {ends[0], ends[1]}, g.outputs, schema::BinaryAttributesT{});
  return g;
}

TEST(Partition, KeepsApartWhatNeedNotWaitForTheBackground) {
  const Graph g = branches();
  const std::vector<int32_t> device = {1, 1, 1, 1, 0, 0, 0, 0, 0};
  EXPECT_EQ(partition(g, device, {}).size(), 2u) << "nothing works in the background";
  EXPECT_EQ(partition(g, device, {}, {false, false}).size(), 2u);
  for (const std::vector<bool>& queued : {std::vector<bool>{false, true}, {true, false}, {true, true}}) {
    const auto segments = partition(g, device, {}, queued);
    check(g, device, segments);
    ASSERT_EQ(segments.size(), 3u);
    EXPECT_EQ(segments.back().nodes, std::vector<uint32_t>{8});
  }
}

TEST(Partition, WithABackgroundIsAcyclicAndCompleteToo) {
  std::mt19937 random(4);
  for (int round = 0; round < 400; ++round) {
    const Graph g = random_graph(random, 1 + random() % 40);
    std::vector<int32_t> device(g.nodes.size());
    for (int32_t& d : device) d = static_cast<int32_t>(random() % 3);
    const std::vector<bool> queued = {random() % 2 == 0, random() % 2 == 0, true};
    check(g, device, partition(g, device, {}, queued));
  }
}

}  // namespace
}  // namespace motley::plan
