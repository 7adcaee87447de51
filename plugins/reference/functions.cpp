// The functions of one element.
#include "functions.hpp"

#include <numbers>

namespace motley::reference {

namespace {
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
// ln(1 + e^x) without overflow.
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }
double gelu_tanh(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}
double clip(double x, double low, double high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}
// x for positive x, else `negative`; NaN stays.
double rectify(double x, double negative) { return x < 0 ? negative : x; }
double shrink(double x, double lambda, double bias) { return x < -lambda ? x + bias : x > lambda ? x - bias : 0; }
}  // namespace

double unary_real(UnaryFunction function, double x, double alpha, double beta) {
  using F = UnaryFunction;
  switch (function) {
    case F::identity: return x;
    case F::abs: return std::fabs(x);
    case F::neg: return -x;
    case F::sign: return x > 0 ? 1 : x < 0 ? -1 : x;
    case F::floor: return std::floor(x);
    case F::ceil: return std::ceil(x);
    case F::round: return std::isfinite(x) ? std::copysign(round_half_even(x), x) : x;
    case F::sqrt: return std::sqrt(x);
    case F::rsqrt: return 1 / std::sqrt(x);
    case F::square: return x * x;
    case F::reciprocal: return 1 / x;
    case F::exp: return std::exp(x);
    case F::log: return std::log(x);
    case F::sin: return std::sin(x);
    case F::cos: return std::cos(x);
    case F::tan: return std::tan(x);
    case F::asin: return std::asin(x);
    case F::acos: return std::acos(x);
    case F::atan: return std::atan(x);
    case F::sinh: return std::sinh(x);
    case F::cosh: return std::cosh(x);
    case F::tanh: return std::tanh(x);
    case F::asinh: return std::asinh(x);
    case F::acosh: return std::acosh(x);
    case F::atanh: return std::atanh(x);
    case F::erf: return std::erf(x);
    case F::relu: return rectify(x, 0);
    case F::leaky_relu: return rectify(x, alpha * x);
    case F::elu: return rectify(x, alpha * std::expm1(x));
    case F::selu: return beta * rectify(x, alpha * std::expm1(x));
    case F::celu: return rectify(x, alpha * std::expm1(x / alpha));
    case F::sigmoid: return sigmoid(x);
    case F::hard_sigmoid: return clip(alpha * x + beta, 0, 1);
    case F::hard_swish: return x * clip(x / 6 + 0.5, 0, 1);
    case F::softplus: return softplus(x);
    case F::softsign: return x / (1 + std::fabs(x));
    case F::mish: return x * std::tanh(softplus(x));
    case F::gelu: return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
    case F::gelu_tanh: return gelu_tanh(x);
    case F::thresholded_relu: return x <= alpha ? 0 : x;
    case F::clip: return clip(x, alpha, beta);
    case F::shrink: return shrink(x, alpha, beta);
    case F::swish: return x * sigmoid(alpha * x);
    default: return x;  // is_real_function() has refused it
  }
}

bool is_real_function(UnaryFunction function) {
  switch (function) {
    case UnaryFunction::logical_not:
    case UnaryFunction::bitwise_not:
    case UnaryFunction::is_nan:
    case UnaryFunction::is_inf: return false;
    default: return function <= UnaryFunction::swish;
  }
}

bool is_integer_function(UnaryFunction function) {
  switch (function) {
    case UnaryFunction::identity:
    case UnaryFunction::abs:
    case UnaryFunction::neg:
    case UnaryFunction::sign:
    case UnaryFunction::floor:
    case UnaryFunction::ceil:
    case UnaryFunction::round:
    case UnaryFunction::square:
    case UnaryFunction::bitwise_not:
    case UnaryFunction::relu:
    case UnaryFunction::clip: return true;
    default: return false;
  }
}

void check_activation(const schema::Activation* activation, DataType type) {
  if (!activation) return;
  require(is_real(type) ? is_real_function(activation->function()) : is_integer_function(activation->function()),
          "this activation is not supported for " + describe(type));
}

}  // namespace motley::reference
