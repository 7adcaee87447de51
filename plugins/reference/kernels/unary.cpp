// Unary: a function of every element.
#include "functions.hpp"
#include "kernels.hpp"

namespace motley::reference {

namespace {

bool gives_bool(UnaryFunction f) {
  return f == UnaryFunction::is_nan || f == UnaryFunction::is_inf || f == UnaryFunction::logical_not;
}

void check(const NodeView& node) {
  check_arity(node, {1, 1});
  const TensorView &x = *node.input(0), &y = *node.output(0);
  const UnaryFunction f = node.attributes<schema::UnaryAttributes>().function();
  check_type(x, is_any, "input 0");
  check_shape(y, x.shape, "output 0");
  bool known = is_real(x.type) ? is_real_function(f) || f == UnaryFunction::is_nan || f == UnaryFunction::is_inf
                               : is_integer(x.type) && is_integer_function(f);
  if (x.type == DataType::bool_) known = f == UnaryFunction::logical_not || f == UnaryFunction::identity;
  require(known, std::string(schema::EnumNameUnaryFunction(f)) + " of " + describe(x.type) + " not supported");
  if (gives_bool(f)) check_type(y, is_bool, "output 0");
  else check_same_type(x, y);
}

// Alpha tells whether negative, beta whether positive infinity counts.
template <class T>
bool test(UnaryFunction f, T x, float alpha, float beta) {
  if (f == UnaryFunction::logical_not) return real(x) == 0;
  if (f == UnaryFunction::is_nan) return std::isnan(real(x));
  return std::isinf(real(x)) && (real(x) < 0 ? alpha != 0 : beta != 0);
}

template <class T>
void run(UnaryFunction f, float alpha, float beta, int64_t count, const RunContext& c) {
  const T* x = c.input<T>(0);
  for (int64_t i = 0; i < count; ++i) {
    if (gives_bool(f)) {
      c.output<Bool>(0)[i] = Bool(test(f, x[i], alpha, beta));
      continue;
    }
    if constexpr (is_integer_v<T>) c.output<T>(0)[i] = unary_integer(f, x[i], alpha, beta);
    else if constexpr (is_real_v<T>) c.output<T>(0)[i] = static_cast<T>(unary_real(f, real(x[i]), alpha, beta));
    else c.output<T>(0)[i] = x[i];
  }
}

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const auto& a = node.attributes<schema::UnaryAttributes>();
  return make_kernel("unary", [type = node.input(0)->type, count = node.input(0)->elements(), f = a.function(),
                               alpha = a.alpha(), beta = a.beta()](const RunContext& c) {
    with_any(type, [&](auto t) { run<typename decltype(t)::type>(f, alpha, beta, count, c); });
  });
}

}  // namespace

KernelEntry unary_kernel() { return entry<check>(Op::Unary, prepare); }

}  // namespace motley::reference
