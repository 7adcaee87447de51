// Shapes and types of element-wise ops.
#include "infer_support.hpp"

namespace motley::graph {
namespace {

using namespace schema;
using graph::DataType;

UnaryAttributesT unary(UnaryFunction function) {
  UnaryAttributesT a;
  a.function = function;
  return a;
}
BinaryAttributesT binary(BinaryFunction function) {
  BinaryAttributesT a;
  a.function = function;
  return a;
}
std::string add(const std::string& a, const std::string& b) {
  return inferred(Op::Binary, binary(BinaryFunction::add), {f32(a), f32(b)});
}

TEST(InferElementwise, UnaryKeepsTheShape) {
  EXPECT_EQ(inferred(Op::Unary, unary(UnaryFunction::relu), {f32("2xnx4")}), "float32 2xnx4");
  EXPECT_EQ(inferred(Op::Unary, unary(UnaryFunction::is_nan), {f32("unknown")}), "bool unknown rank");
  EXPECT_EQ(inferred(Op::Unary, unary(UnaryFunction::neg), {i64("scalar")}), "int64 scalar");
}

TEST(InferElementwise, UnaryChecksTheType) {
  EXPECT_HAS(refused(Op::Unary, unary(UnaryFunction::exp), {i64("3")}),
             "node \"tested\" (Unary(exp)): the input is of type int64");
  EXPECT_HAS(refused(Op::Unary, unary(UnaryFunction::logical_not), {f32("3")}), "expected bool");
  EXPECT_HAS(refused(Op::Unary, unary(UnaryFunction::bitwise_not), {f32("3")}), "expected an integer type");
}

TEST(InferElementwise, QuantizedIntegersCountAsReal) {
  In x = typed(DataType::int8, "3");
  x.tensor.quantization.scales = {0.5f};
  EXPECT_EQ(inferred(Op::Unary, unary(UnaryFunction::sigmoid), {x}), "int8 3");
}

TEST(InferElementwise, BroadcastsNumbers) {
  EXPECT_EQ(add("2x3x4", "4"), "float32 2x3x4");
  EXPECT_EQ(add("2x1x4", "3x1"), "float32 2x3x4");
  EXPECT_EQ(add("scalar", "5"), "float32 5");
  EXPECT_EQ(add("1", "0"), "float32 0");
  EXPECT_EQ(add("unknown", "5"), "float32 unknown rank");
}

TEST(InferElementwise, BroadcastsSymbols) {
  EXPECT_EQ(add("n", "1"), "float32 n");
  EXPECT_EQ(add("n", "n"), "float32 n");
  EXPECT_EQ(add("n", "m"), "float32 ?");
  EXPECT_EQ(add("n", "7"), "float32 7");
  EXPECT_EQ(add("?", "?"), "float32 ?");
  EXPECT_EQ(add("?x2", "1"), "float32 ?x2");
}

TEST(InferElementwise, BinaryErrors) {
  const auto a = binary(BinaryFunction::add);
  EXPECT_HAS(refused(Op::Binary, a, {f32("2x3"), f32("4")}), "shapes 2x3 and 4 do not broadcast (3 against 4)");
  EXPECT_HAS(refused(Op::Binary, a, {f32("3"), i64("3")}), "different types (float32 and int64)");
  EXPECT_HAS(refused(Op::Binary, a, {boolean("3"), boolean("3")}), "expected a number type");
  EXPECT_HAS(refused(Op::Binary, a, {f32("3")}), "input 1 is missing");
  EXPECT_HAS(refused(Op::Binary, a, {absent(), f32("3")}), "input 0 is missing");
  EXPECT_HAS(refused(Op::Binary, a, {f32("3"), f32("3"), f32("3")}), "3 inputs (at most 2)");
  EXPECT_HAS(refused(Op::Binary, a, {f32("3"), f32("3")}, 2), "2 outputs (at most 1)");
  EXPECT_HAS(refused(Op::Binary, binary(BinaryFunction::shift_left), {f32("3"), f32("3")}), "expected an integer type");
}

TEST(InferElementwise, PowTakesAnExponentOfAnotherType) {
  EXPECT_EQ(inferred(Op::Binary, binary(BinaryFunction::pow), {i64("3"), f32("3")}), "int64 3");
}

TEST(InferElementwise, PReluSlopeMustNotEnlarge) {
  EXPECT_EQ(inferred(Op::PRelu, NoAttributesT(), {f32("1x3x2x2"), f32("3x1x1")}), "float32 1x3x2x2");
  EXPECT_HAS(refused(Op::PRelu, NoAttributesT(), {f32("1x3"), f32("2x3")}),
             "the slope of shape 2x3 does not broadcast to 1x3");
}

TEST(InferElementwise, CompareAndLogicalGiveBool) {
  EXPECT_EQ(inferred(Op::Compare, CompareAttributesT(), {i64("2x1"), i64("3")}), "bool 2x3");
  EXPECT_EQ(inferred(Op::Compare, CompareAttributesT(), {boolean("2"), boolean("2")}), "bool 2");
  CompareAttributesT less;
  less.function = CompareFunction::less;
  EXPECT_HAS(refused(Op::Compare, less, {boolean("2"), boolean("2")}), "expected a number type");
  EXPECT_EQ(inferred(Op::Logical, LogicalAttributesT(), {boolean("2"), boolean("1")}), "bool 2");
  EXPECT_HAS(refused(Op::Logical, LogicalAttributesT(), {f32("2"), boolean("1")}), "expected bool");
}

TEST(InferElementwise, Where) {
  EXPECT_EQ(inferred(Op::Where, NoAttributesT(), {boolean("2x1"), f32("3"), f32("scalar")}), "float32 2x3");
  EXPECT_HAS(refused(Op::Where, NoAttributesT(), {f32("2"), f32("2"), f32("2")}), "the condition is of type float32");
  EXPECT_HAS(refused(Op::Where, NoAttributesT(), {boolean("2"), f32("2"), i64("2")}), "different types");
}

TEST(InferElementwise, Cast) {
  CastAttributesT to;
  to.to = DataType::float16;
  EXPECT_EQ(inferred(Op::Cast, to, {boolean("nx2")}), "float16 nx2");
  EXPECT_HAS(refused(Op::Cast, CastAttributesT(), {f32("2")}), "the target type is not given");
}

TEST(InferElementwise, VariadicClipAndGelu) {
  EXPECT_EQ(inferred(Op::Variadic, VariadicAttributesT(), {f32("2x1"), f32("3"), f32("1x1x1")}), "float32 1x2x3");
  EXPECT_HAS(refused(Op::Variadic, VariadicAttributesT(), {f32("2"), f32("3")}), "do not broadcast");
  EXPECT_EQ(inferred(Op::Clip, NoAttributesT(), {f32("2x3"), absent(), f32("scalar")}), "float32 2x3");
  EXPECT_HAS(refused(Op::Clip, NoAttributesT(), {f32("2x3"), f32("3")}), "the lower bound of shape 3");
  EXPECT_HAS(refused(Op::Clip, NoAttributesT(), {f32("2x3"), i64("scalar")}), "different types");
  EXPECT_EQ(inferred(Op::Gelu, GeluAttributesT(), {f32("2x3")}), "float32 2x3");
}

TEST(InferElementwise, WrongAttributesAreABugOfTheMaker) {
  error_of([] { inferred(Op::Unary, NoAttributesT(), {f32("1")}); }, ErrorCode::internal);
}

}  // namespace
}  // namespace motley::graph
