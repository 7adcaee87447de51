// Shape arithmetic: element values, known and symbolic, and folding to constants.
#include "infer_support.hpp"

namespace motley::graph {
namespace {

using namespace schema;
using graph::DataType;

AxisAttributesT axis(int64_t value) {
  AxisAttributesT a;
  a.axis = value;
  return a;
}
BinaryAttributesT binary(BinaryFunction function) {
  BinaryAttributesT a;
  a.function = function;
  return a;
}
CastAttributesT cast(DataType to) {
  CastAttributesT a;
  a.to = to;
  return a;
}
std::vector<int64_t> int64_values(const Tensor& tensor) {
  if (!tensor.is_constant()) return {-999};
  const int64_t* data = tensor.values<int64_t>();
  return std::vector<int64_t>(data, data + tensor.elements());
}

// Reshape(x, Concat(Unsqueeze(Gather(Shape(x), 0)), [-1, 4])), as exporters flatten the heads of a detector.
Net detector_head(const std::string& input) {
  Net net;
  const TensorId x = net.add(f32(input), "x");
  const TensorId shape = net.op("shape", Op::Shape, {x}, ShapeAttributesT());
  const TensorId batch = net.op("batch", Op::Gather, {shape, net.add(int_scalar(0), "zero")}, axis(0));
  const TensorId row = net.op("row", Op::Unsqueeze, {batch, net.add(ints({0}), "axes")}, NoAttributesT());
  const TensorId target = net.op("target", Op::Concat, {row, net.add(ints({-1, 4}), "rest")}, axis(0));
  net.output(net.op("y", Op::Reshape, {x, target}, ReshapeAttributesT()));
  infer_shapes(net.module);
  return net;
}

TEST(InferValues, ADetectorHeadFoldsToOneReshape) {
  Net net = detector_head("2x30x40x12");
  EXPECT_EQ(describe(net.named("y")), "float32 2x3600x4");
  ASSERT_EQ(net.graph().nodes.size(), 1u);
  EXPECT_EQ(net.graph().nodes[0].op, Op::Reshape);
  EXPECT_EQ(int64_values(net.named("target")), (std::vector<int64_t>{2, -1, 4}));
  EXPECT_EQ(net.graph().find_tensor("batch"), kNone);
}

TEST(InferValues, ADetectorHeadWithASymbolicBatchKeepsTheSymbol) {
  Net net = detector_head("batchx30x40x12");
  EXPECT_EQ(describe(net.named("y")), "float32 batchx3600x4");
  EXPECT_EQ(net.graph().nodes.size(), 5u);
}

// The values that a chain of ops gives to a small int64 tensor, by using them as a shape: "2xn", "?".
template <class Build>
std::string as_shape(const std::string& input, Build&& build) {
  Net net;
  const TensorId x = net.add(f32(input), "x");
  const TensorId shape = net.op("shape", Op::Shape, {x}, ShapeAttributesT());
  FillAttributesT fill;
  fill.type = DataType::float32;
  fill.value = {0, 0, 0, 0};
  net.output(net.op("y", Op::Fill, {build(net, shape)}, fill));
  infer_shapes(net.module);
  return to_string(net.named("y").shape);
}

TEST(InferValues, ShapeWithBounds) {
  const auto part = [](const std::string& input, int64_t start, int64_t end) {
    Net net;
    ShapeAttributesT a;
    a.start = start;
    a.end = end;
    net.output(net.op("s", Op::Shape, {net.add(f32(input), "x")}, a));
    infer_shapes(net.module);
    return int64_values(net.named("s"));
  };
  EXPECT_EQ(part("2x3x4", 0, INT64_MAX), (std::vector<int64_t>{2, 3, 4}));
  EXPECT_EQ(part("2x3x4", -2, INT64_MAX), (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(part("2x3x4", 0, -1), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(part("2x3x4", -9, 9), (std::vector<int64_t>{2, 3, 4}));
  EXPECT_EQ(part("2x3x4", 2, 1), (std::vector<int64_t>{}));
}

TEST(InferValues, SizeIsTheProduct) {
  Net net;
  net.output(net.op("s", Op::Size, {net.add(f32("2x3x4"), "x")}, NoAttributesT()));
  infer_shapes(net.module);
  EXPECT_EQ(int64_values(net.named("s")), (std::vector<int64_t>{24}));
}

TEST(InferValues, ArithmeticOnSymbols) {
  const auto with = [](BinaryFunction function, int64_t value, const std::string& input = "nx6") {
    return as_shape(input, [&](Net& net, TensorId shape) {
      return net.op("b", Op::Binary, {shape, net.add(int_scalar(value), "v")}, binary(function));
    });
  };
  EXPECT_EQ(with(BinaryFunction::mul, 2), "n*2x12");
  EXPECT_EQ(with(BinaryFunction::mul, 1), "nx6");
  EXPECT_EQ(with(BinaryFunction::add, 1), "n+1x7");
  EXPECT_EQ(with(BinaryFunction::sub, 0), "nx6");
  EXPECT_EQ(with(BinaryFunction::sub, 1), "?x5");
  EXPECT_EQ(with(BinaryFunction::div, 4), "n/4x1");
  EXPECT_EQ(with(BinaryFunction::mod, 4), "?x2");
  EXPECT_EQ(with(BinaryFunction::max, 0), "nx6");
  EXPECT_EQ(with(BinaryFunction::min, 4), "?x4");
}

TEST(InferValues, AProductDividedAgainIsTheSymbol) {
  EXPECT_EQ(as_shape("nx6",
                     [](Net& net, TensorId shape) {
                       const TensorId four = net.add(int_scalar(4), "four");
                       const TensorId product = net.op("p", Op::Binary, {shape, four}, binary(BinaryFunction::mul));
                       return net.op("q", Op::Binary, {product, four}, binary(BinaryFunction::div));
                     }),
            "nx6");
}

TEST(InferValues, SlicedReversedJoined) {
  EXPECT_EQ(as_shape("nx3x4",
                     [](Net& net, TensorId shape) {
                       const TensorId last = net.op("last", Op::Slice,
                                                    {shape, net.add(ints({-1}), "s"), net.add(ints({-9}), "e"),
                                                     net.add(ints({0}), "a"), net.add(ints({-1}), "d")},
                                                    NoAttributesT());
                       return net.op("both", Op::Concat, {last, net.add(ints({7}), "seven")}, axis(0));
                     }),
            "4x3xnx7");
}

TEST(InferValues, SplitTransposedExpandedTiledReduced) {
  const auto reduced = [](ReduceFunction function) {
    return as_shape("nx3x4", [&](Net& net, TensorId shape) {
      ReduceAttributesT a;
      a.function = function;
      return net.op("r", Op::Reduce, {shape}, a);
    });
  };
  EXPECT_EQ(reduced(ReduceFunction::prod), "n*3*4");
  EXPECT_EQ(reduced(ReduceFunction::sum), "n+3+4");
  EXPECT_EQ(reduced(ReduceFunction::max), "?");
  EXPECT_EQ(
      as_shape("nx3",
               [](Net& net, TensorId shape) {
                 const TensorId a = net.value("a"), b = net.value("b");
                 net.graph().add_node("split", Op::Split, {shape}, {a, b}, SplitAttributesT());
                 const TensorId tiled = net.op("t", Op::Tile, {b, net.add(ints({2}), "two")}, NoAttributesT());
                 const TensorId wide = net.op("e", Op::Expand, {a, net.add(ints({2}), "two_again")}, NoAttributesT());
                 return net.op("c", Op::Concat, {tiled, wide}, axis(0));
               }),
      "3x3xnxn");
  // Pads as PyTorch writes them: reversed pairs through a transposed 2-D view.
  EXPECT_EQ(as_shape("nx3x4x5",
                     [](Net& net, TensorId shape) {
                       const TensorId pairs =
                           net.op("p", Op::Reshape, {shape, net.add(ints({2, 2}), "two")}, ReshapeAttributesT());
                       const TensorId turned = net.op("t", Op::Transpose, {pairs}, TransposeAttributesT());
                       return net.op("f", Op::Reshape, {turned, net.add(ints({-1}), "flat")}, ReshapeAttributesT());
                     }),
            "nx4x3x5");
}

TEST(InferValues, ExpandTargetsWithMinusOneAreChosenByWhere) {
  // Where(Equal(target, -1), ones, target), with target = Concat(Shape(x)[0:1], [5]).
  EXPECT_EQ(
      as_shape("nx3",
               [](Net& net, TensorId shape) {
                 const TensorId first = net.op("first", Op::Gather, {shape, net.add(ints({0}), "zero")}, axis(0));
                 const TensorId target = net.op("target", Op::Concat, {first, net.add(ints({-1, 5}), "rest")}, axis(0));
                 const TensorId test =
                     net.op("test", Op::Compare, {target, net.add(int_scalar(-1), "minus")}, CompareAttributesT());
                 FillAttributesT one;
                 one.type = DataType::int64;
                 one.value = {1, 0, 0, 0, 0, 0, 0, 0};
                 const TensorId ones = net.op("ones", Op::ConstantOfShape, {net.add(ints({3}), "three")}, one);
                 return net.op("chosen", Op::Where, {test, ones, target}, NoAttributesT());
               }),
      "nx1x5");
}

TEST(InferValues, LogicOfUnknownsDecidesWhereOneSideDoes) {
  EXPECT_EQ(
      as_shape("nx6",
               [](Net& net, TensorId shape) {
                 CompareAttributesT greater;
                 greater.function = CompareFunction::greater;
                 const TensorId test = net.op("test", Op::Compare, {shape, net.add(int_scalar(5), "five")}, greater);
                 const TensorId no = net.add(constant<uint8_t>(DataType::bool_, {0}, "1"), "no");
                 const TensorId both = net.op("both", Op::Logical, {test, no}, LogicalAttributesT());
                 return net.op("chosen", Op::Where, {both, shape, net.add(ints({8, 9}), "other")}, NoAttributesT());
               }),
      "8x9");
}

TEST(InferValues, ResizeScalesComputedFromShapes) {
  // sizes = Cast(Floor(Cast(Shape(x)[2:], float) * 2.5), int64)
  Net net;
  const TensorId x = net.add(f32("1x3x5x7"), "x");
  ShapeAttributesT spatial;
  spatial.start = 2;
  const TensorId shape = net.op("shape", Op::Shape, {x}, spatial);
  const TensorId real = net.op("real", Op::Cast, {shape}, cast(DataType::float32));
  const TensorId scaled =
      net.op("scaled", Op::Binary, {real, net.add(floats({2.5f}), "factor")}, binary(BinaryFunction::mul));
  UnaryAttributesT floor;
  floor.function = UnaryFunction::floor;
  const TensorId whole = net.op("whole", Op::Unary, {scaled}, floor);
  const TensorId sizes = net.op("sizes", Op::Cast, {whole}, cast(DataType::int64));
  ResizeAttributesT resize;
  resize.axes = {2, 3};
  net.output(net.op("y", Op::Resize, {x, kNone, kNone, sizes}, resize));
  infer_shapes(net.module);
  EXPECT_EQ(describe(net.named("y")), "float32 1x3x12x17");
  EXPECT_EQ(net.graph().nodes.size(), 1u);
}

TEST(InferValues, IntegerArithmeticNeverOverflowsOrTraps) {
  const auto compute = [](BinaryFunction function, int64_t a, int64_t b) {
    Net net;
    net.output(net.op("y", Op::Binary, {net.add(int_scalar(a), "a"), net.add(int_scalar(b), "b")}, binary(function)));
    infer_shapes(net.module);
    return int64_values(net.named("y"));
  };
  const std::vector<int64_t> left_alone{-999};
  EXPECT_EQ(compute(BinaryFunction::mul, INT64_MAX, 2), left_alone);
  EXPECT_EQ(compute(BinaryFunction::add, INT64_MAX, 1), left_alone);
  EXPECT_EQ(compute(BinaryFunction::div, 1, 0), left_alone);
  EXPECT_EQ(compute(BinaryFunction::div, INT64_MIN, -1), left_alone);
  EXPECT_EQ(compute(BinaryFunction::mod, INT64_MIN, -1), (std::vector<int64_t>{0}));
  EXPECT_EQ(compute(BinaryFunction::div, -7, 2), (std::vector<int64_t>{-3}));
  EXPECT_EQ(compute(BinaryFunction::div, 7, -1), (std::vector<int64_t>{-7}));
  EXPECT_EQ(compute(BinaryFunction::mod, -7, 3), (std::vector<int64_t>{2}));
  EXPECT_EQ(compute(BinaryFunction::fmod, -7, 3), (std::vector<int64_t>{-1}));
}

TEST(InferValues, ReshapeToAPartlyKnownShapeIsCompletedByTheCount) {
  Net net;
  const TensorId x = net.add(f32("1x256x6x6"), "x");
  const TensorId target =
      net.op("target", Op::Concat, {net.add(i64("1"), "given"), net.add(ints({9216}), "rest")}, axis(0));
  net.output(net.op("y", Op::Reshape, {x, target}, ReshapeAttributesT()));
  infer_shapes(net.module);
  EXPECT_EQ(describe(net.named("y")), "float32 1x9216");
}

TEST(InferValues, RangeOverASymbolHasItsLength) {
  Net net;
  const TensorId x = net.add(f32("nx3"), "x");
  const TensorId shape = net.op("shape", Op::Shape, {x}, ShapeAttributesT());
  const TensorId n = net.op("n", Op::Gather, {shape, net.add(int_scalar(0), "zero")}, axis(0));
  net.output(
      net.op("y", Op::Range, {net.add(int_scalar(0), "start"), n, net.add(int_scalar(1), "delta")}, NoAttributesT()));
  infer_shapes(net.module);
  EXPECT_EQ(describe(net.named("y")), "int64 n");
}

TEST(InferValues, NonZeroOfKnownValuesIsKnown) {
  Net net;
  const TensorId x = net.add(constant<float>(DataType::float32, {0, 2, 0, -1, 0, 3}, "2x3"), "x");
  net.output(net.op("y", Op::NonZero, {x}, NoAttributesT()));
  infer_shapes(net.module);
  EXPECT_EQ(describe(net.named("y")), "int64 2x3");
  EXPECT_EQ(int64_values(net.named("y")), (std::vector<int64_t>{0, 1, 1, 1, 0, 2}));
}

TEST(InferValues, SixteenBitFloatsAreRead) {
  // 1.5, 6.25 and 0.5 as float16 and as bfloat16.
  const auto range = [](DataType type, uint16_t start, uint16_t limit, uint16_t delta) {
    const auto number = [&](uint16_t bits) { return constant<uint16_t>(type, {bits}, "scalar"); };
    return inferred(Op::Range, NoAttributesT(), {number(start), number(limit), number(delta)});
  };
  EXPECT_EQ(range(DataType::float16, 0x3e00, 0x4640, 0x3800), "float16 10");
  EXPECT_EQ(range(DataType::bfloat16, 0x3fc0, 0x40c8, 0x3f00), "bfloat16 10");
  EXPECT_HAS(error_of([&] { range(DataType::float16, 0x3e00, 0x7c00, 0x3800); }), "too many elements");
}

// ---- folding

TEST(InferFold, ViewsOfAConstantShareItsBytes) {
  Net net;
  std::vector<float> weights(5000, 1.5f);
  const TensorId w = net.add(constant(DataType::float32, weights, "50x100"), "w");
  net.output(net.op("flat", Op::Flatten, {w}, axis(0)));
  const void* data = net.graph().tensor(w).constant->data;
  infer_shapes(net.module);
  EXPECT_TRUE(net.graph().nodes.empty());
  EXPECT_EQ(net.named("flat").constant->data, data);
  EXPECT_EQ(describe(net.named("flat")), "float32 1x5000");
}

TEST(InferFold, SmallFillsBecomeConstantsAndLargeOnesStayWithoutAnEvaluator) {
  const auto nodes_left = [](int64_t elements) {
    Net net;
    FillAttributesT fill;
    fill.type = DataType::float32;
    fill.value = {0, 0, 128, 63};
    net.output(net.op("y", Op::ConstantOfShape, {net.add(ints({elements}), "shape")}, fill));
    infer_shapes(net.module);
    if (net.named("y").is_constant()) {
      EXPECT_EQ(net.named("y").values<float>()[elements - 1], 1.0f);
    }
    return net.graph().nodes.size();
  };
  EXPECT_EQ(nodes_left(1024), 0u);
  EXPECT_EQ(nodes_left(1025), 1u);
}

// Answers a Binary with a given result and counts what it was asked.
struct FakeEvaluator : Evaluator {
  std::optional<std::vector<Constant>> result;
  int calls = 0;
  std::optional<std::vector<Constant>> evaluate(const Graph&, const Node&) override {
    ++calls;
    return result;
  }
};

Net constant_exp(const std::string& dims, size_t elements) {
  Net net;
  UnaryAttributesT exp;
  exp.function = UnaryFunction::exp;
  const TensorId x = net.add(constant(DataType::float32, std::vector<float>(elements, 0.0f), dims), "x");
  net.output(net.op("y", Op::Unary, {x}, exp));
  return net;
}

TEST(InferFold, TheEvaluatorFoldsNodesOfConstants) {
  Net net = constant_exp("2", 2);
  FakeEvaluator evaluator;
  evaluator.result = std::vector<Constant>{Constant::of(std::vector<float>{1, 1})};
  infer_shapes(net.module, {.evaluator = &evaluator});
  EXPECT_EQ(evaluator.calls, 1);
  EXPECT_TRUE(net.graph().nodes.empty());
  EXPECT_EQ(net.named("y").values<float>()[1], 1.0f);
}

TEST(InferFold, WhatTheEvaluatorDeclinesStays) {
  Net net = constant_exp("2", 2);
  FakeEvaluator evaluator;
  infer_shapes(net.module, {.evaluator = &evaluator});
  EXPECT_EQ(net.graph().nodes.size(), 1u);
  EXPECT_FALSE(net.named("y").is_constant());
}

TEST(InferFold, OutputsOverTheLimitAreNotEvaluated) {
  Net net = constant_exp("100", 100);
  FakeEvaluator evaluator;
  infer_shapes(net.module, {.evaluator = &evaluator, .fold_limit_bytes = 399});
  EXPECT_EQ(evaluator.calls, 0);
}

TEST(InferFold, AnEvaluatorsWrongResultIsAnInternalError) {
  Net net = constant_exp("2", 2);
  FakeEvaluator evaluator;
  evaluator.result = std::vector<Constant>{Constant::of(std::vector<float>{1})};
  const std::string text = error_of([&] { infer_shapes(net.module, {.evaluator = &evaluator}); }, ErrorCode::internal);
  EXPECT_HAS(text, "gave 4 bytes for output 0 (expected 8)");
}

TEST(InferFold, AFoldedGraphOutputStaysAsAConstant) {
  Net net;
  const TensorId x = net.add(f32("2x3"), "x");
  net.output(net.op("shape", Op::Shape, {x}, ShapeAttributesT()));
  net.output(x);  // an input may be an output too
  infer_shapes(net.module);
  EXPECT_TRUE(net.graph().nodes.empty());
  ASSERT_EQ(net.graph().outputs.size(), 2u);
  EXPECT_EQ(int64_values(net.graph().tensor(net.graph().outputs[0])), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(net.graph().outputs[1], net.graph().inputs[0]);
}

}  // namespace
}  // namespace motley::graph
