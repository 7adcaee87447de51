// Reduce: sum, mean, extremes, products and norms over some axes.
#include "indexing.hpp"
#include "kernels.hpp"
#include "numeric.hpp"

namespace motley::reference {

namespace {

using F = schema::ReduceFunction;

// Which axes are reduced. With no axes it is all of them, or none with `noop`.
std::array<bool, sdk::kMaxRank> reduced_axes(const std::vector<int64_t>& axes, int rank, bool noop) {
  std::array<bool, sdk::kMaxRank> reduced{};
  if (axes.empty() && !noop) std::fill_n(reduced.begin(), rank, true);
  for (int64_t axis : axes) reduced[static_cast<size_t>(checked_axis(axis, rank))] = true;
  return reduced;
}

// X's dimensions parted: `kept` has those of the output, `inner` those that are summed up.
struct Parts {
  Shape kept, inner;
  Strides kept_strides{}, inner_strides{};
};

Parts part(const Shape& x, const std::array<bool, sdk::kMaxRank>& reduced) {
  const Strides strides = row_major_strides(x);
  Parts parts;
  for (size_t i = 0; i < x.size(); ++i) {
    Shape& shape = reduced[i] ? parts.inner : parts.kept;
    (reduced[i] ? parts.inner_strides : parts.kept_strides)[shape.size()] = strides[i];
    shape.push_back(x[i]);
  }
  return parts;
}

Shape expected_shape(const Shape& x, const std::array<bool, sdk::kMaxRank>& reduced, bool keepdims) {
  Shape y;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!reduced[i]) y.push_back(x[i]);
    else if (keepdims) y.push_back(1);
  }
  return y;
}

void check(const NodeView& node) {
  check_arity(node, {1, 2});
  const auto& attributes = node.attributes<schema::ReduceAttributes>();
  const TensorView &x = *node.input(0), &y = *node.output(0);
  const F f = attributes.function();
  require(f <= F::log_sum_exp, "unknown function");
  check_type(x, f == F::max || f == F::min ? is_any : is_number, "input 0");
  check_same_type(x, y);
  std::vector<int64_t> axes = list_of(attributes.axes());
  if (const TensorView* input = node.input(1)) {
    check_type(*input, is_index, "axes");
    require(input->shape.rank() <= 1, "axes must be a list");
    if (!input->is_constant()) return;  // the run checks
    axes = constant_integers(*input, "axes");
  }
  const auto reduced = reduced_axes(axes, x.shape.rank(), attributes.noop_with_empty_axes());
  check_shape(y, expected_shape(x.shape, reduced, attributes.keepdims()), "output 0");
}

// Calls fn with every element of one group.
template <class T, class Fn>
void for_group(const Parts& parts, const T* group, Fn&& fn) {
  for (Walk<1> w(parts.inner, {parts.inner_strides}); w.more(); w.next()) fn(group[w[0]]);
}

double log_sum_exp(double largest, double scaled_sum) {
  return std::isinf(largest) ? largest : largest + std::log(scaled_sum);
}

// The functions that need no comparison, in double; for integers the caller truncates.
template <class T>
double reduce_real(F f, const Parts& parts, const T* group) {
  double sum = 0, product = 1, absolute = 0, squares = 0, largest = -std::numeric_limits<double>::infinity();
  for_group(parts, group, [&](T x) {
    const double v = real(x);
    sum += v;
    product *= v;
    absolute += std::fabs(v);
    squares += v * v;
    largest = larger(largest, v);
  });
  switch (f) {
    case F::sum: return sum;
    case F::mean: return sum / static_cast<double>(parts.inner.elements());
    case F::prod: return product;
    case F::l1: return absolute;
    case F::l2: return std::sqrt(squares);
    case F::sum_square: return squares;
    case F::log_sum: return std::log(sum);
    default: break;
  }
  double scaled = 0;  // relative to the largest, so that exp does not overflow
  for_group(parts, group, [&](T x) { scaled += std::exp(real(x) - largest); });
  return log_sum_exp(largest, scaled);
}

// Sums and products of integers, wrapping.
template <class T>
T reduce_integer(F f, const Parts& parts, const T* group) {
  T sum = 0, product = 1, absolute = 0, squares = 0;
  for_group(parts, group, [&](T x) {
    sum = wrap_add(sum, x);
    product = wrap_mul(product, x);
    absolute = wrap_add(absolute, x < T{0} ? wrap_sub(T{0}, x) : x);
    squares = wrap_add(squares, wrap_mul(x, x));
  });
  switch (f) {
    case F::sum: return sum;
    case F::prod: return product;
    case F::l1: return absolute;
    case F::sum_square: return squares;
    default: return saturate_to<T>(reduce_real(f, parts, group));
  }
}

// What an empty group has: the value that any other is larger (smaller) than.
template <class T>
T extreme(F f) {
  if constexpr (std::is_same_v<T, Bool>) return Bool(f == F::min);
  else if constexpr (is_integer_v<T>)
    return f == F::max ? std::numeric_limits<T>::lowest() : std::numeric_limits<T>::max();
  else
    return static_cast<T>(f == F::max ? -std::numeric_limits<double>::infinity()
                                      : std::numeric_limits<double>::infinity());
}

template <class T>
T reduce(F f, const Parts& parts, const T* group) {
  if (f == F::max || f == F::min) {
    T best = extreme<T>(f);
    for_group(parts, group, [&](T x) { best = f == F::max ? larger(best, x) : smaller(best, x); });
    return best;
  }
  if constexpr (is_integer_v<T>) return reduce_integer(f, parts, group);
  else if constexpr (is_real_v<T>) return static_cast<T>(reduce_real(f, parts, group));
  else return T{};
}

struct ReduceKernel final : Kernel {
  DataType type, axes_type = DataType::int64;
  F function;
  Shape x, y;
  std::vector<int64_t> axes;
  int64_t axes_at_run = -1;  // how many the second input gives; -1: there is none
  bool keepdims, noop;

  Parts parts_for(const RunContext& c) const {
    std::vector<int64_t> list = axes;
    if (axes_at_run >= 0) list.clear();
    for (int64_t i = 0; i < axes_at_run; ++i) list.push_back(index_at(c.inputs[1], axes_type, i));
    for (int64_t axis : list)
      if (axis < -x.rank() || axis >= x.rank())
        throw StatusError(MOTLEY_INVALID_ARGUMENT, "axis (" + std::to_string(axis) + ") is outside of rank " +
                                                       std::to_string(x.rank()) + "; pass axes within it");
    const auto reduced = reduced_axes(list, x.rank(), noop);
    if (!(expected_shape(x, reduced, keepdims) == y))
      throw StatusError(MOTLEY_INVALID_ARGUMENT, "the axes given at run time do not lead to the output's shape " +
                                                     describe(y) + "; compile for the shape they give");
    return part(x, reduced);
  }
  void run(const RunContext& c) const override {
    const Parts parts = parts_for(c);
    with_any(type, [&](auto t) {
      using T = typename decltype(t)::type;
      T* out = c.output<T>(0);
      for (Walk<1> w(parts.kept, {parts.kept_strides}); w.more(); w.next())
        *out++ = reduce(function, parts, c.input<T>(0) + w[0]);
    });
  }
  std::string_view name() const override { return "reduce"; }
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const auto& attributes = node.attributes<schema::ReduceAttributes>();
  auto kernel = std::make_unique<ReduceKernel>();
  kernel->type = node.input(0)->type;
  kernel->function = attributes.function();
  kernel->x = node.input(0)->shape;
  kernel->y = node.output(0)->shape;
  kernel->axes = list_of(attributes.axes());
  kernel->keepdims = attributes.keepdims();
  kernel->noop = attributes.noop_with_empty_axes();
  if (const TensorView* input = node.input(1)) {
    kernel->axes_at_run = input->elements();
    kernel->axes_type = input->type;
  }
  return kernel;
}

}  // namespace

KernelEntry reduce_kernel() { return entry<check>(Op::Reduce, prepare); }

}  // namespace motley::reference
