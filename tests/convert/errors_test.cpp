// What is refused, and what the sentence says.
#include <gtest/gtest.h>

#include <cstdint>

#include "model_builder.hpp"

namespace motley::test {
namespace {

void expect_says(const std::string& message, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(message.find(part), std::string::npos) << message << " lacks " << part;
}

TEST(ImportErrors, EveryUnsupportedOpAtOnce) {
  auto model = new_model(13);
  auto& graph = *model.mutable_graph();
  add_value(*graph.add_input(), "x", {2});
  add_node(graph, "Frobnicate", {"x"}, {"a"}).set_name("first");
  add_node(graph, "Frobnicate", {"a"}, {"b"});
  auto& other = add_node(graph, "Relu", {"b"}, {"y"});
  other.set_domain("com.example");
  graph.add_output()->set_name("y");
  try {
    import(model);
    FAIL() << "it was imported";
  } catch (const convert::UnsupportedOps& e) {
    ASSERT_EQ(e.ops().size(), 2u);
    EXPECT_EQ(e.ops()[0].op, "Frobnicate");
    EXPECT_EQ(e.ops()[0].version, 13);
    EXPECT_EQ(e.ops()[0].nodes, (std::vector<std::string>{"first", "Frobnicate_1"}));
    EXPECT_EQ(e.ops()[1].domain, "com.example");
    expect_says(e.what(), {"Frobnicate (opset 13)", "\"first\"", "com.example.Relu"});
  }
}

TEST(ImportErrors, UnknownAttributesAreNotPassedOver) {
  expect_says(error_of(OneNode("Relu", 14, {{2}}).with("colour", 1).model, ErrorCode::unsupported),
              {"attribute colour"});
}

TEST(ImportErrors, WrongAttributes) {
  expect_says(error_of(OneNode("Concat", 13, {{2}, {2}}).model, ErrorCode::invalid_model), {"Concat_0", "axis"});
  expect_says(error_of(OneNode("Concat", 13, {{2}, {2}}).with("axis", 0.5f).model, ErrorCode::invalid_model),
              {"axis", "INT"});
  expect_says(
      error_of(OneNode("Concat", 13, {{2}, {2}}).with("axis", 0).with("axis", 0).model, ErrorCode::invalid_model),
      {"twice"});
  expect_says(error_of(OneNode("Conv", 11, {{1, 1, 4, 4}, {1, 1, 3, 3}}).with("auto_pad", "SOMEHOW").model,
                       ErrorCode::unsupported),
              {"SOMEHOW"});
}

TEST(ImportErrors, NumbersAtTheEndsOfTheirRange) {
  for (const int64_t axis : {INT64_MAX, INT64_MIN, int64_t{3}, int64_t{-4}}) {
    EXPECT_NE(error_of(OneNode("Add", 6, {{2, 3}, {2}}).with("broadcast", 1).with("axis", axis).model,
                       ErrorCode::invalid_model),
              "")
        << axis;
    EXPECT_NE(error_of(OneNode("Concat", 13, {{2, 3}, {2, 3}}).with("axis", axis).model, ErrorCode::invalid_model), "")
        << axis;
  }
  EXPECT_NE(error_of(OneNode("Cast", 13, {{2}}).with("to", INT64_MAX).model, ErrorCode::unsupported), "");
  OneNode fold("Col2Im", 18, {{1, 4, 4}});
  fold.with_ints("image", {INT64_MAX, 1})
      .with_ints("block", {2, 2})
      .with("pads", std::vector<int64_t>{INT64_MAX, 0, 0, 0});
  EXPECT_NE(error_of(fold.model, ErrorCode::invalid_model), "");
}

TEST(ImportErrors, InputCounts) {
  expect_says(error_of(OneNode("Add", 13, {{2}}).model, ErrorCode::invalid_model), {"Add_0", "input 2"});
  expect_says(error_of(OneNode("Relu", 13, {{2}, {2}}).model, ErrorCode::invalid_model), {"2 inputs (at most 1)"});
  OneNode gap("Add", 13, {{2}, {2}});
  gap.node().set_input(0, "");
  expect_says(error_of(gap.model, ErrorCode::invalid_model), {"input 1"});
}

TEST(ImportErrors, NamesThatLeadNowhere) {
  OneNode missing("Relu", 13, {{2}});
  missing.node().set_input(0, "ghost");
  expect_says(error_of(missing.model, ErrorCode::invalid_model), {"Relu_0", "\"ghost\"", "nothing produces"});
  OneNode output("Relu", 13, {{2}});
  output.graph().add_output()->set_name("never");
  expect_says(error_of(output.model, ErrorCode::invalid_model), {"\"never\"", "never produced"});
}

TEST(ImportErrors, EachTensorHasOneWriter) {
  OneNode twice("Relu", 13, {{2}});
  add_node(twice.graph(), "Abs", {"a"}, {"y"});
  expect_says(error_of(twice.model, ErrorCode::invalid_model), {"\"y\"", "Relu_0", "Abs_1"});
  OneNode over("Relu", 13, {{2}});
  over.node().set_output(0, "a");
  EXPECT_NE(error_of(over.model, ErrorCode::invalid_model), "");
  OneNode inputs("Add", 13, {{2}, {2}});
  inputs.graph().mutable_input(1)->set_name("a");
  expect_says(error_of(inputs.model, ErrorCode::invalid_model), {"same name (\"a\")"});
}

TEST(ImportErrors, Cycles) {
  OneNode cycle("Add", 13, {{2}, {2}});
  cycle.node().set_input(1, "z");
  add_node(cycle.graph(), "Relu", {"y"}, {"z"});
  expect_says(error_of(cycle.model, ErrorCode::invalid_model), {"Add_0", "cycle"});
}

TEST(ImportErrors, InputsThatAreNoTensors) {
  OneNode sequence("Identity", 16, {{2}});
  sequence.graph().mutable_input(0)->mutable_type()->mutable_sequence_type();
  expect_says(error_of(sequence.model, ErrorCode::unsupported), {"\"a\"", "no tensor"});
  OneNode text("Identity", 16, {{2}});
  text.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(8);
  expect_says(error_of(text.model, ErrorCode::unsupported), {"STRING"});
  OneNode untyped("Identity", 16, {{2}});
  untyped.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_elem_type();
  EXPECT_NE(error_of(untyped.model, ErrorCode::invalid_model), "");
}

TEST(ImportErrors, Dimensions) {
  expect_says(error_of(OneNode("Relu", 13, {{2, -3}}).model, ErrorCode::invalid_model), {"-3"});
  EXPECT_EQ(output_shape(OneNode("Relu", 13, {{2, -1}}).import()), "2x?");  // how some exporters write "open"
  expect_says(error_of(OneNode("Relu", 13, {{1, 1, 1, 1, 1, 1, 1, 1, 1}}).model, ErrorCode::limit), {"9 dimensions"});
}

TEST(ImportErrors, NotAModel) {
  const auto refuse = [](const std::string& bytes, ErrorCode code) {
    try {
      convert::import_onnx(std::as_bytes(std::span(bytes)), {});
    } catch (const Error& e) {
      return e.code() == code;
    }
    return false;
  };
  EXPECT_TRUE(refuse("", ErrorCode::invalid_model));
  EXPECT_TRUE(refuse("this is text", ErrorCode::invalid_model));
  EXPECT_TRUE(refuse(std::string(20000, '\x0b'), ErrorCode::invalid_model));  // groups in groups
  EXPECT_THROW(convert::import_onnx(std::filesystem::path("/nowhere/net.onnx")), Error);
  EXPECT_THROW(convert::import_onnx(std::filesystem::path("/")), Error);
}

TEST(ImportErrors, OperatorSets) {
  OneNode none("Relu", 13, {{2}});
  none.model.clear_opset_import();
  EXPECT_NE(error_of(none.model, ErrorCode::invalid_model), "");
  none.model.set_ir_version(2);  // before they were numbered
  EXPECT_EQ(output_shape(none.import()), "2");
  OneNode twice("Relu", 13, {{2}});
  auto* second = twice.model.add_opset_import();
  second->set_domain("ai.onnx");
  second->set_version(12);
  EXPECT_NE(error_of(twice.model, ErrorCode::invalid_model), "");
}

TEST(ImportErrors, OptionsThatDoNotFit) {
  const OneNode model("Relu", 13, {{2, -1}});
  convert::ImportOptions options;
  options.input_shapes["a"] = {2, 5};
  EXPECT_EQ(output_shape(import(model.model, options)), "2x5");
  options.input_shapes["a"] = {3, 5};
  EXPECT_NE(error_of(model.model, ErrorCode::invalid_argument, options), "");
  options.input_shapes = {{"b", {1}}};
  EXPECT_NE(error_of(model.model, ErrorCode::not_found, options), "");
}

TEST(ImportErrors, EveryPrefixAndEveryBitFlipIsAnswered) {
  OneNode conv("Conv", 11, {{1, 2, 5, 5}});
  add_floats(conv.graph(), "w", {1, 2, 1, 1}, {1, 2});
  conv.node().add_input("w");
  conv.with("strides", std::vector<int64_t>{2, 2});
  const std::string bytes = conv.model.SerializeAsString();
  const auto answer = [](const std::string& data) {
    try {
      convert::import_onnx(std::as_bytes(std::span(data)), {});
    } catch (const Error& e) {
      EXPECT_NE(e.code(), ErrorCode::internal) << e.what();
    }
  };
  for (size_t n = 0; n < bytes.size(); ++n) answer(bytes.substr(0, n));
  for (size_t i = 0; i < bytes.size() * 8; ++i) {
    std::string flipped = bytes;
    flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << i % 8));
    answer(flipped);
  }
}

}  // namespace
}  // namespace motley::test
