// Unary: a function of every element.
#include <cmath>
#include <cstring>

#include "kernels/kernels.hpp"
#include "kernels/unary_simd.hpp"
#include "support.hpp"

namespace motley::cpu {

namespace {

using schema::UnaryFunction;

bool is_test(UnaryFunction f) { return f == UnaryFunction::is_nan || f == UnaryFunction::is_inf; }

void check(const NodeView& node) {
  check_arity(node, 1, 1);
  const TensorView &x = *node.input(0), &y = *node.output(0);
  const UnaryFunction f = node.attributes<schema::UnaryAttributes>().function();
  check_shape(y, x.shape, "output 0");
  if (f == UnaryFunction::logical_not) {
    check_type(x, DataType::bool_, "input 0");
    check_type(y, DataType::bool_, "output 0");
    return;
  }
  if (f == UnaryFunction::identity) return check_type(y, x.type, "output 0");
  check_type(x, DataType::float32, "input 0");
  if (is_test(f)) return check_type(y, DataType::bool_, "output 0");
  check_type(y, DataType::float32, "output 0");
  require(unary_simd(f) != nullptr, std::string(schema::EnumNameUnaryFunction(f)) + " not supported");
}

std::unique_ptr<Kernel> prepare_identity(int64_t bytes) {
  return make_kernel("unary_identity", [bytes](const RunContext& c) {
    if (c.inputs[0] == c.outputs[0]) return;
    parallel_ranges(c.threads, bytes, 4 * kGrain, [&](int64_t begin, int64_t end, uint32_t) {
      std::memcpy(c.output<char>(0) + begin, c.input<char>(0) + begin, static_cast<size_t>(end - begin));
    });
  });
}

std::unique_ptr<Kernel> prepare_not(int64_t count) {
  return make_kernel("unary_not", [count](const RunContext& c) {
    parallel_ranges(c.threads, count, kGrain, [&](int64_t begin, int64_t end, uint32_t) {
      for (int64_t i = begin; i < end; ++i) c.output<uint8_t>(0)[i] = c.input<uint8_t>(0)[i] == 0;
    });
  });
}

// is_inf: alpha tells whether negative, beta whether positive infinity counts.
std::unique_ptr<Kernel> prepare_test(UnaryFunction f, int64_t count, bool negative, bool positive) {
  return make_kernel("unary_test", [=](const RunContext& c) {
    parallel_ranges(c.threads, count, kGrain, [&](int64_t begin, int64_t end, uint32_t) {
      for (int64_t i = begin; i < end; ++i) {
        const float x = c.input<float>(0)[i];
        c.output<uint8_t>(0)[i] =
            f == UnaryFunction::is_nan ? std::isnan(x) : std::isinf(x) && (x < 0 ? negative : positive);
      }
    });
  });
}

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const auto& a = node.attributes<schema::UnaryAttributes>();
  const int64_t count = node.input(0)->elements();
  if (a.function() == UnaryFunction::identity) return prepare_identity(static_cast<int64_t>(node.input(0)->bytes()));
  if (a.function() == UnaryFunction::logical_not) return prepare_not(count);
  if (is_test(a.function())) return prepare_test(a.function(), count, a.alpha() != 0, a.beta() != 0);
  return make_kernel("unary", [function = unary_simd(a.function()), count, alpha = a.alpha(),
                               beta = a.beta()](const RunContext& c) {
    parallel_ranges(c.threads, count, kGrain / 2, [&](int64_t begin, int64_t end, uint32_t) {
      function(c.input<float>(0) + begin, c.output<float>(0) + begin, static_cast<size_t>(end - begin), alpha, beta);
    });
  });
}

}  // namespace

KernelEntry unary_kernel() { return entry<check>(Op::Unary, prepare); }

}  // namespace motley::cpu
