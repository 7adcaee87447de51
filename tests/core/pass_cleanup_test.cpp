// Passes that tidy: dead code, common subexpressions, no-ops, views, transposes, simple forms.
#include <limits>

#include "pass_net.hpp"

namespace motley::graph {
namespace {

using namespace test;

TEST(PassDeadCode, DropsWhatNoOutputNeeds) {
  Net net;
  const TensorId x = net.input("x", {4});
  const TensorId unused = net.unary(UnaryFunction::exp, x);
  net.output(net.unary(UnaryFunction::relu, x));
  const std::string name = net.name(unused);
  EXPECT_EQ(net.run({"dead_code"}, {name}), 0u);
  EXPECT_EQ(net.graph.outputs.size(), 1u);
  EXPECT_EQ(net.run({"dead_code"}), 1u);
  EXPECT_EQ(net.ops(), "Unary(relu)");
}

TEST(PassCommonSubexpressions, SharesEqualNodesAndEqualConstants) {
  Net net;
  const TensorId x = net.input("x", {4});
  const TensorId a = net.mul(x, net.scalar(2)), b = net.mul(x, net.scalar(2)), c = net.mul(x, net.scalar(3));
  net.output(net.add(net.add(a, b), c));
  EXPECT_EQ(net.run({"common_subexpressions"}), 1u);
  EXPECT_EQ(net.graph.nodes.size(), 4u);
  EXPECT_EQ(net.graph.nodes[0].origins.size(), 2u);
}

TEST(PassCommonSubexpressions, LeavesOutputsAndKeptNamesAlone) {
  Net net;
  const TensorId x = net.input("x", {4});
  const TensorId a = net.unary(UnaryFunction::exp, x), b = net.unary(UnaryFunction::exp, x),
                 c = net.unary(UnaryFunction::exp, x);
  net.output(b);
  net.output(net.add(a, c));
  EXPECT_EQ(net.run({"common_subexpressions"}, {net.name(c)}), 0u);
  EXPECT_EQ(net.run({"common_subexpressions"}), 1u);  // c; b is an output
}

TEST(PassCommonSubexpressions, DifferentAttributesDiffer) {
  Net net;
  const TensorId x = net.input("x", {4});
  net.output(net.add(net.unary(UnaryFunction::leaky_relu, x, 0.1f), net.unary(UnaryFunction::leaky_relu, x, 0.2f)));
  EXPECT_EQ(net.run({"common_subexpressions"}), 0u);
}

TEST(PassNoOps, RemovesWhatReturnsItsInput) {
  Net net;
  const TensorId x = net.input("x", {2, 3});
  TensorId y = net.op(Op::Identity, {net.unary(UnaryFunction::exp, x)}, {2, 3}, schema::NoAttributesT{});
  schema::CastAttributesT cast;
  cast.to = DataType::float32;
  y = net.op(Op::Cast, {y}, {2, 3}, cast);
  y = net.reshape(y, {2, 3});
  y = net.op(Op::Expand, {y, net.numbers({1, 3})}, {2, 3}, schema::NoAttributesT{});
  y = net.op(Op::Slice, {y, net.numbers({0}), net.numbers({9}), net.numbers({1})}, {2, 3}, schema::NoAttributesT{});
  y = net.op(Op::Pad, {y, net.numbers({0, 0, 0, 0})}, {2, 3}, schema::PadAttributesT{});
  y = net.transpose(y, {0, 1});
  y = net.mul(net.scalar(1), net.div(y, net.scalar(1)));
  y = net.op(Op::Concat, {y}, {2, 3}, schema::AxisAttributesT{});
  net.output(y);  // the exp now writes the output itself
  EXPECT_EQ(net.run({"no_ops"}), 10u);
  EXPECT_EQ(net.ops(), "Unary(exp)");
  EXPECT_EQ(net.graph.nodes[0].origins.size(), 11u);
}

TEST(PassNoOps, KeepsWhatOnlyLooksLikeOne) {
  Net net;
  const TensorId x = net.input("x", {2, 3});
  const TensorId steps = net.numbers({-1});
  TensorId y = net.op(
      Op::Slice, {x, net.numbers({-1}), net.numbers({std::numeric_limits<int64_t>::min()}), net.numbers({1}), steps},
      {2, 3}, schema::NoAttributesT{});                                                     // reverses
  y = net.op(Op::Pad, {y, net.numbers({0, 1, 0, -1})}, {2, 3}, schema::PadAttributesT{});   // shifts
  y = net.op(Op::Expand, {y, net.numbers({2, 2, 3})}, {2, 2, 3}, schema::NoAttributesT{});  // grows
  y = net.mul(y, add_constant(net.graph, "ones", {1, 1, 1, 1}, {1}));                       // adds a dimension
  net.output(y);
  EXPECT_EQ(net.run({"no_ops"}), 0u);
}

TEST(PassNoOps, AnIdentityFromInputToOutputStays) {
  Net net;
  net.output(net.op(Op::Identity, {net.input("x", {2})}, {2}, schema::NoAttributesT{}));
  EXPECT_EQ(net.run({"no_ops"}), 0u);
}

TEST(PassNoOps, KeptNamesStay) {
  Net net;
  const TensorId x = net.input("x", {2});
  const TensorId y = net.op(Op::Identity, {net.unary(UnaryFunction::exp, x)}, {2}, schema::NoAttributesT{});
  net.output(net.unary(UnaryFunction::relu, y));
  EXPECT_EQ(net.run({"no_ops"}, {net.writer(y).name}), 0u);
  EXPECT_EQ(net.run({"no_ops"}), 1u);
}

TEST(PassNoOps, SymbolicShapesCountWhenSurelyEqual) {
  Net net;
  const TensorId x = net.input("x", {2, 3});
  const TensorId e = net.unary(UnaryFunction::exp, x);
  const TensorId y = net.op(Op::Expand, {e, net.numbers({1, 1})}, {2, 3}, schema::NoAttributesT{});
  const TensorId z = net.op(Op::Expand, {y, net.numbers({1, 1})}, {2, 3}, schema::NoAttributesT{});
  net.output(net.unary(UnaryFunction::relu, z));
  net.graph.tensor(e).shape = net.graph.tensor(y).shape = Dims{Dim("batch"), 3};
  net.graph.tensor(z).shape = Dims{Dim(), 3};
  PassContext context;
  for (const Pass& pass : passes())
    if (pass.name == std::string("no_ops")) {
      EXPECT_EQ(pass.run(net.graph, context), 1u);
    }
}

TEST(PassReshapes, ChainsOfViewsBecomeOneReshape) {
  Net net;
  const TensorId x = net.input("x", {2, 3, 4});
  TensorId y = net.op(Op::Unsqueeze, {x, net.numbers({0})}, {1, 2, 3, 4}, schema::NoAttributesT{});
  y = net.op(Op::Flatten, {y}, {1, 24}, schema::AxisAttributesT{});
  y = net.op(Op::Squeeze, {y}, {24}, schema::NoAttributesT{});
  net.output(net.reshape(y, {4, 6}));
  EXPECT_EQ(net.run({"reshapes", "dead_code"}), 6u);  // three joined, three dead
  EXPECT_EQ(net.ops(), "Reshape");
}

TEST(PassReshapes, ThereAndBackIsNothing) {
  Net net;
  const TensorId x = net.unary(UnaryFunction::exp, net.input("x", {2, 3}));
  net.output(net.unary(UnaryFunction::relu, net.reshape(net.reshape(x, {6}), {2, 3})));
  net.run();
  EXPECT_EQ(net.ops(), "Unary(exp) Unary(relu)");
}

TEST(PassReshapes, ATargetThatCopiesItsInputsDimensionIsNotMovedBlindly) {
  Net net;
  const TensorId x = net.input("x", {2, 3, 4});
  const TensorId y = net.reshape(net.reshape(x, {6, 4}), {0, -1});
  net.graph.tensor(y).shape = Dims{Dim("n"), Dim("m")};
  net.graph.outputs = {y};
  PassContext context;
  for (const Pass& pass : passes())
    if (pass.name == std::string("reshapes")) {
      EXPECT_EQ(pass.run(net.graph, context), 0u);
    }
}

TEST(PassTransposes, JoinAndCancel) {
  Net net;
  const TensorId x = net.unary(UnaryFunction::exp, net.input("x", {2, 3, 4}));
  const TensorId y = net.transpose(net.transpose(net.transpose(x, {1, 2, 0}), {1, 2, 0}), {1, 2, 0});
  net.output(net.unary(UnaryFunction::relu, y));
  net.output(net.transpose(net.transpose(x, {1, 2, 0}), {1, 0, 2}));
  net.run();
  EXPECT_EQ(net.ops(), "Unary(exp) Unary(relu) Transpose");
}

TEST(PassTransposes, MeetAcrossElementwiseOps) {
  Net net;
  const TensorId x = net.input("x", {2, 3, 4});
  const TensorId e = net.unary(UnaryFunction::exp, net.transpose(x, {0, 2, 1}));
  net.output(net.transpose(net.mul(net.scalar(2), e), {0, 2, 1}));
  net.run();
  EXPECT_EQ(net.ops(), "Unary(exp) Binary(mul)");
}

TEST(PassTransposes, DoNotMoveWhenTheirResultIsReadElsewhere) {
  Net net;
  const TensorId t = net.transpose(net.input("x", {2, 3}), {1, 0});
  net.output(net.transpose(net.unary(UnaryFunction::exp, t), {1, 0}));
  net.output(net.unary(UnaryFunction::relu, t));
  EXPECT_EQ(net.run({"sink_transposes"}), 0u);
}

TEST(PassSimpleOps, ClipGeluGemmAndVariadic) {
  Net net;
  const TensorId x = net.input("x", {2, 3}), z = net.input("z", {2, 3});
  schema::VariadicAttributesT variadic;
  variadic.function = schema::VariadicFunction::max;
  TensorId y = net.op(Op::Clip, {x, net.scalar(-1), net.scalar(1)}, {2, 3}, schema::NoAttributesT{});
  y = net.op(Op::Gelu, {y}, {2, 3}, schema::GeluAttributesT{});
  y = net.op(Op::Variadic, {y, z}, {2, 3}, variadic);
  y = net.op(Op::Clip, {y, net.scalar(0)}, {2, 3}, schema::NoAttributesT{});
  net.output(net.op(Op::Gemm, {y, net.constant({3, 4})}, {2, 4}, schema::MatMulAttributesT{}));
  EXPECT_EQ(net.run({"simple_ops"}), 5u);
  EXPECT_EQ(net.ops(), "Unary(clip) Unary(gelu) Binary(max) Unary(relu) MatMul");
}

TEST(PassSimpleOps, ClipWithComputedBoundsStays) {
  Net net;
  const TensorId x = net.input("x", {2, 3}), low = net.input("low", {});
  net.output(net.op(Op::Clip, {x, low}, {2, 3}, schema::NoAttributesT{}));
  EXPECT_EQ(net.run({"simple_ops"}), 0u);
}

TEST(Passes, NestedGraphsMayReadAnyTensorSoNothingVanishes) {
  Net net;
  const TensorId x = net.input("x", {4});
  net.output(net.unary(UnaryFunction::relu, net.add(x, x)));
  net.graph.add_node("if", Op::If, {x}, {add_value(net.graph, "r", {4})}, schema::IfAttributesT{});
  PassContext context;
  optimize(net.graph, context);
  EXPECT_EQ(net.ops(), "Binary(add) Unary(relu) If");
}

TEST(Passes, NamesAndPurposesAreGiven) {
  for (const Pass& pass : passes()) {
    EXPECT_FALSE(std::string(pass.name).empty());
    EXPECT_FALSE(std::string(pass.purpose).empty());
  }
}

}  // namespace
}  // namespace motley::graph
