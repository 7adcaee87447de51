// Functions that a model brings: nested in each other, in graphs within nodes, of one name in several forms.
#include "network.hpp"

namespace motley::test {
namespace {

// Fields that the installed onnx.proto does not have yet.
constexpr int kFunctionOverload = 13, kNodeOverload = 8;

onnx::FunctionProto& add_function(onnx::ModelProto& model, const std::string& name,
                                  const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
  auto* function = model.add_functions();
  function->set_domain("local");
  function->set_name(name);
  for (const auto& input : inputs) function->add_input(input);
  for (const auto& output : outputs) function->add_output(output);
  auto* opset = function->add_opset_import();
  opset->set_version(17);
  auto* local = function->add_opset_import();
  local->set_domain("local");
  local->set_version(1);
  return *function;
}

onnx::NodeProto& add_to(onnx::FunctionProto& function, const std::string& op, const std::vector<std::string>& in,
                        const std::vector<std::string>& out, const std::string& domain = "") {
  auto* node = function.add_node();
  node->set_op_type(op);
  node->set_domain(domain);
  for (const auto& name : in) node->add_input(name);
  for (const auto& name : out) node->add_output(name);
  return *node;
}

// double(x) = x + x; twice(x) = double(double(x)), whose inner names are the same as outside.
void add_doubling(onnx::ModelProto& model) {
  add_to(add_function(model, "Double", {"x"}, {"y"}), "Add", {"x", "x"}, {"y"});
  auto& twice = add_function(model, "Twice", {"x"}, {"y"});
  add_to(twice, "Double", {"m"}, {"y"}, "local");  // before what it reads: the order of nodes is free
  add_to(twice, "Double", {"x"}, {"m"}, "local");
}

TEST(Functions, CallEachOther) {
  Network n("Twice", 17, "local");
  add_doubling(n.model());
  expect_near(n.input({2}, std::vector<float>{1, -3}).run().values[0], std::vector<float>{4, -12});
}

TEST(Functions, OverloadsAreToldApart) {
  for (const char* overload : {"", "minus", "times"}) {
    Network n("Two", 17, "local");
    add_to(add_function(n.model(), "Two", {"a", "b"}, {"y"}), "Add", {"a", "b"}, {"y"});
    for (const auto& [name, op] : {std::pair{"minus", "Sub"}, {"times", "Mul"}}) {
      auto& function = add_function(n.model(), "Two", {"a", "b"}, {"y"});
      add_to(function, op, {"a", "b"}, {"y"});
      function.mutable_unknown_fields()->AddLengthDelimited(kFunctionOverload, name);
    }
    if (*overload) n.node().mutable_unknown_fields()->AddLengthDelimited(kNodeOverload, overload);
    n.input({1}, std::vector<float>{5}).input({1}, std::vector<float>{3});
    const float expected = !*overload ? 8.0f : *overload == 'm' ? 2.0f : 15.0f;
    expect_near(n.run().values[0], std::vector<float>{expected});
  }
  Network unknown("Two", 17, "local");
  add_to(add_function(unknown.model(), "Two", {"a"}, {"y"}), "Neg", {"a"}, {"y"});
  unknown.node().mutable_unknown_fields()->AddLengthDelimited(kNodeOverload, "none");
  unknown.input({1}, std::vector<float>{5}).outputs(1);
  EXPECT_NE(error_of(unknown.model(), ErrorCode::unsupported), "");
}

// A function whose body has an If, whose branch calls a function and reads the first one's input.
TEST(Functions, AreCalledInGraphsWithinNodes) {
  Network n("Choose", 17, "local");
  add_doubling(n.model());
  auto& choose = add_function(n.model(), "Choose", {"c", "x"}, {"y"});
  add_to(choose, "Cast", {"c"}, {"flag"});
  set_attribute(*choose.mutable_node(0), "to", 9);
  auto& node = add_to(choose, "If", {"flag"}, {"y"});
  for (const auto& [name, op] : {std::pair{"then_branch", "Twice"}, {"else_branch", "Double"}}) {
    auto* attribute = node.add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::GRAPH);
    auto& graph = *attribute->mutable_g();
    graph.set_name(name);
    add_node(graph, op, {"x"}, {"r"}).set_domain("local");
    graph.add_output()->set_name("r");
  }
  n.input({1}, std::vector<float>{0}).input({2}, std::vector<float>{1, 5});
  expect_near(n.run().values[0], std::vector<float>{2, 10});
}

// Absent optional inputs stay absent within, and outputs that nobody reads need not be there.
TEST(Functions, MayLeaveInputsAndOutputsOut) {
  Network n("Bounded", 17, "local");
  auto& bounded = add_function(n.model(), "Bounded", {"x", "low", "high"}, {"y", "unused"});
  add_to(bounded, "Clip", {"x", "low", "high"}, {"y"});
  add_to(bounded, "Neg", {"x"}, {"unused"});
  n.input({3}, std::vector<float>{-2, 0, 9}).absent().constant({}, std::vector<float>{1});
  expect_near(n.run().values[0], std::vector<float>{-2, 0, 1});
}

// Two functions that call each other end as one that calls itself does.
TEST(Functions, EndWhereTheyWouldNot) {
  Network n("Ping", 17, "local");
  add_to(add_function(n.model(), "Ping", {"x"}, {"y"}), "Pong", {"x"}, {"y"}, "local");
  add_to(add_function(n.model(), "Pong", {"x"}, {"y"}), "Ping", {"x"}, {"y"}, "local");
  n.input({1}, std::vector<float>{1}).outputs(1);
  EXPECT_NE(error_of(n.model(), ErrorCode::limit).find("nested deeper"), std::string::npos);
}

// Each function calls the next one twice: the nodes would be 2^40.
TEST(Functions, DoNotGrowWithoutEnd) {
  Network n("F0", 17, "local");
  for (int i = 0; i < 40; ++i) {
    auto& function = add_function(n.model(), "F" + std::to_string(i), {"x"}, {"y"});
    const std::string next = "F" + std::to_string(i + 1);
    add_to(function, next, {"x"}, {"m"}, "local");
    add_to(function, next, {"m"}, {"y"}, "local");
  }
  add_to(add_function(n.model(), "F40", {"x"}, {"y"}), "Neg", {"x"}, {"y"});
  n.input({1}, std::vector<float>{1}).outputs(1);
  convert::ImportOptions options;
  options.limits.max_nodes = 10000;
  EXPECT_NE(error_of(n.model(), ErrorCode::limit, options).find("more nodes than the limit"), std::string::npos);
}

}  // namespace
}  // namespace motley::test
