// If: branches of known conditions are spliced in; others stay.
#include "infer_support.hpp"

namespace motley::graph {
namespace {

using namespace schema;
using graph::DataType;

UnaryAttributesT relu() {
  UnaryAttributesT a;
  a.function = UnaryFunction::relu;
  return a;
}

// A branch that applies relu to the captured tensor `captured`, with `times` nodes in a row.
Graph branch(const std::string& captured, int times) {
  Graph body;
  body.name = "branch";
  Tensor tensor;
  tensor.name = captured;
  TensorId at = body.add_tensor(tensor);
  for (int i = 0; i < times; ++i) {
    tensor.name = "step" + std::to_string(i);
    const TensorId next = body.add_tensor(tensor);
    body.add_node("relu" + std::to_string(i), Op::Unary, {at}, {next}, relu());
    at = next;
  }
  body.outputs = {at};
  return body;
}

// y = If(condition) { relu(x) } else { relu(relu(x)) }
Net choice(In condition) {
  Net net;
  net.add(f32("2x3"), "x");
  IfAttributesT a;
  a.then_graph = 1;
  a.else_graph = 2;
  net.output(net.op("y", Op::If, {net.add(std::move(condition), "condition")}, a));
  net.module.graphs.push_back(branch("x", 1));
  net.module.graphs.push_back(branch("x", 2));
  return net;
}
In known(bool value) { return constant<uint8_t>(DataType::bool_, {value}, "scalar"); }

TEST(InferBranches, AKnownConditionSplicesItsBranch) {
  Net yes = choice(known(true));
  infer_shapes(yes.module);
  EXPECT_EQ(describe(yes.named("y")), "float32 2x3");
  EXPECT_EQ(yes.graph().nodes.size(), 2u);  // relu, and the identity that writes y
  EXPECT_EQ(yes.module.graphs.size(), 1u);
  Net no = choice(known(false));
  infer_shapes(no.module);
  EXPECT_EQ(no.graph().nodes.size(), 3u);
}

TEST(InferBranches, AConditionOnShapesIsKnown) {
  Net net = choice(boolean("scalar"));
  net.graph().inputs.pop_back();  // the condition is computed: Size(x) == 6
  const TensorId condition = net.graph().find_tensor("condition");
  const TensorId size = net.op("size", Op::Size, {net.graph().find_tensor("x")}, NoAttributesT());
  net.graph().add_node("test", Op::Compare, {size, net.add(int_scalar(6), "six")}, {condition}, CompareAttributesT());
  infer_shapes(net.module);
  EXPECT_EQ(net.graph().nodes.size(), 2u);
  EXPECT_EQ(describe(net.named("y")), "float32 2x3");
}

TEST(InferBranches, NestedBranchesSeeTheNamesAroundThem) {
  // The outer branch makes "step0" from x; the inner one captures it.
  Net net = choice(known(true));
  Graph& outer = net.module.graphs[1];
  outer.add_constant("inner_condition", DataType::bool_, {}, Constant::of(std::vector<uint8_t>{1}));
  IfAttributesT a;
  a.then_graph = 3;
  a.else_graph = 3;
  Tensor result;
  result.name = "inner_result";
  const TensorId id = outer.add_tensor(result);
  outer.add_node("inner", Op::If, {outer.find_tensor("inner_condition")}, {id}, a);
  outer.outputs = {id};
  net.module.graphs.push_back(branch("step0", 1));  // makes a "step0" of its own too
  infer_shapes(net.module);
  EXPECT_EQ(describe(net.named("y")), "float32 2x3");
  EXPECT_EQ(net.graph().nodes.size(), 4u);
}

TEST(InferBranches, AnUndecidedIfStaysWithItsBranchesAndHasTheirType) {
  Net net = choice(boolean("scalar"));
  infer_shapes(net.module);
  EXPECT_EQ(describe(net.named("y")), "float32 unknown rank");
  EXPECT_EQ(net.graph().nodes.size(), 1u);
  EXPECT_EQ(net.module.graphs.size(), 3u);
}

TEST(InferBranches, AnUndecidedIfOfUnknownTypeIsUnsupported) {
  Net net = choice(boolean("scalar"));
  for (size_t i : {1, 2}) {
    LoopAttributesT loop;
    net.module.graphs[i].nodes[0].op = Op::Loop;
    net.module.graphs[i].nodes[0].attributes.Set(loop);
    net.module.graphs[i].nodes.resize(1);
  }
  EXPECT_HAS(error_of([&] { infer_shapes(net.module); }, ErrorCode::unsupported), "computed at run time");
}

TEST(InferBranches, BrokenBranches) {
  const auto broken = [](auto&& damage) {
    Net net = choice(known(true));
    damage(net.module);
    return error_of([&] { infer_shapes(net.module); });
  };
  EXPECT_HAS(broken([](Module& m) { m.graphs.resize(1); }), "its branch is graph 1, and there are 1");
  EXPECT_HAS(broken([](Module& m) { m.graphs[1].outputs.clear(); }), "has 0 outputs (expected 1)");
  EXPECT_HAS(broken([](Module& m) { m.graphs[1].tensors[0].name = "z"; }),
             "reads tensor \"z\", which nothing around it has");
  EXPECT_HAS(broken([](Module& m) { m.graphs[1].nodes[0].inputs[0] = 9; }), "names tensor 9");
  EXPECT_HAS(broken([](Module& m) { m.graphs[1].inputs = {0}; }), "has inputs (expected none)");
  Net many = choice(constant<uint8_t>(DataType::bool_, {1, 0}, "2"));
  EXPECT_HAS(error_of([&] { infer_shapes(many.module); }), "the condition has 2 elements");
}

TEST(InferBranches, ABranchThatContainsItselfEnds) {
  Net net = choice(known(true));
  Graph& body = net.module.graphs[1];
  const TensorId condition = body.add_constant("again", DataType::bool_, {}, Constant::of(std::vector<uint8_t>{1}));
  IfAttributesT a;
  a.then_graph = 1;
  a.else_graph = 1;
  Tensor result;
  result.name = "inner_result";
  const TensorId id = body.add_tensor(result);
  body.add_node("inner", Op::If, {condition}, {id}, a);
  error_of([&] { infer_shapes(net.module); }, ErrorCode::limit);
}

}  // namespace
}  // namespace motley::graph
