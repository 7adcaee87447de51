// Gather, GatherElements, GatherND: elements picked by index tensors.
#include "indexing.hpp"
#include "kernels.hpp"

namespace motley::reference {

namespace {

void check_common(const NodeView& node) {
  check_arity(node, {2, 2});
  check_type(*node.input(1), is_index, "indices");
  check_same_type(*node.input(0), *node.output(0));
  require(node.input(0)->shape.rank() >= 1, "the data is a scalar");
}

int64_t axis_of(const NodeView& node) {
  return checked_axis(node.attributes<schema::AxisAttributes>().axis(), node.input(0)->shape.rank());
}

// Y = X's dimensions before the axis, the indices' dimensions, X's dimensions after it.
void check_gather(const NodeView& node) {
  check_common(node);
  const auto axis = static_cast<size_t>(axis_of(node));
  const Shape& x = node.input(0)->shape;
  Shape expected({x.begin(), axis});
  for (int64_t d : node.input(1)->shape) expected.push_back(d);
  for (size_t i = axis + 1; i < x.size(); ++i) expected.push_back(x[i]);
  check_shape(*node.output(0), expected, "output 0");
}

std::unique_ptr<Kernel> prepare_gather(const NodeView& node, const PrepareContext&) {
  return make_kernel("gather",
                     [type = node.input(0)->type, view = AxisView(node.input(0)->shape, axis_of(node)),
                      index_type = node.input(1)->type, count = node.input(1)->elements()](const RunContext& c) {
                       with_size_of(type, [&](auto t) {
                         using T = typename decltype(t)::type;
                         T* y = c.output<T>(0);
                         for (int64_t o = 0; o < view.outer; ++o)
                           for (int64_t k = 0; k < count; ++k) {
                             const int64_t at = checked_index(index_at(c.inputs[1], index_type, k), view.length);
                             const T* x = c.input<T>(0) + view.offset(o, at * view.inner);
                             y = std::copy_n(x, view.inner, y);
                           }
                       });
                     });
}

// Y has the indices' shape; only the coordinate on the axis comes from them.
void check_gather_elements(const NodeView& node) {
  check_common(node);
  const auto axis = static_cast<size_t>(axis_of(node));
  const Shape &x = node.input(0)->shape, &indices = node.input(1)->shape;
  require(x.size() == indices.size(), "the ranks of data and indices differ");
  for (size_t i = 0; i < x.size(); ++i)
    require(i == axis || indices[i] <= x[i], "the indices are larger than the data");
  check_shape(*node.output(0), indices, "output 0");
}

std::unique_ptr<Kernel> prepare_gather_elements(const NodeView& node, const PrepareContext&) {
  const auto axis = static_cast<size_t>(axis_of(node));
  Strides strides = row_major_strides(node.input(0)->shape);
  const int64_t axis_stride = std::exchange(strides[axis], 0);
  return make_kernel(
      "gather_elements", [type = node.input(0)->type, shape = node.input(1)->shape, strides, axis_stride,
                          extent = node.input(0)->shape[axis], index_type = node.input(1)->type](const RunContext& c) {
        with_size_of(type, [&](auto t) {
          using T = typename decltype(t)::type;
          int64_t i = 0;
          for (Walk<1> w(shape, {strides}); w.more(); w.next(), ++i)
            c.output<T>(0)[i] =
                c.input<T>(0)[w[0] + checked_index(index_at(c.inputs[1], index_type, i), extent) * axis_stride];
        });
      });
}

// The last dimension of the indices holds tuples that point at slices of the data, after `batch_dims` shared
// dimensions.
void check_gather_nd(const NodeView& node) {
  check_common(node);
  const Shape &x = node.input(0)->shape, &indices = node.input(1)->shape;
  const int64_t batch = node.attributes<schema::BatchDimsAttributes>().batch_dims();
  require(indices.rank() >= 1, "the indices are a scalar");
  require(batch >= 0 && batch < std::min(x.rank(), indices.rank()), "batch_dims is out of range");
  const int64_t tuple = indices[indices.size() - 1];
  require(tuple >= 1 && tuple <= x.rank() - batch, "index tuples are longer than the data has dimensions");
  Shape expected;
  for (size_t i = 0; i + 1 < indices.size(); ++i) {
    require(static_cast<int64_t>(i) >= batch || indices[i] == x[i], "the batch dimensions differ");
    expected.push_back(indices[i]);
  }
  for (auto i = static_cast<size_t>(batch + tuple); i < x.size(); ++i) expected.push_back(x[i]);
  check_shape(*node.output(0), expected, "output 0");
}

std::unique_ptr<Kernel> prepare_gather_nd(const NodeView& node, const PrepareContext&) {
  const Shape &x = node.input(0)->shape, &indices = node.input(1)->shape;
  const auto batch = static_cast<int>(node.attributes<schema::BatchDimsAttributes>().batch_dims());
  const auto tuple = static_cast<size_t>(indices[indices.size() - 1]);
  const int64_t batches = x.elements(0, batch), per_batch = indices.elements(batch, indices.rank() - 1);
  return make_kernel("gather_nd", [type = node.input(0)->type, x, strides = row_major_strides(x), batch, tuple, batches,
                                   per_batch, slice = x.elements(batch + static_cast<int>(tuple), x.rank()),
                                   index_type = node.input(1)->type](const RunContext& c) {
    with_size_of(type, [&](auto t) {
      using T = typename decltype(t)::type;
      T* y = c.output<T>(0);
      int64_t next = 0;
      for (int64_t b = 0; b < batches; ++b)
        for (int64_t k = 0; k < per_batch; ++k) {
          int64_t from = b * x.elements(batch, x.rank());
          for (size_t j = 0; j < tuple; ++j) {
            const size_t axis = static_cast<size_t>(batch) + j;
            from += checked_index(index_at(c.inputs[1], index_type, next++), x[axis]) * strides[axis];
          }
          y = std::copy_n(c.input<T>(0) + from, slice, y);
        }
    });
  });
}

}  // namespace

KernelEntry gather_kernel() { return entry<check_gather>(Op::Gather, prepare_gather); }
KernelEntry gather_elements_kernel() {
  return entry<check_gather_elements>(Op::GatherElements, prepare_gather_elements);
}
KernelEntry gather_nd_kernel() { return entry<check_gather_nd>(Op::GatherND, prepare_gather_nd); }

}  // namespace motley::reference
