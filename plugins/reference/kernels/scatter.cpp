// ScatterElements, ScatterND: a copy of the data with updates stored or combined at indexed places.
#include "indexing.hpp"
#include "kernels.hpp"
#include "numeric.hpp"

namespace motley::reference {

namespace {

using R = schema::ScatterReduction;

void check_common(const NodeView& node) {
  check_arity(node, {3, 3});
  const TensorView &x = *node.input(0), &updates = *node.input(2), &y = *node.output(0);
  const R reduction = node.attributes<schema::ScatterAttributes>().reduction();
  check_type(*node.input(1), is_index, "indices");
  check_same_type(x, updates);
  check_same_type(x, y);
  check_shape(y, x.shape, "output 0");
  require(x.shape.rank() >= 1, "the data is a scalar");
  require(reduction <= R::min, "unknown reduction");
  require(reduction == R::none || is_number(x.type), "only numbers can be combined");
}

template <class T>
T combine(R reduction, T old, T update) {
  switch (reduction) {
    case R::add:
      if constexpr (is_integer_v<T>) return wrap_add(old, update);
      if constexpr (is_real_v<T>) return static_cast<T>(real(old) + real(update));
      break;
    case R::mul:
      if constexpr (is_integer_v<T>) return wrap_mul(old, update);
      if constexpr (is_real_v<T>) return static_cast<T>(real(old) * real(update));
      break;
    case R::max: return larger(old, update);
    case R::min: return smaller(old, update);
    case R::none: break;
  }
  return update;
}

void check_scatter_elements(const NodeView& node) {
  check_common(node);
  const Shape &x = node.input(0)->shape, &indices = node.input(1)->shape;
  const auto axis = static_cast<size_t>(checked_axis(node.attributes<schema::ScatterAttributes>().axis(), x.rank()));
  require(indices.size() == x.size(), "the ranks of data and indices differ");
  for (size_t i = 0; i < x.size(); ++i)
    require(i == axis || indices[i] <= x[i], "the indices are larger than the data");
  check_shape(*node.input(2), indices, "updates");
}

std::unique_ptr<Kernel> prepare_scatter_elements(const NodeView& node, const PrepareContext&) {
  const auto& attributes = node.attributes<schema::ScatterAttributes>();
  const Shape& x = node.input(0)->shape;
  const auto axis = static_cast<size_t>(checked_axis(attributes.axis(), x.rank()));
  Strides strides = row_major_strides(x);
  const int64_t axis_stride = std::exchange(strides[axis], 0);
  return make_kernel("scatter_elements",
                     [type = node.input(0)->type, elements = x.elements(), extent = x[axis], strides, axis_stride,
                      shape = node.input(1)->shape, index_type = node.input(1)->type,
                      reduction = attributes.reduction()](const RunContext& c) {
                       with_any(type, [&](auto t) {
                         using T = typename decltype(t)::type;
                         T* y = c.output<T>(0);
                         std::copy_n(c.input<T>(0), elements, y);
                         int64_t i = 0;
                         for (Walk<1> w(shape, {strides}); w.more(); w.next(), ++i) {
                           T& at = y[w[0] + checked_index(index_at(c.inputs[1], index_type, i), extent) * axis_stride];
                           at = combine(reduction, at, c.input<T>(2)[i]);
                         }
                       });
                     });
}

void check_scatter_nd(const NodeView& node) {
  check_common(node);
  const Shape &x = node.input(0)->shape, &indices = node.input(1)->shape;
  require(indices.rank() >= 1, "the indices are a scalar");
  const int64_t tuple = indices[indices.size() - 1];
  require(tuple >= 0 && tuple <= x.rank(), "index tuples are longer than the data has dimensions");
  Shape expected({indices.begin(), indices.size() - 1});
  for (auto i = static_cast<size_t>(tuple); i < x.size(); ++i) expected.push_back(x[i]);
  check_shape(*node.input(2), expected, "updates");
}

std::unique_ptr<Kernel> prepare_scatter_nd(const NodeView& node, const PrepareContext&) {
  const Shape &x = node.input(0)->shape, &indices = node.input(1)->shape;
  const auto tuple = static_cast<size_t>(indices[indices.size() - 1]);
  return make_kernel("scatter_nd",
                     [type = node.input(0)->type, x, strides = row_major_strides(x), tuple,
                      tuples = indices.elements(0, indices.rank() - 1),
                      slice = x.elements(static_cast<int>(tuple), x.rank()), index_type = node.input(1)->type,
                      reduction = node.attributes<schema::ScatterAttributes>().reduction()](const RunContext& c) {
                       with_any(type, [&](auto t) {
                         using T = typename decltype(t)::type;
                         T* y = c.output<T>(0);
                         std::copy_n(c.input<T>(0), x.elements(), y);
                         const T* update = c.input<T>(2);
                         int64_t next = 0;
                         for (int64_t k = 0; k < tuples; ++k) {
                           int64_t to = 0;
                           for (size_t j = 0; j < tuple; ++j)
                             to += checked_index(index_at(c.inputs[1], index_type, next++), x[j]) * strides[j];
                           for (int64_t i = 0; i < slice; ++i, ++update)
                             y[to + i] = combine(reduction, y[to + i], *update);
                         }
                       });
                     });
}

}  // namespace

KernelEntry scatter_elements_kernel() {
  return entry<check_scatter_elements>(Op::ScatterElements, prepare_scatter_elements);
}
KernelEntry scatter_nd_kernel() { return entry<check_scatter_nd>(Op::ScatterND, prepare_scatter_nd); }

}  // namespace motley::reference
