// Where: condition ? a : b, with broadcasting of all three.
#include "indexing.hpp"
#include "kernels.hpp"

namespace motley::reference {

namespace {

void check(const NodeView& node) {
  check_arity(node, {3, 3});
  const TensorView &condition = *node.input(0), &a = *node.input(1), &b = *node.input(2), &y = *node.output(0);
  check_type(condition, is_bool, "input 0");
  check_same_type(a, b);
  check_same_type(a, y);
  check_shape(y, broadcast_shape(condition.shape, broadcast_shape(a.shape, b.shape)), "output 0");
}

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const Shape& shape = node.output(0)->shape;
  std::array<Strides, 3> strides;
  for (size_t i = 0; i < 3; ++i) strides[i] = broadcast_strides(node.input(i)->shape, shape);
  return make_kernel("where", [type = node.output(0)->type, shape, strides](const RunContext& c) {
    with_size_of(type, [&](auto t) {
      using T = typename decltype(t)::type;
      T* y = c.output<T>(0);
      for (Walk<3> w(shape, strides); w.more(); w.next())
        *y++ = c.input<Bool>(0)[w[0]] ? c.input<T>(1)[w[1]] : c.input<T>(2)[w[2]];
    });
  });
}

}  // namespace

KernelEntry where_kernel() { return entry<check>(Op::Where, prepare); }

}  // namespace motley::reference
