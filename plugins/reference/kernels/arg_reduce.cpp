// ArgReduce: where along an axis the largest or smallest element stands.
#include "indexing.hpp"
#include "kernels.hpp"
#include "numeric.hpp"

namespace motley::reference {

namespace {

void check(const NodeView& node) {
  check_arity(node, {1, 1});
  const TensorView &x = *node.input(0), &y = *node.output(0);
  const auto& attributes = node.attributes<schema::ArgReduceAttributes>();
  check_type(x, is_number, "input 0");
  require(y.type == DataType::int64, "the output must be int64");
  const auto axis = static_cast<size_t>(checked_axis(attributes.axis(), x.shape.rank()));
  Shape expected;
  for (size_t i = 0; i < x.shape.size(); ++i) {
    if (i != axis) expected.push_back(x.shape[i]);
    else if (attributes.keepdims()) expected.push_back(1);
  }
  check_shape(y, expected, "output 0");
  require(x.shape[axis] > 0 || y.elements() == 0, "the axis is empty");
}

// A comparison with NaN is false, so NaN never takes the place of a number, and keeps its own where it comes first:
// what ONNX Runtime does (NumPy would call NaN the extreme).
template <class T>
bool beats(T a, T b, bool take_max) {
  if (is_nan(a) || is_nan(b)) return false;
  return take_max ? less(b, a) : less(a, b);
}

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const auto& attributes = node.attributes<schema::ArgReduceAttributes>();
  const Shape& shape = node.input(0)->shape;
  return make_kernel("arg_reduce",
                     [type = node.input(0)->type, view = AxisView(shape, checked_axis(attributes.axis(), shape.rank())),
                      take_max = attributes.take_max(), last = attributes.select_last_index()](const RunContext& c) {
                       with_number(type, [&](auto t) {
                         using T = typename decltype(t)::type;
                         int64_t* y = c.output<int64_t>(0);
                         for (int64_t o = 0; o < view.outer; ++o)
                           for (int64_t i = 0; i < view.inner; ++i) {
                             const T* x = c.input<T>(0) + view.offset(o, i);
                             int64_t best = 0;
                             for (int64_t k = 1; k < view.length; ++k) {
                               const T v = x[k * view.inner], b = x[best * view.inner];
                               const bool ordered = !is_nan(v) && !is_nan(b);
                               if (beats(v, b, take_max) || (last && ordered && !beats(b, v, take_max))) best = k;
                             }
                             *y++ = best;
                           }
                       });
                     });
}

}  // namespace

KernelEntry arg_reduce_kernel() { return entry<check>(Op::ArgReduce, prepare); }

}  // namespace motley::reference
