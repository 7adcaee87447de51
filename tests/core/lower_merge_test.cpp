// Copies of copies, views of views, and the encodings of constants.
#include <gtest/gtest.h>

#include <limits>

#include "graph/lower/compose.hpp"
#include "lower_interpreter.hpp"

namespace motley::graph {
namespace {

using namespace test;

// A chain of movement ops on x, lowered; returns the last tensor.
class Chain {
 public:
  explicit Chain(const Extents& in) : last(add_value(graph, "x", in)) { graph.inputs = {last}; }

  Extents extents() const { return graph.tensor(last).extents(); }
  template <class AttributesT>
  void append(Op op, std::vector<TensorId> more, const Extents& out, AttributesT attributes) {
    std::vector<TensorId> inputs{last};
    inputs.insert(inputs.end(), more.begin(), more.end());
    const TensorId y = add_value(graph, "t" + std::to_string(graph.tensors.size()), out);
    Graph scratch = graph;
    scratch.nodes.clear();
    Node node = scratch.add_node("n" + std::to_string(graph.nodes.size()), op, inputs, {y}, std::move(attributes));
    for (Node& part : lower(graph, node)) graph.nodes.push_back(std::move(part));
    last = y;
  }
  void transpose(const std::vector<int64_t>& perm) {
    schema::TransposeAttributesT a;
    a.perm = perm;
    Extents out;
    for (int64_t axis : perm) out.push_back(extents()[static_cast<size_t>(axis)]);
    append(Op::Transpose, {}, out, a);
  }
  void reshape(const Extents& out) { append(Op::Flatten, {}, out, schema::NoAttributesT{}); }
  void slice(size_t axis, int64_t start, int64_t count, int64_t step) {
    Extents out = extents();
    out[axis] = count;
    const int64_t end = start + count * step;
    const auto list = [&](int64_t v) { return graph.add_int64("", {v}); };
    const std::vector<TensorId> more{list(start), list(end < 0 ? INT64_MIN : end), list(static_cast<int64_t>(axis)),
                                     list(step)};
    append(Op::Slice, more, out, schema::NoAttributesT{});
  }
  void expand(size_t axis, int64_t count) {
    Extents out = extents();
    out[axis] = count;
    append(Op::Expand, {graph.add_int64("", out)}, out, schema::NoAttributesT{});
  }
  Values result(const Graph& g, TensorId y) const {
    return Interpreter::run(g, {{g.inputs[0], counting(g.tensor(g.inputs[0]).elements())}})[static_cast<size_t>(y)];
  }
  // Merges and checks that the numbers stay; gives the nodes left.
  std::vector<Node> merged(const std::vector<std::string>& keep = {}) {
    graph.outputs = {last};
    const Values before = result(graph, last);
    Graph copy = graph;
    merge_strided_copies(copy, keep);
    EXPECT_EQ(result(copy, copy.outputs[0]), before);
    return copy.nodes;
  }

  Graph graph;
  TensorId last;
};

TEST(MergeCopies, InverseTransposesCancel) {
  Chain chain({2, 3, 4, 5});
  chain.transpose({0, 2, 3, 1});
  chain.transpose({0, 3, 1, 2});
  const auto nodes = chain.merged();
  ASSERT_EQ(nodes.size(), 1u);
  EXPECT_EQ(nodes[0].op, Op::Reshape);
}

TEST(MergeCopies, ShuffleChannelIsOneCopy) {
  Chain chain({1, 12, 5, 5});
  chain.reshape({1, 3, 4, 5, 5});
  chain.transpose({0, 2, 1, 3, 4});
  chain.reshape({1, 12, 5, 5});
  const auto nodes = chain.merged();
  ASSERT_EQ(nodes.size(), 1u);
  EXPECT_EQ(nodes[0].op, Op::StridedCopy);
  EXPECT_EQ(nodes[0].origins.size(), 2u);  // the transpose and the view it writes through
}

TEST(MergeCopies, KeptTensorsStay) {
  Chain chain({2, 3});
  chain.transpose({1, 0});
  const std::string middle = chain.graph.tensor(chain.last).name;
  chain.transpose({1, 0});
  const auto nodes = chain.merged({middle});
  ASSERT_EQ(nodes.size(), 2u);
  EXPECT_EQ(nodes[0].op, Op::StridedCopy);
}

TEST(MergeCopies, AViewIsNotWrittenThroughWhereTheCopyHasOtherReaders) {
  Chain chain({2, 3});
  chain.transpose({1, 0});
  const TensorId middle = chain.last;
  chain.reshape({6});
  chain.graph.outputs = {chain.last, middle};
  EXPECT_EQ(merge_strided_copies(chain.graph, {}), 0u);
  EXPECT_EQ(chain.graph.nodes.size(), 2u);
}

TEST(MergeCopies, RandomChainsKeepTheirNumbers) {
  Random random(20);
  size_t shorter = 0;
  for (int round = 0; round < 300; ++round) {
    Extents in;
    for (int64_t i = random.between(1, 4); i > 0; --i) in.push_back(random.between(1, 4));
    Chain chain(in);
    for (int64_t steps = random.between(2, 4); steps > 0; --steps) {
      const Extents now = chain.extents();
      const size_t axis = static_cast<size_t>(random.between(0, static_cast<int64_t>(now.size()) - 1));
      switch (random.between(0, 4)) {
        case 0:
        case 1: {
          std::vector<int64_t> perm;
          for (size_t i = 0; i < now.size(); ++i) perm.push_back(static_cast<int64_t>(i));
          for (size_t i = now.size(); i-- > 1;)
            std::swap(perm[i], perm[static_cast<size_t>(random.between(0, static_cast<int64_t>(i)))]);
          chain.transpose(perm);
          break;
        }
        case 2: {
          const int64_t step = random.between(0, 1) ? 1 : random.between(0, 1) ? 2 : -1;
          const int64_t start = step < 0 ? now[axis] - 1 : random.between(0, now[axis] - 1);
          const int64_t room = step < 0 ? start + 1 : (now[axis] - 1 - start) / step + 1;
          chain.slice(axis, start, random.between(1, room), step);
          break;
        }
        case 3:
          if (now[axis] == 1) chain.expand(axis, random.between(1, 3));
          break;
        default: {  // join or cut two dimensions
          Extents out = now;
          if (axis + 1 < now.size()) {
            out[axis] *= out[axis + 1];
            out.erase(out.begin() + static_cast<std::ptrdiff_t>(axis) + 1);
          } else if (now[axis] % 2 == 0) {
            out[axis] /= 2;
            out.push_back(2);
          }
          chain.reshape(out);
        }
      }
    }
    const size_t before = chain.graph.nodes.size();
    shorter += chain.merged().size() < before;
    if (HasFatalFailure() || HasNonfatalFailure()) FAIL() << "round " << round;
  }
  EXPECT_GT(shorter, 100u);  // most chains have something to merge
}

TEST(MergeCopies, RegionsThatCarryAreNotComposed) {
  // Reading three of four along rows of a transposed 4x3: the walk crosses rows, so no single region does it.
  const RegionT transpose = permuting_region({3, 4}, {1, 0});
  const RegionT window = make_region(0, {5}, 0, {2}, 0, {1});
  EXPECT_FALSE(compose(transpose, window, 12));
  EXPECT_TRUE(compose(transpose, make_region(0, {12}, 0, {1}, 0, {1}), 12));
}

TEST(Scalars, HalfRoundsToNearestEvenAndReadsBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const double value = decode_scalar(DataType::float16, reinterpret_cast<const uint8_t*>(&half));
    if (std::isnan(value)) continue;
    const auto back = encode_scalar(DataType::float16, value);
    ASSERT_EQ(back[0] | back[1] << 8, static_cast<int>(bits));
  }
  const auto bits_of = [](DataType type, double value) {
    const auto bytes = encode_scalar(type, value);
    return bytes[0] | bytes[1] << 8;
  };
  EXPECT_EQ(bits_of(DataType::float16, 1 + 0x1p-11), 0x3c00);            // a tie goes to even
  EXPECT_EQ(bits_of(DataType::float16, 1 + 0x1p-11 + 0x1p-30), 0x3c01);  // just past it, up
  EXPECT_EQ(bits_of(DataType::float16, 65520), 0x7c00);
  EXPECT_EQ(bits_of(DataType::float16, 65519.9), 0x7bff);
  EXPECT_EQ(bits_of(DataType::float16, 0x1p-25), 0);
  EXPECT_EQ(bits_of(DataType::float16, 0x1.8p-25), 1);
  EXPECT_EQ(bits_of(DataType::bfloat16, 1 + 0x1p-8), 0x3f80);
  EXPECT_EQ(bits_of(DataType::bfloat16, 1 + 3 * 0x1p-8), 0x3f82);
}

TEST(Scalars, IntegersAreClamped) {
  EXPECT_EQ(encode_scalar(DataType::int8, 300), (std::vector<uint8_t>{127}));
  EXPECT_EQ(encode_scalar(DataType::uint8, -3), (std::vector<uint8_t>{0}));
  EXPECT_EQ(encode_scalar(DataType::uint8, std::nan("")), (std::vector<uint8_t>{0}));
  const auto largest = encode_scalar(DataType::int64, 1e30);
  EXPECT_EQ(largest[7], 0x7f);
  EXPECT_EQ(encode_scalar(DataType::bool_, 0.5), (std::vector<uint8_t>{1}));
}

}  // namespace
}  // namespace motley::graph
