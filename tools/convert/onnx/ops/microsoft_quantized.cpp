// Quantized ops of com.microsoft, as the ops on reals or integers that they stand for.
//
// Those that are defined on reals become these, with DequantizeLinear before and QuantizeLinear behind: the optimizer
// makes integer ops of them again.
#include "onnx/ops/windows.hpp"

namespace motley::convert {
namespace {

// Zero points may be absent, wherever they stand; these inputs not.
void require_inputs(OpContext& c, std::initializer_list<size_t> inputs) {
  for (size_t i : inputs)
    if (c.in(i) == kNone) c.invalid("lacks its input " + std::to_string(i + 1));
}

// The reals of the quantized tensor in input i, whose scale and zero point stand behind it.
TensorId reals(OpContext& c, const std::string& suffix, size_t i, int64_t axis = 0) {
  schema::QuantizeAttributesT attributes;
  attributes.axis = axis;
  return c.temp(suffix, Op::DequantizeLinear, {c.in(i), c.in(i + 1), c.in(i + 2)}, std::move(attributes));
}

// The output: y by the scale in input i and the zero point behind it; without one, of the type of input 0.
void emit_quantized(OpContext& c, TensorId y, size_t i) {
  schema::QuantizeAttributesT attributes;
  attributes.to = c.in(i + 1) == kNone ? c.type(c.in(0)) : c.type(c.in(i + 1));
  c.emit(Op::QuantizeLinear, {y, c.in(i), c.in(i + 1)}, std::move(attributes));
}

template <class Attributes>
Attributes with(decltype(Attributes::function) function) {
  Attributes attributes;
  attributes.function = function;
  return attributes;
}

TensorId binary(OpContext& c, const std::string& suffix, schema::BinaryFunction function, TensorId a, TensorId b) {
  return c.temp(suffix, Op::Binary, {a, b}, with<schema::BinaryAttributesT>(function));
}

void qlinear_binary(OpContext& c) {
  require_inputs(c, {3, 4, 6});
  const TensorId a = reals(c, "a", 0), b = reals(c, "b", 3);
  emit_quantized(c, binary(c, "result", static_cast<schema::BinaryFunction>(c.rule().function), a, b), 6);
}

void qlinear_unary(OpContext& c) {
  require_inputs(c, {3});
  auto attributes = with<schema::UnaryAttributesT>(static_cast<schema::UnaryFunction>(c.rule().function));
  if (c.rule().alpha_name) attributes.alpha = c.number(c.rule().alpha_name, c.rule().alpha);
  emit_quantized(c, c.temp("result", Op::Unary, {reals(c, "x", 0)}, std::move(attributes)), 3);
}

// Before opset 13, which an attribute names, a softmax ran over all dimensions from its axis on.
void qlinear_softmax(OpContext& c) {
  require_inputs(c, {3});
  schema::SoftmaxAttributesT attributes;
  attributes.flatten = c.integer("opset", 13) < 13;
  attributes.axis = c.integer("axis", attributes.flatten ? 1 : -1);
  emit_quantized(c, c.temp("result", Op::Softmax, {reals(c, "x", 0)}, std::move(attributes)), 3);
}

void refuse_channels_last(OpContext& c) {
  if (c.flag("channels_last", false)) c.unsupported("channels that come last");
}

void qlinear_average_pool(OpContext& c) {
  require_inputs(c, {3});
  refuse_channels_last(c);
  auto attributes = with<schema::PoolAttributesT>(schema::PoolFunction::average);
  attributes.kernel_shape = c.integers("kernel_shape");
  if (attributes.kernel_shape.empty()) c.invalid("lacks the attribute kernel_shape");
  read_window(c, attributes);
  attributes.ceil_mode = c.flag("ceil_mode", false);
  attributes.count_include_pad = c.flag("count_include_pad", false);
  emit_quantized(c, c.temp("result", Op::Pool, {reals(c, "x", 0)}, std::move(attributes)), 3);
}

void qlinear_global_average_pool(OpContext& c) {
  require_inputs(c, {3});
  refuse_channels_last(c);
  auto attributes = with<schema::GlobalPoolAttributesT>(schema::PoolFunction::average);
  emit_quantized(c, c.temp("result", Op::GlobalPool, {reals(c, "x", 0)}, std::move(attributes)), 3);
}

// The output's scale and zero point, then three inputs per tensor.
void qlinear_concat(OpContext& c) {
  const size_t count = c.input_count();
  if (count < 5 || (count - 2) % 3 != 0)
    c.invalid("has " + std::to_string(count) + " inputs (two, and three for each tensor)");
  for (size_t i = 2; i < count; i += 3) require_inputs(c, {i, i + 1});
  schema::AxisAttributesT axis;
  axis.axis = c.integer("axis");
  std::vector<TensorId> parts;
  for (size_t i = 2; i < count; i += 3) parts.push_back(reals(c, "x" + std::to_string(i / 3), i));
  const TensorId joined = c.temp("joined", Op::Concat, std::move(parts), std::move(axis));
  schema::QuantizeAttributesT attributes;
  attributes.to = c.type(c.in(1));
  c.emit(Op::QuantizeLinear, {joined, c.in(0), c.in(1)}, std::move(attributes));
}

// A, B, and maybe C in units of alpha times both scales. Without a scale for it the result stays real.
void qgemm(OpContext& c) {
  schema::MatMulAttributesT attributes;
  attributes.transpose_a = c.flag("transA", false);
  attributes.transpose_b = c.flag("transB", false);
  attributes.alpha = c.number("alpha", 1);
  std::vector<TensorId> inputs{reals(c, "a", 0), reals(c, "b", 3, attributes.transpose_b ? 0 : 1)};
  if (c.in(6) != kNone) {
    TensorId unit = binary(c, "unit", schema::BinaryFunction::mul, c.in(1), c.in(4));
    if (attributes.alpha != 1) {
      const TensorId alpha = c.scalar("alpha", DataType::float32, static_cast<double>(attributes.alpha));
      unit = binary(c, "scaled_unit", schema::BinaryFunction::mul, unit, alpha);
    }
    schema::QuantizeAttributesT last;
    last.axis = -1;
    inputs.push_back(c.temp("c", Op::DequantizeLinear, {c.in(6), unit}, std::move(last)));
  }
  if (c.in(7) == kNone) return c.emit(Op::Gemm, std::move(inputs), std::move(attributes));
  emit_quantized(c, c.temp("result", Op::Gemm, std::move(inputs), std::move(attributes)), 7);
}

// The integer product times both scales, and a bias: the output.
void emit_product(OpContext& c, std::vector<TensorId> operands, TensorId a_scale, TensorId b_scale, TensorId bias) {
  const TensorId sums = c.temp("sums", Op::MatMulInteger, std::move(operands), schema::NoAttributesT());
  const TensorId unit = binary(c, "unit", schema::BinaryFunction::mul, a_scale, b_scale);
  const TensorId numbers = c.cast("numbers", sums, DataType::float32);
  const auto mul = with<schema::BinaryAttributesT>(schema::BinaryFunction::mul);
  if (bias == kNone) return c.emit(Op::Binary, {numbers, unit}, mul);
  const TensorId product = c.temp("product", Op::Binary, {numbers, unit}, mul);
  c.emit(Op::Binary, {product, bias}, with<schema::BinaryAttributesT>(schema::BinaryFunction::add));
}

// A, B, A's scale, B's, A's zero point, B's, bias
void matmul_integer_to_float(OpContext& c) {
  emit_product(c, {c.in(0), c.in(1), c.in(4), c.in(5)}, c.in(2), c.in(3), c.in(6));
}

// A of reals, which are quantized as they are; B, B's scale, its zero point, bias
void dynamic_quantize_matmul(OpContext& c) {
  const std::vector<TensorId> a = c.temps("a", 3, Op::DynamicQuantizeLinear, {c.in(0)}, schema::NoAttributesT());
  emit_product(c, {a[0], c.in(1), a[2], c.in(3)}, a[1], c.in(2), c.in(4));
}

constexpr int code(schema::BinaryFunction f) { return static_cast<int>(f); }
constexpr int code(schema::UnaryFunction f) { return static_cast<int>(f); }

constexpr OpRule rule(const char* op, int min_inputs, int max_inputs, void (*import)(OpContext&), int function = 0,
                      const char* alpha_name = nullptr, float alpha = 0) {
  return {op, 1, min_inputs, max_inputs, 1, import, function, alpha_name, alpha, nullptr, 0, "com.microsoft"};
}
constexpr OpRule kRules[] = {
    rule("QLinearAdd", 2, 8, qlinear_binary, code(schema::BinaryFunction::add)),
    rule("QLinearMul", 2, 8, qlinear_binary, code(schema::BinaryFunction::mul)),
    rule("QLinearSigmoid", 2, 5, qlinear_unary, code(schema::UnaryFunction::sigmoid)),
    rule("QLinearLeakyRelu", 2, 5, qlinear_unary, code(schema::UnaryFunction::leaky_relu), "alpha", 0.01f),
    rule("QLinearSoftmax", 2, 5, qlinear_softmax),
    rule("QLinearAveragePool", 2, 5, qlinear_average_pool),
    rule("QLinearGlobalAveragePool", 2, 5, qlinear_global_average_pool),
    rule("QLinearConcat", 2, kAny, qlinear_concat),
    rule("QGemm", 6, 9, qgemm),
    rule("MatMulIntegerToFloat", 4, 7, matmul_integer_to_float),
    rule("DynamicQuantizeMatMul", 3, 5, dynamic_quantize_matmul),
};

}  // namespace

std::span<const OpRule> ops::microsoft_quantized() { return kRules; }

}  // namespace motley::convert
