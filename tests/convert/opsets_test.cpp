// The forms that ops had in the course of operator set versions.
#include <gtest/gtest.h>

#include <limits>

#include "model_builder.hpp"

namespace motley::test {
namespace {

using graph::attributes;
using graph::Op;

TEST(Opsets, AddAlongAnAxisUntilSix) {
  const auto module = OneNode("Add", 6, {{2, 3, 4, 5}, {3, 4}}).with("broadcast", 1).with("axis", 1).import();
  EXPECT_EQ(last_node(module).op, Op::Binary);
  EXPECT_EQ(output_shape(module), "2x3x4x5");
  const auto plain = OneNode("Add", 7, {{2, 3}, {3}}).import();
  EXPECT_EQ(output_shape(plain), "2x3");
  EXPECT_NE(error_of(OneNode("Add", 6, {{2, 3}, {3, 4}}).with("broadcast", 1).with("axis", 1).model,
                     ErrorCode::invalid_model),
            "");
  // The attributes mean nothing from 7 on, and what has no meaning is not passed over.
  EXPECT_NE(error_of(OneNode("Add", 7, {{2, 3}, {3}}).with("axis", 1).model, ErrorCode::unsupported), "");
}

TEST(Opsets, ClipBounds) {
  const auto old = OneNode("Clip", 6, {{4}}).with("min", 0.0f).with("max", 6.0f).import();
  const auto& a = attributes<schema::UnaryAttributesT>(last_node(old));
  EXPECT_EQ(a.function, schema::UnaryFunction::clip);
  EXPECT_EQ(a.beta, 6.0f);
  OneNode inputs("Clip", 11, {{4}});
  add_floats(inputs.graph(), "low", {}, {-1});
  inputs.node().add_input("low");
  const auto module = inputs.import();
  const auto& b = attributes<schema::UnaryAttributesT>(last_node(module));
  EXPECT_EQ(b.alpha, -1.0f);
  EXPECT_EQ(b.beta, std::numeric_limits<float>::max());
  EXPECT_EQ(last_node(OneNode("Clip", 13, {{4}, {}}).import()).op, Op::Clip);  // a bound that is computed
}

TEST(Opsets, ReshapeShape) {
  EXPECT_EQ(output_shape(OneNode("Reshape", 1, {{2, 6}}).with("shape", std::vector<int64_t>{3, -1}).import()), "3x4");
  EXPECT_EQ(output_shape(OneNode("Reshape", 5, {{2, 6}}).with_ints("s", {0, 2, -1}).import()), "2x2x3");
  const auto zero = OneNode("Reshape", 14, {{0, 6}}).with("allowzero", 1).with_ints("s", {6, 0}).import();
  EXPECT_EQ(output_shape(zero), "6x0");
}

TEST(Opsets, SqueezeAndUnsqueezeAxes) {
  EXPECT_EQ(output_shape(OneNode("Squeeze", 11, {{1, 2, 1}}).with("axes", std::vector<int64_t>{-1}).import()), "1x2");
  EXPECT_EQ(output_shape(OneNode("Squeeze", 13, {{1, 2, 1}}).with_ints("axes", {0}).import()), "2x1");
  EXPECT_EQ(output_shape(OneNode("Squeeze", 13, {{1, 2, 1}}).import()), "2");
  EXPECT_EQ(output_shape(OneNode("Unsqueeze", 1, {{2}}).with("axes", std::vector<int64_t>{0, 2}).import()), "1x2x1");
  EXPECT_EQ(output_shape(OneNode("Unsqueeze", 13, {{2}}).with_ints("axes", {1}).import()), "2x1");
}

TEST(Opsets, SliceBounds) {
  const auto old = OneNode("Slice", 9, {{5, 6}})
                       .with("starts", std::vector<int64_t>{1})
                       .with("ends", std::vector<int64_t>{3})
                       .with("axes", std::vector<int64_t>{1})
                       .import();
  EXPECT_EQ(output_shape(old), "5x2");
  const auto now = OneNode("Slice", 10, {{5, 6}})
                       .with_ints("s", {4})
                       .with_ints("e", {0})
                       .with_ints("x", {0})
                       .with_ints("p", {-2})
                       .import();
  EXPECT_EQ(output_shape(now), "2x6");
}

TEST(Opsets, PadLists) {
  EXPECT_EQ(output_shape(OneNode("Pad", 1, {{2, 3}}).with("paddings", std::vector<int64_t>{0, 1, 0, 1}).import()),
            "2x5");
  EXPECT_EQ(
      output_shape(
          OneNode("Pad", 2, {{2, 3}}).with("pads", std::vector<int64_t>{1, 0, 0, 0}).with("mode", "edge").import()),
      "3x3");
  EXPECT_EQ(output_shape(OneNode("Pad", 11, {{2, 3}}).with_ints("pads", {0, 0, 0, 2}).import()), "2x5");
  OneNode axes("Pad", 18, {{2, 3}});
  axes.with_ints("pads", {1, 1});
  axes.node().add_input("");
  axes.with_ints("axes", {0});
  EXPECT_EQ(output_shape(axes.import()), "4x3");
}

TEST(Opsets, SplitSizes) {
  const auto shapes = [](OneNode& split) {
    split.node().add_output("z");
    split.graph().add_output()->set_name("z");
    const auto module = split.import();
    return output_shape(module, 0) + " " + output_shape(module, 1);
  };
  EXPECT_EQ(shapes(OneNode("Split", 2, {{6, 2}}).with("split", std::vector<int64_t>{2, 4})), "2x2 4x2");
  EXPECT_EQ(shapes(OneNode("Split", 13, {{6, 2}}).with_ints("split", {1, 5})), "1x2 5x2");
  EXPECT_EQ(shapes(OneNode("Split", 18, {{5, 2}}).with("num_outputs", 2)), "3x2 2x2");
}

TEST(Opsets, ReduceAxes) {
  EXPECT_EQ(output_shape(OneNode("ReduceMean", 13, {{2, 3}}).with("axes", std::vector<int64_t>{1}).import()), "2x1");
  EXPECT_EQ(output_shape(OneNode("ReduceMean", 18, {{2, 3}}).with_ints("axes", {0}).with("keepdims", 0).import()), "3");
  EXPECT_EQ(
      output_shape(OneNode("ReduceSum", 13, {{2, 3}}).with_ints("axes", {}).with("noop_with_empty_axes", 1).import()),
      "2x3");
  EXPECT_EQ(output_shape(OneNode("ReduceSum", 11, {{2, 3}}).import()), "1x1");
  // In its time ReduceMax had no such input.
  OneNode early("ReduceMax", 13, {{2, 3}});
  EXPECT_NE(error_of(early.with_ints("axes", {0}).model, ErrorCode::invalid_model), "");
}

TEST(Opsets, SoftmaxFlattensUntilTwelve) {
  const auto old = OneNode("Softmax", 11, {{2, 3, 4}}).import();
  EXPECT_TRUE(attributes<schema::SoftmaxAttributesT>(last_node(old)).flatten);
  EXPECT_EQ(attributes<schema::SoftmaxAttributesT>(last_node(old)).axis, 1);
  const auto now = OneNode("Softmax", 13, {{2, 3, 4}}).import();
  EXPECT_FALSE(attributes<schema::SoftmaxAttributesT>(last_node(now)).flatten);
  EXPECT_EQ(attributes<schema::SoftmaxAttributesT>(last_node(now)).axis, -1);
}

TEST(Opsets, TopKCount) {
  EXPECT_EQ(output_shape(OneNode("TopK", 1, {{2, 9}}).with("k", 3).import()), "2x3");
  EXPECT_EQ(output_shape(OneNode("TopK", 10, {{2, 9}}).with_ints("k", {4}).import()), "2x4");
  const auto smallest = OneNode("TopK", 11, {{2, 9}}).with_ints("k", {4}).with("largest", 0).import();
  EXPECT_FALSE(attributes<schema::TopKAttributesT>(last_node(smallest)).largest);
}

TEST(Opsets, UpsampleAndResize) {
  EXPECT_EQ(output_shape(
                OneNode("Upsample", 1, {{1, 1, 2, 3}}).with("height_scale", 2.0f).with("width_scale", 3.0f).import()),
            "1x1x4x9");
  EXPECT_EQ(
      output_shape(OneNode("Upsample", 7, {{1, 1, 2, 3}}).with("scales", std::vector<float>{1, 1, 2, 2}).import()),
      "1x1x4x6");
  OneNode nine("Upsample", 9, {{1, 1, 2, 3}});
  add_floats(nine.graph(), "scales", {4}, {1, 1, 3, 3});
  nine.node().add_input("scales");
  const auto module = nine.import();
  const auto& a = attributes<schema::ResizeAttributesT>(last_node(module));
  EXPECT_EQ(a.coordinates, schema::ResizeCoordinates::asymmetric);
  EXPECT_EQ(a.rounding, schema::ResizeRounding::floor);
  EXPECT_EQ(output_shape(module), "1x1x6x9");
  OneNode sizes("Resize", 11, {{1, 1, 2, 3}});
  add_floats(sizes.graph(), "none", {0}, {});
  sizes.node().add_input("none");
  sizes.node().add_input("none");
  EXPECT_EQ(output_shape(sizes.with_ints("sizes", {1, 1, 5, 5}).import()), "1x1x5x5");
  OneNode late = nine;
  late.model.mutable_opset_import(0)->set_version(10);
  EXPECT_NE(error_of(late.model, ErrorCode::unsupported).find("removed in version 10"), std::string::npos);
}

TEST(Opsets, DropoutAndItsMask) {
  OneNode old("Dropout", 6, {{2, 3}});
  old.with("is_test", 1).with("ratio", 0.5f).node().add_output("mask");
  old.graph().add_output()->set_name("mask");
  const auto six = old.import();
  EXPECT_EQ(six.main().tensor(six.main().outputs[1]).type, graph::DataType::float32);
  OneNode now("Dropout", 12, {{2, 3}});
  now.node().add_output("mask");
  now.graph().add_output()->set_name("mask");
  const auto twelve = now.import();
  EXPECT_EQ(twelve.main().tensor(twelve.main().outputs[1]).type, graph::DataType::bool_);
}

TEST(Opsets, BatchNormalizationForms) {
  const std::vector<std::vector<int64_t>> shapes = {{2, 3, 4}, {3}, {3}, {3}, {3}};
  EXPECT_EQ(last_node(OneNode("BatchNormalization", 15, shapes).import()).op, Op::BatchNormalization);
  EXPECT_EQ(last_node(OneNode("BatchNormalization", 6, shapes).with("is_test", 1).import()).op, Op::BatchNormalization);
  const std::vector<std::vector<int64_t>> per_element = {{2, 3, 4}, {3, 4}, {3, 4}, {3, 4}, {3, 4}};
  const auto module = OneNode("BatchNormalization", 7, per_element).with("spatial", 0).import();
  EXPECT_NE(last_node(module).op, Op::BatchNormalization);
  EXPECT_EQ(output_shape(module), "2x3x4");
  EXPECT_EQ(output_shape(OneNode("BatchNormalization", 15, shapes).with("training_mode", 1).import()), "2x3x4");
  OneNode shared("BatchNormalization", 15, shapes);
  shared.with("training_mode", 1).node().set_input(3, shared.node().input(2));
  EXPECT_NE(error_of(shared.model, ErrorCode::unsupported).find("share a tensor"), std::string::npos);
  OneNode early("BatchNormalization", 9, shapes);  // its further outputs were never said to be what
  early.node().add_output("mean");
  EXPECT_NE(error_of(early.model, ErrorCode::unsupported), "");
}

TEST(Opsets, GroupNormalizationScale) {
  const auto per_group = OneNode("GroupNormalization", 18, {{1, 4, 2}, {2}, {2}}).with("num_groups", 2).import();
  EXPECT_TRUE(attributes<schema::GroupNormalizationAttributesT>(last_node(per_group)).per_group_scale);
  const auto per_channel = OneNode("GroupNormalization", 21, {{1, 4, 2}, {4}, {4}}).with("num_groups", 2).import();
  EXPECT_FALSE(attributes<schema::GroupNormalizationAttributesT>(last_node(per_channel)).per_group_scale);
}

TEST(Opsets, CastByNameThenByNumber) {
  EXPECT_EQ(attributes<schema::CastAttributesT>(last_node(OneNode("Cast", 5, {{2}}).with("to", "INT32").import())).to,
            graph::DataType::int32);
  EXPECT_EQ(attributes<schema::CastAttributesT>(last_node(OneNode("Cast", 13, {{2}}).with("to", 10).import())).to,
            graph::DataType::float16);
  EXPECT_NE(error_of(OneNode("Cast", 19, {{2}}).with("to", 17).model, ErrorCode::unsupported).find("FLOAT8E4M3FN"),
            std::string::npos);
}

// Never standard, and in files of the first years: Tiny YOLO begins with an ImageScaler.
TEST(Opsets, ExperimentalOpsOfTheFirstYears) {
  EXPECT_EQ(output_shape(OneNode("ImageScaler", 8, {{1, 3, 4, 4}})
                             .with("scale", 0.5f)
                             .with("bias", std::vector<float>{1, 2, 3})
                             .import()),
            "1x3x4x4");
  EXPECT_EQ(output_shape(OneNode("Affine", 8, {{2, 3}}).with("alpha", 2.0f).with("beta", 1.0f).import()), "2x3");
  EXPECT_EQ(output_shape(OneNode("ScaledTanh", 8, {{2, 3}}).with("alpha", 2.0f).with("beta", 1.0f).import()), "2x3");
  EXPECT_EQ(output_shape(OneNode("Crop", 8, {{1, 3, 9, 8}}).with("border", std::vector<int64_t>{1, 2, 3, 4}).import()),
            "1x3x3x4");
  EXPECT_EQ(output_shape(OneNode("Crop", 8, {{1, 3, 9, 8}})
                             .with("border", std::vector<int64_t>{1, 2, 3, 4})
                             .with("scale", std::vector<int64_t>{5, 6})
                             .import()),
            "1x3x5x6");
  EXPECT_NE(error_of(OneNode("Affine", 10, {{2}}).model, ErrorCode::unsupported).find("removed in version 10"),
            std::string::npos);
}

TEST(Opsets, GemmBias) {
  EXPECT_EQ(output_shape(OneNode("Gemm", 6, {{2, 3}, {3, 4}, {4}}).with("broadcast", 1).import()), "2x4");
  EXPECT_EQ(output_shape(OneNode("Gemm", 11, {{2, 3}, {4, 3}}).with("transB", 1).import()), "2x4");
  EXPECT_NE(error_of(OneNode("Gemm", 9, {{2, 3}, {3, 4}}).model, ErrorCode::invalid_model), "");
}

TEST(Opsets, PReluSlopePerChannel) {
  const auto module = OneNode("PRelu", 6, {{2, 3, 4, 5}, {3}}).import();
  EXPECT_EQ(output_shape(module), "2x3x4x5");
  EXPECT_EQ(graph::to_string(module.main().tensor(last_node(module).input(1)).shape), "3x1x1");
}

TEST(Opsets, TileAlongAnAxis) {
  OneNode tile("Tile", 1, {{2, 3}});
  add_ints(tile.graph(), "tiles", {2}, true);
  add_ints(tile.graph(), "axis", {1}, true);
  tile.node().add_input("tiles");
  tile.node().add_input("axis");
  EXPECT_EQ(output_shape(tile.import()), "2x6");
  EXPECT_EQ(output_shape(OneNode("Tile", 6, {{2, 3}}).with_ints("r", {3, 1}).import()), "6x3");
}

TEST(Opsets, PowBringsTypesTogether) {
  OneNode pow("Pow", 15, {{3}, {3}});
  pow.graph().mutable_input(1)->mutable_type()->mutable_tensor_type()->set_elem_type(7);
  const auto module = pow.import();
  EXPECT_EQ(module.main().tensor(last_node(module).input(1)).type, graph::DataType::float32);
  OneNode integer = pow;
  integer.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(6);
  integer.graph().mutable_input(1)->mutable_type()->mutable_tensor_type()->set_elem_type(1);
  const auto rounded = integer.import();
  EXPECT_EQ(last_node(rounded).op, Op::Cast);
  EXPECT_EQ(rounded.main().tensor(rounded.main().outputs[0]).type, graph::DataType::int32);
}

TEST(Opsets, SumOfOneTwoAndThree) {
  EXPECT_EQ(last_node(OneNode("Sum", 8, {{2}}).import()).op, Op::Identity);
  EXPECT_EQ(last_node(OneNode("Sum", 8, {{2}, {2}}).import()).op, Op::Binary);
  EXPECT_EQ(last_node(OneNode("Mean", 8, {{2}, {2}}).import()).op, Op::Variadic);
  EXPECT_EQ(last_node(OneNode("Max", 8, {{2}, {2}, {2}}).import()).op, Op::Variadic);
}

TEST(Opsets, RecurrentActivations) {
  OneNode lstm("LSTM", 14, {{5, 1, 2}, {1, 12, 2}, {1, 12, 3}});
  const auto module = lstm.with("hidden_size", 3).import();
  const auto& a = attributes<schema::RecurrentAttributesT>(last_node(module));
  using F = schema::UnaryFunction;
  EXPECT_EQ(a.activations, (std::vector<F>{F::sigmoid, F::tanh, F::tanh}));
  OneNode rnn("RNN", 14, {{5, 1, 2}, {1, 3, 2}, {1, 3, 3}});
  auto* names = rnn.node().add_attribute();
  names->set_name("activations");
  names->set_type(onnx::AttributeProto::STRINGS);
  names->add_strings("leakyrelu");
  const auto leaky = rnn.with("activation_alpha", std::vector<float>{0.3f}).import();
  EXPECT_EQ(attributes<schema::RecurrentAttributesT>(last_node(leaky)).activation_alpha, std::vector<float>{0.3f});
  EXPECT_EQ(attributes<schema::RecurrentAttributesT>(last_node(leaky)).hidden_size, 3);
  names->set_strings(0, "Bogus");
  EXPECT_NE(error_of(rnn.model, ErrorCode::unsupported).find("Bogus"), std::string::npos);
}

TEST(Opsets, NewerThanKnownIsSaid) {
  EXPECT_NE(error_of(OneNode("Relu", convert::kNewestOpset + 1, {{2}}).model, ErrorCode::unsupported), "");
  EXPECT_NE(error_of(OneNode("Relu", 0, {{2}}).model, ErrorCode::invalid_model), "");
  EXPECT_NE(error_of(OneNode("HardSwish", 13, {{2}}).model, ErrorCode::unsupported), "");  // came in 14
}

TEST(Opsets, TheListNamesEveryOpOnce) {
  const auto ops = convert::supported_onnx_ops();
  EXPECT_GT(ops.size(), 130u);
  for (size_t i = 1; i < ops.size(); ++i)
    EXPECT_LT(std::tie(ops[i - 1].domain, ops[i - 1].op), std::tie(ops[i].domain, ops[i].op));
}

}  // namespace
}  // namespace motley::test
