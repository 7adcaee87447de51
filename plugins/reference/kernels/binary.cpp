// Binary: a function of two elements, with broadcasting.
#include "functions.hpp"
#include "indexing.hpp"
#include "kernels.hpp"

namespace motley::reference {

namespace {

using F = schema::BinaryFunction;

bool is_bitwise(F f) {
  return f == F::bitwise_and || f == F::bitwise_or || f == F::bitwise_xor || f == F::shift_left || f == F::shift_right;
}

void check(const NodeView& node) {
  check_arity(node, {2, 2});
  const TensorView &a = *node.input(0), &b = *node.input(1), &y = *node.output(0);
  const auto& attributes = node.attributes<schema::BinaryAttributes>();
  const F f = attributes.function();
  check_type(a, is_number, "input 0");
  check_type(b, is_number, "input 1");
  require(f <= F::bitwise_xor, "unknown function");
  require(!is_bitwise(f) || is_integer(a.type), "bit operations need integers");
  if (f != F::pow) check_same_type(a, b);  // a power may have an exponent of another type
  check_same_type(a, y);
  check_shape(y, broadcast_shape(a.shape, b.shape), "output 0");
  check_activation(attributes.activation(), y.type);
}

// The remainder with the sign of the divisor.
double modulo_real(double a, double b) {
  const double r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

double on_reals(F f, double a, double b) {
  switch (f) {
    case F::add: return a + b;
    case F::sub: return a - b;
    case F::mul: return a * b;
    case F::div: return a / b;
    case F::mod: return modulo_real(a, b);
    case F::fmod: return std::fmod(a, b);
    case F::min: return smaller(a, b);
    case F::max: return larger(a, b);
    case F::prelu: return a < 0 ? a * b : a;
    default: return 0;  // the check refused it; pow is apart
  }
}

// Shifts by the width or more give what shifting one by one would.
template <class T>
T shift(F f, T a, T b) {
  constexpr int kBits = 8 * sizeof(T);
  if (b < T{0} || static_cast<uint64_t>(b) >= kBits) return f == F::shift_right && a < T{0} ? static_cast<T>(-1) : T{0};
  const auto n = static_cast<int>(b);
  return f == F::shift_left ? static_cast<T>(static_cast<uint64_t>(a) << n) : static_cast<T>(a >> n);
}

template <class T>
T on_integers(F f, T a, T b) {
  switch (f) {
    case F::add: return wrap_add(a, b);
    case F::sub: return wrap_sub(a, b);
    case F::mul: return wrap_mul(a, b);
    case F::div: return divide(a, b);
    case F::mod: return modulo(a, b);
    case F::fmod: return remainder(a, b);
    case F::min: return std::min(a, b);
    case F::max: return std::max(a, b);
    case F::prelu: return a < T{0} ? wrap_mul(a, b) : a;
    case F::shift_left:
    case F::shift_right: return shift(f, a, b);
    case F::bitwise_and: return static_cast<T>(a & b);
    case F::bitwise_or: return static_cast<T>(a | b);
    case F::bitwise_xor: return static_cast<T>(a ^ b);
    default: return 0;
  }
}

template <class T, class Exponent>
T raise(T base, Exponent exponent) {
  if constexpr (is_integer_v<T> && is_integer_v<Exponent>) {
    // Powers above 2^63 of what is neither 0, 1 nor -1 wrap to 0 or to a cycle that nobody relies on.
    if constexpr (std::is_same_v<Exponent, uint64_t>) exponent = std::min<uint64_t>(exponent, INT64_MAX);
    return power(base, static_cast<int64_t>(exponent));
  } else {
    return convert<T>(std::pow(real(base), real(exponent)));
  }
}

struct BinaryKernel final : Kernel {
  DataType type, exponent_type;
  Shape shape;
  std::array<Strides, 2> strides;
  F function;
  Activation activation;

  template <class T>
  T finish(T x) const {
    if constexpr (is_integer_v<T>) return activation.on_integer(x);
    else return static_cast<T>(activation(real(x)));
  }
  // Reals are activated before they are rounded to T, as in other fused ops.
  template <class T>
  T compute(T a, T b) const {
    if constexpr (is_integer_v<T>) return activation.on_integer(on_integers(function, a, b));
    else return static_cast<T>(activation(on_reals(function, real(a), real(b))));
  }
  template <class T>
  void run_as(const RunContext& c) const {
    T* y = c.output<T>(0);
    for (Walk<2> w(shape, strides); w.more(); w.next()) *y++ = compute(c.input<T>(0)[w[0]], c.input<T>(1)[w[1]]);
  }
  template <class T, class Exponent>
  void raise_as(const RunContext& c) const {
    T* y = c.output<T>(0);
    for (Walk<2> w(shape, strides); w.more(); w.next())
      *y++ = finish(raise(c.input<T>(0)[w[0]], c.input<Exponent>(1)[w[1]]));
  }
  void run(const RunContext& c) const override {
    with_number(type, [&](auto t) {
      using T = typename decltype(t)::type;
      if (function != F::pow) return run_as<T>(c);
      with_number(exponent_type, [&](auto e) { raise_as<T, typename decltype(e)::type>(c); });
    });
  }
  std::string_view name() const override { return "binary"; }
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const TensorView &a = *node.input(0), &b = *node.input(1), &y = *node.output(0);
  const auto& attributes = node.attributes<schema::BinaryAttributes>();
  auto kernel = std::make_unique<BinaryKernel>();
  kernel->type = a.type;
  kernel->exponent_type = b.type;
  kernel->shape = y.shape;
  kernel->strides = {broadcast_strides(a.shape, y.shape), broadcast_strides(b.shape, y.shape)};
  kernel->function = attributes.function();
  kernel->activation = Activation(attributes.activation());
  return kernel;
}

}  // namespace

KernelEntry binary_kernel() { return entry<check>(Op::Binary, prepare); }

}  // namespace motley::reference
