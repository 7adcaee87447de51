// Softmax, its logarithm, and hardmax, along one axis or over all dimensions from it on.
#include "indexing.hpp"
#include "kernels.hpp"
#include "numeric.hpp"

namespace motley::reference {

namespace {

using F = schema::SoftmaxFunction;

void check(const NodeView& node) {
  check_arity(node, {1, 1});
  const TensorView &x = *node.input(0), &y = *node.output(0);
  const auto& attributes = node.attributes<schema::SoftmaxAttributes>();
  check_type(x, is_real, "input 0");
  check_same_type(x, y);
  check_shape(y, x.shape, "output 0");
  require(attributes.function() <= F::hardmax, "unknown function");
  // The flattened form may begin past the last axis.
  if (!attributes.flatten() || attributes.axis() != x.shape.rank()) checked_axis(attributes.axis(), x.shape.rank());
}

AxisView view_of(const NodeView& node) {
  const auto& attributes = node.attributes<schema::SoftmaxAttributes>();
  const Shape& shape = node.input(0)->shape;
  if (!attributes.flatten()) return AxisView(shape, checked_axis(attributes.axis(), shape.rank()));
  const int64_t axis = attributes.axis() == shape.rank() ? shape.rank() : checked_axis(attributes.axis(), shape.rank());
  const auto split = static_cast<int>(axis);
  return AxisView(Shape{shape.elements(0, split), shape.elements(split, shape.rank())}, 1);
}

// One line of elements, `step` apart.
template <class T>
void run_line(F f, const T* x, T* y, int64_t length, int64_t step) {
  int64_t best = 0;
  for (int64_t k = 1; k < length; ++k)
    if (real(x[k * step]) > real(x[best * step])) best = k;
  const double largest = length ? real(x[best * step]) : 0;
  double sum = 0;
  for (int64_t k = 0; k < length; ++k) sum += std::exp(real(x[k * step]) - largest);
  for (int64_t k = 0; k < length; ++k) {
    const double shifted = real(x[k * step]) - largest;
    double value = k == best ? 1 : 0;
    if (f == F::softmax) value = std::exp(shifted) / sum;
    if (f == F::log_softmax) value = shifted - std::log(sum);
    y[k * step] = static_cast<T>(value);
  }
}

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  return make_kernel("softmax", [type = node.input(0)->type, view = view_of(node),
                                 f = node.attributes<schema::SoftmaxAttributes>().function()](const RunContext& c) {
    with_real(type, [&](auto t) {
      using T = typename decltype(t)::type;
      for (int64_t o = 0; o < view.outer; ++o)
        for (int64_t i = 0; i < view.inner; ++i) {
          const int64_t start = view.offset(o, i);
          run_line(f, c.input<T>(0) + start, c.output<T>(0) + start, view.length, view.inner);
        }
    });
  });
}

}  // namespace

KernelEntry softmax_kernel() { return entry<check>(Op::Softmax, prepare); }

}  // namespace motley::reference
