// Convolution: every algorithm on ordinary and ugly shapes.
#include "against_reference.hpp"

namespace motley::test {
namespace {

struct ConvShape {
  int64_t batch = 1, channels = 3, height = 8, width = 8, outputs = 4, group = 1;
  std::vector<int64_t> kernel{3, 3}, strides{1, 1}, dilations{1, 1}, pads{0, 0, 0, 0};
  schema::AutoPad auto_pad = schema::AutoPad::explicit_;
  bool bias = true, residual = false, constant_weights = true;
  schema::UnaryFunction activation = schema::UnaryFunction::identity;
};

int64_t extent(int64_t in, int64_t k, int64_t s, int64_t d, int64_t pads) {
  return (in + pads - (k - 1) * d - 1) / s + 1;
}

NodeCase conv_case(const ConvShape& s, uint64_t seed = 1) {
  schema::ConvAttributesT a;
  a.strides = s.strides;
  a.dilations = s.dilations;
  a.pads = s.pads;
  a.group = s.group;
  a.auto_pad = s.auto_pad;
  a.activation = schema::Activation(0.1f, 0.5f, s.activation);
  int64_t height = extent(s.height, s.kernel[0], s.strides[0], s.dilations[0], s.pads[0] + s.pads[2]);
  int64_t width = extent(s.width, s.kernel[1], s.strides[1], s.dilations[1], s.pads[1] + s.pads[3]);
  if (s.auto_pad == schema::AutoPad::same_upper || s.auto_pad == schema::AutoPad::same_lower) {
    height = (s.height + s.strides[0] - 1) / s.strides[0];
    width = (s.width + s.strides[1] - 1) / s.strides[1];
    a.pads = {};
  }
  const std::vector<int64_t> y{s.batch, s.outputs, height, width};
  Value w = random_value({s.outputs, s.channels / s.group, s.kernel[0], s.kernel[1]}, seed + 1);
  w.constant = s.constant_weights;
  return node_case(Op::Conv, std::move(a),
                   {random_value({s.batch, s.channels, s.height, s.width}, seed), w,
                    s.bias ? constant(random_value({s.outputs}, seed + 2)) : none(),
                    s.residual ? random_value(y, seed + 3) : none()},
                   {output_of<float>(y)});
}

// One config per algorithm, with small blocks as well as the default ones.
std::vector<std::string> algorithms(const NodeCase& c) {
  std::vector<std::string> configs{""};
  for (const char* name : {"im2col", "direct", "direct1x1", "depthwise"}) {
    const std::string config = std::string("algorithm=") + name;
    const OpenDevice device(cpu_plugin());
    const NodeGraph node(c);
    const auto* tuning = static_cast<const motley_tuning*>(cpu_plugin().get_extension(MOTLEY_TUNING_EXTENSION));
    ErrorText e;
    if (tuning->config_check(device.get(), &node.graph(), config.c_str(), &e.error) != MOTLEY_OK) continue;
    configs.push_back(config);
    configs.push_back(config + ",mc=7,kc=5,nc=9");
  }
  return configs;
}

void expect_conv(const ConvShape& s, uint64_t seed = 1) {
  const NodeCase c = conv_case(s, seed);
  expect_like_reference(c, {2e-5, 2e-5}, algorithms(c));
}

TEST(Conv, Pointwise) {
  for (int64_t channels : {1, 3, 17})
    for (int64_t outputs : {1, 3, 17, 40})
      expect_conv({.channels = channels, .height = 7, .width = 5, .outputs = outputs, .kernel = {1, 1}});
}

TEST(Conv, PointwiseOfOnePixel) {
  expect_conv({.batch = 3, .channels = 17, .height = 1, .width = 1, .outputs = 13, .kernel = {1, 1}});
}
TEST(Conv, KernelOfTheImagesSize) {
  expect_conv({.channels = 5, .height = 4, .width = 6, .outputs = 3, .kernel = {4, 6}});
}
TEST(Conv, StrideBeyondKernel) {
  expect_conv({.height = 11, .width = 13, .kernel = {2, 1}, .strides = {5, 4}});
  expect_conv({.height = 9, .width = 9, .kernel = {1, 1}, .strides = {2, 2}, .pads = {1, 0, 0, 1}});
}
TEST(Conv, PadsBeyondKernel) { expect_conv({.height = 3, .width = 2, .kernel = {2, 2}, .pads = {4, 3, 5, 6}}); }
TEST(Conv, OnlyPadding) {
  expect_conv({.height = 1, .width = 1, .kernel = {1, 1}, .strides = {3, 3}, .pads = {3, 3, 3, 3}});
}
TEST(Conv, AsymmetricPadsAndDilation) {
  expect_conv({.height = 12, .width = 10, .strides = {2, 3}, .dilations = {2, 3}, .pads = {0, 2, 3, 1}});
}
TEST(Conv, AutoPad) {
  for (auto pad : {schema::AutoPad::same_upper, schema::AutoPad::same_lower, schema::AutoPad::valid})
    expect_conv({.height = 7, .width = 8, .strides = {2, 3}, .auto_pad = pad});
}
TEST(Conv, Groups) {
  expect_conv({.channels = 6, .outputs = 9, .group = 3, .pads = {1, 1, 1, 1}});
  expect_conv({.channels = 4, .outputs = 4, .group = 2, .kernel = {1, 1}});
}
TEST(Conv, Depthwise) {
  for (int64_t stride : {1, 2, 3})
    for (int64_t multiplier : {1, 2, 5})
      expect_conv({.batch = 2,
                   .channels = 3,
                   .height = 14,
                   .width = 9,
                   .outputs = 3 * multiplier,
                   .group = 3,
                   .strides = {stride, stride},
                   .pads = {1, 1, 1, 1}});
}
TEST(Conv, WideRows) { expect_conv({.channels = 2, .height = 3, .width = 150, .outputs = 5, .pads = {1, 1, 1, 1}}); }

TEST(Conv, ResidualAndActivation) {
  for (auto f : {schema::UnaryFunction::relu, schema::UnaryFunction::clip, schema::UnaryFunction::sigmoid,
                 schema::UnaryFunction::hard_swish})
    for (bool residual : {false, true}) {
      expect_conv({.channels = 4, .outputs = 6, .residual = residual, .activation = f});
      expect_conv({.channels = 4, .outputs = 6, .kernel = {1, 1}, .residual = residual, .activation = f});
      expect_conv(
          {.channels = 4, .outputs = 4, .group = 4, .pads = {1, 1, 1, 1}, .residual = residual, .activation = f});
    }
}

TEST(Conv, ComputedWeights) {
  expect_conv({.channels = 5, .outputs = 14, .pads = {1, 1, 1, 1}, .constant_weights = false});
  expect_conv({.channels = 4, .outputs = 4, .group = 4, .constant_weights = false});
}

TEST(Conv, OneDimension) {
  schema::ConvAttributesT a;
  a.pads = {2, 1};
  a.strides = {2};
  const NodeCase c = node_case(Op::Conv, std::move(a),
                               {random_value({2, 5, 19}, 1), constant(random_value({7, 5, 4}, 2)), none(), none()},
                               {output_of<float>({2, 7, 10})});
  expect_like_reference(c, {2e-5, 2e-5}, algorithms(c));
}

TEST(Conv, EmptyBatch) { expect_conv({.batch = 0}); }

TEST(Conv, RandomShapes) {
  Dice dice(7);
  for (uint64_t seed = 0; seed < 40; ++seed) {
    ConvShape s;
    s.group = dice.one_of<int64_t>({1, 1, 1, 2, 3});
    s.batch = dice.between(1, 2);
    s.channels = s.group * dice.between(1, 6);
    s.outputs = s.group * dice.between(1, 14);
    s.kernel = {dice.between(1, 4), dice.between(1, 4)};
    s.strides = {dice.between(1, 3), dice.between(1, 3)};
    s.dilations = {dice.between(1, 2), dice.between(1, 2)};
    s.height = dice.between(s.kernel[0] * 2, 16);
    s.width = dice.between(s.kernel[1] * 2, 24);
    s.pads = {dice.between(0, 3), dice.between(0, 3), dice.between(0, 3), dice.between(0, 3)};
    s.bias = dice.between(0, 1);
    s.residual = dice.between(0, 3) == 0;
    s.activation =
        dice.one_of({schema::UnaryFunction::identity, schema::UnaryFunction::relu, schema::UnaryFunction::tanh});
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_conv(s, 100 * seed);
  }
}

TEST(Conv, EveryConfigOfTheSpaceIsRight) {
  const NodeCase c = conv_case({.channels = 33, .height = 9, .width = 9, .outputs = 50, .pads = {1, 1, 1, 1}});
  const std::vector<std::string> configs = all_configs(c);
  EXPECT_EQ(configs.size(), 2u * 4 * 3 * 3);
  expect_like_reference(c, {1e-4, 1e-4}, configs);
}

TEST(Conv, ConfigsThatDoNotFitAreRefused) {
  NodeCase c = conv_case({});
  for (const char* config :
       {"algorithm=direct1x1", "algorithm=depthwise", "algorithm=winograd", "mc=0", "kc=-3", "nc=x", "depth=3"}) {
    c.config = config;
    const NodeResult r = run_node(cpu_plugin(), c);
    EXPECT_EQ(r.status, MOTLEY_INVALID_ARGUMENT) << config;
    EXPECT_EQ(r.step, "compile");
    EXPECT_FALSE(r.text.empty());
  }
}

TEST(Conv, SaysWhyNot) {
  schema::ConvAttributesT a;
  EXPECT_NE(
      reason_of(node_case(Op::Conv, a, {random_value({1, 1, 2, 2, 2}, 1), constant(random_value({1, 1, 1, 1, 1}, 2))},
                          {output_of<float>({1, 1, 2, 2, 2})}))
          .find("spatial"),
      std::string::npos);
  EXPECT_NE(reason_of(node_case(Op::Conv, a,
                                {output_of(DataType::float16, {0, 1, 2, 2}),
                                 constant(output_of(DataType::float16, {0, 1, 1, 1}))},
                                {output_of(DataType::float16, {0, 0, 2, 2})}))
                .find("float16"),
            std::string::npos);
  a.pads = {int64_t{1} << 62, 0, 0, 0};
  EXPECT_NE(reason_of(node_case(Op::Conv, a, {random_value({1, 1, 2, 2}, 1), constant(random_value({1, 1, 1, 1}, 2))},
                                {output_of<float>({1, 1, 2, 2})})),
            "");
}

NodeCase transposed_case(std::vector<int64_t> x, std::vector<int64_t> w, std::vector<int64_t> y,
                         const schema::ConvTransposeAttributesT& a, bool constant_weights = true) {
  Value weights = random_value(std::move(w), 2);
  weights.constant = constant_weights;
  return node_case(Op::ConvTranspose, a, {random_value(std::move(x), 1), weights, constant(random_value({y[1]}, 3))},
                   {output_of<float>(y)});
}

TEST(ConvTranspose, StridesPadsDilationsGroups) {
  for (bool constant_weights : {false, true}) {
    schema::ConvTransposeAttributesT a;
    expect_like_reference(transposed_case({2, 3, 5, 9}, {3, 4, 3, 2}, {2, 4, 7, 10}, a, constant_weights),
                          {2e-5, 2e-5});
    a.strides = {2, 3};
    expect_like_reference(transposed_case({1, 17, 4, 40}, {17, 5, 2, 3}, {1, 5, 8, 120}, a, constant_weights),
                          {2e-5, 2e-5});
    a.pads = {1, 2, 0, 1};
    a.dilations = {2, 1};
    a.output_padding = {1, 2};
    a.activation = schema::Activation(0, 0, schema::UnaryFunction::relu);
    expect_like_reference(transposed_case({1, 4, 3, 4}, {4, 3, 3, 4}, {1, 3, 9, 12}, a, constant_weights),
                          {2e-5, 2e-5});
    a.group = 2;
    expect_like_reference(transposed_case({1, 4, 3, 4}, {4, 3, 3, 4}, {1, 6, 9, 12}, a, constant_weights),
                          {2e-5, 2e-5});
  }
}

TEST(ConvTranspose, ShapesThatAreAskedFor) {
  schema::ConvTransposeAttributesT a;
  a.strides = {2, 2};
  for (auto pad : {schema::AutoPad::explicit_, schema::AutoPad::same_upper, schema::AutoPad::same_lower}) {
    a.auto_pad = pad;
    a.output_shape = {7, 8};
    expect_like_reference(transposed_case({1, 2, 3, 4}, {2, 3, 3, 3}, {1, 3, 7, 8}, a), {2e-5, 2e-5});
    a.output_shape = {20, 5};
    expect_like_reference(transposed_case({1, 2, 3, 4}, {2, 3, 3, 3}, {1, 3, 20, 5}, a), {2e-5, 2e-5});
  }
  a.output_shape = {};
  expect_like_reference(transposed_case({1, 2, 3, 4}, {2, 3, 3, 3}, {1, 3, 6, 8}, a), {2e-5, 2e-5});
}

TEST(ConvTranspose, OneDimensionAndOnePixel) {
  schema::ConvTransposeAttributesT a;
  expect_like_reference(transposed_case({1, 2, 5}, {2, 3, 4}, {1, 3, 8}, a), {2e-5, 2e-5});
  expect_like_reference(transposed_case({1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}, a), {2e-5, 2e-5});
  expect_like_reference(transposed_case({0, 1, 1, 1}, {1, 1, 1, 1}, {0, 1, 1, 1}, a), {2e-5, 2e-5});
}

}  // namespace
}  // namespace motley::test
