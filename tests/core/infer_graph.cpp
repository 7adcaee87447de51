// Inference over whole graphs: what is declared, order, and graphs that break the rules.
#include "infer_support.hpp"

namespace motley::graph {
namespace {

using namespace schema;
using graph::DataType;

// x -> relu -> y, with the given declarations.
Net relu(In x, DataType type, const std::string& declared) {
  Net net;
  UnaryAttributesT a;
  a.function = UnaryFunction::relu;
  const TensorId in = net.add(std::move(x), "x"), out = net.value("y", type, declared);
  net.graph().add_node("relu", Op::Unary, {in}, {out}, a);
  net.output(out);
  return net;
}
std::string inferred_with(In x, DataType type, const std::string& declared) {
  Net net = relu(std::move(x), type, declared);
  infer_shapes(net.module);
  return describe(net.named("y"));
}

TEST(InferGraph, DeclaredShapesAreCheckedAndCompleteWhatIsUnknown) {
  EXPECT_EQ(inferred_with(f32("2x3"), DataType::float32, "2x3"), "float32 2x3");
  EXPECT_EQ(inferred_with(f32("2x3"), DataType::undefined, "nx3"), "float32 2x3");
  EXPECT_EQ(inferred_with(f32("?x3"), DataType::undefined, "nx3"), "float32 nx3");
  EXPECT_EQ(inferred_with(f32("mx3"), DataType::undefined, "nx3"), "float32 mx3");
  EXPECT_EQ(inferred_with(f32("mx3"), DataType::undefined, "5x3"), "float32 5x3");
  EXPECT_EQ(inferred_with(f32("unknown"), DataType::undefined, "5x3"), "float32 5x3");
}

TEST(InferGraph, DeclarationsThatContradict) {
  const auto bad = [](In x, DataType type, const std::string& declared) {
    return error_of([&] { inferred_with(std::move(x), type, declared); });
  };
  EXPECT_HAS(bad(f32("2x3"), DataType::undefined, "2x4"),
             "output \"y\" is declared 2x4 but is 2x3; correct or remove the declaration");
  EXPECT_HAS(bad(f32("2x3"), DataType::undefined, "6"), "declared 6 but is 2x3");
  EXPECT_HAS(bad(f32("2x3"), DataType::int32, "2x3"), "is declared int32 but is float32");
}

TEST(InferGraph, HostileSizes) {
  const auto bad = [](const std::string& dims) {
    return error_of([&] { inferred_with(f32(dims), DataType::undefined, "unknown"); });
  };
  EXPECT_HAS(bad("1099511627776x1099511627776"),
             "graph input \"x\" of shape 1099511627776x1099511627776 is larger than 64-bit sizes");
  EXPECT_HAS(bad("1099511627776x1099511627776x0"), "larger than 64-bit sizes");
  EXPECT_HAS(bad("9223372036854775807"), "larger than 64-bit sizes");
  EXPECT_HAS(bad("-5"), "negative dimension (-5)");
}

TEST(InferGraph, NodesAreSortedFirst) {
  Net net;
  UnaryAttributesT a;
  a.function = UnaryFunction::relu;
  const TensorId x = net.add(f32("3"), "x"), y = net.value("y"), z = net.value("z");
  net.graph().add_node("second", Op::Unary, {y}, {z}, a);
  net.graph().add_node("first", Op::Unary, {x}, {y}, a);
  net.output(z);
  infer_shapes(net.module);
  EXPECT_EQ(net.graph().nodes[0].name, "first");
  EXPECT_EQ(describe(net.named("z")), "float32 3");
}

TEST(InferGraph, CyclesAreRefused) {
  Net net;
  UnaryAttributesT a;
  const TensorId x = net.value("x"), y = net.value("y");
  net.graph().add_node("one", Op::Unary, {x}, {y}, a);
  net.graph().add_node("two", Op::Unary, {y}, {x}, a);
  net.output(y);
  EXPECT_HAS(error_of([&] { infer_shapes(net.module); }), "cycle");
}

TEST(InferGraph, EveryTensorNeedsOneSource) {
  {
    Net net = relu(f32("2"), DataType::undefined, "unknown");
    net.graph().inputs.clear();
    EXPECT_HAS(error_of([&] { infer_shapes(net.module); }), "reads tensor \"x\", which nothing writes");
  }
  {
    Net net = relu(f32("2"), DataType::undefined, "unknown");
    net.output(net.value("orphan"));
    EXPECT_HAS(error_of([&] { infer_shapes(net.module); }), "graph output \"orphan\" is written by no node");
  }
  {
    Net net = relu(f32("2"), DataType::undefined, "unknown");
    net.graph().inputs.push_back(net.graph().inputs[0]);
    EXPECT_HAS(error_of([&] { infer_shapes(net.module); }), "\"x\" is listed twice");
  }
  {
    Net net = relu(f32("2"), DataType::undefined, "unknown");
    net.graph().nodes[0].outputs[0] = net.graph().inputs[0];
    EXPECT_HAS(error_of([&] { infer_shapes(net.module); }), "writes tensor \"x\", which is an input or constant");
  }
  {
    Net net = relu(f32("2"), DataType::undefined, "unknown");
    net.graph().nodes[0].inputs[0] = 77;
    EXPECT_HAS(error_of([&] { infer_shapes(net.module); }), "node \"relu\" names tensor 77");
  }
  {
    Net net = relu(typed(DataType::undefined, "2"), DataType::undefined, "unknown");
    EXPECT_HAS(error_of([&] { infer_shapes(net.module); }), "graph input \"x\" has no type");
  }
  {
    Net net = relu(f32("2"), DataType::undefined, "unknown");
    net.graph().nodes[0].outputs.clear();
    net.graph().outputs.clear();
    EXPECT_HAS(error_of([&] { infer_shapes(net.module); }), "it has no outputs");
  }
}

TEST(InferGraph, ConstantsMustHoldTheirElements) {
  Net net = relu(constant<float>(DataType::float32, {1, 2}, "3"), DataType::undefined, "unknown");
  EXPECT_HAS(error_of([&] { infer_shapes(net.module); }), "constant \"x\" has 8 bytes (expected 12)");
  Net unknown = relu(constant<float>(DataType::float32, {1, 2}, "n"), DataType::undefined, "unknown");
  EXPECT_HAS(error_of([&] { infer_shapes(unknown.module); }), "constant \"x\" has an unknown shape");
}

TEST(InferGraph, InferringAgainChangesNothing) {
  Net net = relu(f32("nx3"), DataType::undefined, "unknown");
  infer_shapes(net.module);
  infer_shapes(net.module);
  EXPECT_EQ(describe(net.named("y")), "float32 nx3");
  EXPECT_EQ(net.graph().nodes.size(), 1u);
}

TEST(InferGraph, OneNodeOnItsOwn) {
  Net net = relu(f32("2x3"), DataType::undefined, "unknown");
  infer_node(net.graph(), net.graph().nodes[0]);
  EXPECT_EQ(describe(net.named("y")), "float32 2x3");
}

TEST(InferGraph, AnEmptyModelIsRefused) {
  Module module;
  EXPECT_HAS(error_of([&] { infer_shapes(module); }), "no graph");
}

}  // namespace
}  // namespace motley::graph
