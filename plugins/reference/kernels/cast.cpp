// Cast: every element type to every other.
#include "kernels.hpp"
#include "numeric.hpp"

namespace motley::reference {

namespace {

void check(const NodeView& node) {
  check_arity(node, {1, 2});  // a second input gives the type only
  const TensorView &x = *node.input(0), &y = *node.output(0);
  require(node.attributes<schema::CastAttributes>().to() == y.type, "the output has another type than `to`");
  check_shape(y, x.shape, "output 0");
}

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  return make_kernel("cast", [from = node.input(0)->type, to = node.output(0)->type,
                              count = node.input(0)->elements()](const RunContext& c) {
    with_any(from, [&](auto f) {
      using From = typename decltype(f)::type;
      with_any(to, [&](auto t) {
        using To = typename decltype(t)::type;
        for (int64_t i = 0; i < count; ++i) c.output<To>(0)[i] = convert<To>(c.input<From>(0)[i]);
      });
    });
  });
}

}  // namespace

KernelEntry cast_kernel() { return entry<check>(Op::Cast, prepare); }

}  // namespace motley::reference
