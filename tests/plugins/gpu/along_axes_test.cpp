// Softmax, Normalize, Reduce, ArgReduce, CumSum, TopK, StridedCopy, the gathers and scatters, Fill, Range against the reference.
#include "tested_plugin.hpp"

namespace motley::test {

namespace {

std::unique_ptr<schema::RegionT> region(int32_t input, std::vector<int64_t> extents, int64_t src, std::vector<int64_t> src_strides,
                                        int64_t dst, std::vector<int64_t> dst_strides) {
  auto r = std::make_unique<schema::RegionT>();
  r->input = input;
  r->extents = std::move(extents);
  r->src_offset = src;
  r->src_strides = std::move(src_strides);
  r->dst_offset = dst;
  r->dst_strides = std::move(dst_strides);
  return r;
}

}  // namespace

TEST(GpuRows, Softmax) {
  SKIP_WITHOUT_DEVICE();
  for (int f = 0; f <= static_cast<int>(schema::SoftmaxFunction::hardmax); ++f)
    for (int64_t axis : {0, 1, -1})
      for (bool flatten : {false, true}) {
        schema::SoftmaxAttributesT a;
        a.function = static_cast<schema::SoftmaxFunction>(f);
        a.axis = axis;
        a.flatten = flatten;
        for (const std::vector<int64_t>& shape : {std::vector<int64_t>{3, 17, 5}, {1, 1, 1}, {2, 1000, 1}, {0, 3, 2}})
          expect_like_reference(node_case(Op::Softmax, a, {random_value(shape, 1, -20, 20)}, {output_of<float>(shape)}), {1e-5, 2e-5});
      }
}

TEST(GpuRows, Normalize) {
  SKIP_WITHOUT_DEVICE();
  for (bool center : {true, false}) {
    schema::NormalizeAttributesT a;
    a.center = center;
    a.axis = 1;
    const Value x = random_value({4, 3, 70}, 1, -2, 5);
    expect_like_reference(node_case(Op::Normalize, a, {x}, {output_of<float>({4, 3, 70})}), {1e-4, 1e-4});
    expect_like_reference(node_case(Op::Normalize, a, {x, random_value({3, 70}, 2), random_value({3, 70}, 3)}, {output_of<float>({4, 3, 70})}),
                          {1e-4, 1e-4});
    expect_like_reference(node_case(Op::Normalize, a, {x, random_value({3, 1}, 2), none()}, {output_of<float>({4, 3, 70})}), {1e-4, 1e-4});
  }
}

TEST(GpuRows, Reduce) {
  SKIP_WITHOUT_DEVICE();
  for (int f = 0; f <= static_cast<int>(schema::ReduceFunction::log_sum_exp); ++f) {
    schema::ReduceAttributesT a;
    a.function = static_cast<schema::ReduceFunction>(f);
    a.axes = {1, 3};
    a.keepdims = false;
    SCOPED_TRACE(schema::EnumNameReduceFunction(a.function));
    expect_like_reference(node_case(Op::Reduce, a, {random_value({2, 3, 4, 5}, 1, 0.1, 2)}, {output_of<float>({2, 4})}), {1e-5, 1e-4});
    a.axes = {-1};
    a.keepdims = true;
    expect_like_reference(node_case(Op::Reduce, a, {random_value({3, 33}, 1, 0.1, 2)}, {output_of<float>({3, 1})}), {1e-5, 1e-4});
    for (const int64_t length : {64, 65, 200})  // which work groups share on a GPU
      expect_like_reference(
          node_case(Op::Reduce, a, {random_value({3, length}, 1, 0.5, 1.5)}, {output_of<float>({3, 1})}), {1e-5, 1e-4});
    expect_like_reference(node_case(Op::Reduce, a, {random_value({3, 0}, 1)}, {output_of<float>({3, 1})}), {1e-5, 1e-4});
    a.axes = {};
    expect_like_reference(node_case(Op::Reduce, a, {random_value({3, 2, 2}, 1, 0.5, 2)}, {output_of<float>({1, 1, 1})}), {1e-5, 1e-4});
  }
  for (auto f : {schema::ReduceFunction::sum, schema::ReduceFunction::prod, schema::ReduceFunction::max, schema::ReduceFunction::min,
                 schema::ReduceFunction::l1, schema::ReduceFunction::sum_square}) {
    schema::ReduceAttributesT a;
    a.function = f;
    a.axes = {0};
    expect_like_reference(node_case(Op::Reduce, a, {random_integers<int32_t>({5, 3}, 1, -9, 9)}, {output_of<int32_t>({1, 3})}));
    expect_like_reference(node_case(Op::Reduce, a, {random_integers<int64_t>({5, 3}, 1, -9, 9)}, {output_of<int64_t>({1, 3})}));
  }
}

TEST(GpuRows, ArgReduceCumSumTopK) {
  SKIP_WITHOUT_DEVICE();
  for (bool greatest : {true, false})
    for (bool last : {true, false}) {
      schema::ArgReduceAttributesT a;
      a.take_max = greatest;
      a.select_last_index = last;
      a.axis = 1;
      expect_like_reference(node_case(Op::ArgReduce, a, {random_integers<int32_t>({3, 9, 4}, 1, -3, 3)}, {output_of<int64_t>({3, 1, 4})}));
      schema::CumSumAttributesT c;
      c.exclusive = greatest;
      c.reverse = last;
      expect_like_reference(node_case(Op::CumSum, c, {random_value({3, 9, 4}, 1), constant(value<int64_t>({}, {1}))}, {output_of<float>({3, 9, 4})}));
      schema::TopKAttributesT t;
      t.largest = greatest;
      t.axis = 1;
      expect_like_reference(node_case(Op::TopK, t, {random_integers<int32_t>({3, 9, 4}, 1, -3, 3), value<int64_t>({1}, {4})},
                                      {output_of<int32_t>({3, 4, 4}), output_of<int64_t>({3, 4, 4})}));
      expect_like_reference(node_case(Op::TopK, t, {random_value({2, 30}, 1), value<int64_t>({1}, {30})}, {none(), output_of<int64_t>({2, 30})}));
    }
}

TEST(GpuMovement, StridedCopy) {
  SKIP_WITHOUT_DEVICE();
  const auto run = [](std::vector<Value> inputs, std::vector<int64_t> y, std::vector<std::unique_ptr<schema::RegionT>> regions,
                      std::vector<uint8_t> fill = {}) {
    schema::StridedCopyAttributesT a;
    a.regions = std::move(regions);
    a.fill = std::move(fill);
    const DataType type = inputs[0].type;
    expect_like_reference(node_case(Op::StridedCopy, std::move(a), std::move(inputs), {output_of(type, std::move(y))}));
  };
  std::vector<std::unique_ptr<schema::RegionT>> regions;
  regions.push_back(region(0, {3, 4, 5}, 0, {1, 15, 3}, 0, {20, 5, 1}));
  run({random_value({4, 5, 3}, 1)}, {3, 4, 5}, std::move(regions));
  regions.clear();
  for (int64_t i = 0; i < 7; ++i) regions.push_back(region(0, {2, 3}, i, {7, -1 * (i > 2)}, i * 6, {3, 1}));
  run({random_integers<int64_t>({20}, 1, -99, 99)}, {60}, std::move(regions), {1, 2, 3, 4, 5, 6, 7, 8});
  regions.clear();
  regions.push_back(region(0, {5}, 4, {-1}, 0, {2}));
  regions.push_back(region(1, {5}, 0, {0}, 1, {2}));
  run({random_integers<uint8_t>({5}, 1, 0, 200), random_integers<uint8_t>({1}, 2, 0, 200)}, {10}, std::move(regions));
  regions.clear();
  regions.push_back(region(0, {2, 2, 2, 2, 2, 2}, 0, {1, 2, 4, 8, 16, 32}, 0, {32, 16, 8, 4, 2, 1}));
  run({half_value({64}, noise(64, 3))}, {64}, std::move(regions));
}

TEST(GpuMovement, GathersAndScatters) {
  SKIP_WITHOUT_DEVICE();
  schema::AxisAttributesT axis;
  axis.axis = 1;
  schema::BatchDimsAttributesT batch;
  for (bool wide : {true, false}) {
    const auto indices = [&](std::vector<int64_t> shape, std::vector<int64_t> items) {
      return wide ? value<int64_t>(std::move(shape), items) : value<int32_t, int64_t>(std::move(shape), items);
    };
    expect_like_reference(node_case(Op::Gather, axis, {random_value({2, 5, 3}, 1), indices({2, 2}, {0, -1, 4, 2})}, {output_of<float>({2, 2, 2, 3})}));
    expect_like_reference(node_case(Op::Gather, axis, {random_integers<uint8_t>({2, 5}, 1, 0, 200), indices({}, {3})}, {output_of<uint8_t>({2})}));
    expect_like_reference(node_case(Op::GatherElements, axis, {random_integers<int64_t>({2, 5}, 1, -9, 9), indices({2, 3}, {0, -1, 4, 2, 2, 1})},
                                    {output_of<int64_t>({2, 3})}));
    batch.batch_dims = 0;
    expect_like_reference(node_case(Op::GatherND, batch, {random_value({3, 4, 5}, 1), indices({2, 2}, {0, 1, -1, 3})}, {output_of<float>({2, 5})}));
    batch.batch_dims = 1;
    expect_like_reference(node_case(Op::GatherND, batch, {random_value({2, 4, 5}, 1), indices({2, 1}, {1, -2})}, {output_of<float>({2, 5})}));
    for (int r = 0; r <= static_cast<int>(schema::ScatterReduction::min); ++r) {
      schema::ScatterAttributesT s;
      s.axis = 1;
      s.reduction = static_cast<schema::ScatterReduction>(r);
      expect_like_reference(node_case(Op::ScatterElements, s, {random_value({3, 5}, 1), indices({2, 3}, {0, -1, 2, 1, 3, r ? 1 : 4}), random_value({2, 3}, 2)},
                                      {output_of<float>({3, 5})}));
      expect_like_reference(node_case(Op::ScatterND, s, {random_integers<int32_t>({4, 3}, 1, -9, 9), indices({3, 1}, {1, -1, r ? 1 : 0}), random_integers<int32_t>({3, 3}, 2, -9, 9)},
                                      {output_of<int32_t>({4, 3})}));
    }
  }
}

// An index outside of its axis can't be reported: gathers take the nearest element, scatters leave it out, and nothing
// else is touched.
TEST(GpuMovement, IndicesOutside) {
  SKIP_WITHOUT_DEVICE();
  const std::vector<int64_t> far{7, -8, (int64_t{1} << 32) + 1, -(int64_t{1} << 40), INT64_MAX, INT64_MIN};
  const Value indices = value<int64_t>({6}, far), tuples = value<int64_t>({6, 1}, far);
  const Value x = value<float>({3}, {10, 20, 30}), updates = value<float>({6}, {1, 2, 3, 4, 5, 6});
  const auto run = [](const NodeCase& c) {
    const NodeResult result = run_node(*tested_plugin(), tested_device(), c);
    EXPECT_EQ(result.status, MOTLEY_OK) << result.text;
    return result.status == MOTLEY_OK ? as_doubles(result.outputs[0]) : std::vector<double>();
  };
  const std::vector<double> nearest{30, 10, 30, 10, 30, 10}, unchanged{10, 20, 30};
  EXPECT_EQ(run(node_case(Op::Gather, schema::AxisAttributesT(), {x, indices}, {output_of<float>({6})})), nearest);
  EXPECT_EQ(run(node_case(Op::GatherElements, schema::AxisAttributesT(), {x, indices}, {output_of<float>({6})})),
            nearest);
  EXPECT_EQ(run(node_case(Op::GatherND, schema::BatchDimsAttributesT(), {x, tuples}, {output_of<float>({6})})),
            nearest);
  EXPECT_EQ(
      run(node_case(Op::ScatterElements, schema::ScatterAttributesT(), {x, indices, updates}, {output_of<float>({3})})),
      unchanged);
  EXPECT_EQ(run(node_case(Op::ScatterND, schema::ScatterAttributesT(), {x, tuples, updates}, {output_of<float>({3})})),
            unchanged);
}

TEST(GpuMovement, FillAndRange) {
  SKIP_WITHOUT_DEVICE();
  schema::FillAttributesT fill;
  fill.type = DataType::int64;
  fill.value = {1, 0, 0, 0, 2, 0, 0, 0x80};
  expect_like_reference(node_case(Op::Fill, fill, {}, {output_of<int64_t>({3, 5})}));
  expect_like_reference(node_case(Op::Range, schema::NoAttributesT(), {scalar(1.5f), scalar(4.0f), scalar(0.25f)}, {output_of<float>({10})}));
  expect_like_reference(node_case(Op::Range, schema::NoAttributesT(), {scalar(int64_t{9}), scalar(int64_t{-3}), scalar(int64_t{-4})}, {output_of<int64_t>({3})}));
}

}  // namespace motley::test
