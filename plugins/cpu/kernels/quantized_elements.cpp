// QLinearUnary and QLinearBinary: what the reals give that bytes stand for, as bytes again.
//
// Both are exact: they do in float what DequantizeLinear, the function and QuantizeLinear do one after the other.
#include <array>
#include <cmath>
#include <numbers>
#include <optional>

#include "kernels/broadcast.hpp"
#include "kernels/kernels.hpp"
#include "kernels/quantized.hpp"

namespace motley::cpu {

namespace {

using schema::BinaryFunction;
using schema::UnaryFunction;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double clip(double x, double low, double high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}
// In double, so that the float that it is rounded to is the right one; nothing for functions that are not supported.
using Function = double (*)(double x, double alpha, double beta);
Function function_of(UnaryFunction f) {
  using F = UnaryFunction;
  switch (f) {
    case F::identity: return [](double x, double, double) { return x; };
    case F::abs: return [](double x, double, double) { return std::fabs(x); };
    case F::neg: return [](double x, double, double) { return -x; };
    case F::sqrt: return [](double x, double, double) { return std::sqrt(x); };
    case F::square: return [](double x, double, double) { return x * x; };
    case F::exp: return [](double x, double, double) { return std::exp(x); };
    case F::tanh: return [](double x, double, double) { return std::tanh(x); };
    case F::relu: return [](double x, double, double) { return x < 0 ? 0 : x; };
    case F::leaky_relu: return [](double x, double alpha, double) { return x < 0 ? alpha * x : x; };
    case F::elu: return [](double x, double alpha, double) { return x < 0 ? alpha * std::expm1(x) : x; };
    case F::sigmoid: return [](double x, double, double) { return sigmoid(x); };
    case F::hard_sigmoid: return [](double x, double alpha, double beta) { return clip(alpha * x + beta, 0, 1); };
    case F::hard_swish: return [](double x, double, double) { return x * clip(x / 6 + 0.5, 0, 1); };
    case F::swish: return [](double x, double alpha, double) { return x * sigmoid(alpha * x); };
    case F::gelu: return [](double x, double, double) { return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2)); };
    case F::clip: return [](double x, double low, double high) { return clip(x, low, high); };
    default: return nullptr;
  }
}

using Table = std::array<uint8_t, 256>;

struct Lookup {
  Function function;
  double alpha, beta;
  DataType from, to;

  // By the byte as it is stored.
  Table table(const void* const* inputs, const QuantizedOps& ops) const {
    const float x_scale = *static_cast<const float*>(inputs[1]), y_scale = *static_cast<const float*>(inputs[3]);
    const int32_t x_zero = byte_at(from, inputs[2], 0);
    float reals[256];
    for (int i = 0; i < 256; ++i) {
      const auto byte = static_cast<uint8_t>(i);
      const float x = static_cast<float>(byte_at(from, &byte, 0) - x_zero) * x_scale;
      reals[i] = static_cast<float>(function(static_cast<double>(x), alpha, beta));
    }
    Table result;
    ops.quantize(reals, 256, y_scale, byte_range(to, byte_at(to, inputs[4], 0)), result.data());
    return result;
  }
};

void check_unary(const NodeView& node) {
  check_arity(node, 5, 5);
  const TensorView &x = *node.input(0), &y = *node.output(0);
  require(is_byte(x.type) && is_byte(y.type), "only int8 and uint8 are supported");
  check_shape(y, x.shape, "output 0");
  check_linear(node.input(1), node.input(2), x, 1);
  check_linear(node.input(3), node.input(4), y, 1);
  const UnaryFunction f = node.attributes<schema::UnaryAttributes>().function();
  require(function_of(f) != nullptr, std::string(schema::EnumNameUnaryFunction(f)) + " not supported");
}

std::unique_ptr<Kernel> prepare_unary(const NodeView& node, const PrepareContext&) {
  const auto& a = node.attributes<schema::UnaryAttributes>();
  const Lookup lookup{function_of(a.function()), static_cast<double>(a.alpha()), static_cast<double>(a.beta()),
                      node.input(0)->type, node.output(0)->type};
  const void* inputs[5] = {};
  bool constant = true;
  for (size_t i = 1; i < 5; ++i) {
    inputs[i] = node.input(i)->constant;
    constant &= inputs[i] != nullptr;
  }
  Table known{};
  if (constant) known = lookup.table(inputs, quantized_ops());
  return make_kernel("qlinear_unary", [lookup, constant, known, count = node.input(0)->elements(),
                                       ops = &quantized_ops()](const RunContext& c) {
    const Table table = constant ? known : lookup.table(c.inputs, *ops);
    parallel_ranges(c.threads, count, kGrain, [&](int64_t begin, int64_t end, uint32_t) {
      const uint8_t* x = c.input<uint8_t>(0);
      uint8_t* y = c.output<uint8_t>(0);
      for (int64_t i = begin; i < end; ++i) y[i] = table[x[i]];
    });
  });
}

std::optional<ByteFunction> function_of(BinaryFunction f) {
  switch (f) {
    case BinaryFunction::add: return ByteFunction::add;
    case BinaryFunction::sub: return ByteFunction::sub;
    case BinaryFunction::mul: return ByteFunction::mul;
    case BinaryFunction::div: return ByteFunction::div;
    default: return std::nullopt;
  }
}

void check_binary(const NodeView& node) {
  check_arity(node, 8, 8);
  const TensorView &a = *node.input(0), &b = *node.input(3), &y = *node.output(0);
  require(is_byte(a.type) && is_byte(b.type) && is_byte(y.type), "only int8 and uint8 are supported");
  check_shape(y, broadcast_shape(a.shape, b.shape), "output 0");
  check_linear(node.input(1), node.input(2), a, 1);
  check_linear(node.input(4), node.input(5), b, 1);
  check_linear(node.input(6), node.input(7), y, 1);
  const auto& attributes = node.attributes<schema::BinaryAttributes>();
  const char* name = schema::EnumNameBinaryFunction(attributes.function());
  require(function_of(attributes.function()).has_value(), std::string(name) + " not supported");
  const auto* activation = attributes.activation();
  require(!activation || activation->function() == UnaryFunction::identity, "activation not supported");
}

std::unique_ptr<Kernel> prepare_binary(const NodeView& node, const PrepareContext&) {
  const BroadcastPlan<2> plan(node.output(0)->shape, {node.input(0)->shape, node.input(3)->shape});
  const ByteFunction function = *function_of(node.attributes<schema::BinaryAttributes>().function());
  return make_kernel("qlinear_binary", [plan, function, a_type = node.input(0)->type, b_type = node.input(3)->type,
                                        y_type = node.output(0)->type, ops = &quantized_ops()](const RunContext& c) {
    const auto operand = [&](size_t i, DataType type, bool advances) {
      const bool is_signed = type == DataType::int8;
      return ByteOperand{c.input<uint8_t>(i), advances ? size_t{1} : size_t{0},
                         static_cast<uint8_t>(is_signed ? 0x80 : 0),
                         byte_at(type, c.inputs[i + 2], 0) + (is_signed ? 128 : 0), *c.input<float>(i + 1)};
    };
    const ByteOperand a = operand(0, a_type, plan.advances(0)), b = operand(3, b_type, plan.advances(1));
    const IntegerRange range = byte_range(y_type, byte_at(y_type, c.inputs[7], 0));
    plan.run(c.threads, INT64_MAX, [&](int64_t at, const std::array<int64_t, 2>& from, int64_t n, uint32_t) {
      ByteOperand left = a, right = b;
      left.data += from[0], right.data += from[1];
      ops->binary(function, left, right, static_cast<size_t>(n), *c.input<float>(6), range, c.output<uint8_t>(0) + at);
    });
  });
}

}  // namespace

KernelEntry qlinear_unary_kernel() { return entry<check_unary>(Op::QLinearUnary, prepare_unary); }
KernelEntry qlinear_binary_kernel() { return entry<check_binary>(Op::QLinearBinary, prepare_binary); }

}  // namespace motley::cpu
