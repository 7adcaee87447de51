// Names, order, metadata, functions, nested graphs.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "model_builder.hpp"

namespace motley::test {
namespace {

using graph::Op;

TEST(ImportStructure, NodesAreSortedAndNamed) {
  auto model = new_model(13);
  auto& graph = *model.mutable_graph();
  add_value(*graph.add_input(), "x", {2});
  add_node(graph, "Abs", {"m"}, {"y"});
  add_node(graph, "Relu", {"x"}, {"m"}).set_name("same");
  add_node(graph, "Neg", {"x"}, {"z"}).set_name("same");
  graph.add_output()->set_name("y");
  graph.add_output()->set_name("z");
  const auto module = import(model);
  std::set<std::string> names;
  for (const auto& node : module.main().nodes) names.insert(node.name);
  EXPECT_EQ(names, (std::set<std::string>{"Abs_0", "same", "same_1"}));
  EXPECT_EQ(module.main().tensor(module.main().outputs[0]).name, "y");
  EXPECT_NO_THROW(graph::Graph(module.main()).sort_nodes());
}

TEST(ImportStructure, MetadataAndProducer) {
  OneNode relu("Relu", 13, {{2}});
  relu.model.set_producer_name("trainer");
  relu.model.set_producer_version("3.1");
  auto* entry = relu.model.add_metadata_props();
  entry->set_key("labels");
  entry->set_value("cat\ndog");
  const auto module = relu.import();
  EXPECT_EQ(module.producer, "trainer 3.1");
  EXPECT_EQ(module.metadata.at("labels"), "cat\ndog");
}

TEST(ImportStructure, InitializersThatAreInputsToo) {
  OneNode add("Add", 7, {{2}, {2}});
  add_floats(add.graph(), "b", {2}, {1, 2});
  const auto module = add.import();
  EXPECT_EQ(module.main().inputs.size(), 1u);
  EXPECT_TRUE(module.main().tensor(last_node(module).input(1)).is_constant());
}

TEST(ImportStructure, ShapeArithmeticIsFoldedAway) {
  auto model = new_model(13);
  auto& graph = *model.mutable_graph();
  add_value(*graph.add_input(), "x", {2, 3, 4});
  add_node(graph, "Shape", {"x"}, {"s"});
  add_ints(graph, "i", {0});
  add_node(graph, "Gather", {"s", "i"}, {"n"});
  add_ints(graph, "rest", {-1});
  set_attribute(add_node(graph, "Concat", {"n", "rest"}, {"t"}), "axis", 0);
  add_node(graph, "Reshape", {"x", "t"}, {"y"});
  graph.add_output()->set_name("y");
  const auto module = import(model);
  EXPECT_EQ(output_shape(module), "2x12");
  ASSERT_EQ(module.main().nodes.size(), 1u);
  EXPECT_EQ(module.main().nodes[0].op, Op::Reshape);
}

TEST(ImportStructure, InputsWithValuesBecomeConstants) {
  OneNode reshape("Reshape", 13, {{2, 3}, {2}});
  reshape.graph().mutable_input(1)->mutable_type()->mutable_tensor_type()->set_elem_type(7);
  io::Tensor shape;
  shape.type = DataType::int64;
  shape.shape = {2};
  const int64_t values[] = {3, 2};
  shape.bytes.assign(reinterpret_cast<const std::byte*>(values),
                     reinterpret_cast<const std::byte*>(values) + sizeof values);
  convert::ImportOptions options;
  options.input_values["b"] = shape;
  const auto module = import(reshape.model, options);
  EXPECT_EQ(output_shape(module), "3x2");
  EXPECT_EQ(module.main().inputs.size(), 1u);
  options.input_values["b"].bytes.pop_back();
  EXPECT_NE(error_of(reshape.model, ErrorCode::invalid_argument, options), "");
}

// square_plus(x; bias) = x · x + bias, with an attribute that the call gives.
onnx::ModelProto model_with_function() {
  auto model = new_model(13);
  auto* domain = model.add_opset_import();
  domain->set_domain("local");
  domain->set_version(1);
  auto* function = model.add_functions();
  function->set_name("SquarePlus");
  function->set_domain("local");
  function->add_input("x");
  function->add_output("r");
  function->add_attribute("bias");
  auto* opset = function->add_opset_import();
  opset->set_version(13);
  auto* constant = function->add_node();
  constant->set_op_type("Constant");
  constant->add_output("b");
  auto* value = constant->add_attribute();
  value->set_name("value_float");
  value->set_type(onnx::AttributeProto::FLOAT);
  value->set_ref_attr_name("bias");
  for (const auto& [op, a, b, y] : {std::tuple{"Mul", "x", "x", "m"}, std::tuple{"Add", "m", "b", "r"}}) {
    auto* node = function->add_node();
    node->set_op_type(op);
    node->add_input(a);
    node->add_input(b);
    node->add_output(y);
  }
  auto& graph = *model.mutable_graph();
  add_value(*graph.add_input(), "x", {2});
  auto& call = add_node(graph, "SquarePlus", {"x"}, {"m"});  // the caller's names may be the body's too
  call.set_domain("local");
  call.set_name("call");
  set_attribute(call, "bias", 0.5f);
  auto& again = add_node(graph, "SquarePlus", {"m"}, {"y"});
  again.set_domain("local");
  set_attribute(again, "bias", 2.0f);
  graph.add_output()->set_name("y");
  return model;
}

TEST(ImportStructure, LocalFunctionsAreExpanded) {
  const auto module = import(model_with_function());
  EXPECT_EQ(module.main().nodes.size(), 4u);
  EXPECT_EQ(module.main().tensor(module.main().outputs[0]).name, "y");
  EXPECT_EQ(constant_values<float>(module, last_node(module).input(1)), std::vector<float>{2.0f});
}

TEST(ImportStructure, FunctionsThatCallThemselvesEnd) {
  auto model = model_with_function();
  auto* call = model.mutable_functions(0)->mutable_node(1);
  call->set_op_type("SquarePlus");
  call->set_domain("local");
  call->mutable_input()->RemoveLast();
  set_attribute(*call, "bias", 1.0f);
  EXPECT_NE(error_of(model, ErrorCode::limit).find("nested deeper"), std::string::npos);
}

onnx::GraphProto branch(const std::string& op) {
  onnx::GraphProto graph;
  graph.set_name(op);
  add_node(graph, op, {"x"}, {op + "_out"});  // x is captured
  graph.add_output()->set_name(op + "_out");
  return graph;
}

onnx::ModelProto model_with_if(bool constant_condition) {
  auto model = new_model(13);
  auto& graph = *model.mutable_graph();
  add_value(*graph.add_input(), "x", {2});
  if (constant_condition) {
    auto* condition = graph.add_initializer();
    condition->set_name("c");
    condition->set_data_type(9);
    condition->add_int32_data(0);
  } else {
    add_value(*graph.add_input(), "c", {}, 9);
  }
  auto& node = add_node(graph, "If", {"c"}, {"y"});
  for (const auto& [name, op] : {std::pair{"then_branch", "Relu"}, std::pair{"else_branch", "Neg"}}) {
    auto* attribute = node.add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::GRAPH);
    *attribute->mutable_g() = branch(op);
  }
  graph.add_output()->set_name("y");
  return model;
}

TEST(ImportStructure, KnownConditionsChooseTheirBranch) {
  const auto module = import(model_with_if(true));
  const auto& nodes = module.main().nodes;
  const auto negates = [](const graph::Node& node) {
    return node.op == Op::Unary &&
           graph::attributes<schema::UnaryAttributesT>(node).function == schema::UnaryFunction::neg;
  };
  EXPECT_EQ(std::count_if(nodes.begin(), nodes.end(), negates), 1);
  EXPECT_EQ(module.graphs.size(), 1u);
  EXPECT_EQ(output_shape(module), "2");
}

onnx::ModelProto model_with_loop(int64_t trips) {
  auto model = new_model(13);
  auto& graph = *model.mutable_graph();
  add_value(*graph.add_input(), "x", {2});
  add_ints(graph, "trips", {trips}, true);
  auto& node = add_node(graph, "Loop", {"trips", "", "x"}, {"last", "all"});
  onnx::GraphProto body;
  body.set_name("body");
  add_value(*body.add_input(), "i", {}, 7);
  add_value(*body.add_input(), "keep", {}, 9);
  add_value(*body.add_input(), "state", {2});
  add_node(body, "Identity", {"keep"}, {"keep_out"});
  add_node(body, "Add", {"state", "x"}, {"next"});
  add_node(body, "Neg", {"next"}, {"piece"});
  for (const char* name : {"keep_out", "next", "piece"}) body.add_output()->set_name(name);
  auto* attribute = node.add_attribute();
  attribute->set_name("body");
  attribute->set_type(onnx::AttributeProto::GRAPH);
  *attribute->mutable_g() = body;
  graph.add_output()->set_name("last");
  graph.add_output()->set_name("all");
  return model;
}

TEST(ImportStructure, LoopsOfKnownLengthAreUnrolled) {
  const auto module = import(model_with_loop(3));
  EXPECT_EQ(output_shape(module, 0), "2");
  EXPECT_EQ(output_shape(module, 1), "3x2");
}

TEST(ImportStructure, LongLoopsAndComputedEndsStayLoops) {
  const auto has_loop = [](const graph::Module& module) {
    const auto& nodes = module.main().nodes;
    return std::any_of(nodes.begin(), nodes.end(), [](const graph::Node& n) { return n.op == Op::Loop; });
  };
  EXPECT_FALSE(has_loop(import(model_with_loop(3))));
  EXPECT_TRUE(has_loop(import(model_with_loop(5000))));
  auto computed = model_with_loop(3);
  auto& body = *computed.mutable_graph()->mutable_node(0)->mutable_attribute(0)->mutable_g();
  *body.mutable_node(0)->mutable_op_type() = "Not";  // keep_out = not keep
  EXPECT_TRUE(has_loop(import(computed)));
}

TEST(ImportStructure, DeepNestingIsALimit) {
  onnx::GraphProto inner = branch("Relu");
  for (int depth = 0; depth < 80; ++depth) {
    onnx::GraphProto outer;
    outer.set_name("level");
    auto& node = add_node(outer, "If", {"c"}, {"out" + std::to_string(depth)});
    for (const char* name : {"then_branch", "else_branch"}) {
      auto* attribute = node.add_attribute();
      attribute->set_name(name);
      attribute->set_type(onnx::AttributeProto::GRAPH);
      if (name[0] == 't') *attribute->mutable_g() = inner;
      else *attribute->mutable_g() = branch("Neg");
    }
    outer.add_output()->set_name("out" + std::to_string(depth));
    inner = outer;
  }
  auto model = new_model(13);
  *model.mutable_graph() = inner;
  add_value(*model.mutable_graph()->add_input(), "x", {2});
  add_value(*model.mutable_graph()->add_input(), "c", {}, 9);
  std::string bytes = model.SerializeAsString();
  try {
    convert::import_onnx(std::as_bytes(std::span(bytes)), {});
    FAIL() << "it was imported";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("nested deeper"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace motley::test
