// TopK: the largest or smallest elements along an axis and where they stand.
#include <numeric>

#include "indexing.hpp"
#include "kernels.hpp"
#include "numeric.hpp"

namespace motley::reference {

namespace {

void check(const NodeView& node) {
  check_arity(node, {2, 2, 0, 2});
  const TensorView &x = *node.input(0), &count = *node.input(1);
  const auto& attributes = node.attributes<schema::TopKAttributes>();
  check_type(x, is_number, "input 0");
  check_type(count, is_index, "K");
  require(count.elements() == 1, "K must be one number");
  require(node.output(0) || node.output(1), "no output is wanted");
  const auto axis = static_cast<size_t>(checked_axis(attributes.axis(), x.shape.rank()));
  Shape expected = x.shape;
  const Shape& given = (node.output(0) ? node.output(0) : node.output(1))->shape;
  require(given.size() == x.shape.size(), "the ranks of input and output differ");
  expected[axis] = given[axis];
  require(expected[axis] <= x.shape[axis], "K is larger than the axis");
  if (count.is_constant()) require(constant_integers(count, "K")[0] == expected[axis], "K is not the output's extent");
  if (node.output(0)) {
    check_same_type(x, *node.output(0));
    check_shape(*node.output(0), expected, "output 0");
  }
  if (node.output(1)) {
    require(node.output(1)->type == DataType::int64, "the indices must be int64");
    check_shape(*node.output(1), expected, "output 1");
  }
}

// NaN counts as larger than all numbers, so that there is an order at all.
template <class T>
bool ordered_less(T a, T b) {
  if (is_nan(a) || is_nan(b)) return !is_nan(a) && is_nan(b);
  return less(a, b);
}

struct TopKKernel final : Kernel {
  DataType type, count_type;
  AxisView view;
  int64_t count;
  bool largest, has_values, has_indices;

  TopKKernel(const Shape& shape, int64_t axis) : view(shape, axis) {}

  template <class T>
  void run_line(const RunContext& c, int64_t o, int64_t i, std::vector<int64_t>& order) const {
    const T* x = c.input<T>(0) + view.offset(o, i);
    std::iota(order.begin(), order.end(), int64_t{0});
    // Equal elements keep their order: the one with the lower index comes first.
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      const T va = x[a * view.inner], vb = x[b * view.inner];
      return largest ? ordered_less(vb, va) : ordered_less(va, vb);
    });
    for (int64_t k = 0; k < count; ++k) {
      const int64_t to = (o * count + k) * view.inner + i, from = order[static_cast<size_t>(k)];
      if (has_values) c.output<T>(0)[to] = x[from * view.inner];
      if (has_indices) c.output<int64_t>(1)[to] = from;
    }
  }
  void run(const RunContext& c) const override {
    if (index_at(c.inputs[1], count_type, 0) != count)
      throw StatusError(MOTLEY_INVALID_ARGUMENT, "K (" + std::to_string(index_at(c.inputs[1], count_type, 0)) +
                                                     ") is not what the node was compiled for; compile for it");
    std::vector<int64_t> order(static_cast<size_t>(view.length));
    with_number(type, [&](auto t) {
      for (int64_t o = 0; o < view.outer; ++o)
        for (int64_t i = 0; i < view.inner; ++i) run_line<typename decltype(t)::type>(c, o, i, order);
    });
  }
  std::string_view name() const override { return "topk"; }
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const auto& attributes = node.attributes<schema::TopKAttributes>();
  const Shape& shape = node.input(0)->shape;
  const int64_t axis = checked_axis(attributes.axis(), shape.rank());
  auto kernel = std::make_unique<TopKKernel>(shape, axis);
  kernel->type = node.input(0)->type;
  kernel->count_type = node.input(1)->type;
  kernel->count = (node.output(0) ? node.output(0) : node.output(1))->shape[static_cast<size_t>(axis)];
  kernel->largest = attributes.largest();
  kernel->has_values = node.output(0) != nullptr;
  kernel->has_indices = node.output(1) != nullptr;
  return kernel;
}

}  // namespace

KernelEntry topk_kernel() { return entry<check>(Op::TopK, prepare); }

}  // namespace motley::reference
