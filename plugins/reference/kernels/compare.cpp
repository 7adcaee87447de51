// Compare and Logical: two elements in, a bool out, with broadcasting.
#include "indexing.hpp"
#include "kernels.hpp"
#include "numeric.hpp"

namespace motley::reference {

namespace {

using C = schema::CompareFunction;
using L = schema::LogicalFunction;

void check_pair(const NodeView& node) {
  check_arity(node, {2, 2});
  check_same_type(*node.input(0), *node.input(1));
  check_type(*node.output(0), is_bool, "output 0");
  check_shape(*node.output(0), broadcast_shape(node.input(0)->shape, node.input(1)->shape), "output 0");
}

void check_compare(const NodeView& node) {
  check_pair(node);
  require(node.attributes<schema::CompareAttributes>().function() <= C::greater_or_equal, "unknown function");
}
void check_logical(const NodeView& node) {
  check_pair(node);
  check_type(*node.input(0), is_bool, "input 0");
  require(node.attributes<schema::LogicalAttributes>().function() <= L::xor_, "unknown function");
}

template <class T>
bool compare(C f, T a, T b) {
  switch (f) {
    case C::equal: return equal(a, b);
    case C::not_equal: return !equal(a, b);
    case C::less: return less(a, b);
    case C::less_or_equal: return less(a, b) || equal(a, b);
    case C::greater: return less(b, a);
    case C::greater_or_equal: return less(b, a) || equal(a, b);
  }
  return false;
}

bool combine(L f, bool a, bool b) { return f == L::and_ ? a && b : f == L::or_ ? a || b : a != b; }

// Calls fn(a, b) on all pairs of elements of type T.
template <class T, class Fn>
void run_pairs(const Shape& shape, const std::array<Strides, 2>& strides, const RunContext& c, Fn fn) {
  Bool* y = c.output<Bool>(0);
  for (Walk<2> w(shape, strides); w.more(); w.next()) *y++ = Bool(fn(c.input<T>(0)[w[0]], c.input<T>(1)[w[1]]));
}

std::array<Strides, 2> pair_strides(const NodeView& node) {
  const Shape& shape = node.output(0)->shape;
  return {broadcast_strides(node.input(0)->shape, shape), broadcast_strides(node.input(1)->shape, shape)};
}

std::unique_ptr<Kernel> prepare_compare(const NodeView& node, const PrepareContext&) {
  return make_kernel("compare",
                     [type = node.input(0)->type, shape = node.output(0)->shape, strides = pair_strides(node),
                      f = node.attributes<schema::CompareAttributes>().function()](const RunContext& c) {
                       with_any(type, [&](auto t) {
                         using T = typename decltype(t)::type;
                         run_pairs<T>(shape, strides, c, [f](T a, T b) { return compare(f, a, b); });
                       });
                     });
}

std::unique_ptr<Kernel> prepare_logical(const NodeView& node, const PrepareContext&) {
  return make_kernel("logical", [shape = node.output(0)->shape, strides = pair_strides(node),
                                 f = node.attributes<schema::LogicalAttributes>().function()](const RunContext& c) {
    run_pairs<Bool>(shape, strides, c, [f](Bool a, Bool b) { return combine(f, bool(a), bool(b)); });
  });
}

}  // namespace

KernelEntry compare_kernel() { return entry<check_compare>(Op::Compare, prepare_compare); }
KernelEntry logical_kernel() { return entry<check_logical>(Op::Logical, prepare_logical); }

}  // namespace motley::reference
