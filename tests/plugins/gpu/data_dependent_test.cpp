// NonZero and NonMaxSuppression against the reference: what is written past the count is anything, and not compared.
#include <cmath>
#include <cstring>

#include "tested_plugin.hpp"

namespace motley::test {

namespace {

// The valid elements, in order: of `lines` lines the first `count`.
std::vector<int64_t> valid(const NodeResult& r, size_t lines, int64_t room) {
  const auto* items = reinterpret_cast<const int64_t*>(r.outputs[0].bytes.data());
  const int64_t count = *reinterpret_cast<const int64_t*>(r.outputs[1].bytes.data());
  std::vector<int64_t> result{count};
  for (size_t line = 0; line < lines; ++line)
    for (int64_t i = 0; i < count; ++i) result.push_back(items[static_cast<int64_t>(line) * room + i]);
  return result;
}

void expect_same(const NodeCase& c, size_t lines, int64_t room, int64_t per_row) {
  const NodeResult want = run_node(*reference_plugin(), c);
  ASSERT_EQ(want.status, MOTLEY_OK) << want.text;
  const NodeResult got = run_node(*tested_plugin(), tested_device(), c);
  ASSERT_EQ(got.status, MOTLEY_OK) << got.step << ": " << got.text;
  if (per_row == 1) {
    EXPECT_EQ(valid(got, lines, room), valid(want, lines, room));
    return;
  }
  const auto rows = [&](const NodeResult& r) {
    const auto* items = reinterpret_cast<const int64_t*>(r.outputs[0].bytes.data());
    return std::vector<int64_t>(items, items + per_row * *reinterpret_cast<const int64_t*>(r.outputs[1].bytes.data()));
  };
  EXPECT_EQ(rows(got), rows(want));
}

void expect_nonzero_like_reference(Value x) {
  const auto rank = static_cast<int64_t>(x.shape.size());
  const int64_t room = sdk::Shape(x.shape).elements();
  SCOPED_TRACE(std::string(schema::EnumNameDataType(x.type)) + ", rank " + std::to_string(rank) + ", " +
               std::to_string(room));
  expect_same(node_case(Op::NonZero, schema::NoAttributesT(), {std::move(x)},
                        {output_of<int64_t>({rank, room}), output_of<int64_t>({1})}),
              static_cast<size_t>(rank), room, 1);
}

Value scores_with(std::vector<int64_t> shape, std::initializer_list<std::pair<size_t, float>> changes) {
  Value v = random_value(std::move(shape), 5, 0, 1);
  for (const auto& [at, score] : changes) std::memcpy(v.bytes.data() + at * sizeof score, &score, sizeof score);
  return v;
}

}  // namespace

TEST(GpuDataDependent, NonZero) {
  SKIP_WITHOUT_DEVICE();
  expect_nonzero_like_reference(value<float>({2, 3}, {1, 0, -0.0, 0, 5, NAN}));
  expect_nonzero_like_reference(value<float>({}, {3}));
  expect_nonzero_like_reference(value<float>({}, {0}));
  expect_nonzero_like_reference(value<float>({0, 3}, std::vector<float>()));
  expect_nonzero_like_reference(value<float>({4000}, std::vector<double>(4000)));
  // Several parts, the last one short.
  expect_nonzero_like_reference(random_integers<int32_t>({7, 5, 11, 13}, 1, -1.5, 1.5));
  expect_nonzero_like_reference(random_integers<int64_t>({3, 1023}, 2, -1.2, 1.2));
  expect_nonzero_like_reference(random_integers<int8_t>({2, 1, 3, 1, 2, 70}, 3, -2, 2));
  expect_nonzero_like_reference(random_integers<uint8_t>({1025}, 4, 0, 1.4));
}

TEST(GpuDataDependent, NonZeroKeepsTheHighestBitOfIntegers) {
  SKIP_WITHOUT_DEVICE();
  expect_nonzero_like_reference(value<int32_t>({2}, {INT32_MIN, 0}));
  expect_nonzero_like_reference(value<int64_t>({2}, {INT64_MIN, 0}));
  expect_nonzero_like_reference(value<int8_t>({2}, {-128, 0}));
}

TEST(GpuDataDependent, NonMaxSuppression) {
  SKIP_WITHOUT_DEVICE();
  const Value boxes = random_value({2, 150, 4}, 1, 0, 1);
  // Equal scores, and NaN, which comes last.
  const Value scores =
      scores_with({2, 3, 150}, {{0, 0.5f}, {7, 0.5f}, {11, NAN}, {149, 2.0f}, {450, NAN}, {450 + 149, 0.5f}});
  for (bool center : {false, true})
    for (int64_t most : {0, 1, 20, 1000}) {
      schema::NonMaxSuppressionAttributesT a;
      a.center_point_box = center;
      const int64_t room = 2 * 3 * std::min<int64_t>(most, 150);
      SCOPED_TRACE(std::string(center ? "centers, " : "corners, ") + std::to_string(most));
      const auto expect = [&](Value threshold, Value lowest) {
        expect_same(node_case(Op::NonMaxSuppression, a,
                              {boxes, scores, value<int64_t>({1}, {most}), std::move(threshold), std::move(lowest)},
                              {output_of<int64_t>({room, 3}), output_of<int64_t>({1})}),
                    1, room, 3);
      };
      expect(value<float>({1}, {0.3}), value<float>({1}, {0.4}));
      expect(value<float>({1}, {0.7}), none());
      expect(none(), value<float>({1}, {0.9}));
      expect(none(), value<float>({1}, {5}));  // none is good enough
    }
}

TEST(GpuDataDependent, NonMaxSuppressionOfNothing) {
  SKIP_WITHOUT_DEVICE();
  const auto outputs = [](int64_t room) {
    return std::vector<Value>{output_of<int64_t>({room, 3}), output_of<int64_t>({1})};
  };
  const Value most = value<int64_t>({1}, {5});
  const schema::NonMaxSuppressionAttributesT a;
  expect_same(
      node_case(Op::NonMaxSuppression, a, {random_value({1, 0, 4}, 1), random_value({1, 2, 0}, 1), most}, outputs(0)),
      1, 0, 3);
  expect_same(
      node_case(Op::NonMaxSuppression, a, {random_value({1, 9, 4}, 1), random_value({1, 0, 9}, 1), most}, outputs(0)),
      1, 0, 3);
  expect_same(node_case(Op::NonMaxSuppression, a, {random_value({1, 9, 4}, 1), random_value({1, 2, 9}, 1)}, outputs(0)),
              1, 0, 3);
}

}  // namespace motley::test
