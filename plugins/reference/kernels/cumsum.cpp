// CumSum: running sums along an axis that the second input names.
#include "indexing.hpp"
#include "kernels.hpp"
#include "numeric.hpp"

namespace motley::reference {

namespace {

void check(const NodeView& node) {
  check_arity(node, {2, 2});
  const TensorView &x = *node.input(0), &axis = *node.input(1), &y = *node.output(0);
  node.attributes<schema::CumSumAttributes>();
  check_type(x, is_number, "input 0");
  check_type(axis, is_index, "axis");
  require(axis.elements() == 1, "axis must be one number");
  require(x.shape.rank() >= 1, "a scalar has no axis");
  if (axis.is_constant()) checked_axis(constant_integers(axis, "axis")[0], x.shape.rank());
  check_same_type(x, y);
  check_shape(y, x.shape, "output 0");
}

struct CumSumKernel final : Kernel {
  DataType type, axis_type;
  Shape shape;
  bool exclusive, reverse;

  template <class T>
  void run_line(const T* x, T* y, int64_t length, int64_t step) const {
    std::conditional_t<is_real_v<T>, double, uint64_t> sum = 0;
    for (int64_t k = 0; k < length; ++k) {
      const int64_t at = (reverse ? length - 1 - k : k) * step;
      const auto before = sum;
      sum += static_cast<decltype(sum)>(x[at]);
      y[at] = static_cast<T>(exclusive ? before : sum);
    }
  }
  void run(const RunContext& c) const override {
    const int64_t axis = checked_index(index_at(c.inputs[1], axis_type, 0), shape.rank());
    const AxisView view(shape, axis);
    with_number(type, [&](auto t) {
      using T = typename decltype(t)::type;
      for (int64_t o = 0; o < view.outer; ++o)
        for (int64_t i = 0; i < view.inner; ++i) {
          const int64_t start = view.offset(o, i);
          run_line(c.input<T>(0) + start, c.output<T>(0) + start, view.length, view.inner);
        }
    });
  }
  std::string_view name() const override { return "cumsum"; }
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const auto& attributes = node.attributes<schema::CumSumAttributes>();
  auto kernel = std::make_unique<CumSumKernel>();
  kernel->type = node.input(0)->type;
  kernel->axis_type = node.input(1)->type;
  kernel->shape = node.input(0)->shape;
  kernel->exclusive = attributes.exclusive();
  kernel->reverse = attributes.reverse();
  return kernel;
}

}  // namespace

KernelEntry cumsum_kernel() { return entry<check>(Op::CumSum, prepare); }

}  // namespace motley::reference
