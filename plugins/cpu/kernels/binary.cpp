// Binary: a function of two elements, with broadcasting, then an activation.
#include "kernels/broadcast.hpp"
#include "kernels/epilogue.hpp"
#include "kernels/kernels.hpp"

namespace motley::cpu {

namespace {

using schema::BinaryFunction;

// Results are finished by the activation while they are in the first cache.
constexpr int64_t kRun = 4096;

bool is_integer_function(BinaryFunction f) {
  return f == BinaryFunction::add || f == BinaryFunction::sub || f == BinaryFunction::mul || f == BinaryFunction::min ||
         f == BinaryFunction::max;
}

void check(const NodeView& node) {
  check_arity(node, 2, 2);
  const TensorView &a = *node.input(0), &b = *node.input(1), &y = *node.output(0);
  const auto& attributes = node.attributes<schema::BinaryAttributes>();
  check_shape(y, broadcast_shape(a.shape, b.shape), "output 0");
  const char* name = schema::EnumNameBinaryFunction(attributes.function());
  const auto* activation = attributes.activation();
  if (a.type == DataType::int32 || a.type == DataType::int64) {
    check_type(b, a.type, "input 1");
    check_type(y, a.type, "output 0");
    require(is_integer_function(attributes.function()), std::string(name) + " of integers not supported");
    require(!activation || activation->function() == schema::UnaryFunction::identity,
            "activation of integers not supported");
    return;
  }
  check_all_float(node);
  require(binary_simd(attributes.function(), Operands::both) != nullptr,
          std::string(name) + " of float32 not supported");
  check_activation(activation);
}

using Plan = BroadcastPlan<2>;

std::unique_ptr<Kernel> prepare_float(const NodeView& node, const Plan& plan) {
  const auto& attributes = node.attributes<schema::BinaryAttributes>();
  const Operands operands = !plan.advances(0) && plan.advances(1) ? Operands::scalar_a
                            : !plan.advances(1)                   ? Operands::scalar_b
                                                                  : Operands::both;
  // Where neither advances a row is one element long, and any form will do.
  return make_kernel("binary", [plan, function = binary_simd(attributes.function(), operands),
                                epilogue = Epilogue(attributes.activation(), Between::addend)](const RunContext& c) {
    plan.run(c.threads, epilogue.has_finish() ? kRun : INT64_MAX,
             [&](int64_t at, const std::array<int64_t, 2>& from, int64_t n, uint32_t) {
               float* out = c.output<float>(0) + at;
               function(c.input<float>(0) + from[0], c.input<float>(1) + from[1], out, static_cast<size_t>(n));
               epilogue.finish(out, nullptr, n);
             });
  });
}

// Two's complement arithmetic, which wraps.
template <class T>
T on_integers(BinaryFunction f, T a, T b) {
  const auto x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
  switch (f) {
    case BinaryFunction::add: return static_cast<T>(x + y);
    case BinaryFunction::sub: return static_cast<T>(x - y);
    case BinaryFunction::mul: return static_cast<T>(x * y);
    case BinaryFunction::min: return std::min(a, b);
    default: return std::max(a, b);
  }
}

template <class T>
std::unique_ptr<Kernel> prepare_integer(BinaryFunction f, const Plan& plan) {
  return make_kernel("binary_integer", [plan, f](const RunContext& c) {
    const int64_t step_a = plan.advances(0), step_b = plan.advances(1);
    plan.run(c.threads, INT64_MAX, [&](int64_t at, const std::array<int64_t, 2>& from, int64_t n, uint32_t) {
      const T *a = c.input<T>(0) + from[0], *b = c.input<T>(1) + from[1];
      T* out = c.output<T>(0) + at;
      for (int64_t i = 0; i < n; ++i) out[i] = on_integers(f, a[i * step_a], b[i * step_b]);
    });
  });
}

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const Plan plan(node.output(0)->shape, {node.input(0)->shape, node.input(1)->shape});
  const BinaryFunction f = node.attributes<schema::BinaryAttributes>().function();
  switch (node.output(0)->type) {
    case DataType::int32: return prepare_integer<int32_t>(f, plan);
    case DataType::int64: return prepare_integer<int64_t>(f, plan);
    default: return prepare_float(node, plan);
  }
}

}  // namespace

KernelEntry binary_kernel() { return entry<check>(Op::Binary, prepare); }

}  // namespace motley::cpu
