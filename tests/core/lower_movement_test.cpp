// Data movement: each op's regions, run by the interpreter, against index loops over random shapes.
#include <gtest/gtest.h>

#include <functional>

#include "lower_interpreter.hpp"

namespace motley::graph {
namespace {

using namespace test;

constexpr int kRounds = 60;

// One node whose first input is x = 0, 1, 2, …
struct Case {
  Graph graph;
  TensorId x, y;

  Case(const Extents& in, const Extents& out) : x(add_value(graph, "x", in)), y(add_value(graph, "y", out)) {}

  template <class AttributesT>
  std::vector<Node> lowered(Op op, std::vector<TensorId> inputs, AttributesT attributes) {
    graph.add_node("n", op, std::move(inputs), {y}, std::move(attributes));
    const Node node = graph.nodes.back();
    graph.nodes.clear();
    return lower(graph, node);
  }

  // Lowers, checks that nothing but movement came out, and compares with fn(index in the output).
  template <class AttributesT, class Fn>
  void expect(Op op, std::vector<TensorId> inputs, AttributesT attributes, Fn&& fn) {
    const std::vector<Node> nodes = lowered(op, std::move(inputs), std::move(attributes));
    for (const Node& node : nodes) {
      EXPECT_TRUE(node.op == Op::StridedCopy || node.op == Op::Reshape || node.op == Op::Fill) << describe_op(node);
      EXPECT_TRUE(is_plain_primitive(node));
      EXPECT_EQ(node.name.substr(0, 1), "n");
      EXPECT_EQ(node.origins, std::vector<std::string>{"n"});
    }
    const Values actual = Interpreter::run_nodes(graph, nodes, {{x, counting(graph.tensor(x).elements())}}, y);
    Values expected;
    for_each_index(graph.tensor(y).extents(), [&](const Index& i) { expected.push_back(fn(i)); });
    ASSERT_EQ(actual, expected) << to_string(graph.tensor(x).shape) << " to " << to_string(graph.tensor(y).shape);
  }
};

TEST(LowerMovement, Transpose) {
  Random random(1);
  for (int round = 0; round < kRounds; ++round) {
    const size_t rank = static_cast<size_t>(round % 7);
    const Extents in = random.extents(rank);
    schema::TransposeAttributesT attributes;
    for (size_t i = 0; i < rank; ++i) attributes.perm.push_back(static_cast<int64_t>(i));
    for (size_t i = rank; i-- > 1;)
      std::swap(attributes.perm[i], attributes.perm[static_cast<size_t>(random.between(0, static_cast<int64_t>(i)))]);
    Extents out;
    for (int64_t axis : attributes.perm) out.push_back(in[static_cast<size_t>(axis)]);
    Case test(in, out);
    const auto perm = attributes.perm;
    test.expect(Op::Transpose, {test.x}, attributes, [&](const Index& i) {
      Index from(rank);
      for (size_t d = 0; d < rank; ++d) from[static_cast<size_t>(perm[d])] = i[d];
      return static_cast<double>(address(from, in));
    });
  }
}

TEST(LowerMovement, TransposeWithoutPermReverses) {
  Case test({2, 3, 4}, {4, 3, 2});
  test.expect(Op::Transpose, {test.x}, schema::TransposeAttributesT{},
              [](const Index& i) { return static_cast<double>(i[2] * 12 + i[1] * 4 + i[0]); });
}

TEST(LowerMovement, Slice) {
  Random random(2);
  for (int round = 0; round < 3 * kRounds; ++round) {
    const size_t rank = static_cast<size_t>(round % 6 + 1);
    const Extents in = random.extents(rank, 6);
    Extents out = in;
    std::vector<int64_t> starts, ends, axes, steps, first(rank, 0), step(rank, 1);
    for (size_t d = 0; d < rank; ++d) {
      if (random.between(0, 2) == 0) continue;
      // As Python does: list the positions.
      const int64_t s = random.between(0, 1) ? random.between(1, 3) : -random.between(1, 3);
      int64_t start = random.between(-8, 8), end = random.between(-8, 8);
      if (random.between(0, 9) == 0) end = s > 0 ? INT64_MAX : INT64_MIN;
      axes.push_back(random.between(0, 1) ? static_cast<int64_t>(d)
                                          : static_cast<int64_t>(d) - static_cast<int64_t>(rank));
      starts.push_back(start);
      ends.push_back(end);
      steps.push_back(s);
      const auto clamp = [&](int64_t v) {
        if (v < 0) v = v < -in[d] ? -1 - in[d] + in[d] : v + in[d];
        return s > 0 ? std::clamp<int64_t>(v, 0, in[d]) : std::clamp<int64_t>(v, -1, in[d] - 1);
      };
      start = clamp(start), end = clamp(end);
      out[d] = 0;
      for (int64_t i = start; in[d] > 0 && (s > 0 ? i < end : i > end); i += s) ++out[d];
      first[d] = start, step[d] = s;
    }
    Case test(in, out);
    const auto list = [&](const char* name, const std::vector<int64_t>& v) { return test.graph.add_int64(name, v); };
    const std::vector<TensorId> inputs{test.x, list("starts", starts), list("ends", ends), list("axes", axes),
                                       list("steps", steps)};
    test.expect(Op::Slice, inputs, schema::NoAttributesT{}, [&](const Index& i) {
      Index from(rank);
      for (size_t d = 0; d < rank; ++d) from[d] = first[d] + i[d] * step[d];
      return static_cast<double>(address(from, in));
    });
  }
}

TEST(LowerMovement, SliceWithContradictingShapeIsAnError) {
  Case test({4}, {4});
  const TensorId zero = test.graph.add_int64("s", {0}), two = test.graph.add_int64("e", {2});
  EXPECT_THROW(test.lowered(Op::Slice, {test.x, zero, two}, schema::NoAttributesT{}), Error);
}

TEST(LowerMovement, ConcatAndSplit) {
  Random random(3);
  for (int round = 0; round < kRounds; ++round) {
    const size_t rank = static_cast<size_t>(round % 5 + 1),
                 axis = static_cast<size_t>(random.between(0, static_cast<int64_t>(rank) - 1));
    Extents whole = random.extents(rank);
    whole[axis] = 0;
    Graph graph;
    std::vector<TensorId> parts;
    std::map<TensorId, Values> inputs;
    std::vector<std::pair<size_t, int64_t>> owner;  // of each position along the axis: part, and position in it
    for (int64_t k = random.between(1, 4); k > 0; --k) {
      Extents part = whole;
      part[axis] = random.between(0, 3);
      for (int64_t i = 0; i < part[axis]; ++i) owner.emplace_back(parts.size(), i);
      parts.push_back(add_value(graph, "p" + std::to_string(k), part));
      inputs[parts.back()] = random.values(product(part));
    }
    whole[axis] = static_cast<int64_t>(owner.size());
    const TensorId y = add_value(graph, "y", whole);
    schema::AxisAttributesT concat;
    concat.axis = static_cast<int64_t>(axis) - (round % 2 ? static_cast<int64_t>(rank) : 0);
    Node node = graph.add_node("n", Op::Concat, parts, {y}, concat);
    const Values joined = Interpreter::run_nodes(graph, lower(graph, node), inputs, y);
    Values expected;
    for_each_index(whole, [&](const Index& i) {
      const auto [part, position] = owner[static_cast<size_t>(i[axis])];
      Index from = i;
      from[axis] = position;
      expected.push_back(inputs[parts[part]][static_cast<size_t>(address(from, graph.tensor(parts[part]).extents()))]);
    });
    ASSERT_EQ(joined, expected);

    // Split gives the parts back.
    Graph back;
    const TensorId x = add_value(back, "x", whole);
    std::vector<TensorId> outputs;
    for (TensorId part : parts) outputs.push_back(add_value(back, "o", graph.tensor(part).extents()));
    schema::SplitAttributesT split;
    split.axis = static_cast<int64_t>(axis);
    Node split_node = back.add_node("n", Op::Split, {x}, outputs, split);
    const std::vector<Node> nodes = lower(back, split_node);
    EXPECT_EQ(nodes.size(), parts.size());
    for (size_t k = 0; k < parts.size(); ++k)
      ASSERT_EQ(Interpreter::run_nodes(back, nodes, {{x, joined}}, outputs[k]), inputs[parts[k]]);
  }
}

// Where position i of a padded axis comes from; -1: the constant.
int64_t pad_source(schema::PadMode mode, int64_t i, int64_t begin, int64_t extent) {
  int64_t at = i - begin;
  switch (mode) {
    case schema::PadMode::constant: return at >= 0 && at < extent ? at : -1;
    case schema::PadMode::edge: return std::clamp<int64_t>(at, 0, extent - 1);
    case schema::PadMode::wrap:
      while (at < 0) at += extent;
      return at % extent;
    case schema::PadMode::reflect: break;
  }
  while (at < 0 || at >= extent) at = extent == 1 ? 0 : at < 0 ? -at : 2 * (extent - 1) - at;
  return at;
}

TEST(LowerMovement, PadInAllModes) {
  Random random(4);
  for (int round = 0; round < 4 * kRounds; ++round) {
    const auto mode = static_cast<schema::PadMode>(round % 4);
    const size_t rank = static_cast<size_t>(round / 4 % 5 + 1);
    Extents in = random.extents(rank), out = in;
    std::vector<int64_t> pads(2 * rank);
    for (size_t d = 0; d < rank; ++d) {
      if (mode != schema::PadMode::constant) in[d] = std::max<int64_t>(in[d], 1);
      pads[d] = random.between(0, 2) ? random.between(0, 3) : -random.between(0, 1);
      pads[d + rank] = random.between(0, 2) ? random.between(0, 6) : -random.between(0, 1);
      out[d] = in[d] + pads[d] + pads[d + rank];
      if (out[d] < 0) pads[d] -= out[d], out[d] = 0;
    }
    Case test(in, out);
    schema::PadAttributesT attributes;
    attributes.mode = mode;
    std::vector<TensorId> inputs{test.x, test.graph.add_int64("pads", pads)};
    if (round % 3) inputs.push_back(add_constant(test.graph, "value", {}, {-7}));
    test.expect(Op::Pad, inputs, attributes, [&](const Index& i) {
      Index from(rank);
      for (size_t d = 0; d < rank; ++d) {
        from[d] = pad_source(mode, i[d], pads[d], in[d]);
        if (from[d] < 0) return round % 3 ? -7.0 : 0.0;
      }
      return static_cast<double>(address(from, in));
    });
  }
}

TEST(LowerMovement, PadWithComputedValueAndAxes) {
  Random random(5);
  for (int round = 0; round < kRounds; ++round) {
    const Extents in = random.extents(3);
    const Extents out{in[0], in[1] + 2, in[2] + 4};
    Case test(in, out);
    const TensorId value = add_value(test.graph, "value", {});
    const std::vector<TensorId> inputs{test.x, test.graph.add_int64("pads", {3, 2, 1, 0}), value,
                                       test.graph.add_int64("axes", {-1, 1})};
    const std::vector<Node> nodes = test.lowered(Op::Pad, inputs, schema::PadAttributesT{});
    const Values actual =
        Interpreter::run_nodes(test.graph, nodes, {{test.x, counting(product(in))}, {value, {-7}}}, test.y);
    Values expected;
    for_each_index(out, [&](const Index& i) {
      const Index from{i[0], i[1] - 2, i[2] - 3};
      const bool inside = from[1] >= 0 && from[1] < in[1] && from[2] >= 0 && from[2] < in[2];
      expected.push_back(inside ? static_cast<double>(address(from, in)) : -7);
    });
    ASSERT_EQ(actual, expected);
  }
}

TEST(LowerMovement, ExpandAndTile) {
  Random random(6);
  for (int round = 0; round < kRounds; ++round) {
    const size_t rank = static_cast<size_t>(round % 7);
    const Extents out = random.extents(rank);
    Extents in = out;
    in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(random.between(0, static_cast<int64_t>(rank))));
    for (int64_t& extent : in)
      if (random.between(0, 1)) extent = 1;
    Case test(in, out);
    test.expect(Op::Expand, {test.x, test.graph.add_int64("shape", out)}, schema::NoAttributesT{}, [&](const Index& i) {
      Index from(in.size());
      for (size_t d = 0; d < in.size(); ++d) from[d] = in[d] == 1 ? 0 : i[rank - in.size() + d];
      return static_cast<double>(address(from, in));
    });

    Extents tiled = out, repeats;
    for (int64_t& extent : tiled) {
      repeats.push_back(random.between(0, 12) ? random.between(1, 3) : 0);
      extent *= repeats.back();
    }
    Case tile(out, tiled);
    tile.expect(Op::Tile, {tile.x, tile.graph.add_int64("repeats", repeats)}, schema::NoAttributesT{},
                [&](const Index& i) {
                  Index from(rank);
                  for (size_t d = 0; d < rank; ++d) from[d] = i[d] % out[d];
                  return static_cast<double>(address(from, out));
                });
  }
}

TEST(LowerMovement, DepthAndSpace) {
  Random random(7);
  for (int round = 0; round < kRounds; ++round) {
    const int64_t n = random.between(1, 2), c = random.between(1, 3), h = random.between(1, 3),
                  w = random.between(1, 3), b = random.between(1, 3);
    const Extents deep{n, c * b * b, h, w}, wide{n, c, h * b, w * b};
    schema::BlockAttributesT attributes;
    attributes.block_size = b;
    attributes.column_row_depth = round % 2;
    Case to_space(deep, wide);
    to_space.expect(Op::DepthToSpace, {to_space.x}, attributes, [&](const Index& i) {
      const int64_t block = i[2] % b * b + i[3] % b;
      const int64_t channel = attributes.column_row_depth ? i[1] * b * b + block : block * c + i[1];
      return static_cast<double>(address({i[0], channel, i[2] / b, i[3] / b}, deep));
    });
    Case to_depth(wide, deep);
    to_depth.expect(Op::SpaceToDepth, {to_depth.x}, attributes, [&](const Index& i) {
      const int64_t block = i[1] / c, channel = i[1] % c;
      return static_cast<double>(address({i[0], channel, i[2] * b + block / b, i[3] * b + block % b}, wide));
    });
  }
}

TEST(LowerMovement, ReverseSequence) {
  Random random(8);
  for (int round = 0; round < kRounds; ++round) {
    const Extents in = random.extents(3);
    schema::ReverseSequenceAttributesT attributes;
    attributes.batch_axis = round % 2;
    attributes.time_axis = round % 3 == 0 ? 2 : 1 - round % 2;
    const auto batch = static_cast<size_t>(attributes.batch_axis), time = static_cast<size_t>(attributes.time_axis);
    std::vector<int64_t> lengths;
    for (int64_t i = 0; i < in[batch]; ++i) lengths.push_back(random.between(0, in[time]));
    Case test(in, in);
    test.expect(Op::ReverseSequence, {test.x, test.graph.add_int64("lengths", lengths)}, attributes,
                [&](const Index& i) {
                  Index from = i;
                  const int64_t length = lengths[static_cast<size_t>(i[batch])];
                  if (i[time] < length) from[time] = length - 1 - i[time];
                  return static_cast<double>(address(from, in));
                });
  }
}

TEST(LowerMovement, Trilu) {
  Random random(9);
  for (int round = 0; round < kRounds; ++round) {
    const Extents in = random.extents(static_cast<size_t>(round % 3 + 2), 5);
    const int64_t k = random.between(-6, 6);
    schema::TriluAttributesT attributes;
    attributes.upper = round % 2;
    Case test(in, in);
    test.expect(Op::Trilu, {test.x, test.graph.add_int64("k", {k})}, attributes, [&](const Index& i) {
      const int64_t row = i[i.size() - 2], column = i.back();
      const bool keeps = attributes.upper ? column >= row + k : column <= row + k;
      return keeps ? static_cast<double>(address(i, in)) : 0.0;
    });
  }
}

TEST(LowerMovement, EyeLike) {
  for (int64_t k = -6; k <= 6; ++k) {
    Case test({4, 5}, {4, 5});
    schema::EyeLikeAttributesT attributes;
    attributes.k = k;
    test.expect(Op::EyeLike, {test.x}, attributes, [&](const Index& i) { return i[1] - i[0] == k ? 1.0 : 0.0; });
  }
}

TEST(LowerMovement, CenterCropPad) {
  Random random(10);
  for (int round = 0; round < kRounds; ++round) {
    const Extents in = random.extents(3, 7), out = random.extents(3, 7);
    Case test(in, out);
    test.expect(Op::CenterCropPad, {test.x, test.graph.add_int64("shape", out)}, schema::CenterCropPadAttributesT{},
                [&](const Index& i) {
                  Index from(3);
                  for (size_t d = 0; d < 3; ++d) {
                    from[d] = out[d] < in[d] ? i[d] + (in[d] - out[d]) / 2 : i[d] - (out[d] - in[d]) / 2;
                    if (from[d] < 0 || from[d] >= in[d]) return 0.0;
                  }
                  return static_cast<double>(address(from, in));
                });
  }
}

TEST(LowerMovement, Compress) {
  Random random(11);
  for (int round = 0; round < kRounds; ++round) {
    const Extents in = random.extents(3);
    schema::CompressAttributesT attributes;
    attributes.has_axis = round % 4 != 0;
    attributes.axis = round % 3;
    const int64_t extent = attributes.has_axis ? in[static_cast<size_t>(attributes.axis)] : product(in);
    Values condition;
    std::vector<int64_t> kept;
    for (int64_t i = 0; i < extent - round % 2; ++i) {
      condition.push_back(random.between(0, 1) ? 1 : 0);
      if (condition.back() != 0) kept.push_back(i);
    }
    Extents out = attributes.has_axis ? in : Extents{0};
    const size_t axis = attributes.has_axis ? static_cast<size_t>(attributes.axis) : 0;
    out[axis] = static_cast<int64_t>(kept.size());
    Case test(in, out);
    const TensorId mask =
        add_constant(test.graph, "c", {static_cast<int64_t>(condition.size())}, condition, DataType::bool_);
    test.expect(Op::Compress, {test.x, mask}, attributes, [&](const Index& i) {
      Index from = i;
      from[axis] = kept[static_cast<size_t>(i[axis])];
      return static_cast<double>(attributes.has_axis ? address(from, in) : from[0]);
    });
  }
}

TEST(LowerMovement, CompressNeedsAConstantCondition) {
  Case test({4}, {2});
  const TensorId condition = add_value(test.graph, "c", {4}, DataType::bool_);
  try {
    test.lowered(Op::Compress, {test.x, condition}, schema::CompressAttributesT{});
    FAIL() << "a computed condition was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
  }
}

TEST(LowerMovement, ViewsAreReshapes) {
  for (Op op : {Op::Squeeze, Op::Unsqueeze, Op::Flatten, Op::Identity}) {
    Case test({2, 1, 3}, {2, 3});
    const std::vector<Node> nodes = test.lowered(op, {test.x}, schema::NoAttributesT{});
    ASSERT_EQ(nodes.size(), 1u);
    EXPECT_EQ(nodes[0].op, Op::Reshape);
    EXPECT_EQ(nodes[0].inputs, std::vector<TensorId>{test.x});
    EXPECT_EQ(nodes[0].name, "n");
  }
}

TEST(LowerMovement, ShapeAndSizeAreConstants) {
  Case test({2, 5, 3}, {2});
  test.graph.tensor(test.y).type = DataType::int64;
  schema::ShapeAttributesT attributes;
  attributes.start = -2;
  test.expect(Op::Shape, {test.x}, attributes, [](const Index& i) { return i[0] == 0 ? 5.0 : 3.0; });
  Case size({2, 5, 3}, {});
  size.graph.tensor(size.y).type = DataType::int64;
  size.expect(Op::Size, {size.x}, schema::NoAttributesT{}, [](const Index&) { return 30.0; });
}

TEST(LowerMovement, ConstantOfShapeFills) {
  Case test({2}, {2, 3});
  schema::FillAttributesT attributes;
  attributes.type = DataType::float32;
  attributes.value = encode_scalar(DataType::float32, 2.5);
  test.expect(Op::ConstantOfShape, {test.x}, attributes, [](const Index&) { return 2.5; });
}

TEST(LowerMovement, RegionsAreMinimal) {
  const auto regions_of = [](Case& test, Op op, std::vector<TensorId> inputs, auto attributes) {
    const std::vector<Node> nodes = test.lowered(op, std::move(inputs), attributes);
    EXPECT_EQ(nodes.size(), 1u);
    EXPECT_EQ(nodes[0].op, Op::StridedCopy);
    return normalized([&] {
      std::vector<RegionT> regions;
      for (const auto& region : graph::attributes<schema::StridedCopyAttributesT>(nodes[0]).regions)
        regions.push_back(*region);
      return regions;
    }());
  };
  // (2, 3, 4, 5) with the last two kept together: two dimensions swap, and a batch.
  Case test({2, 3, 4, 5}, {2, 4, 5, 3});
  schema::TransposeAttributesT transpose;
  transpose.perm = {0, 2, 3, 1};
  const auto regions = regions_of(test, Op::Transpose, {test.x}, transpose);
  ASSERT_EQ(regions.size(), 1u);
  EXPECT_EQ(regions[0].extents, (Extents{2, 20, 3}));
  // A batch of one falls away, and a movement that moves nothing is a view.
  Case one({1, 3, 1, 5}, {1, 1, 3, 5});
  transpose.perm = {0, 2, 1, 3};
  const std::vector<Node> nodes = one.lowered(Op::Transpose, {one.x}, transpose);
  ASSERT_EQ(nodes.size(), 1u);
  EXPECT_EQ(nodes[0].op, Op::Reshape);
}

TEST(LowerMovement, ManyDimensionsAreCutIntoRegionsOfEight) {
  const Extents in{2, 2, 2, 2, 2, 2}, out{4, 4, 4, 4, 4, 4};
  Case test(in, out);
  const std::vector<Node> nodes =
      test.lowered(Op::Tile, {test.x, test.graph.add_int64("r", {2, 2, 2, 2, 2, 2})}, schema::NoAttributesT{});
  for (const auto& region : attributes<schema::StridedCopyAttributesT>(nodes[0]).regions)
    EXPECT_LE(region->extents.size(), 8u);
  const Values actual = Interpreter::run_nodes(test.graph, nodes, {{test.x, counting(64)}}, test.y);
  size_t at = 0;
  for_each_index(out, [&](const Index& i) {
    Index from = i;
    for (int64_t& d : from) d %= 2;
    ASSERT_EQ(actual[at++], static_cast<double>(address(from, in)));
  });
}

// Sizes beside a 0 may be anything; none of the arithmetic on them may overflow.
TEST(LowerMovement, EmptyTensorsOfHugeDimensions) {
  constexpr int64_t kHuge = int64_t{1} << 40;
  const Extents in{0, kHuge, kHuge, kHuge};
  for (Op op : {Op::Transpose, Op::Concat, Op::Expand, Op::Tile, Op::Trilu, Op::Slice, Op::Pad}) {
    Case test(in, in);
    const std::vector<TensorId> inputs =
        op == Op::Transpose ? std::vector<TensorId>{test.x} : std::vector<TensorId>{test.x, test.x, test.x};
    const std::vector<Node> nodes = test.lowered(op, inputs, schema::NoAttributesT{});
    ASSERT_EQ(nodes.size(), 1u);
    EXPECT_EQ(nodes[0].op, Op::Fill);
  }
  // Cropped to something: all of it is border.
  Case pad({0, kHuge, kHuge}, {1, 1, 1});
  const TensorId pads = pad.graph.add_int64("pads", {1, 0, 0, 0, 1 - kHuge, 1 - kHuge});
  pad.expect(Op::Pad, {pad.x, pads}, schema::PadAttributesT{}, [](const Index&) { return 0.0; });
}

TEST(LowerMovement, SizesThatWouldTakeForeverAreUnsupported) {
  const auto code_of = [](const std::function<void()>& fn) {
    try {
      fn();
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::internal;
  };
  constexpr int64_t kLong = int64_t{1} << 34;
  EXPECT_EQ(ErrorCode::unsupported, code_of([] {
              Case test({4}, {kLong});
              schema::PadAttributesT edge;
              edge.mode = schema::PadMode::edge;
              test.lowered(Op::Pad, {test.x, test.graph.add_int64("pads", {0, kLong - 4})}, edge);
            }));
  EXPECT_EQ(ErrorCode::unsupported, code_of([] {
              Case test({kLong, 1}, {kLong, 1});
              test.lowered(Op::Trilu, {test.x}, schema::TriluAttributesT{});
            }));
}

}  // namespace
}  // namespace motley::graph
