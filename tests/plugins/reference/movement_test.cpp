// StridedCopy, Range, Fill, the Gather and Scatter families.
#include "reference.hpp"

namespace motley::test {
namespace {

struct Block {
  std::vector<int64_t> extents;
  int64_t from;
  std::vector<int64_t> from_strides;
  int64_t to;
  std::vector<int64_t> to_strides;
  int32_t input = 0;
};

NodeCase copy(std::vector<Value> inputs, Value output, std::vector<Block> blocks, std::vector<uint8_t> fill = {}) {
  schema::StridedCopyAttributesT a;
  for (const Block& b : blocks) {
    auto region = std::make_unique<schema::RegionT>();
    region->input = b.input;
    region->extents = b.extents;
    region->src_offset = b.from;
    region->src_strides = b.from_strides;
    region->dst_offset = b.to;
    region->dst_strides = b.to_strides;
    a.regions.push_back(std::move(region));
  }
  a.fill = std::move(fill);
  return node_case(Op::StridedCopy, std::move(a), std::move(inputs), {std::move(output)});
}

TEST(ReferenceStridedCopy, TransposesReversesAndRepeats) {
  expect(copy({counting({2, 3})}, output_of<float>({3, 2}), {{{3, 2}, 0, {1, 3}, 0, {2, 1}}}),
         {floats({3, 2}, {0, 3, 1, 4, 2, 5})});
  expect(copy({counting({3})}, output_of<float>({3}), {{{3}, 2, {-1}, 0, {1}}}), {floats({3}, {2, 1, 0})});
  expect(copy({counting({1}, 7)}, output_of<float>({2}), {{{2}, 0, {0}, 0, {1}}}), {floats({2}, {7, 7})});
}

TEST(ReferenceStridedCopy, JoinsInputsAndFillsTheRest) {
  expect(copy({value<int16_t>({2}, {1, 2}), value<int16_t>({1}, {3})}, output_of<int16_t>({5}),
              {{{2}, 0, {1}, 1, {1}, 0}, {{1}, 0, {1}, 3, {1}, 1}}, {0xff, 0xff}),
         {value<int16_t>({5}, {-1, 1, 2, 3, -1})});
}

TEST(ReferenceStridedCopy, RefusesRegionsThatLeaveTheTensors) {
  const Value x = counting({4});
  const Value y = output_of<float>({4});
  const int64_t huge = INT64_MAX / 2;
  EXPECT_EQ(refusal(copy({x}, y, {{{4}, 0, {1}, 0, {1}}})), "");
  EXPECT_NE(refusal(copy({x}, y, {{{4}, 1, {1}, 0, {1}}})).find("reads outside"), std::string::npos);
  EXPECT_NE(refusal(copy({x}, y, {{{4}, 2, {-1}, 0, {1}}})).find("reads outside"), std::string::npos);
  EXPECT_NE(refusal(copy({x}, y, {{{4}, 0, {1}, 1, {1}}})).find("writes outside"), std::string::npos);
  EXPECT_NE(refusal(copy({x}, y, {{{4}, -1, {1}, 0, {1}}})).find("reads outside"), std::string::npos);
  EXPECT_NE(refusal(copy({x}, y, {{{4}, 0, {huge}, 0, {1}}})).find("reads outside"), std::string::npos);
  EXPECT_NE(refusal(copy({x}, y, {{{4}, INT64_MIN, {INT64_MAX}, 0, {1}}})).find("reads outside"), std::string::npos);
  EXPECT_NE(refusal(copy({x}, y, {{{huge, huge}, 0, {0, 0}, 0, {0, 0}}})).find("too large"), std::string::npos);
  EXPECT_NE(refusal(copy({x}, y, {{{huge}, 0, {0}, 0, {0}}})).find("overlap"), std::string::npos);
  EXPECT_NE(refusal(copy({x}, y, {{{-1}, 0, {1}, 0, {1}}})).find("negative extent"), std::string::npos);
  EXPECT_NE(refusal(copy({x}, y, {{{4}, 0, {}, 0, {1}}})).find("differ in length"), std::string::npos);
  EXPECT_NE(refusal(copy({x}, y, {{{4}, 0, {1}, 0, {1}, 3}})).find("not there"), std::string::npos);
  EXPECT_NE(refusal(copy({x}, y, {{{2}, 0, {1}, 0, {1}}})).find("unset"), std::string::npos);
  EXPECT_NE(refusal(copy({x}, y, {{{4}, 0, {1}, 0, {1}}}, {1, 2})).find("fill"), std::string::npos);
}

TEST(ReferenceStridedCopy, EmptyTensors) {
  expect(copy({value<float>({0}, std::vector<float>{})}, output_of<float>({0}), {}), {});
  expect(copy({}, output_of<uint8_t>({2}), {}, {7}), {value<uint8_t>({2}, {7, 7})});
}

TEST(ReferenceRange, CountsUpDownAndInFloats) {
  const auto range = [](Value a, Value b, Value d) {
    return node_case(Op::Range, schema::NoAttributesT(), {std::move(a), std::move(b), std::move(d)}, {});
  };
  expect(range(scalar<int64_t>(1), scalar<int64_t>(8), scalar<int64_t>(3)), {longs({3}, {1, 4, 7})});
  expect(range(scalar<int32_t>(5), scalar<int32_t>(1), scalar<int32_t>(-2)), {value<int32_t>({2}, {5, 3})});
  expect(range(scalar<float>(1), scalar<float>(2), scalar<float>(0.5f)), {floats({2}, {1, 1.5f})});
  NodeCase c = range(scalar<int32_t>(0), scalar<int32_t>(4), scalar<int32_t>(0));
  c.outputs = {output_of<int32_t>({4})};
  EXPECT_NE(run_error(c).find("compiled for"), std::string::npos);
  c = range(scalar<int32_t>(0), scalar<int32_t>(9), scalar<int32_t>(1));
  c.outputs = {output_of<int32_t>({4})};
  EXPECT_NE(run_error(c).find("compiled for"), std::string::npos);
}

TEST(ReferenceFill, RepeatsOneElement) {
  schema::FillAttributesT a;
  a.type = DataType::int32;
  a.value = {1, 2, 0, 0};
  expect(node_case(Op::Fill, a, {}, {}), {value<int32_t>({2}, {513, 513})});
  a.value = {1};
  NodeCase c = node_case(Op::Fill, a, {}, {output_of<int32_t>({2})});
  EXPECT_NE(refusal(c).find("one element"), std::string::npos);
}

NodeCase gather(Op op, int64_t axis, Value data, Value indices) {
  schema::AxisAttributesT a;
  a.axis = axis;
  return node_case(op, a, {std::move(data), std::move(indices)}, {});
}

TEST(ReferenceGather, PicksSlices) {
  expect(gather(Op::Gather, 0, counting({3, 2}), longs({2}, {2, -3})), {floats({2, 2}, {4, 5, 0, 1})});
  expect(gather(Op::Gather, 1, counting({2, 3}), value<int32_t>({1, 2}, {0, 2})), {floats({2, 1, 2}, {0, 2, 3, 5})});
  expect(gather(Op::Gather, -1, value<uint8_t>({3}, {5, 6, 7}), scalar<int64_t>(1)), {scalar<uint8_t>(6)});
  NodeCase c = gather(Op::Gather, 0, counting({3}), longs({1}, {3}));
  c.outputs = {output_of<float>({1})};
  EXPECT_NE(run_error(c).find("index (3)"), std::string::npos);
  c = gather(Op::Gather, 0, counting({3}), longs({1}, {INT64_MIN}));
  c.outputs = {output_of<float>({1})};
  EXPECT_NE(run_error(c).find("outside"), std::string::npos);
}

TEST(ReferenceGather, ElementsAlongAnAxis) {
  expect(gather(Op::GatherElements, 1, floats({2, 2}, {1, 2, 3, 4}), longs({2, 2}, {0, 0, 1, 0})),
         {floats({2, 2}, {1, 1, 4, 3})});
  NodeCase c = gather(Op::GatherElements, 0, counting({2, 2}), longs({1, 2}, {0, 2}));
  c.outputs = {output_of<float>({1, 2})};
  EXPECT_NE(run_error(c).find("index (2)"), std::string::npos);
}

TEST(ReferenceGather, Tuples) {
  const auto nd = [](int64_t batch, Value data, Value indices) {
    schema::BatchDimsAttributesT a;
    a.batch_dims = batch;
    return node_case(Op::GatherND, a, {std::move(data), std::move(indices)}, {});
  };
  expect(nd(0, counting({2, 2}), longs({2, 2}, {0, 0, 1, 1})), {floats({2}, {0, 3})});
  expect(nd(0, counting({2, 2}), longs({2, 1}, {1, 0})), {floats({2, 2}, {2, 3, 0, 1})});
  expect(nd(1, counting({2, 2, 2}), longs({2, 1}, {1, 0})), {floats({2, 2}, {2, 3, 4, 5})});
  NodeCase c = nd(0, counting({2, 2}), longs({1, 2}, {0, 2}));
  c.outputs = {output_of<float>({1})};
  EXPECT_NE(run_error(c).find("index (2)"), std::string::npos);
}

using R = schema::ScatterReduction;
NodeCase scatter(Op op, R reduction, int64_t axis, Value data, Value indices, Value updates) {
  schema::ScatterAttributesT a;
  a.axis = axis;
  a.reduction = reduction;
  return node_case(op, a, {std::move(data), std::move(indices), std::move(updates)}, {});
}

TEST(ReferenceScatter, Elements) {
  const Value x = floats({1, 5}, {1, 2, 3, 4, 5}), at = longs({1, 2}, {1, 3}), u = floats({1, 2}, {1.5f, 2.5f});
  expect(scatter(Op::ScatterElements, R::none, 1, x, at, u), {floats({1, 5}, {1, 1.5f, 3, 2.5f, 5})});
  const Value twice = longs({1, 2}, {1, -4});
  expect(scatter(Op::ScatterElements, R::add, 1, x, twice, u), {floats({1, 5}, {1, 6, 3, 4, 5})});
  expect(scatter(Op::ScatterElements, R::mul, 1, x, twice, u), {floats({1, 5}, {1, 7.5f, 3, 4, 5})});
  expect(scatter(Op::ScatterElements, R::max, 1, x, twice, u), {floats({1, 5}, {1, 2.5f, 3, 4, 5})});
  expect(scatter(Op::ScatterElements, R::min, 1, x, twice, u), {floats({1, 5}, {1, 1.5f, 3, 4, 5})});
  NodeCase c = scatter(Op::ScatterElements, R::none, 1, x, longs({1, 2}, {1, 5}), u);
  c.outputs = {output_of<float>({1, 5})};
  EXPECT_NE(run_error(c).find("index (5)"), std::string::npos);
}

TEST(ReferenceScatter, Slices) {
  expect(scatter(Op::ScatterND, R::none, 0, counting({3, 2}), longs({2, 1}, {2, 0}), floats({2, 2}, {9, 8, 7, 6})),
         {floats({3, 2}, {7, 6, 2, 3, 9, 8})});
  expect(scatter(Op::ScatterND, R::add, 0, longs({3}, {1, 2, 3}), longs({2, 1}, {1, 1}), longs({2}, {10, 20})),
         {longs({3}, {1, 32, 3})});
  NodeCase c = scatter(Op::ScatterND, R::none, 0, counting({3}), longs({1, 1}, {-4}), floats({1}, {1}));
  c.outputs = {output_of<float>({3})};
  EXPECT_NE(run_error(c).find("index (-4)"), std::string::npos);
}

TEST(ReferenceDataDependent, WithoutACountIsRefusedPlainly) {
  NodeCase c = node_case(Op::NonZero, schema::NoAttributesT(), {counting({3})}, {output_of<int64_t>({1, 3})});
  EXPECT_NE(refusal(c).find("output"), std::string::npos);
  c.outputs.push_back(output_of<int64_t>({2}));
  EXPECT_EQ(refusal(c), "the count must be one int64");
}

TEST(ReferenceDataDependent, NonZeroWritesIndicesAndTheirCount) {
  // Negative zero is zero; room is for all six elements.
  const NodeCase c = node_case(Op::NonZero, schema::NoAttributesT(), {floats({2, 3}, {1, 0, -0.0f, 0, 5, NAN})},
                               {output_of<int64_t>({2, 6}), output_of<int64_t>({1})});
  const NodeResult r = run_node(reference(), c);
  ASSERT_EQ(r.status, MOTLEY_OK) << r.text;
  const auto* rows = reinterpret_cast<const int64_t*>(r.outputs[0].bytes.data());
  ASSERT_EQ(*reinterpret_cast<const int64_t*>(r.outputs[1].bytes.data()), 3);
  EXPECT_EQ(std::vector<int64_t>(rows, rows + 3), (std::vector<int64_t>{0, 1, 1}));
  EXPECT_EQ(std::vector<int64_t>(rows + 6, rows + 9), (std::vector<int64_t>{0, 1, 2}));
}

TEST(ReferenceDataDependent, NonMaxSuppressionKeepsTheBestOfOverlappingBoxes) {
  // The second box overlaps the first almost wholly, the third lies apart, the fourth scores too low.
  const NodeCase c = node_case(
      Op::NonMaxSuppression, schema::NonMaxSuppressionAttributesT(),
      {floats({1, 4, 4}, {0, 0, 1, 1, 0, 0.05f, 1, 1.05f, 5, 5, 6, 6, 8, 8, 9, 9}),
       floats({1, 1, 4}, {0.8f, 0.9f, 0.7f, 0.1f}), longs({1}, {4}), floats({1}, {0.5f}), floats({1}, {0.2f})},
      {output_of<int64_t>({4, 3}), output_of<int64_t>({1})});
  const NodeResult r = run_node(reference(), c);
  ASSERT_EQ(r.status, MOTLEY_OK) << r.text;
  const auto* rows = reinterpret_cast<const int64_t*>(r.outputs[0].bytes.data());
  ASSERT_EQ(*reinterpret_cast<const int64_t*>(r.outputs[1].bytes.data()), 2);
  EXPECT_EQ(std::vector<int64_t>(rows, rows + 6), (std::vector<int64_t>{0, 0, 1, 0, 0, 2}));
}

}  // namespace
}  // namespace motley::test
