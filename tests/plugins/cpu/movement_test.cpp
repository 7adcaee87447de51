// StridedCopy and Gather: data movement of all element sizes.
#include <numeric>

#include "against_reference.hpp"

namespace motley::test {
namespace {

schema::RegionT region(std::vector<int64_t> extents, std::vector<int64_t> source, std::vector<int64_t> destination,
                       int64_t source_offset = 0, int64_t destination_offset = 0, int32_t input = 0) {
  schema::RegionT r;
  r.input = input;
  r.extents = std::move(extents);
  r.src_strides = std::move(source);
  r.dst_strides = std::move(destination);
  r.src_offset = source_offset;
  r.dst_offset = destination_offset;
  return r;
}

NodeCase copy_case(std::vector<Value> inputs, std::vector<int64_t> y, const std::vector<schema::RegionT>& regions,
                   std::vector<uint8_t> fill = {}) {
  schema::StridedCopyAttributesT a;
  for (const schema::RegionT& r : regions) a.regions.push_back(std::make_unique<schema::RegionT>(r));
  a.fill = std::move(fill);
  const DataType type = inputs.empty() ? DataType::float32 : inputs[0].type;
  return node_case(Op::StridedCopy, a, std::move(inputs), {output_of(type, std::move(y))});
}

// A transposition of any rank as one region.
NodeCase transpose_case(DataType type, const std::vector<int64_t>& shape, const std::vector<size_t>& perm) {
  std::vector<int64_t> strides(shape.size(), 1), y, source, destination(shape.size(), 1);
  for (size_t i = shape.size() - 1; i-- > 0;) strides[i] = strides[i + 1] * shape[i + 1];
  for (size_t p : perm) y.push_back(shape[p]), source.push_back(strides[p]);
  for (size_t i = shape.size() - 1; i-- > 0;) destination[i] = destination[i + 1] * y[i + 1];
  const auto count = static_cast<size_t>(sdk::Shape(shape).elements());
  std::vector<double> items(count);
  for (size_t i = 0; i < count; ++i) items[i] = static_cast<double>(i % 113);
  return copy_case({value_of(type, shape, items)}, y, {region(y, source, destination)});
}

TEST(StridedCopy, TransposesOfAllSizes) {
  for (DataType type : {DataType::uint8, DataType::float16, DataType::float32, DataType::int64}) {
    expect_like_reference(transpose_case(type, {37, 41}, {1, 0}));
    expect_like_reference(transpose_case(type, {2, 35, 3, 66}, {0, 2, 3, 1}));
    expect_like_reference(transpose_case(type, {2, 3, 33, 5}, {0, 3, 1, 2}));
  }
}

TEST(StridedCopy, EveryPermutation) {
  std::vector<size_t> perm{0, 1, 2, 3};
  do expect_like_reference(transpose_case(DataType::float32, {3, 7, 5, 9}, perm));
  while (std::next_permutation(perm.begin(), perm.end()));
}

TEST(StridedCopy, LargeAndContiguous) {
  expect_like_reference(copy_case({random_value({100000}, 1)}, {100000}, {region({100000}, {1}, {1})}));
  expect_like_reference(
      copy_case({random_value({3, 70000}, 1)}, {3, 140000},
                {region({3, 70000}, {70000, 1}, {140000, 1}), region({3, 70000}, {70000, 1}, {140000, 1}, 0, 70000)}));
}

TEST(StridedCopy, ConcatPadReverseBroadcast) {
  expect_like_reference(copy_case({random_value({2, 3}, 1), random_value({2, 5}, 2)}, {2, 8},
                                  {region({2, 3}, {3, 1}, {8, 1}), region({2, 5}, {5, 1}, {8, 1}, 0, 3, 1)}));
  expect_like_reference(
      copy_case({random_value({2, 3}, 1)}, {4, 6}, {region({2, 3}, {3, 1}, {6, 1}, 0, 8)}, {0, 0, 128, 63}));
  expect_like_reference(copy_case({random_value({2, 50}, 1)}, {2, 50}, {region({2, 50}, {50, -1}, {50, 1}, 49)}));
  expect_like_reference(copy_case({random_value({3}, 1)}, {4, 3}, {region({4, 3}, {0, 1}, {3, 1})}));
  expect_like_reference(copy_case({random_value({3}, 1)}, {3, 40}, {region({3, 40}, {1, 0}, {40, 1})}));
  expect_like_reference(copy_case({random_value({}, 1)}, {}, {region({}, {}, {})}));
  expect_like_reference(copy_case({random_value({10}, 1)}, {5}, {region({5}, {2}, {1}, 1)}));
  expect_like_reference(copy_case({random_value({5}, 1)}, {10}, {region({5}, {1}, {2}, 0, 1)}, {0, 0, 0, 0}));
}

TEST(StridedCopy, NothingToCopy) {
  expect_like_reference(copy_case({random_value({0}, 1)}, {0}, {region({0}, {1}, {1})}));
  expect_like_reference(copy_case({random_value({0}, 1)}, {3}, {}, {0, 0, 128, 63}));
}

TEST(StridedCopy, RefusesWhatLeavesTheTensors) {
  const int64_t huge = INT64_MAX;
  for (const schema::RegionT& r :
       {region({4}, {1}, {1}), region({3}, {1}, {2}), region({3}, {1}, {1}, -1), region({3}, {1}, {1}, 0, 1),
        region({2}, {huge}, {1}), region({huge, huge}, {0, 0}, {0, 0}), region({2}, {INT64_MIN}, {1}),
        region({-1}, {1}, {1}), region({3}, {1}, {}), region({3}, {1}, {1}, 0, 0, 1), region({3}, {1}, {1}, 0, 0, -1)})
    EXPECT_NE(reason_of(copy_case({random_value({3}, 1)}, {3}, {r})), "");
  EXPECT_NE(reason_of(copy_case({random_value({3}, 1)}, {3}, {region({2}, {1}, {1})})), "");
}

NodeCase gather_case(const Value& x, const Value& indices, int64_t axis, std::vector<int64_t> y) {
  schema::AxisAttributesT a;
  a.axis = axis;
  return node_case(Op::Gather, a, {x, indices}, {output_of(x.type, std::move(y))});
}

TEST(Gather, AxesAndTypes) {
  for (int64_t axis : {0, 1, -1}) {
    const std::vector<int64_t> shape{4, 5, 6};
    std::vector<int64_t> y = shape;
    const auto at = static_cast<size_t>(axis < 0 ? axis + 3 : axis);
    y[at] = 2;
    y.insert(y.begin() + static_cast<std::ptrdiff_t>(at), 2);
    expect_like_reference(gather_case(random_value(shape, 1), value<int64_t>({2, 2}, {0, 3, -1, -4}), axis, y));
    expect_like_reference(gather_case(random_value(shape, 1), value<int32_t>({2, 2}, {0, 3, -1, -4}), axis, y));
  }
  expect_like_reference(gather_case(value<int64_t>({3}, {5, 6, 7}), value<int64_t>({}, {1}), 0, {}));
  expect_like_reference(
      gather_case(value<uint8_t>({2, 3}, {5, 6, 7, 8, 9, 10}), constant(value<int64_t>({1}, {1})), 0, {1, 3}));
  expect_like_reference(gather_case(random_value({3, 0}, 1), value<int64_t>({2}, {1, 2}), 0, {2, 0}));
}

TEST(Gather, IndexOutside) {
  const NodeResult r = run_node(cpu_plugin(), gather_case(random_value({3}, 1), value<int64_t>({1}, {3}), 0, {1}));
  EXPECT_EQ(r.status, MOTLEY_INVALID_ARGUMENT);
  EXPECT_NE(r.text.find("(3)"), std::string::npos);
}

}  // namespace
}  // namespace motley::test
