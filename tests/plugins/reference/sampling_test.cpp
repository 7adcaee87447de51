// Resize, GridSample, RoiAlign.
#include "reference.hpp"

namespace motley::test {
namespace {

using M = schema::ResizeMode;
using K = schema::ResizeCoordinates;
using R = schema::ResizeRounding;

NodeCase by_scales(schema::ResizeAttributesT a, Value x, std::initializer_list<float> scales) {
  const auto n = static_cast<int64_t>(scales.size());
  return node_case(Op::Resize, std::move(a), {std::move(x), none(), constant(floats({n}, scales))}, {});
}
NodeCase by_sizes(schema::ResizeAttributesT a, Value x, std::initializer_list<int64_t> sizes) {
  const auto n = static_cast<int64_t>(sizes.size());
  return node_case(Op::Resize, std::move(a), {std::move(x), none(), none(), constant(longs({n}, sizes))}, {});
}

TEST(ReferenceResize, Nearest) {
  schema::ResizeAttributesT a;
  expect(by_scales(a, floats({1, 2}, {1, 2}), {2, 2}), {floats({2, 4}, {1, 1, 2, 2, 1, 1, 2, 2})});
  a.coordinates = K::asymmetric;
  a.rounding = R::floor;
  expect(by_scales(a, counting({4}), {0.5f}), {floats({2}, {0, 2})});
  a.rounding = R::ceil;
  expect(by_sizes(a, longs({2}, {INT64_MAX, INT64_MIN + 1}), {4}),
         {longs({4}, {INT64_MAX, INT64_MIN + 1, INT64_MIN + 1, INT64_MIN + 1})});
  a.coordinates = K::align_corners;
  a.rounding = R::round_prefer_floor;
  expect(by_sizes(a, counting({2}), {3}), {floats({3}, {0, 0, 1})});
  a.rounding = R::round_prefer_ceil;
  expect(by_sizes(a, counting({2}), {3}), {floats({3}, {0, 1, 1})});
}

TEST(ReferenceResize, LinearInAllCoordinates) {
  schema::ResizeAttributesT a;
  a.mode = M::linear;
  expect(by_scales(a, floats({2}, {0, 4}), {2}), {floats({4}, {0, 1, 3, 4})});
  a.coordinates = K::align_corners;
  expect(by_scales(a, floats({2}, {0, 3}), {2}), {floats({4}, {0, 1, 2, 3})}, 1e-6);
  a.coordinates = K::asymmetric;
  expect(by_scales(a, floats({2}, {0, 4}), {2}), {floats({4}, {0, 2, 4, 4})});
  a.coordinates = K::pytorch_half_pixel;
  expect(by_sizes(a, floats({4}, {5, 6, 7, 8}), {1}), {floats({1}, {5})});
  a.coordinates = K::half_pixel_symmetric;
  // 4 · 0.6 = 2.4 is rounded down to 2: the samples stay centred.
  expect(by_scales(a, floats({4}, {1, 2, 3, 4}), {0.6f}), {floats({2}, {1.6666667f, 3.3333333f})}, 1e-5);
  a.coordinates = K::tf_crop_and_resize;
  a.extrapolation_value = -1;
  NodeCase c = by_sizes(a, floats({3}, {0, 10, 20}), {3});
  c.inputs[1] = constant(floats({2}, {0, 1}));
  expect(c, {floats({3}, {0, 10, 20})});
  c.inputs[1] = constant(floats({2}, {0.25f, 1.25f}));
  expect(c, {floats({3}, {5, 15, -1})});
}

TEST(ReferenceResize, CubicReproducesLinesAndItsWeights) {
  schema::ResizeAttributesT a;
  a.mode = M::cubic;
  expect(by_scales(a, floats({1}, {7}), {3}), {floats({3}, {7, 7, 7})}, 1e-6);
  // At 1.5 the four weights are -3/32, 19/32, 19/32, -3/32 for a = -0.75.
  a.coordinates = K::align_corners;
  expect(by_sizes(a, floats({4}, {1, 0, 0, 0}), {7}), {floats({7}, {1, 0.5f, 0, -0.09375f, 0, 0, 0})}, 1e-6);
  a.exclude_outside = true;
  expect(by_sizes(a, floats({2}, {3, 3}), {3}), {floats({3}, {3, 3, 3})}, 1e-6);
}

TEST(ReferenceResize, AntialiasAveragesWhatShrinks) {
  schema::ResizeAttributesT a;
  a.mode = M::linear;
  a.antialias = true;
  // Weights 1/8 3/8 3/8 1/8 around each centre, cut and rescaled at the edges by repeating them.
  expect(by_scales(a, floats({4}, {0, 0, 8, 8}), {0.5f}), {floats({2}, {1, 7})}, 1e-6);
}

TEST(ReferenceResize, AxesAndAspectRatio) {
  schema::ResizeAttributesT a;
  a.axes = {1};
  expect(by_sizes(a, counting({2, 1}), {2}), {floats({2, 2}, {0, 0, 1, 1})});
  a.axes = {};
  a.keep_aspect_ratio_policy = 1;  // not larger: both axes by 1.5
  NodeCase c = by_sizes(a, counting({2, 2}), {3, 4});
  c.outputs = {output_of<float>({3, 3})};
  EXPECT_EQ(refusal(c), "");
  c.attributes.AsResizeAttributes()->keep_aspect_ratio_policy = 0;
  EXPECT_EQ(refusal(c), "sizes do not lead to the output");
}

NodeCase sample(uint8_t mode, uint8_t padding, bool align, Value x, Value grid) {
  schema::GridSampleAttributesT a;
  a.mode = mode;
  a.padding_mode = padding;
  a.align_corners = align;
  return node_case(Op::GridSample, a, {std::move(x), std::move(grid)}, {});
}

TEST(ReferenceGridSample, ModesAndPaddings) {
  const Value x = floats({1, 1, 1, 2}, {10, 20});
  const Value grid = floats({1, 1, 3, 2}, {-1, 0, 0, 0, 2, 0});
  expect(sample(0, 0, true, x, grid), {floats({1, 1, 1, 3}, {10, 15, 10})});  // 2 lies at 1.5: half of 20
  expect(sample(0, 1, true, x, grid), {floats({1, 1, 1, 3}, {10, 15, 20})});
  expect(sample(0, 2, true, x, grid), {floats({1, 1, 1, 3}, {10, 15, 15})});
  expect(sample(0, 0, false, x, grid), {floats({1, 1, 1, 3}, {5, 15, 0})});
  expect(sample(1, 0, true, x, floats({1, 1, 2, 2}, {0.9f, 0, 3, 0})), {floats({1, 1, 1, 2}, {20, 0})});
}

TEST(ReferenceGridSample, WildCoordinatesStayInside) {
  const Value x = floats({1, 1, 2, 2}, {1, 2, 3, 4});
  const Value wild = floats({1, 1, 4, 2}, {NAN, NAN, INFINITY, -INFINITY, 3e38f, 3e38f, -3e38f, 0});
  for (uint8_t mode : {0, 1, 2})
    for (uint8_t padding : {0, 1, 2}) {
      NodeCase c = sample(mode, padding, false, x, wild);
      c.outputs = {output_of<float>({1, 1, 1, 4})};
      run(c);
    }
}

TEST(ReferenceGridSample, Volumes) {
  // The grid names x, y, z: the last axis first.
  expect(sample(1, 0, true, counting({1, 1, 2, 2, 2}), floats({1, 1, 1, 2, 3}, {1, -1, -1, -1, -1, 1})),
         {floats({1, 1, 1, 1, 2}, {1, 4})});
}

TEST(ReferenceRoiAlign, AveragesBilinearSamples) {
  schema::RoiAlignAttributesT a;
  a.half_pixel = true;
  a.output_width = 2;
  a.sampling_ratio = 1;
  const Value x = floats({1, 1, 2, 2}, {1, 2, 3, 4}), box = floats({1, 4}, {0, 0, 2, 2});
  expect(node_case(Op::RoiAlign, a, {x, box, longs({1}, {0})}, {}), {floats({1, 1, 1, 2}, {2, 3})});
  NodeCase c = node_case(Op::RoiAlign, a, {x, box, longs({1}, {1})}, {output_of<float>({1, 1, 1, 2})});
  EXPECT_NE(run_error(c).find("index (1)"), std::string::npos);
  a.sampling_ratio = 0;
  c = node_case(Op::RoiAlign, a, {x, floats({1, 4}, {0, 0, 1e30f, 1e30f}), longs({1}, {0})},
                {output_of<float>({1, 1, 1, 2})});
  EXPECT_NE(run_error(c).find("too large"), std::string::npos);
}

}  // namespace
}  // namespace motley::test
