// Functions of one element.
#include "onnx/op_context.hpp"

namespace motley::convert {
namespace {

using F = schema::UnaryFunction;

schema::UnaryAttributesT function(F f, float alpha = 0, float beta = 0) {
  schema::UnaryAttributesT attributes;
  attributes.function = f;
  attributes.alpha = alpha;
  attributes.beta = beta;
  return attributes;
}

// The function, and the names and defaults of its parameters, come from the rule.
void unary(OpContext& c) {
  const OpRule& rule = c.rule();
  c.ignore("consumed_inputs");
  const float alpha = rule.alpha_name ? c.number(rule.alpha_name, rule.alpha) : rule.alpha;
  const float beta = rule.beta_name ? c.number(rule.beta_name, rule.beta) : rule.beta;
  c.emit(Op::Unary, {c.in(0)}, function(static_cast<F>(rule.function), alpha, beta));
}

void is_inf(OpContext& c) {
  const bool negative = c.flag("detect_negative", true), positive = c.flag("detect_positive", true);
  c.emit(Op::Unary, {c.in(0)}, function(F::is_inf, negative, positive));
}

void gelu(OpContext& c) {
  schema::GeluAttributesT attributes;
  attributes.tanh_approximation = c.choice<bool>("approximate", "none", {{"none", false}, {"tanh", true}});
  c.emit(Op::Gelu, {c.in(0)}, std::move(attributes));
}

// com.microsoft.FastGelu: the approximation, after an optional bias is added.
void fast_gelu(OpContext& c) {
  schema::GeluAttributesT attributes;
  attributes.tanh_approximation = true;
  TensorId x = c.in(0);
  if (c.in(1) != kNone) x = c.temp("bias", Op::Binary, {x, c.in(1)}, schema::BinaryAttributesT());
  c.emit(Op::Gelu, {x}, std::move(attributes));
}

constexpr int code(F f) { return static_cast<int>(f); }

constexpr OpRule kRules[] = {
    {"Abs", 1, 1, 1, 1, unary, code(F::abs)},
    {"Neg", 1, 1, 1, 1, unary, code(F::neg)},
    {"Sign", 9, 1, 1, 1, unary, code(F::sign)},
    {"Floor", 1, 1, 1, 1, unary, code(F::floor)},
    {"Ceil", 1, 1, 1, 1, unary, code(F::ceil)},
    {"Round", 11, 1, 1, 1, unary, code(F::round)},
    {"Sqrt", 1, 1, 1, 1, unary, code(F::sqrt)},
    {"Reciprocal", 1, 1, 1, 1, unary, code(F::reciprocal)},
    {"Exp", 1, 1, 1, 1, unary, code(F::exp)},
    {"Log", 1, 1, 1, 1, unary, code(F::log)},
    {"Sin", 7, 1, 1, 1, unary, code(F::sin)},
    {"Cos", 7, 1, 1, 1, unary, code(F::cos)},
    {"Tan", 7, 1, 1, 1, unary, code(F::tan)},
    {"Asin", 7, 1, 1, 1, unary, code(F::asin)},
    {"Acos", 7, 1, 1, 1, unary, code(F::acos)},
    {"Atan", 7, 1, 1, 1, unary, code(F::atan)},
    {"Sinh", 9, 1, 1, 1, unary, code(F::sinh)},
    {"Cosh", 9, 1, 1, 1, unary, code(F::cosh)},
    {"Tanh", 1, 1, 1, 1, unary, code(F::tanh)},
    {"Asinh", 9, 1, 1, 1, unary, code(F::asinh)},
    {"Acosh", 9, 1, 1, 1, unary, code(F::acosh)},
    {"Atanh", 9, 1, 1, 1, unary, code(F::atanh)},
    {"Erf", 9, 1, 1, 1, unary, code(F::erf)},
    {"Not", 1, 1, 1, 1, unary, code(F::logical_not)},
    {"BitwiseNot", 18, 1, 1, 1, unary, code(F::bitwise_not)},
    {"IsNaN", 9, 1, 1, 1, unary, code(F::is_nan)},
    {"IsInf", 10, 1, 1, 1, is_inf},
    {"Relu", 1, 1, 1, 1, unary, code(F::relu)},
    {"Sigmoid", 1, 1, 1, 1, unary, code(F::sigmoid)},
    {"HardSwish", 14, 1, 1, 1, unary, code(F::hard_swish)},
    {"Softplus", 1, 1, 1, 1, unary, code(F::softplus)},
    {"Softsign", 1, 1, 1, 1, unary, code(F::softsign)},
    {"Mish", 18, 1, 1, 1, unary, code(F::mish)},
    {"LeakyRelu", 1, 1, 1, 1, unary, code(F::leaky_relu), "alpha", 0.01f},
    {"Elu", 1, 1, 1, 1, unary, code(F::elu), "alpha", 1.0f},
    {"Celu", 12, 1, 1, 1, unary, code(F::celu), "alpha", 1.0f},
    {"ThresholdedRelu", 10, 1, 1, 1, unary, code(F::thresholded_relu), "alpha", 1.0f},
    {"ThresholdedRelu", 1, 1, 1, 1, unary, code(F::thresholded_relu), "alpha", 1.0f},
    {"Swish", 24, 1, 1, 1, unary, code(F::swish), "alpha", 1.0f},
    {"HardSigmoid", 1, 1, 1, 1, unary, code(F::hard_sigmoid), "alpha", 0.2f, "beta", 0.5f},
    {"Selu", 6, 1, 1, 1, unary, code(F::selu), "alpha", 1.67326319217681884765625f, "gamma",
     1.05070102214813232421875f},
    {"Selu", 1, 1, 1, 1, unary, code(F::selu), "alpha", 1.6732f, "gamma", 1.0507f},
    {"Shrink", 9, 1, 1, 1, unary, code(F::shrink), "lambd", 0.5f, "bias", 0.0f},
    {"Gelu", 20, 1, 1, 1, gelu},
    {"Gelu", 1, 1, 1, 1, gelu, 0, nullptr, 0, nullptr, 0, "com.microsoft"},
    {"FastGelu", 1, 1, 2, 1, fast_gelu, 0, nullptr, 0, nullptr, 0, "com.microsoft"},
    {"QuickGelu", 1, 1, 1, 1, unary, code(F::swish), "alpha", 1.702f, nullptr, 0, "com.microsoft"},
};

}  // namespace

std::span<const OpRule> ops::unary() { return kRules; }

}  // namespace motley::convert
