// Pool and Resize.
#include "against_reference.hpp"

namespace motley::test {
namespace {

using schema::PoolFunction;

// The output's extents are asked of the reference's rule: windows that start in the padding at the end are dropped.
int64_t pooled(int64_t in, int64_t k, int64_t s, int64_t d, int64_t begin, int64_t end, bool ceil) {
  int64_t out = (in + begin + end - (k - 1) * d - 1 + (ceil ? s - 1 : 0)) / s + 1;
  if (ceil && (out - 1) * s >= in + begin) --out;
  return out;
}

struct PoolShape {
  std::vector<int64_t> x{1, 3, 9, 11}, kernel{3, 3}, strides{1, 1}, dilations{1, 1}, pads{0, 0, 0, 0};
  bool ceil_mode = false, count_include_pad = false;
};

void expect_pool(const PoolShape& s) {
  for (PoolFunction f : {PoolFunction::max, PoolFunction::average}) {
    schema::PoolAttributesT a;
    a.function = f;
    a.kernel_shape = s.kernel;
    a.strides = s.strides;
    a.dilations = s.dilations;
    a.pads = s.pads;
    a.ceil_mode = s.ceil_mode;
    a.count_include_pad = s.count_include_pad;
    const int64_t h = pooled(s.x[2], s.kernel[0], s.strides[0], s.dilations[0], s.pads[0], s.pads[2], s.ceil_mode);
    const int64_t w = pooled(s.x[3], s.kernel[1], s.strides[1], s.dilations[1], s.pads[1], s.pads[3], s.ceil_mode);
    expect_like_reference(node_case(Op::Pool, a, {random_value(s.x, 1)}, {output_of<float>({s.x[0], s.x[1], h, w})}),
                          {1e-6, 1e-5});
  }
}

TEST(Pool, Shapes) {
  expect_pool({});
  expect_pool({.x = {2, 17, 13, 70}, .kernel = {2, 2}, .strides = {2, 2}});
  expect_pool({.x = {1, 1, 1, 1}, .kernel = {1, 1}});
  expect_pool({.x = {1, 3, 7, 7}, .kernel = {7, 7}});
  expect_pool({.x = {2, 5, 1, 40}, .kernel = {1, 40}});
  expect_pool({.x = {1, 2, 5, 6}, .kernel = {2, 2}, .strides = {4, 5}});
  expect_pool({.x = {1, 2, 3, 2}, .kernel = {2, 2}, .pads = {3, 4, 5, 3}});
  expect_pool({.x = {0, 2, 3, 2}, .kernel = {2, 2}});
}

TEST(Pool, CeilModeAndPads) {
  for (bool ceil : {false, true})
    for (bool count : {false, true})
      for (int64_t stride : {1, 2, 3})
        for (int64_t pad : {0, 1, 2}) {
          expect_pool({.x = {1, 2, 8, 9},
                       .strides = {stride, 2},
                       .pads = {pad, 1, 0, pad},
                       .ceil_mode = ceil,
                       .count_include_pad = count});
          expect_pool({.x = {1, 2, 12, 9},
                       .strides = {2, stride},
                       .dilations = {2, 3},
                       .pads = {1, pad, pad, 1},
                       .ceil_mode = ceil,
                       .count_include_pad = count});
        }
}

TEST(Pool, OneDimension) {
  schema::PoolAttributesT a;
  a.kernel_shape = {3};
  a.strides = {2};
  expect_like_reference(node_case(Op::Pool, a, {random_value({2, 3, 20}, 1)}, {output_of<float>({2, 3, 9})}));
}

TEST(Pool, NotANumber) {
  schema::PoolAttributesT a;
  a.kernel_shape = {2, 2};
  Value x = random_value({1, 1, 5, 40}, 1);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(x.bytes.data() + 50 * sizeof nan, &nan, sizeof nan);
  expect_like_reference(node_case(Op::Pool, a, {x}, {output_of<float>({1, 1, 4, 39})}));
}

TEST(Pool, SaysWhyNot) {
  schema::PoolAttributesT a;
  a.kernel_shape = {1, 1};
  EXPECT_NE(reason_of(node_case(Op::Pool, a, {random_value({1, 1, 2, 2}, 1)},
                                {output_of<float>({1, 1, 2, 2}), output_of<int64_t>({1, 1, 2, 2})})),
            "");
  EXPECT_NE(reason_of(node_case(Op::Pool, a, {value<int16_t>({1, 1, 1, 1}, {1})}, {output_of<int16_t>({1, 1, 1, 1})}))
                .find("int16"),
            std::string::npos);
}

TEST(Resize, ModesAndSizes) {
  for (auto mode : {schema::ResizeMode::nearest, schema::ResizeMode::linear})
    for (auto coordinates : schema::EnumValuesResizeCoordinates()) {
      if (coordinates == schema::ResizeCoordinates::tf_crop_and_resize) continue;
      for (auto rounding : schema::EnumValuesResizeRounding())
        for (const std::vector<int64_t>& to :
             std::vector<std::vector<int64_t>>{{8, 14}, {3, 5}, {1, 1}, {4, 7}, {9, 7}}) {
          if (mode == schema::ResizeMode::linear && rounding != schema::ResizeRounding::floor) continue;
          schema::ResizeAttributesT a;
          a.mode = mode;
          a.coordinates = coordinates;
          a.rounding = rounding;
          const std::vector<int64_t> y{1, 3, to[0], to[1]};
          expect_like_reference(
              node_case(Op::Resize, a,
                        {random_value({1, 3, 4, 7}, 1), none(), none(), constant(value<int64_t>({4}, y))},
                        {output_of<float>(y)}),
              {1e-6, 1e-5});
        }
    }
}

TEST(Resize, ScalesAndAxes) {
  schema::ResizeAttributesT a;
  a.mode = schema::ResizeMode::linear;
  const Value x = random_value({2, 3, 4, 7}, 1);
  expect_like_reference(node_case(Op::Resize, a, {x, none(), constant(value<float>({4}, {1, 1, 1.6f, 0.6f}))},
                                  {output_of<float>({2, 3, 6, 4})}),
                        {1e-6, 1e-5});
  a.axes = {3, -2};
  expect_like_reference(
      node_case(Op::Resize, a, {x, none(), constant(value<float>({2}, {2, 3}))}, {output_of<float>({2, 3, 12, 14})}),
      {1e-6, 1e-5});
  a.axes = {1};
  EXPECT_NE(reason_of(node_case(Op::Resize, a, {x, none(), constant(value<float>({1}, {2}))},
                                {output_of<float>({2, 6, 4, 7})})),
            "");
}

}  // namespace
}  // namespace motley::test
